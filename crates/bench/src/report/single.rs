//! The report of one run: text for people and JSON for programs.

use std::fmt;

use crate::plan::large::Large;
use crate::plan::pause::Pause;
use crate::plan::sockets::Sockets;
use crate::plan::spec::Spec;
use crate::plan::words::Work;
use crate::report::figures::{grouped, scaled};
use crate::report::measured::Measured;
use crate::report::outcome::{Cpu, Memory, Outcome, Rate, Rtt};

/// A run and its figures, printed as a line of text (`Display`) or as [JSON](Report::json).
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was measured.
    pub spec: Spec,
    /// The figures.
    pub outcome: Outcome,
}

impl Report {
    /// The report of a run of `spec`.
    pub fn new(spec: &Spec, measured: &Measured) -> Report {
        Report {
            spec: spec.clone(),
            outcome: Outcome::of(spec, measured),
        }
    }

    /// One JSON object on one line. Its members are `work`, `transport`, for ZeroMQ sockets `pattern`, `library`
    /// and `mechanism`, `wait`, `size`, `count`, `pin`, `pause_ns` if there is a pause, `bodies`, `touch` and `far_sides` of large bodies, and the figures of the work: `rtt_ns`
    /// (`one_way_ns` after a pause), `msgs_per_s` and `bytes_per_s`, `first_reply_ns` and
    /// `cpu_ns_per_peer`, or `bytes_per_connection`.
    pub fn json(&self) -> String {
        self.json_with("")
    }

    /// The same object with `more` members in front, each of which ends with a comma.
    pub(crate) fn json_with(&self, more: &str) -> String {
        let Spec {
            work,
            transport,
            sockets: Sockets { pattern, face },
            mechanism,
            wait,
            size,
            count,
            pin,
            pause,
            large,
            ..
        } = &self.spec;
        let size = size.0;
        let sockets = match transport.is_zmq() {
            true => {
                format!(r#""pattern":"{pattern}","library":"{face}","mechanism":"{mechanism}","#)
            }
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
        // Words, numbers and pins need no escapes in JSON.
        let figures = match self.outcome {
            Outcome::Rtt(rtt) => times("rtt_ns", rtt),
            Outcome::First(rtt) => times("one_way_ns", rtt),
            Outcome::Reply(rtt, Cpu { near, far }) => {
                let times = times("first_reply_ns", rtt);
                format!(r#"{times},"cpu_ns_per_peer":{{"near":{near},"far":{far}}}"#)
            }
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
        let large = match large {
            Some(Large {
                bodies,
                touch,
                far_sides,
            }) => format!(r#""bodies":"{bodies}","touch":"{touch}","far_sides":{far_sides},"#),
            None => String::new(),
        };
        format!(
            r#"{{{more}"work":"{work}","transport":"{transport}",{sockets}"wait":"{wait}","size":{size},"count":{count},"pin":"{pin}",{pause}{large}{figures}}}"#
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spec {
            work,
            transport,
            count,
            pause,
            ..
        } = self.spec;
        write!(f, "{work} of {transport}: {}, ", self.spec.choices())?;
        let trips = match work {
            Work::Latency if pause.is_some() => "messages",
            Work::Latency => "round trips",
            Work::Throughput => "messages",
            Work::Connect => "peers",
            Work::Memory => "connections",
        };
        writeln!(f, "{} {trips}", grouped(count))?;
        match self.outcome {
            Outcome::Rtt(rtt) | Outcome::First(rtt) | Outcome::Reply(rtt, _) => {
                let Rtt {
                    min,
                    p50,
                    p99,
                    p999,
                    max,
                } = rtt;
                let what = match self.outcome {
                    Outcome::Reply(..) => "First reply",
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
                write!(f, "max {}", grouped(max))?;
                match self.outcome {
                    Outcome::Reply(_, Cpu { near, far }) => write!(
                        f,
                        "\nCPU per peer in ns: {} where it connects, {} where it is bound",
                        grouped(near),
                        grouped(far)
                    ),
                    _ => Ok(()),
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cpu::Pin;
    use crate::plan::words::Transport;
    use crate::report::histogram::Samples;
    use std::time::Duration;

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
        let connected = Measured::Connect {
            samples,
            near: Duration::from_micros(700),
            far: Duration::from_micros(300),
        };
        let report = Report::new(&spec(Work::Connect), &connected);
        assert_eq!(
            report.json(),
            r#"{"work":"connect","transport":"zmq-tcp","pattern":"req-rep","library":"ringmq","mechanism":"null","wait":"adaptive","size":64,"count":100,"pin":"none","first_reply_ns":{"min":1000,"p50":1000,"p99":1000,"p999":1000,"max":1000},"cpu_ns_per_peer":{"near":7000,"far":3000}}"#
        );
        let text = report.to_string();
        assert!(text.contains("7,000 where it connects"), "{text}");
        let grown = Measured::Memory {
            near: 1_500_000,
            far: 0,
        };
        let report = Report::new(&spec(Work::Memory), &grown);
        assert_eq!(
            report.json(),
            r#"{"work":"memory","transport":"zmq-tcp","pattern":"push-pull","library":"ringmq","mechanism":"null","wait":"adaptive","size":64,"count":100,"pin":"none","bytes_per_connection":{"near":15000,"far":0}}"#
        );
        let text = report.to_string();
        assert!(
            text.contains("push-pull, ringmq, adaptive") && text.contains("15,000 where it"),
            "{text}"
        );
    }

    #[test]
    fn json_of_large_bodies_says_what_is_copied() {
        let spec = spec(Work::Throughput).with_large(Large::default());
        let took = Measured::Throughput(Duration::from_millis(1));
        let report = Report::new(&spec, &took);
        let json = report.json();
        let words = r#""pin":"0,1","bodies":"copied","touch":"ends","far_sides":1,"msgs_per_s""#;
        assert!(json.contains(words), "{json}");
        assert!(report.to_string().contains("pin 0,1, copied, ends"));
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
}
