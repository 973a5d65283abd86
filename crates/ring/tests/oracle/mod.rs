//! The oracle: one interpreter drives the real ring and a plain queue, and they must agree at every step.
//!
//! Where the choices come from is the caller's affair: a seed (`tests/seeded.rs`), or the fuzzer
//! (`fuzz/fuzz_targets/ring_ops.rs`).

pub(crate) mod heap;
mod model;
mod reading;
mod writing;

use ringmq_ring::{Mapped, MappedMut, Reader, Record, Wanted, WantedSeen, Word, Writer};

use heap::{Heap, Held};
use model::{Entry, Model};

/// A source of choices, each of which follows from what the source began with.
pub(crate) trait Choices {
    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: u64) -> u64;

    /// Whether there is nothing left to choose by.
    fn is_over(&self) -> bool;

    /// True once in `many` times.
    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// The ring that a run begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) capacity: usize,
    pub(crate) start: u64,
}

impl Setup {
    /// A capacity from 1 to 64 KiB, and a start: zero, just below a power of two, or anywhere. Positions are not
    /// made to pass the end of the 64 bits, which they never reach.
    pub(crate) fn choose(choices: &mut impl Choices) -> Setup {
        let capacity = 1024 << choices.below(7);
        let start = match choices.below(4) {
            0 => 0,
            1 => choices.below(u64::MAX - (1 << 40)),
            _ => Setup::below_power(10 + choices.below(54) as u32, choices.below(2 * capacity)),
        };
        Setup {
            capacity: capacity as usize,
            start,
        }
    }

    /// A start that lies `short` bytes below a power of two.
    pub(crate) fn below_power(power: u32, short: u64) -> u64 {
        (1_u64 << power).saturating_sub(short)
    }
}

/// Which side has more turns, for a while: a ring should be seen full, empty, and in between.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Fill,
    Drain,
    Even,
}

/// The two ends over one memory, and the model beside them.
struct Rig {
    writer: Writer<Held<MappedMut>, Held<Mapped>>,
    reader: Reader<Held<Mapped>, Held<MappedMut>>,
    wanted: Wanted<Held<MappedMut>>,
    wanted_seen: WantedSeen<Held<Mapped>>,
    model: Model,
    /// Whether the last record was claimed with room to spare for an abort.
    may_abort: bool,
    /// A record that was released.
    stale: Option<Record>,
    /// Records written, for payloads that differ.
    serial: u64,
}

/// Runs until the choices are over, then reads to the end.
pub(crate) fn run(setup: Setup, choices: &mut impl Choices) {
    let mut rig = Rig::new(setup);
    let mut mood = Mood::Even;
    while !choices.is_over() && !rig.model.front().is_some_and(Entry::is_end) {
        if choices.one_in(64) {
            mood = [Mood::Fill, Mood::Drain, Mood::Even][choices.below(3) as usize];
        }
        let writes = match mood {
            Mood::Fill => 14,
            Mood::Drain => 4,
            Mood::Even => 9,
        };
        if choices.below(16) < writes && !rig.model.ended {
            rig.write(choices);
        } else {
            rig.read(choices);
        }
        rig.check_positions();
    }
    rig.finish(choices);
}

impl Rig {
    fn new(setup: Setup) -> Rig {
        let ring = Heap::new(setup.capacity);
        let report = Heap::new(8);
        let wanted = Heap::new(8);
        let writer = Writer::new(ring.mapped_mut(), report.mapped(), setup.start);
        let reader = Reader::new(ring.mapped(), report.mapped_mut(), setup.start);
        Rig {
            writer: writer.expect("a capacity that can be"),
            reader: reader.expect("a capacity that can be"),
            wanted: Wanted::new(Word::new(wanted.mapped_mut()).expect("a word")),
            wanted_seen: WantedSeen::new(Word::new(wanted.mapped()).expect("a word")),
            model: Model::new(setup.capacity as u64, setup.start / 8 * 8),
            may_abort: false,
            stale: None,
            serial: 0,
        }
    }

    fn check_positions(&self) {
        assert_eq!(self.writer.position(), self.model.published);
        assert_eq!(self.reader.position(), self.model.reader);
        assert!(self.writer.seen_reader() <= self.model.reader);
        assert_eq!(self.writer.has_unpublished(), self.model.has_unpublished());
    }

    /// Reads all committed records. After them come no records, or the end at each read.
    fn finish(&mut self, choices: &mut impl Choices) {
        if !self.model.ended {
            self.publish();
        }
        while !self.model.front().is_none_or(Entry::is_end) {
            self.take(choices);
        }
        for _ in 0..2 {
            self.peek();
            self.release();
        }
        self.check_positions();
    }
}
