//! A measured section, as a table or as JSON.

use std::fmt;

use crate::plan::cpu::Pin;
use crate::plan::rows::planned::PAYLOAD;
use crate::plan::sockets::Pattern;
use crate::plan::spec::Spec;
use crate::plan::words::{Transport, Work};
use crate::report::figures::{decimal, figures, grouped, scaled};
use crate::report::histogram::Samples;
use crate::report::outcome::{Memory, Outcome};
use crate::report::plot::Curve;
use crate::report::single::Report;

/// A row with its figures.
#[derive(Debug, Clone)]
pub struct FinishedRow {
    /// The name in the table.
    pub name: String,
    /// What was run in each round.
    pub spec: Spec,
    /// The medians of the rounds' figures.
    pub outcome: Outcome,
    /// The name of its floor.
    pub floor: String,
    /// True if the row is a floor.
    pub is_floor: bool,
    /// The ratio of its median time, rate or memory to that of its floor.
    pub ratio: f64,
    /// The times of all rounds; empty in a row of rates or memory.
    pub samples: Samples,
}

/// A section: rows that took turns.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The title of the table.
    pub title: String,
    /// What the table calls the rows that other rows are compared with: `floor`, `libzmq`, `park` or `first`.
    pub base: &'static str,
    /// The rows in the order of the plan: a floor comes before the rows that are compared with it.
    pub rows: Vec<FinishedRow>,
}

impl Finished {
    /// A line of JSON for each row: the members of a [`Report`], and `section`, `row`, `floor` and `ratio`.
    pub fn json(&self) -> impl Iterator<Item = String> {
        self.rows.iter().map(|row| {
            let report = Report {
                spec: row.spec.clone(),
                outcome: row.outcome,
            };
            // These words of ours need no escapes in JSON.
            report.json_with(&format!(
                r#""section":"{}","row":"{}","floor":"{}","ratio":{},"#,
                self.title,
                row.name,
                row.floor,
                decimal(row.ratio)
            ))
        })
    }
}

/// The curves of a comparison: round trips of 64 bytes between two CPUs, each row once. They are of the pipe and its
/// floors or, if these were not measured, of REQ/REP over ipc with ringmq and libzmq.
pub fn curves(sections: &[Finished]) -> Vec<Curve> {
    let of_pipe = pick(sections, |spec| !spec.transport.is_zmq());
    if !of_pipe.is_empty() {
        return of_pipe;
    }
    pick(sections, |spec| {
        spec.transport == Transport::ZmqIpc && spec.sockets.pattern == Pattern::ReqRep
    })
}

