//! The rows of a comparison, one file for each part of it.

mod busy;
mod large;
mod names;
mod pauses;
mod pipe;
pub(crate) mod planned;
mod sockets;

use crate::plan::cpu;
use crate::plan::libraries::Libraries;
use crate::plan::part::Part;
use crate::plan::rows::planned::Planned;

/// The sections of a comparison and their rows.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub(crate) sections: Vec<Planned>,
}

impl Plan {
    /// All that can be measured on `pair`, or on one CPU if there is no pair. Only the parts in `only`, unless it is
    /// empty, and only the libraries that can be loaded.
    pub fn new(pair: Option<(usize, usize)>, only: &[Part], libraries: &Libraries) -> Plan {
        Plan::with(pair, only, large::Range::FULL, libraries)
    }

    /// As [`new`](Plan::new), with fewer sizes of large bodies.
    pub fn quick(pair: Option<(usize, usize)>, only: &[Part], libraries: &Libraries) -> Plan {
        Plan::with(pair, only, large::Range::QUICK, libraries)
    }

    fn with(
        pair: Option<(usize, usize)>,
        only: &[Part],
        range: large::Range,
        libraries: &Libraries,
    ) -> Plan {
        let one = pair.map_or_else(|| cpu::allowed_cpus()[0], |(near, _)| near);
        let two = pair.filter(|(near, far)| near != far);
        let mut sections = Vec::new();
        if Part::Pipe.is_among(only) {
            sections.extend(pipe::sections(two, one));
        }
        sections.extend(sockets::sections(two, one, only, libraries));
        if Part::Pauses.is_among(only) {
            sections.extend(pauses::sections(two, one, libraries));
        }
        if let Some(two) = two
            && Part::Busy.is_among(only)
        {
            sections.extend(busy::sections(two, one, libraries));
        }
        if Part::Large.is_among(only) {
            sections.extend(large::sections(two, one, range, libraries));
        }
        Plan { sections }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cpu::Pin;

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
