//! `ringmq replay`: what was recorded is sent, with the time between messages.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use ringmq::{Frame, Kind, Message, SetOption};
use serde_json::json;

use super::file::{bar, kind_of, open, parse_bytes, print};
use super::format::contents::Contents;
use super::format::error::{Damage, What};
use super::format::messages::{Loader, Recorded};
use super::format::reader::Reader;
use super::format::records::Channel;
use super::format::summary::Summary;
use super::span::{Moment, Speed, parse_moment, parse_speed};
use crate::command::outcome::{self, Failure, say};
use crate::command::talk::arguments::SocketArguments;
use crate::command::talk::conversation::Conversation;
use crate::command::talk::endpoint::Way;
use crate::command::talk::send::{patient, send_message};

/// Gaps below this are slept through without a look at anything else.
const SHORT: Duration = Duration::from_millis(1);

/// Arguments of `ringmq replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Type of the socket. By default the one that sends to the type that recorded: pub for sub, push for pull
    #[arg(long = "type", value_name = "TYPE", value_parser = ["pub", "xpub", "push", "pair", "dealer", "router", "radio", "scatter", "channel"])]
    kind: Option<String>,
    /// How fast: 2 is twice as fast as it was recorded, max is as fast as the peers take it
    #[arg(long, value_name = "X", default_value = "1", value_parser = parse_speed)]
    speed: Speed,
    /// Replay N times, or without end
    #[arg(long = "loop", value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "0", value_parser = parse_laps)]
    laps: Option<u64>,
    /// Begin here: a time since the start of the recording, such as 90s, or @ and seconds since 1970
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    from: Option<Moment>,
    /// End here
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    to: Option<Moment>,
    /// Send only messages whose first part begins with this. May be repeated
    #[arg(long, value_name = "PREFIX")]
    topic: Vec<String>,
    /// Wait for so many peers before the first message. By default 1 for PUB, XPUB and RADIO, which drop what no peer takes
    #[arg(long, value_name = "N")]
    wait_peers: Option<usize>,
    /// Refuse messages of more bytes
    #[arg(long, value_name = "BYTES", default_value = "256M", value_parser = parse_bytes)]
    max_message: u64,
    /// Print the numbers as one JSON value at the end
    #[arg(long)]
    json: bool,
    /// Show no progress, and no numbers at the end
    #[arg(long, short)]
    quiet: bool,
    // The last one: its headings would stand above what follows.
    #[command(flatten)]
    socket: SocketArguments,
}

/// A count of laps: 0 stands for no end.
fn parse_laps(text: &str) -> Result<u64, String> {
    let laps = text.parse::<u64>();
    laps.map_err(|_| format!("{text} is no number of times, such as 3"))
}

struct Player<'a> {
    arguments: &'a Replay,
    talk: Conversation,
    reader: Reader,
    summary: Summary,
    loader: Loader,
    kind: Kind,
    /// Nanoseconds since 1970; messages outside are not sent.
    from: u64,
    to: u64,
    sent: u64,
    bytes: u64,
    progress: ProgressBar,
}

/// Runs `ringmq replay`.
pub(crate) fn run(arguments: &Replay) -> ExitCode {
    outcome::end(replay(arguments))
}

fn replay(arguments: &Replay) -> Result<(), Failure> {
    let reader = open(&arguments.file, arguments.max_message)?;
    let Contents {
        summary, damage, ..
    } = Contents::of(&reader);
    let mut loader = Loader::knowing(&summary.channels);
    let name = arguments.file.display();
    let Some(first) = summary.chunks.first() else {
        let cause = damage.map_or_else(
            || "there is no message in it".to_owned(),
            |damage| damage.to_string(),
        );
        return Err(Failure::work(format_args!("{name}: {cause}")));
    };
    // Its channels say which type recorded.
    let loaded = loader.load(&reader, first);
    loaded.map_err(|damage| damaged(arguments, &damage, 0))?;
    let kind = match &arguments.kind {
        Some(kind) => kind_of(kind)?,
        None => loader.channels.values().next().map_or(Kind::Pub, sender_of),
    };
    let start = summary
        .chunks
        .iter()
        .filter(|chunk| chunk.end > 0)
        .map(|chunk| chunk.start)
        .min()
        .unwrap_or_default();
    let usual = if matches!(kind, Kind::Pub | Kind::Xpub | Kind::Radio | Kind::Router) {
        Way::Bind
    } else {
        Way::Connect
    };
    let flags = [SetOption::XpubNodrop(true)];
    let flags = if matches!(kind, Kind::Pub | Kind::Xpub) {
        &flags[..]
    } else {
        &[]
    };
    let socket = &arguments.socket;
    let talk = Conversation::begin(kind, socket, usual, patient(socket), flags)?;
    let laps = arguments.laps.unwrap_or(1);
    let total = summary.chunks.iter().map(|chunk| chunk.packed).sum::<u64>();
    let progress = if arguments.quiet {
        ProgressBar::hidden()
    } else {
        bar(total.saturating_mul(laps.max(1)), &arguments.file)
    };
    let mut player = Player {
        arguments,
        talk,
        reader,
        summary,
        loader,
        kind,
        from: arguments.from.map_or(0, |moment| moment.after(start)),
        to: arguments.to.map_or(u64::MAX, |moment| moment.after(start)),
        sent: 0,
        bytes: 0,
        progress,
    };
    let publishes = matches!(kind, Kind::Pub | Kind::Xpub | Kind::Radio);
    player
        .talk
        .wait_for_peers(arguments.wait_peers.unwrap_or(usize::from(publishes)))?;
    let played = player.play(laps);
    player.end(played, damage)
}

