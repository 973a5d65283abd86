//! The rows of round trips on a busy machine, where a spinning side takes time from its own peer.

use crate::plan::cpu::{self, Pin};
use crate::plan::libraries::Libraries;
use crate::plan::rows::planned::{PAYLOAD, Planned};
use crate::plan::sockets::{Face, Pattern, Sockets};
use crate::plan::spec::Spec;
use crate::plan::words::{Transport, Wait, Work};

/// The base: the row that sleeps at once.
const BASE: &str = "park";

/// The sections, with two busy processes for each CPU: on `two` CPUs, on `one`, and not pinned.
pub(super) fn sections(two: (usize, usize), one: usize, libraries: &Libraries) -> Vec<Planned> {
    let busy = 2 * cpu::allowed_cpus().len();
    let places = [
        (Pin::Cpus(two.0, two.1), "two cores"),
        (Pin::Cpus(one, one), "one core"),
        (Pin::None, "not pinned"),
    ];
    let section = |(pin, place)| {
        let title = format!("Round trips beside {busy} busy processes, {place}");
        let section = Planned::new(title, BASE, blocks(pin, libraries));
        Planned { busy, ..section }
    };
    places.map(section).to_vec()
}

fn blocks(pin: Pin, libraries: &Libraries) -> Vec<Vec<Spec>> {
    let spec = |transport| {
        let spec = Spec::new(Work::Latency, transport);
        spec.with_size(PAYLOAD).with_pin(pin)
    };
    let pair = |face| {
        let pattern = Pattern::Pair;
        spec(Transport::ZmqIpc).with_sockets(Sockets { pattern, face })
    };
    let waits = [Wait::Park, Wait::Adaptive];
    let pipe = waits.map(|wait| spec(Transport::Pipe).with_wait(wait));
    let mut sockets = waits.map(|wait| pair(Face::Rust).with_wait(wait)).to_vec();
    let others = [Face::C, Face::Stock].into_iter();
    sockets.extend(others.filter(|face| libraries.has(*face)).map(pair));
    vec![pipe.to_vec(), sockets]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::part::Part;
    use crate::plan::rows::Plan;

    #[test]
    fn every_row_stands_beside_one_that_sleeps_at_once() {
        let pair = cpu::apart();
        let plan = Plan::new(pair, &[Part::Busy], &Libraries::look());
        assert_eq!(plan.sections.len(), if pair.is_some() { 3 } else { 0 });
        for section in &plan.sections {
            assert!(section.busy >= 2);
            for row in &section.rows {
                row.spec.check().unwrap();
                let base = &section.rows[row.floor].spec;
                assert_eq!((base.wait, base.pin), (Wait::Park, row.spec.pin));
                assert_eq!(base.transport, row.spec.transport);
            }
        }
    }
}
