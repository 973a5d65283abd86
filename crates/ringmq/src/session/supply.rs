//! How many descriptors are left, and what shared memory may take of them. Mappings are counted where they are made.
//!
//! Shared memory is an optimisation: the connections themselves, those that come later, and the program's own files go
//! first. Descriptors are numbered from the lowest free one on, so that the number of a new one tells how many are in use.

use std::os::fd::AsRawFd;

use ringmq_pipe::remote::Ringers;
use ringmq_sys::Reserve;

/// What the handoffs of one I/O thread have in common.
#[derive(Debug, Default)]
pub(crate) struct Supplies {
    /// For a segment that comes when there is no other descriptor left.
    pub(crate) reserve: Reserve,
    pub(crate) ringers: Ringers,
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

    /// As it is when all of these are new.
    pub(crate) fn at_all<'a, D: AsRawFd + 'a>(
        descriptors: impl IntoIterator<Item = &'a D>,
    ) -> Supply {
        let supplies = descriptors.into_iter().map(Supply::at);
        supplies.max().unwrap_or(Supply::Ample)
    }
}

#[cfg(test)]
mod tests {
    use crate::session::supply::Supply;

    #[test]
    fn a_quarter_is_never_taken() {
        let of = |number| Supply::of(number, 1024);
        assert_eq!([0, 512].map(of), [Supply::Ample; 2]);
        assert_eq!([513, 768].map(of), [Supply::Lean; 2]);
        assert_eq!([769, 1023].map(of), [Supply::Short; 2]);
        assert_eq!(Supply::of(1 << 20, u64::MAX), Supply::Ample);
    }
}
