//! How many mappings this process has for shared memory. The kernel allows a process so many (`vm.max_map_count`), and
//! who has none left can often not even allocate.

use std::ops::Deref;

use ringmq_ring::Tally;
use ringmq_sys::Mapping;

static COUNT: Tally = Tally::new();

/// Mappings for shared memory in this process: of sockets and of bare pipes, its own and those of peers. In a forked
/// child, which has none of them, those that were there before count until it lets go of them.
#[must_use]
pub fn mappings() -> u64 {
    COUNT.get()
}

/// So many mappings are counted for as long as this lives.
#[derive(Debug)]
pub(crate) struct Counted(u64);

impl Counted {
    pub(crate) fn new(count: u64) -> Counted {
        COUNT.add(count);
        Counted(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        COUNT.subtract(self.0);
    }
}

/// A mapping that is counted.
#[derive(Debug)]
pub(crate) struct Map {
    mapping: Mapping,
    _counted: Counted,
}

impl From<Mapping> for Map {
    fn from(mapping: Mapping) -> Map {
        Map {
            mapping,
            _counted: Counted::new(1),
        }
    }
}

impl Deref for Map {
    type Target = Mapping;

    fn deref(&self) -> &Mapping {
        &self.mapping
    }
}
