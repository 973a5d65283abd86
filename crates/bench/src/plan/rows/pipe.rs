//! Which rows there are, and what each is measured by.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::plan::cpu::{self, Pin};
use crate::plan::libraries::Libraries;
use crate::plan::rows::{busy, pauses, sockets};
use crate::plan::size::Size;
use crate::plan::spec::{Spec, Transport, Wait, Work, by_name};

/// A row that is to be measured.
#[derive(Debug, Clone)]
pub struct Row {
    /// As it is printed.
    pub name: String,
    /// What is run.
    pub spec: Spec,
    /// The place of its floor among the rows of its section; its own, if it is one.
    pub floor: usize,
}

/// The sections and their rows.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub(crate) sections: Vec<Planned>,
}

/// A section that is to be measured.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) title: String,
    /// What the rows that others are measured by are called.
    pub(crate) base: &'static str,
    pub(crate) rows: Vec<Row>,
    /// So many processes compute meanwhile.
    pub(crate) busy: usize,
}

/// A part of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The bare pipe and its floors.
    Pipe,
    /// All that is measured of sockets: the parts below.
    Sockets,
    /// Round trips.
    Latency,
    /// Messages one way.
    Throughput,
    /// The first message after a pause.
    Pauses,
    /// Round trips on a busy machine.
    Busy,
    /// The first reply to a short-lived peer.
    Connect,
    /// What a silent connection costs.
    Memory,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 8] = [
        Part::Pipe,
        Part::Sockets,
        Part::Latency,
        Part::Throughput,
        Part::Pauses,
        Part::Busy,
        Part::Connect,
        Part::Memory,
    ];

    /// Its name, as it is read and written.
    pub fn name(self) -> &'static str {
        match self {
            Part::Pipe => "pipe",
            Part::Sockets => "sockets",
            Part::Latency => "latency",
            Part::Throughput => "throughput",
            Part::Pauses => "pauses",
            Part::Busy => "busy",
            Part::Connect => "connect",
            Part::Memory => "memory",
        }
    }

    /// Do these parts include it? None in particular means all.
    pub fn is_among(self, only: &[Part]) -> bool {
        only.is_empty()
            || only.contains(&self)
            || self != Part::Pipe && only.contains(&Part::Sockets)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Part {
    type Err = Error;
    fn from_str(word: &str) -> Result<Part, Error> {
        by_name(&Part::ALL, "part of a comparison", word)
    }
}

/// What rows are measured by that have the least of this machine beside them.
pub(crate) const FLOOR: &str = "floor";

/// Payload of what is measured with one size only.
pub(crate) const PAYLOAD: Size = Size(64);

impl Plan {
    /// All that this program can measure on `pair`, or on one CPU; only these parts, if any are named, and only the
    /// libraries that are there.
    pub fn new(pair: Option<(usize, usize)>, only: &[Part], libraries: &Libraries) -> Plan {
        let mut plan = Plan::default();
        let one = pair.map_or_else(|| cpu::allowed_cpus()[0], |(near, _)| near);
        let two = pair.filter(|(near, far)| near != far);
        if Part::Pipe.is_among(only) {
            plan.add_pipe(two, one);
        }
        sockets::add(&mut plan, two, one, only, libraries);
        if Part::Pauses.is_among(only) {
            pauses::add(&mut plan, two, one, libraries);
        }
        if let Some(two) = two
            && Part::Busy.is_among(only)
        {
            busy::add(&mut plan, two, one, libraries);
        }
        plan
    }

    fn add_pipe(&mut self, two: Option<(usize, usize)>, one: usize) {
        let plan = self;
        if let Some((near, far)) = two {
            let title = format!("Busy-wait, two cores (CPU {near} and {far})");
            plan.add(title, FLOOR, busy_wait(Pin::Cpus(near, far)));
        }
        let title = format!("Blocking, one core (both on CPU {one})");
        plan.add(
            title,
            FLOOR,
            blocking(Pin::Cpus(one, one), &[Wait::Park, Wait::Adaptive]),
        );
        if let Some((near, far)) = two {
            let pin = Pin::Cpus(near, far);
            let title = format!("Blocking, two cores (CPU {near} and {far})");
            plan.add(title, FLOOR, blocking(pin, &[Wait::Park, Wait::Adaptive]));
            plan.add(
                "Not pinned".to_owned(),
                FLOOR,
                blocking(Pin::None, &Wait::ALL),
            );
            let title = format!("One way, two cores (CPU {near} and {far})");
            plan.add(title, FLOOR, one_way(pin));
        }
    }

    pub(crate) fn add(&mut self, title: String, base: &'static str, blocks: Vec<Vec<Spec>>) {
        let mut rows = Vec::new();
        for block in blocks {
            let floor = rows.len();
            rows.extend(block.into_iter().map(|spec| Row {
                name: name(&spec),
                spec,
                floor,
            }));
        }
        self.sections.push(Planned {
            title,
            base,
            rows,
            busy: 0,
        });
    }
}

/// A bare flag, and the pipe with what fits beside its header in one cache line; then a flag with payload
/// in further lines, and the pipe with the same.
fn busy_wait(pin: Pin) -> Vec<Vec<Spec>> {
    let spec = |transport, wait, size| {
        let spec = Spec::new(Work::Latency, transport);
        spec.with_wait(wait).with_size(Size(size)).with_pin(pin)
    };
    let floor = |size| spec(Transport::Cacheline, Wait::Spin, size);
    let pipe = |wait, size| spec(Transport::Pipe, wait, size);
    vec![
        vec![floor(0), pipe(Wait::Spin, 8), pipe(Wait::Spin, 48)],
        vec![floor(64), pipe(Wait::Spin, 64), pipe(Wait::Adaptive, 64)],
        vec![floor(256), pipe(Wait::Spin, 256)],
        vec![floor(1024), pipe(Wait::Spin, 1024)],
    ]
}

/// What the kernel wakes, and the pipe.
fn blocking(pin: Pin, waits: &[Wait]) -> Vec<Vec<Spec>> {
    let spec = |transport| Spec::new(Work::Latency, transport).with_pin(pin);
    let mut rows = vec![spec(Transport::Eventfd)];
    for transport in [Transport::OsPipe, Transport::Unix, Transport::Tcp] {
        rows.push(spec(transport).with_size(PAYLOAD));
    }
    for wait in waits {
        rows.push(spec(Transport::Pipe).with_wait(*wait).with_size(PAYLOAD));
    }
    vec![rows]
}

/// A copy in and a copy out, and whatever else carries the same.
fn one_way(pin: Pin) -> Vec<Vec<Spec>> {
    let block = |size| {
        let spec = |transport| {
            Spec::new(Work::Throughput, transport)
                .with_size(Size(size))
                .with_pin(pin)
        };
        vec![
            spec(Transport::Cacheline),
            spec(Transport::Pipe).with_wait(Wait::Spin),
            spec(Transport::Pipe).with_wait(Wait::Park),
            spec(Transport::Pipe).with_wait(Wait::Adaptive),
            spec(Transport::OsPipe),
            spec(Transport::Unix),
            spec(Transport::Tcp),
        ]
    };
    [8, 64, 1 << 10, 64 << 10, 1 << 20].map(block).to_vec()
}

/// A row's name: after which pause, if there is one, what carries how much.
fn name(spec: &Spec) -> String {
    match spec.pause {
        Some(pause) => format!("{pause}: {}", what(spec)),
        None => what(spec),
    }
}

fn what(spec: &Spec) -> String {
    let what = match (spec.transport, spec.work, spec.size) {
        (Transport::Cacheline, Work::Latency, Size(0)) => {
            return "cache line, flag only".to_owned();
        }
        (Transport::Cacheline, Work::Latency, _) => "cache lines, flag and",
        (Transport::Cacheline, ..) => "copy in and copy out,",
        (Transport::Eventfd, ..) => "eventfd,",
        (Transport::OsPipe, ..) => "pipe of the kernel,",
        (Transport::Unix, ..) => "Unix stream socket,",
        (Transport::Tcp, ..) => "TCP loopback,",
        (Transport::ZmqInproc | Transport::ZmqIpc | Transport::ZmqTcp, ..) => {
            return sockets::name(spec);
        }
        (Transport::Pipe, ..) => return format!("ringmq pipe, {}, {}", spec.wait, spec.size),
    };
    format!("{what} {}", spec.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_run_and_has_a_floor() {
        let pair = cpu::apart();
        let plan = Plan::new(pair, &[Part::Pipe], &Libraries::look());
        assert_eq!(plan.sections.len(), if pair.is_some() { 5 } else { 1 });
        for Planned { title, rows, .. } in &plan.sections {
            for (at, row) in rows.iter().enumerate() {
                row.spec.check().unwrap();
                let floor = &rows[row.floor];
                assert!(
                    row.floor <= at && floor.floor == row.floor,
                    "{title}: {}",
                    row.name
                );
                assert_eq!(
                    (floor.spec.work, floor.spec.pin),
                    (row.spec.work, row.spec.pin)
                );
                let same = floor.spec.size == row.spec.size;
                let flag_only = floor.spec.size <= Size(8);
                assert!(same || flag_only, "{title}: {} by {}", row.name, floor.name);
            }
            let mut names: Vec<_> = rows.iter().map(|row| &row.name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), rows.len(), "{title}: two rows of one name");
        }
    }

    #[test]
    fn one_cpu_leaves_the_rows_that_need_no_more() {
        let only = cpu::allowed_cpus()[0];
        for pair in [None, Some((only, only))] {
            let plan = Plan::new(pair, &[], &Libraries::look());
            let rows: Vec<_> = plan
                .sections
                .iter()
                .flat_map(|section| &section.rows)
                .collect();
            assert!(!rows.is_empty());
            assert!(rows.iter().all(|row| row.spec.pin == Pin::Cpus(only, only)));
        }
    }
}
