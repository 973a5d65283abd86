//! The result of one run, as text for people and as JSON for programs.

use std::fmt;
use std::time::Duration;

use crate::plan::sockets::Sockets;
use crate::plan::spec::{Spec, Work};
use crate::report::histogram::Samples;
use crate::run::pause::Pause;
use crate::run::supervise::Measured;

/// Round-trip times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "percentiles explain themselves")]
pub struct Rtt {
    pub min: u64,
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// What went through one way.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Rate {
    pub msgs_per_s: f64,
    pub bytes_per_s: f64,
}

/// Bytes that a connection costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The side that connects.
    pub near: u64,
    /// The side that is bound.
    pub far: u64,
}

/// The figures of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// Of round trips.
    Rtt(Rtt),
    /// Of first messages after a pause, one way.
    First(Rtt),
    /// Of messages one way.
    Rate(Rate),
    /// Of first replies.
    Reply(Rtt),
    /// Of silent connections.
    Memory(Memory),
}

/// A run and its figures: printed as a line of text (`Display`) or as [JSON](Report::json).
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was measured.
    pub spec: Spec,
    /// What came out.
    pub outcome: Outcome,
}

impl Rtt {
    /// Of these samples.
    pub fn of(samples: &Samples) -> Rtt {
        Rtt {
            min: samples.min(),
            p50: samples.at(0.5),
            p99: samples.at(0.99),
            p999: samples.at(0.999),
            max: samples.max(),
        }
    }
}

impl Rate {
    /// Of `count` messages of `size` bytes in `took`.
    pub fn of(count: u64, size: usize, took: Duration) -> Rate {
        let msgs_per_s = count as f64 / took.as_secs_f64().max(1e-9);
        Rate {
            msgs_per_s,
            bytes_per_s: msgs_per_s * size as f64,
        }
    }
}

impl Outcome {
    /// Of a run of `spec`.
    pub fn of(spec: &Spec, measured: &Measured) -> Outcome {
        match measured {
            Measured::Latency(samples) if spec.pause.is_some() => Outcome::First(Rtt::of(samples)),
            Measured::Latency(samples) => Outcome::Rtt(Rtt::of(samples)),
            Measured::Throughput(took) => Outcome::Rate(Rate::of(spec.count, spec.size.0, *took)),
            Measured::Connect(samples) => Outcome::Reply(Rtt::of(samples)),
            Measured::Memory { near, far } => Outcome::Memory(Memory {
                near: near / spec.count.max(1),
                far: far / spec.count.max(1),
            }),
        }
    }

    /// The times, if it is of round trips, first messages or first replies.
    pub fn rtt(&self) -> Option<Rtt> {
        match self {
            Outcome::Rtt(rtt) | Outcome::First(rtt) | Outcome::Reply(rtt) => Some(*rtt),
            Outcome::Rate(_) | Outcome::Memory(_) => None,
        }
    }

    /// The rate, if it is of messages one way.
    pub fn rate(&self) -> Option<Rate> {
        match self {
            Outcome::Rate(rate) => Some(*rate),
            Outcome::Rtt(_) | Outcome::First(_) | Outcome::Reply(_) | Outcome::Memory(_) => None,
        }
    }

    /// How this compares with `floor`: how many times as long or, both sides together, as many bytes; or which part of
    /// the rate. `None` if they
    /// are of different kinds.
    pub fn against(&self, floor: &Outcome) -> Option<f64> {
        match (self, floor) {
            (Outcome::Rtt(own), Outcome::Rtt(floor))
            | (Outcome::First(own), Outcome::First(floor))
            | (Outcome::Reply(own), Outcome::Reply(floor)) => {
                Some(own.p50 as f64 / floor.p50.max(1) as f64)
            }
            (Outcome::Rate(own), Outcome::Rate(floor)) => Some(own.msgs_per_s / floor.msgs_per_s),
            (Outcome::Memory(own), Outcome::Memory(floor)) => {
                Some((own.near + own.far) as f64 / (floor.near + floor.far).max(1) as f64)
            }
            _ => None,
        }
    }
}

impl Report {
    /// Of a run of `spec`.
    pub fn new(spec: &Spec, measured: &Measured) -> Report {
        Report {
            spec: spec.clone(),
            outcome: Outcome::of(spec, measured),
        }
    }

