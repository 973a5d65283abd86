//! Rows of the first message after a pause: the pipe and PAIR sockets beside a bare wake-up.

use std::time::Duration;

use crate::plan::cpu::Pin;
use crate::plan::libraries::Libraries;
use crate::plan::rows::pipe::{FLOOR, PAYLOAD, Plan};
use crate::plan::sockets::{Face, Pattern, Sockets};
use crate::plan::spec::{Spec, Transport, Wait, Work};
use crate::run::pause::Pause;

/// The pauses, in microseconds.
const PAUSES: [u64; 4] = [100, 1000, 10_000, 100_000];

/// Adds the sections: on `two` CPUs if there are two, and on `one`.
pub(crate) fn add(plan: &mut Plan, two: Option<(usize, usize)>, one: usize, libraries: &Libraries) {
    let places = two.map(|(near, far)| (Pin::Cpus(near, far), "two cores"));
    for (pin, name) in places
        .into_iter()
        .chain([(Pin::Cpus(one, one), "one core")])
    {
        let blocks = PAUSES.map(|micros| {
            let mut rows = rows(Pause(Duration::from_micros(micros)), pin);
            rows.retain(|spec| !spec.transport.is_zmq() || libraries.has(spec.sockets.face));
            rows
        });
        let title = format!("First message after a pause, one way, {name}");
        plan.add(title, FLOOR, blocks.to_vec());
    }
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
    use crate::plan::rows::pipe::Part;

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
