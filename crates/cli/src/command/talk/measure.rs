//! `ringmq hz` and `ringmq bw`: how often messages come, and how many bytes, as `ros2 topic hz` and `bw` say it.

use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use clap::{Args, ValueEnum};
use ringmq::{Frame, Interest, Kind, SocketOptions};
use serde_json::json;

use crate::command::outcome::Failure;
use crate::command::talk::arguments::SocketArguments;
use crate::command::talk::conversation::{Conversation, Wanted};
use crate::command::talk::endpoint::Way;
use crate::command::talk::output::Lines;
use crate::command::talk::receive::{subscribe_to, try_receive};
use crate::command::talk::time::{parse_duration, seconds_since_1970};
use crate::command::talk::window::Window;

/// Arguments of `ringmq hz` and `ringmq bw`.
#[derive(Debug, Args)]
pub(crate) struct Measure {
    /// Subscribe to messages that begin with this, and report them by themselves. May be repeated. By default it is all,
    /// together
    #[arg(long, value_name = "PREFIX")]
    topic: Vec<String>,
    /// The type of the socket. A PULL takes the messages away from other PULLs
    #[arg(long, value_name = "KIND", default_value = "sub")]
    kind: Source,
    /// How many of the last messages count; 10000 for hz and 100 for bw by default
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    window: Option<u32>,
    /// The time between two reports
    #[arg(long, short, value_name = "TIME", default_value = "1", value_parser = parse_duration)]
    interval: Duration,
    /// End after so many reports
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<u64>,
    /// Print each report as JSON: {"time", "topic", "messages", "window", ...} with seconds or bytes; `messages` came since
    /// the last report
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArguments,
}

/// Where messages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    Sub,
    Pull,
}

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Messages.
    Rate,
    /// Bytes.
    Bandwidth,
}

/// Messages that are received between two looks at the clock of the reports.
const BURST: usize = 1000;

/// Runs `ringmq hz` or `ringmq bw`.
pub(crate) fn run(quantity: Quantity, arguments: &Measure) -> Result<(), Failure> {
    let kind = match arguments.kind {
        Source::Sub => Kind::Sub,
        Source::Pull => Kind::Pull,
    };
    let usual = match arguments.kind {
        Source::Sub => Way::Connect,
        Source::Pull => Way::Bind,
    };
    if kind == Kind::Pull && !arguments.topic.is_empty() {
        let failure = Failure::usage("--topic is for --kind sub");
        return Err(failure.remedy("a PULL receives all that its peers push"));
    }
    let mut lines = Lines::stdout()?;
    let options = SocketOptions::new();
    let mut talk = Conversation::begin(kind, &arguments.socket, usual, options, &[])?;
    if kind == Kind::Sub {
        subscribe_to(&mut talk, &arguments.topic)?;
    }
    let most = arguments.window.unwrap_or(match quantity {
        Quantity::Rate => 10_000,
        Quantity::Bandwidth => 100,
    });
    let mut topics = Topics::new(&arguments.topic, most as usize);
    let mut parts = Vec::new();
    let mut reports = 0;
    let mut due = Instant::now() + arguments.interval;
    let mut deadline = talk.deadline();
    while arguments.count.is_none_or(|count| reports < count) {
        let mut received = 0;
        while received < BURST && try_receive(&mut talk, &mut parts)? {
            topics.add(&parts);
            received += 1;
        }
        let now = Instant::now();
        if received > 0 {
            deadline = talk.deadline();
        }
        if now >= due {
            for (topic, window) in &mut topics.0 {
                let report = Report::new(quantity, topic.as_deref(), window, now);
                lines.print(&report.line(arguments.json))?;
            }
            reports += 1;
            due = now + arguments.interval;
        } else if received == 0 {
            let wanted = Wanted {
                of_socket: Interest::READABLE,
                output: Some(lines.descriptor()),
                due: Some(due),
                ..Wanted::default()
            };
            talk.wait_within(&wanted, deadline, "no message came")?;
        }
    }
    Ok(())
}

/// The windows of the topics; one without a topic has all messages.
struct Topics(Vec<(Option<String>, Window)>);

impl Topics {
    fn new(topics: &[String], most: usize) -> Topics {
        let window = || Window::new(most);
        if topics.is_empty() {
            return Topics(vec![(None, window())]);
        }
        let named = topics.iter().map(|topic| (Some(topic.clone()), window()));
        Topics(named.collect())
    }

