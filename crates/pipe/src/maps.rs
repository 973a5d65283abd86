//! How many mappings this process has for shared memory. The kernel allows a process so many (`vm.max_map_count`), and
//! who has none left can often not even allocate.

use std::cell::Cell;
use std::ops::Deref;
use std::time::{Duration, Instant};

use ringmq_ring::Tally;
use ringmq_sys::Mapping;

static COUNT: Tally = Tally::new();

/// Mappings for shared memory in this process: of sockets and of bare pipes, its own and those of peers, and those that
/// are reserved for connections. In a forked child, which has none of them, those that were there before count until the
/// child drops them.
#[must_use]
pub fn mappings() -> u64 {
    COUNT.get()
}

/// Returns true if another connection between sockets may take mappings: shared memory has less than a quarter of those
/// that the process may have (`vm.max_map_count`).
#[must_use]
pub fn has_mappings_for_connections() -> bool {
    for_connections(mappings(), most_mappings())
}

/// Returns true if a ring may grow, which takes mappings beyond those that were reserved for its connection: shared memory
/// has less than three eighths of all.
pub(crate) fn has_mappings_for_growth() -> bool {
    for_growth(mappings(), most_mappings())
}

fn for_connections(held: u64, most: u64) -> bool {
    held < most / 4
}

fn for_growth(held: u64, most: u64) -> bool {
    held < most / 8 * 3
}

/// How many mappings this process may have, as the kernel said at most a second ago.
fn most_mappings() -> u64 {
    thread_local! {
        // One for each thread: another thread could hold a lock at the moment of a fork.
        static SEEN: Cell<Option<(Instant, u64)>> = const { Cell::new(None) };
    }
    let now = Instant::now();
    match SEEN.get() {
        Some((at, most)) if now - at < Duration::from_secs(1) => most,
        _ => {
            let most = ringmq_sys::most_mappings();
            SEEN.set(Some((now, most)));
            most
        }
    }
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

#[cfg(test)]
mod tests {
    use super::{for_connections, for_growth};

    #[test]
    fn connections_have_a_quarter_and_growth_three_eighths() {
        let most = 65_530;
        for (held, connections, growth) in [
            (0, true, true),
            (16_381, true, true),
            (16_382, false, true),
            (24_572, false, true),
            (24_573, false, false),
            (most, false, false),
        ] {
            assert_eq!(for_connections(held, most), connections, "{held}");
            assert_eq!(for_growth(held, most), growth, "{held}");
        }
    }
}
