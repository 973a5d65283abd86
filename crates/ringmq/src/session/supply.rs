//! How many descriptors are left, and what shared memory may take of them. Mappings are counted where they are made.
//!
//! Shared memory is an optimisation: the connections themselves, those that come later, and the program's own files go
//! first. Descriptors are numbered from the lowest free one on, so that the number of a new one tells how many are in use,
//! unless lower ones were closed since. So the connections are counted, too, and a shortage is remembered for a while.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use ringmq_pipe::remote::Ringers;
use ringmq_sys::Reserve;

/// What the handoffs of one I/O thread have in common.
#[derive(Debug, Default)]
pub(crate) struct Supplies {
    /// For a segment that comes when there is no other descriptor left.
    pub(crate) reserve: Reserve,
    pub(crate) ringers: Ringers,
    /// Connections of the thread.
    pub(crate) connections: usize,
    short_until: Option<Instant>,
}

/// For so long after a shortage shared memory takes nothing.
const WITHOUT: Duration = Duration::from_secs(10);

impl Supplies {
    /// Memory or descriptors have run short.
    pub(crate) fn run_short(&mut self) {
        self.short_until = Some(Instant::now() + WITHOUT);
    }

    /// Returns true if memory or descriptors have run short lately.
    pub(crate) fn are_short(&self) -> bool {
        let now = Instant::now();
        self.short_until.is_some_and(|until| now < until)
    }

    /// What shared memory may take when these descriptors are new.
    pub(crate) fn at_all<'a, D: AsRawFd + 'a>(
        &self,
        descriptors: impl IntoIterator<Item = &'a D>,
    ) -> Supply {
        if self.are_short() {
            return Supply::Short;
        }
        let supplies = descriptors.into_iter().map(Supply::at);
        let connections = Supply::of(self.connections as u64, ringmq_sys::most_descriptors());
        supplies.max().map_or(connections, |at| at.max(connections))
    }
}

/// What shared memory may take of the descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Supply {
    /// What makes it quick: at most half of the descriptors are in use.
    Ample,
    /// Nothing that a connection would keep: at most three quarters are.
    Lean,
    /// Nothing at all: more are.
    Short,
}

impl Supply {
    /// As it is when this descriptor is new.
    pub(crate) fn at(descriptor: &impl AsRawFd) -> Supply {
        let Ok(number) = u64::try_from(descriptor.as_raw_fd()) else {
            return Supply::Ample;
        };
        Supply::of(number, ringmq_sys::most_descriptors())
    }

    fn of(number: u64, most: u64) -> Supply {
        if number <= most / 2 {
            Supply::Ample
        } else if number <= most / 4 * 3 {
            Supply::Lean
        } else {
            Supply::Short
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_never_taken() {
        let of = |number| Supply::of(number, 1024);
        assert_eq!([0, 512].map(of), [Supply::Ample; 2]);
        assert_eq!([513, 768].map(of), [Supply::Lean; 2]);
        assert_eq!([769, 1023].map(of), [Supply::Short; 2]);
        assert_eq!(Supply::of(1 << 20, u64::MAX), Supply::Ample);
    }

    #[test]
    fn a_low_number_is_no_plenty() {
        let low = [std::fs::File::open("/dev/null").unwrap()];
        let most = usize::try_from(ringmq_sys::most_descriptors()).unwrap_or(usize::MAX);
        let mut supplies = Supplies::default();
        assert_eq!(supplies.at_all(&low), Supply::at(&low[0]));
        supplies.connections = most;
        assert_eq!(supplies.at_all(&low), Supply::Short);
        supplies.connections = 0;
        supplies.run_short();
        assert_eq!(supplies.at_all(&low), Supply::Short);
    }
}