impl Player<'_> {
    fn play(&mut self, laps: u64) -> Result<(), Failure> {
        let mut lap = 0;
        while laps == 0 || lap < laps {
            let before = self.sent;
            self.play_once()?;
            lap += 1;
            if self.sent == before {
                // Nothing is within the limits; it will not be next time.
                return Ok(());
            }
        }
        Ok(())
    }

    fn play_once(&mut self) -> Result<(), Failure> {
        // The time of the first message, and when it was sent.
        let mut begun: Option<(u64, Instant)> = None;
        let first = Summary::seek(&self.summary.chunks, self.from);
        for at in first..self.summary.chunks.len() {
            let chunk = &self.summary.chunks[at];
            if chunk.start > self.to || chunk.end < self.from {
                continue;
            }
            let loaded = self.loader.load(&self.reader, chunk);
            loaded.map_err(|damage| damaged(self.arguments, &damage, self.sent))?;
            for message in std::mem::take(&mut self.loader.messages) {
                if message.log < self.from || message.log > self.to || !self.is_wanted(&message) {
                    continue;
                }
                let (start, start_instant) =
                    *begun.get_or_insert_with(|| (message.log, Instant::now()));
                let since = Duration::from_nanos(message.log.saturating_sub(start));
                if let Some(due) = self.arguments.speed.due(start_instant, since) {
                    self.wait_until(due)?;
                }
                self.send(&message)?;
            }
            self.progress.inc(self.loader.packed.len() as u64);
            self.talk.check()?;
        }
        Ok(())
    }

    fn is_wanted(&self, message: &Recorded) -> bool {
        let topics = &self.arguments.topic;
        let first = self.loader.parts(message).next().unwrap_or_default();
        topics.is_empty()
            || topics
                .iter()
                .any(|topic| first.starts_with(topic.as_bytes()))
    }

    fn wait_until(&mut self, due: Instant) -> Result<(), Failure> {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        if left < SHORT {
            std::thread::sleep(left);
            return Ok(());
        }
        self.talk.wait_until(due)
    }

    fn send(&mut self, message: &Recorded) -> Result<(), Failure> {
        let made = self.message(message)?;
        self.bytes += made.bytes() as u64;
        send_message(&mut self.talk, made)?;
        self.sent += 1;
        Ok(())
    }

    fn message(&self, message: &Recorded) -> Result<Message, Failure> {
        let mut parts = self.loader.parts(message);
        let one = self.kind.has_one_part();
        let group = if self.kind == Kind::Radio {
            parts.next()
        } else {
            None
        };
        let mut made = Message::new();
        for part in parts {
            let frame = Frame::try_copy(part).map_err(Failure::work)?;
            made.push(match group {
                Some(group) => frame.with_group(group).map_err(Failure::work)?,
                None => frame,
            });
        }
        if one && made.len() != 1 {
            let cause = format_args!(
                "message {} has {} parts, and messages of {} have one",
                self.sent,
                made.len(),
                self.kind
            );
            return Err(Failure::work(cause).remedy("choose another --type"));
        }
        Ok(made)
    }

    /// Waits until everything has left, and tells the numbers, and what is wrong with the file.
    fn end(self, played: Result<(), Failure>, damage: Option<Damage>) -> Result<(), Failure> {
        let Player {
            arguments,
            talk,
            sent,
            bytes,
            progress,
            ..
        } = self;
        progress.finish_and_clear();
        let name = arguments.file.display();
        let finished = talk.finish();
        played?;
        finished?;
        if !arguments.quiet {
            say(format_args!("{sent} messages sent from {name}"));
        }
        if arguments.json {
            let value = || json!({ "file": name.to_string(), "messages": sent, "bytes": bytes });
            print(true, String::new, value)?;
        }
        match damage {
            None => Ok(()),
            Some(Damage {
                what: What::Unfinished | What::Summary,
                ..
            }) => {
                if !arguments.quiet {
                    say(format_args!(
                        "{name} has no index, and was read from its beginning\n  `ringmq recording repair {name}` makes one"
                    ));
                }
                Ok(())
            }
            Some(damage) => Err(damaged(arguments, &damage, sent)),
        }
    }
}

fn damaged(arguments: &Replay, damage: &Damage, sent: u64) -> Failure {
    let name = arguments.file.display();
    let cause = format_args!("{name}: {damage}; the {sent} messages before that were sent");
    let remedy = match damage.what {
        What::Size { .. } => "raise --max-message if that is right".to_owned(),
        _ => format!("`ringmq recording repair {name}` keeps everything that is sound"),
    };
    Failure::work(cause).remedy(remedy)
}

/// The type that sends to the one that recorded a channel.
fn sender_of(channel: &Channel) -> Kind {
    match channel.metadata.get("type").map(String::as_str) {
        Some("PULL") => Kind::Push,
        Some("PAIR") => Kind::Pair,
        Some("DEALER") => Kind::Dealer,
        Some("ROUTER") => Kind::Router,
        Some("DISH") => Kind::Radio,
        Some("GATHER") => Kind::Scatter,
        Some("CHANNEL") => Kind::Channel,
        _ => Kind::Pub,
    }
}
