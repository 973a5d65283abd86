//! Allocators for the blocks of an arena, compared by what they do to addresses: offset-allocator, which the arena uses,
//! and size classes. No memory is touched. docs/performance.md has the figures.

#![allow(clippy::print_stdout, reason = "it says what it measures")]

use std::hint::black_box;
use std::time::Instant;

use offset_allocator::{Allocation, Allocator};
use ringmq_testing::Random;

/// Bytes that lengths are rounded up to.
const UNIT: usize = 4096;
/// Units of a segment that is as large as all others: 64 MiB.
const LARGE: u32 = 16_384;
/// Units of the smallest segment of an arena.
const LEAST: u32 = 1024;

/// The addresses of one segment, in units.
trait Segment {
    type Part: Copy;

    fn new(units: u32) -> Self;
    /// Units of the smallest segment with room for a block.
    fn needed(units: u32) -> u32;
    /// A part, and its first and last unit, plus one.
    fn take(&mut self, units: u32) -> Option<(Self::Part, u32, u32)>;
    fn give(&mut self, part: Self::Part);
    fn is_empty(&self) -> bool;
}

/// As `crates/pipe/src/blocks/segment.rs` has it.
struct Offsets {
    allocator: Allocator<u32>,
    used: u32,
    all: u32,
}

impl Segment for Offsets {
    type Part = (Allocation<u32>, u32);

    fn new(units: u32) -> Offsets {
        Offsets {
            allocator: Allocator::with_max_allocs(units, units / 4 + 64),
            used: 0,
            all: units,
        }
    }

    fn needed(units: u32) -> u32 {
        round(units, 3)
    }

    fn take(&mut self, units: u32) -> Option<(Self::Part, u32, u32)> {
        if self.used + units > self.all {
            return None;
        }
        let part = self.allocator.allocate(units)?;
        self.used += units;
        Some(((part, units), part.offset, part.offset + units))
    }

    fn give(&mut self, (part, units): Self::Part) {
        self.allocator.free(part);
        self.used -= units;
    }

    fn is_empty(&self) -> bool {
        self.used == 0
    }
}

/// Free parts by size class, of which there are 2 to the power of `STEPS` for each doubling. A freed part goes back to its
/// class, the last one is taken first, and new ones are cut from the end that was not used yet.
struct Classes<const STEPS: u32> {
    free: Vec<Vec<u32>>,
    cut: u32,
    used: u32,
    all: u32,
}

impl<const STEPS: u32> Classes<STEPS> {
    /// The number of the class of a size that was rounded.
    fn class(units: u32) -> usize {
        let power = units.ilog2();
        let step = u64::from(units) << STEPS >> power;
        ((power << STEPS) as usize) + step as usize - (1 << STEPS)
    }
}

impl<const STEPS: u32> Segment for Classes<STEPS> {
    type Part = (u32, u32);

    fn new(units: u32) -> Self {
        Classes {
            free: vec![Vec::new(); 32 << STEPS],
            cut: 0,
            used: 0,
            all: units,
        }
    }

    fn needed(units: u32) -> u32 {
        round(units, STEPS)
    }

    fn take(&mut self, units: u32) -> Option<(Self::Part, u32, u32)> {
        let units = round(units, STEPS);
        let first = match self.free[Self::class(units)].pop() {
            Some(first) => first,
            None if self.all - self.cut >= units => {
                self.cut += units;
                self.cut - units
            }
            None => return None,
        };
        self.used += units;
        Some(((first, units), first, first + units))
    }

    fn give(&mut self, (first, units): Self::Part) {
        self.used -= units;
        if self.used == 0 {
            self.cut = 0;
            self.free.iter_mut().for_each(Vec::clear);
        } else {
            self.free[Self::class(units)].push(first);
        }
    }

    fn is_empty(&self) -> bool {
        self.used == 0
    }
}

/// The next size of which there are 2 to the power of `steps` for each doubling.
fn round(units: u32, steps: u32) -> u32 {
    units.next_multiple_of(1 << units.ilog2().saturating_sub(steps))
}

/// Segments, the first of which with room gets a block. Their size is the same, or grows as an arena's does.
struct Arena<S> {
    segments: Vec<(S, u32)>,
    grows: bool,
}

/// A block: the number of its segment, its part, and its units.
type Place<S> = (usize, <S as Segment>::Part, u32, u32);

impl<S: Segment> Arena<S> {
    fn new(grows: bool) -> Arena<S> {
        Arena {
            segments: Vec::new(),
            grows,
        }
    }

    fn take(&mut self, units: u32) -> Place<S> {
        loop {
            for (number, (segment, _)) in self.segments.iter_mut().enumerate() {
                if let Some((part, first, end)) = segment.take(units) {
                    return (number, part, first, end);
                }
            }
            let all: u32 = self.segments.iter().map(|(_, units)| units).sum();
            let count = u32::try_from(self.segments.len()).unwrap_or(u32::MAX);
            let step = if self.grows {
                (all / 256 * count).max(LEAST)
            } else {
                LARGE
            };
            let size = step.max(S::needed(units));
            self.segments.push((S::new(size), size));
        }
    }

