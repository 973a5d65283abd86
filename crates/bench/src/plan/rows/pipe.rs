//! The rows of the bare pipe and its floors.

use crate::plan::cpu::Pin;
use crate::plan::rows::planned::{FLOOR, PAYLOAD, Planned};
use crate::plan::size::Size;
use crate::plan::spec::Spec;
use crate::plan::words::{Transport, Wait, Work};

/// The sections: on `two` CPUs if there are two, on `one`, and not pinned.
pub(super) fn sections(two: Option<(usize, usize)>, one: usize) -> Vec<Planned> {
    let floor = |title, blocks| Planned::new(title, FLOOR, blocks);
    let waits = [Wait::Park, Wait::Adaptive];
    let title = format!("Blocking, one core (both on CPU {one})");
    let one_core = floor(title, blocking(Pin::Cpus(one, one), &waits));
    let Some((near, far)) = two else {
        return vec![one_core];
    };
    let pin = Pin::Cpus(near, far);
    let title = |what: &str| format!("{what}, two cores (CPU {near} and {far})");
    vec![
        floor(title("Busy-wait"), busy_wait(pin)),
        one_core,
        floor(title("Blocking"), blocking(pin, &waits)),
        floor("Not pinned".to_owned(), blocking(Pin::None, &Wait::ALL)),
        floor(title("One way"), one_way(pin)),
    ]
}

/// A bare flag, and the pipe with payload that fits beside its header in one cache line. Then a flag with payload in
/// further lines, and the pipe with the same payload.
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

/// Transports that wake a sleeper through the kernel, and the pipe.
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

/// A copy in and a copy out, and the other transports with the same payload.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cpu;
    use crate::plan::libraries::Libraries;
    use crate::plan::part::Part;
    use crate::plan::rows::Plan;

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
}