/// The curves of round trips of 64 bytes between two CPUs whose spec is `wanted`.
fn pick(sections: &[Finished], wanted: impl Fn(&Spec) -> bool) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for row in sections.iter().flat_map(|section| &section.rows) {
        let apart = matches!(row.spec.pin, Pin::Cpus(near, far) if near != far);
        let fits = apart
            && wanted(&row.spec)
            && row.spec.work == Work::Latency
            && row.spec.pause.is_none()
            && row.spec.size == PAYLOAD
            && row.samples.count() > 0;
        if fits && curves.iter().all(|curve| curve.name != row.name) {
            curves.push(Curve {
                name: row.name.clone(),
                samples: row.samples.clone(),
            });
        }
    }
    curves
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        let base = self.base;
        let of = |what| self.rows.first().is_some_and(|row| row.spec.work == what);
        let is_rate = of(Work::Throughput);
        let paused = matches!(
            self.rows.first(),
            Some(row) if row.spec.pause.is_some()
        );
        let times = format!("× {base}");
        let is_large = self.rows.iter().any(|row| row.spec.large.is_some());
        let (one, two, three, four) = match () {
            () if is_rate && is_large => ("", "msg/s", "B/s", times),
            () if is_rate => ("", "msg/s", "B/s", format!("of {base}")),
            () if of(Work::Memory) => ("B, connects", "B, bound", "B, both", times),
            () if paused => ("ns, p50", "p99", "p99.9", times),
            () if of(Work::Connect) => ("ns, p50", "p99", "p99.9", times),
            () => ("RTT ns, p50", "p99", "p99.9", times),
        };
        let names = self.rows.iter().map(|row| row.name.chars().count());
        let width = names.max().unwrap_or(0).max(32);
        writeln!(f, "  {:width$}{one:>12}{two:>12}{three:>12}{four:>12}", "")?;
        for (at, row) in self.rows.iter().enumerate() {
            if row.is_floor && at > 0 {
                writeln!(f)?;
            }
            let (one, two, three) = match row.outcome {
                Outcome::Rtt(rtt) | Outcome::First(rtt) | Outcome::Reply(rtt, _) => {
                    (grouped(rtt.p50), grouped(rtt.p99), grouped(rtt.p999))
                }
                Outcome::Memory(Memory { near, far }) => {
                    (grouped(near), grouped(far), grouped(near + far))
                }
                Outcome::Rate(rate) => (
                    String::new(),
                    scaled(rate.msgs_per_s),
                    scaled(rate.bytes_per_s),
                ),
            };
            let four = match row.is_floor {
                true => base.to_owned(),
                false if is_rate && !is_large => format!("{} %", figures(row.ratio * 100.0)),
                false => figures(row.ratio),
            };
            writeln!(
                f,
                "  {:width$}{one:>12}{two:>12}{three:>12}{four:>12}",
                row.name
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::large::Large;
    use crate::plan::words::Transport;
    use crate::report::outcome::{Rate, Rtt};
    use std::time::Duration;

    fn finished() -> Finished {
        let row = |name: &str, p50, is_floor| FinishedRow {
            name: name.to_owned(),
            spec: Spec::new(Work::Latency, Transport::Eventfd),
            outcome: Outcome::Rtt(Rtt {
                min: 1,
                p50,
                p99: 3000,
                p999: 4000,
                max: 5000,
            }),
            floor: "low".to_owned(),
            is_floor,
            ratio: 1.5,
            samples: Samples::new(),
        };
        Finished {
            title: "Two".to_owned(),
            base: "floor",
            rows: vec![row("low", 1000, true), row("high", 1500, false)],
        }
    }

    #[test]
    fn a_table_has_a_line_for_each_row() {
        let text = finished().to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(
            lines[2].contains("1,000") && lines[2].ends_with("floor"),
            "{text}"
        );
        assert!(
            lines[3].contains("1,500") && lines[3].ends_with("1.50"),
            "{text}"
        );
    }

    #[test]
    fn a_table_is_headed_by_what_was_measured() {
        let mut finished = finished();
        finished.base = "libzmq";
        for row in &mut finished.rows {
            row.spec = Spec::new(Work::Memory, Transport::ZmqTcp);
            row.outcome = Outcome::Memory(Memory {
                near: 15_000,
                far: 10_000,
            });
        }
        let text = finished.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[1].contains("B, both") && lines[1].ends_with("× libzmq"),
            "{text}"
        );
        assert!(
            lines[2].contains("25,000") && lines[2].ends_with("libzmq"),
            "{text}"
        );
    }

    #[test]
    fn rates_of_large_bodies_are_multiples() {
        let mut finished = finished();
        finished.base = "libzmq";
        for row in &mut finished.rows {
            row.spec = Spec::new(Work::Throughput, Transport::ZmqIpc).with_large(Large::default());
            row.outcome = Outcome::Rate(Rate::of(1, 1 << 20, Duration::from_millis(1)));
            row.ratio = 63.0;
        }
        let text = finished.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].ends_with("× libzmq"), "{text}");
        assert!(
            lines[3].contains("1.00 k") && lines[3].ends_with("63.0"),
            "{text}"
        );
    }

    #[test]
    fn curves_are_of_two_cpus_and_each_once() {
        let mut finished = finished();
        let two = Pin::Cpus(0, 1);
        for row in &mut finished.rows {
            row.samples.record(5);
            row.spec = Spec::new(Work::Latency, Transport::Unix).with_pin(two);
        }
        assert_eq!(curves(&[finished.clone(), finished.clone()]).len(), 2);
        // Sockets are drawn if there is no pipe.
        let mut sockets = finished.clone();
        sockets.rows[0].spec = Spec::new(Work::Latency, Transport::ZmqIpc).with_pin(two);
        assert_eq!(curves(&[sockets.clone(), finished.clone()]).len(), 2);
        sockets.rows[1].spec = Spec::new(Work::Latency, Transport::ZmqTcp).with_pin(two);
        assert_eq!(curves(&[sockets.clone()]).len(), 1);
        sockets.rows[0].spec.work = Work::Connect;
        assert_eq!(curves(&[sockets]).len(), 0);
        finished.rows[0].spec.pin = Pin::Cpus(1, 1);
        finished.rows[1].spec.pin = Pin::None;
        assert_eq!(curves(&[finished]).len(), 0);
    }

    #[test]
    fn json_names_section_and_floor() {
        let lines: Vec<_> = finished().json().collect();
        assert_eq!(lines.len(), 2);
        let start =
            r#"{"section":"Two","row":"high","floor":"low","ratio":1.5000,"work":"latency","#;
        assert!(
            lines[1].starts_with(start) && lines[1].ends_with("}}"),
            "{}",
            lines[1]
        );
    }
}