    fn give(&mut self, place: Place<S>) {
        self.segments[place.0].0.give(place.1);
    }

    /// Units of the segments with blocks.
    fn in_use(&self) -> u32 {
        let used = self.segments.iter().filter(|(one, _)| !one.is_empty());
        used.map(|(_, units)| units).sum()
    }
}

/// Each step frees the block of a random slot, and takes one of a random size for it.
struct Trace {
    slots: usize,
    steps: Vec<(usize, u32)>,
}

impl Trace {
    /// Lengths between these powers of two, as many of each.
    fn new(slots: usize, count: usize, powers: std::ops::Range<u64>) -> Trace {
        let mut random = Random::new(slots as u64);
        let steps = (0..count).map(|_| {
            let power = powers.start + random.below(powers.end - powers.start);
            let len = (1 << power) + random.within(0..1 << power);
            (
                random.within(0..slots),
                u32::try_from(len.div_ceil(UNIT)).unwrap_or(u32::MAX),
            )
        });
        Trace {
            slots,
            steps: steps.collect(),
        }
    }

    /// Nanoseconds for a block that is freed and one that is taken.
    fn time<S: Segment>(&self, grows: bool) -> f64 {
        let mut arena = Arena::<S>::new(grows);
        let mut slots: Vec<Option<Place<S>>> = (0..self.slots).map(|_| None).collect();
        let times = (0..3).map(|_| {
            let start = Instant::now();
            for (slot, units) in &self.steps {
                if let Some(place) = slots[*slot].take() {
                    arena.give(place);
                }
                slots[*slot] = Some(arena.take(*units));
            }
            start.elapsed().as_nanos() as f64 / self.steps.len() as f64
        });
        times.fold(f64::MAX, f64::min)
    }

    /// The most that segments with blocks had against the most that was live, and the mean of what they had against what was
    /// live then. No two blocks overlap.
    fn space<S: Segment>(&self, grows: bool) -> (f64, f64) {
        let mut arena = Arena::<S>::new(grows);
        let mut slots: Vec<Option<(Place<S>, u32)>> = (0..self.slots).map(|_| None).collect();
        let (mut live, mut most_live, mut most, mut sum, mut count) = (0, 0, 0, 0.0, 0);
        for (number, (slot, units)) in self.steps.iter().enumerate() {
            if let Some((place, units)) = slots[*slot].take() {
                arena.give(place);
                live -= units;
            }
            let place = arena.take(*units);
            if number % 1000 == 0 {
                let others = slots.iter().flatten().map(|(other, _)| other);
                let mut same = others.filter(|other| other.0 == place.0);
                assert!(same.all(|other| other.3 <= place.2 || place.3 <= other.2));
            }
            slots[*slot] = Some((place, *units));
            live += units;
            most_live = most_live.max(live);
            if number > 8 * self.slots && number % 16 == 0 {
                most = most.max(arena.in_use());
                sum += f64::from(arena.in_use()) / f64::from(live);
                count += 1;
            }
        }
        (
            f64::from(most) / f64::from(most_live),
            sum / f64::from(count),
        )
    }
}

/// Nanoseconds for a block of one size that is taken and freed, again and again.
fn one_size<S: Segment>(units: u32) -> f64 {
    let mut arena = Arena::<S>::new(false);
    let kept: Vec<Place<S>> = (0..8).map(|_| arena.take(units)).collect();
    let times = (0..10).map(|_| {
        let start = Instant::now();
        for _ in 0..100_000 {
            let place = black_box(arena.take(black_box(units)));
            arena.give(place);
        }
        start.elapsed().as_nanos() as f64 / 1e5
    });
    let best = times.fold(f64::MAX, f64::min);
    black_box(kept.len());
    best
}

fn row<S: Segment>(name: &str, traces: &[Trace]) {
    print!("{name:26} {:5.0}", one_size::<S>(256));
    for trace in traces {
        for grows in [false, true] {
            let (most, mean) = trace.space::<S>(grows);
            print!(" | {:5.0} {most:5.2} {mean:5.2}", trace.time::<S>(grows));
        }
    }
    println!();
}

#[test]
#[ignore = "soak: a table, for which it takes a minute"]
fn offset_allocator_and_size_classes() {
    let traces = [(64, 12..22), (512, 12..22), (48, 14..20)];
    let traces = traces.map(|(slots, powers)| Trace::new(slots, 1_000_000, powers));
    println!(
        "1 MiB: ns. Then 64 live of 4 KiB to 4 MiB, 512 live, 48 live of 16 KiB to 1 MiB; in each,"
    );
    println!(
        "with segments of 64 MiB and with an arena's: ns, most for the most live, mean for what is live"
    );
    row::<Offsets>("offset-allocator", &traces);
    row::<Classes<0>>("classes, 1 a doubling", &traces);
    row::<Classes<2>>("classes, 4 a doubling", &traces);
    row::<Classes<3>>("classes, 8 a doubling", &traces);
}