    /// One JSON object, on one line: `work`, `transport`, for ZeroMQ sockets `pattern` and `library`, `wait`, `size`,
    /// `count`, `pin`, `pause_ns` if there is one, and by work `rtt_ns` (`one_way_ns` after a pause),
    /// `msgs_per_s` and `bytes_per_s`, `first_reply_ns`, or `bytes_per_connection`.
    pub fn json(&self) -> String {
        self.json_with("")
    }

    /// The same with `more` members, each of which ends with a comma.
    pub(crate) fn json_with(&self, more: &str) -> String {
        let Spec {
            work,
            transport,
            sockets: Sockets { pattern, face },
            wait,
            size,
            count,
            pin,
            pause,
            ..
        } = &self.spec;
        let size = size.0;
        let sockets = match transport.is_zmq() {
            true => format!(r#""pattern":"{pattern}","library":"{face}","#),
            false => String::new(),
        };
        let times = |what,
                     Rtt {
                         min,
                         p50,
                         p99,
                         p999,
                         max,
                     }: Rtt| {
            format!(r#""{what}":{{"min":{min},"p50":{p50},"p99":{p99},"p999":{p999},"max":{max}}}"#)
        };
        // Words, numbers and pins: nothing that JSON would have to escape.
        let figures = match self.outcome {
            Outcome::Rtt(rtt) => times("rtt_ns", rtt),
            Outcome::First(rtt) => times("one_way_ns", rtt),
            Outcome::Reply(rtt) => times("first_reply_ns", rtt),
            Outcome::Memory(Memory { near, far }) => {
                format!(r#""bytes_per_connection":{{"near":{near},"far":{far}}}"#)
            }
            Outcome::Rate(Rate {
                msgs_per_s,
                bytes_per_s,
            }) => {
                format!(r#""msgs_per_s":{msgs_per_s:.0},"bytes_per_s":{bytes_per_s:.0}"#)
            }
        };
        let pause = match pause {
            Some(Pause(pause)) => format!(r#""pause_ns":{},"#, pause.as_nanos()),
            None => String::new(),
        };
        format!(
            r#"{{{more}"work":"{work}","transport":"{transport}",{sockets}"wait":"{wait}","size":{size},"count":{count},"pin":"{pin}",{pause}{figures}}}"#
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spec {
            work,
            transport,
            sockets: Sockets { pattern, face },
            wait,
            size,
            count,
            pin,
            pause,
            ..
        } = &self.spec;
        write!(f, "{work} of {transport}: ")?;
        if transport.is_zmq() {
            write!(f, "{pattern}, {face}, ")?;
        }
        write!(f, "{wait}, {size}, pin {pin}, ")?;
        if let Some(pause) = pause {
            write!(f, "after {pause}, ")?;
        }
        let trips = match work {
            Work::Latency if pause.is_some() => "messages",
            Work::Latency => "round trips",
            Work::Throughput => "messages",
            Work::Connect => "peers",
            Work::Memory => "connections",
        };
        writeln!(f, "{} {trips}", grouped(*count))?;
        match self.outcome {
            Outcome::Rtt(rtt) | Outcome::First(rtt) | Outcome::Reply(rtt) => {
                let Rtt {
                    min,
                    p50,
                    p99,
                    p999,
                    max,
                } = rtt;
                let what = match self.outcome {
                    Outcome::Reply(_) => "First reply",
                    Outcome::First(_) => "First message, one way,",
                    _ => "RTT",
                };
                write!(
                    f,
                    "{what} in ns: min {}, p50 {}, ",
                    grouped(min),
                    grouped(p50)
                )?;
                write!(f, "p99 {}, p99.9 {}, ", grouped(p99), grouped(p999))?;
                write!(f, "max {}", grouped(max))
            }
            Outcome::Rate(Rate {
                msgs_per_s,
                bytes_per_s,
            }) => {
                write!(
                    f,
                    "{} msg/s, {}B/s",
                    scaled(msgs_per_s),
                    scaled(bytes_per_s)
                )
            }
            Outcome::Memory(Memory { near, far }) => write!(
                f,
                "bytes per connection: {} where it connects, {} where it is bound",
                grouped(near),
                grouped(far)
            ),
        }
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with three digits that count and, after a space, the letter of its power of 1,000.
pub(crate) fn scaled(number: f64) -> String {
    let letters = [(1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, " ")];
    let (unit, letter) = letters
        .into_iter()
        .find(|(unit, _)| number >= *unit)
        .unwrap_or((1.0, " "));
    format!("{}{letter}", figures(number / unit))
}

/// A number with about three digits that count.
pub(crate) fn figures(number: f64) -> String {
    match number {
        n if n >= 99.95 => format!("{n:.0}"),
        n if n >= 9.995 => format!("{n:.1}"),
        n if n >= 0.0995 => format!("{n:.2}"),
        n => format!("{n:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cpu::Pin;
    use crate::plan::spec::Transport;

    fn spec(work: Work) -> Spec {
        Spec::new(work, Transport::Unix)
            .with_pin(Pin::Cpus(0, 1))
            .with_count(1000)
    }

    #[test]
    fn a_line_of_json_has_the_fields() {
        let mut samples = Samples::new();
        (1..=1000).for_each(|ns| samples.record(ns));
        let report = Report::new(&spec(Work::Latency), &Measured::Latency(samples));
        assert_eq!(
            report.json(),
            r#"{"work":"latency","transport":"unix","wait":"park","size":64,"count":1000,"pin":"0,1","rtt_ns":{"min":1,"p50":500,"p99":990,"p999":999,"max":1000}}"#
        );
        let took = Measured::Throughput(Duration::from_millis(1));
        let report = Report::new(&spec(Work::Throughput), &took);
        assert_eq!(
            report.json(),
            r#"{"work":"throughput","transport":"unix","wait":"park","size":64,"count":1000,"pin":"0,1","msgs_per_s":1000000,"bytes_per_s":64000000}"#
        );
    }

    #[test]
    fn json_of_sockets_says_which_they_are() {
        let spec = |work| {
            let spec = Spec::new(work, Transport::ZmqTcp).with_pin(Pin::None);
            spec.with_count(100)
        };
        let mut samples = Samples::new();
        samples.record(1000);
        let report = Report::new(&spec(Work::Connect), &Measured::Connect(samples));
        assert_eq!(
            report.json(),
            r#"{"work":"connect","transport":"zmq-tcp","pattern":"req-rep","library":"ringmq","wait":"adaptive","size":64,"count":100,"pin":"none","first_reply_ns":{"min":1000,"p50":1000,"p99":1000,"p999":1000,"max":1000}}"#
        );
        let grown = Measured::Memory {
            near: 1_500_000,
            far: 0,
        };
        let report = Report::new(&spec(Work::Memory), &grown);
        assert_eq!(
            report.json(),
            r#"{"work":"memory","transport":"zmq-tcp","pattern":"push-pull","library":"ringmq","wait":"adaptive","size":64,"count":100,"pin":"none","bytes_per_connection":{"near":15000,"far":0}}"#
        );
        let text = report.to_string();
        assert!(
            text.contains("push-pull, ringmq, adaptive") && text.contains("15,000 where it"),
            "{text}"
        );
    }

    #[test]
    fn text_says_the_same() {
        let report = Report::new(
            &spec(Work::Throughput),
            &Measured::Throughput(Duration::from_millis(1)),
        );
        let text = report.to_string();
        assert!(
            text.contains("1,000 messages") && text.contains("1.00 M msg/s"),
            "{text}"
        );
    }

    #[test]
    fn ratios_are_of_one_kind() {
        let rtt = |p50| {
            Outcome::Rtt(Rtt {
                min: 1,
                p50,
                p99: 9,
                p999: 9,
                max: 9,
            })
        };
        let rate = |n| {
            Outcome::Rate(Rate {
                msgs_per_s: n,
                bytes_per_s: n,
            })
        };
        assert_eq!(rtt(6).against(&rtt(4)), Some(1.5));
        assert_eq!(rate(3.0).against(&rate(4.0)), Some(0.75));
        assert_eq!(rtt(6).against(&rate(4.0)), None);
        let memory = |near, far| Outcome::Memory(Memory { near, far });
        assert_eq!(memory(1, 2).against(&memory(2, 4)), Some(0.5));
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [grouped(7), grouped(1234), grouped(1_234_567)],
            ["7", "1,234", "1,234,567"]
        );
        let rounded = [
            figures(123.4),
            figures(12.34),
            figures(1.234),
            figures(0.0123),
        ];
        assert_eq!(rounded, ["123", "12.3", "1.23", "0.012"]);
        let all = [
            scaled(1.5e9),
            scaled(2e6),
            scaled(1500.0),
            scaled(7.0),
            scaled(0.5),
        ];
        assert_eq!(all, ["1.50 G", "2.00 M", "1.50 k", "7.00 ", "0.50 "]);
    }
}
