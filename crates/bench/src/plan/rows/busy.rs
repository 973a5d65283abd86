//! Rows of round trips while others keep the machine busy: whoever spins beside them takes from his own peer.

use crate::plan::cpu::{self, Pin};
use crate::plan::libraries::Libraries;
use crate::plan::rows::pipe::{PAYLOAD, Plan};
use crate::plan::sockets::{Face, Pattern, Sockets};
use crate::plan::spec::{Spec, Transport, Wait, Work};

/// What the rows are measured by: who sleeps at once.
const BASE: &str = "park";

/// Adds the sections, with two busy processes for each CPU: on `two` CPUs, on `one`, and on none in particular.
pub(crate) fn add(plan: &mut Plan, two: (usize, usize), one: usize, libraries: &Libraries) {
    let busy = 2 * cpu::allowed_cpus().len();
    for (pin, place) in [
        (Pin::Cpus(two.0, two.1), "two cores"),
        (Pin::Cpus(one, one), "one core"),
        (Pin::None, "not pinned"),
    ] {
        let title = format!("Round trips beside {busy} busy processes, {place}");
        plan.add(title, BASE, blocks(pin, libraries));
        if let Some(section) = plan.sections.last_mut() {
            section.busy = busy;
        }
    }
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
    use crate::plan::rows::pipe::Part;

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