    /// Counts a message for the longest topic that it begins with.
    fn add(&mut self, parts: &[Frame]) {
        let begins = |topic: &Option<String>| match (topic, parts.first()) {
            (Some(topic), Some(first)) => first.starts_with(topic.as_bytes()),
            _ => topic.is_none(),
        };
        let matching = self.0.iter_mut().filter(|(topic, _)| begins(topic));
        let longest = matching.max_by_key(|(topic, _)| topic.as_ref().map(String::len));
        if let Some((_, window)) = longest {
            let bytes = parts.iter().map(|part| part.len()).sum();
            window.add(Instant::now(), bytes);
        }
    }
}

/// What one line, or two, say.
struct Report<'a> {
    quantity: Quantity,
    topic: Option<&'a str>,
    window: &'a Window,
    fresh: u64,
    now: Instant,
}

impl Report<'_> {
    fn new<'a>(
        quantity: Quantity,
        topic: Option<&'a str>,
        window: &'a mut Window,
        now: Instant,
    ) -> Report<'a> {
        let fresh = window.take_fresh();
        Report {
            quantity,
            topic,
            window,
            fresh,
            now,
        }
    }

    fn line(&self, json: bool) -> String {
        match (json, self.quantity) {
            (true, Quantity::Rate) => self.rate_as_json(),
            (true, Quantity::Bandwidth) => self.bandwidth_as_json(),
            (false, _) => self.text(),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(topic) = self.topic {
            // Writing to a String does not fail.
            let _ = write!(text, "{topic}: ");
        }
        if self.fresh == 0 {
            text.push_str("no new messages\n");
            return text;
        }
        let window = self.window.len();
        let _ = match (self.quantity, self.window.gaps(), self.window.sizes()) {
            (Quantity::Rate, Some(gaps), _) => write!(
                text,
                "average rate: {:.3}\n\tmin: {:.6}s max: {:.6}s std dev: {:.6}s window: {window}\n",
                1.0 / gaps.mean.max(1e-9),
                gaps.least,
                gaps.most,
                gaps.deviation,
            ),
            (Quantity::Bandwidth, _, Some(sizes)) => write!(
                text,
                "{}/s from {window} messages\n\tmessage size mean: {} min: {} max: {}\n",
                bytes(self.window.bytes_per_second(self.now).unwrap_or_default()),
                bytes(sizes.mean),
                bytes(sizes.least),
                bytes(sizes.most),
            ),
            _ => writeln!(text, "one message so far"),
        };
        text
    }

    fn rate_as_json(&self) -> String {
        let gaps = self.window.gaps().filter(|_| self.fresh > 0);
        let line = json!({
            "time": seconds_since_1970(SystemTime::now()),
            "topic": self.topic,
            "messages": self.fresh,
            "window": self.window.len(),
            "rate": gaps.map(|gaps| 1.0 / gaps.mean.max(1e-9)),
            "mean": gaps.map(|gaps| gaps.mean),
            "min": gaps.map(|gaps| gaps.least),
            "max": gaps.map(|gaps| gaps.most),
            "std_dev": gaps.map(|gaps| gaps.deviation),
        });
        format!("{line}\n")
    }

    fn bandwidth_as_json(&self) -> String {
        let sizes = self.window.sizes().filter(|_| self.fresh > 0);
        let rate = self.window.bytes_per_second(self.now);
        let line = json!({
            "time": seconds_since_1970(SystemTime::now()),
            "topic": self.topic,
            "messages": self.fresh,
            "window": self.window.len(),
            "bytes_per_second": rate.filter(|_| self.fresh > 0),
            "mean": sizes.map(|sizes| sizes.mean),
            "min": sizes.map(|sizes| sizes.least),
            "max": sizes.map(|sizes| sizes.most),
        });
        format!("{line}\n")
    }
}

/// A number of bytes as a person reads it; units are powers of 1,000.
fn bytes(count: f64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.iter().find(|(unit, _)| count >= *unit) {
        Some((unit, name)) => format!("{:.2} {name}", count / unit),
        None => format!("{count:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_for_its_longest_topic() {
        let mut topics = Topics::new(&["a".to_owned(), "ab".to_owned()], 10);
        for first in ["a", "abc", "ab", "b"] {
            topics.add(&[first.into(), "body".into()]);
        }
        let counts = topics.0.iter().map(|(_, window)| window.len());
        assert_eq!(counts.collect::<Vec<_>>(), [1, 2]);
        let mut all = Topics::new(&[], 10);
        all.add(&["b".into()]);
        assert_eq!(all.0[0].1.len(), 1);
    }

    #[test]
    fn bytes_have_units() {
        assert_eq!(bytes(999.0), "999 B");
        assert_eq!(bytes(1500.0), "1.50 kB");
        assert_eq!(bytes(2.5e9), "2.50 GB");
    }
}
