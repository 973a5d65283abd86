//! The rows of the first message after a pause: the pipe and PAIR sockets beside a bare wake-up.

use std::time::Duration;

use crate::plan::cpu::Pin;
use crate::plan::libraries::Libraries;
use crate::plan::pause::Pause;
use crate::plan::rows::planned::{FLOOR, PAYLOAD, Planned};
use crate::plan::sockets::{Face, Pattern, Sockets};
use crate::plan::spec::Spec;
use crate::plan::words::{Transport, Wait, Work};

/// The pauses, in microseconds.
const PAUSES: [u64; 4] = [100, 1000, 10_000, 100_000];

/// The sections: on `two` CPUs if there are two, and on `one`.
pub(super) fn sections(
    two: Option<(usize, usize)>,
    one: usize,
    libraries: &Libraries,
) -> Vec<Planned> {
    let two = two.map(|(near, far)| (Pin::Cpus(near, far), "two cores"));
    let one = (Pin::Cpus(one, one), "one core");
    let section = |(pin, place)| {
        let blocks = PAUSES.map(|micros| {
            let mut rows = rows(Pause(Duration::from_micros(micros)), pin);
            rows.retain(|spec| !spec.transport.is_zmq() || libraries.has(spec.sockets.face));
            rows
        });
        let title = format!("First message after a pause, one way, {place}");
        Planned::new(title, FLOOR, blocks.to_vec())
    };
    two.into_iter().chain([one]).map(section).collect()
}

fn rows(pause: Pause, pin: Pin) -> Vec<Spec> {
    let spec = |transport| Spec::new(Work::Latency, transport).with_pin(pin);
    let pipe = |wait| spec(Transport::Pipe).with_wait(wait);
    let pair = |face| {
        let pattern = Pattern::Pair;
        spec(Transport::ZmqIpc).with_sockets(Sockets { pattern, face })
    };
    let rows = [
        pipe(Wait::Park),
        pipe(Wait::Adaptive),
        pair(Face::Rust),
        pair(Face::C),
        pair(Face::Stock),
    ];
    let rows = rows.map(|spec| spec.with_size(PAYLOAD));
    let all = std::iter::once(spec(Transport::Eventfd)).chain(rows);
    all.map(|spec| spec.with_pause(pause)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cpu;
    use crate::plan::part::Part;
    use crate::plan::rows::Plan;

    #[test]
    fn every_row_stands_beside_a_wake_up_after_the_same_pause() {
        let pair = cpu::apart();
        let plan = Plan::new(pair, &[Part::Pauses], &Libraries::look());
        assert_eq!(plan.sections.len(), if pair.is_some() { 2 } else { 1 });
        for section in &plan.sections {
            for row in &section.rows {
                row.spec.check().unwrap();
                let floor = &section.rows[row.floor].spec;
                assert_eq!(floor.transport, Transport::Eventfd);
                assert_eq!((floor.pause, floor.pin), (row.spec.pause, row.spec.pin));
            }
            let mut names: Vec<_> = section.rows.iter().map(|row| &row.name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), section.rows.len(), "{}", section.title);
        }
    }
}
