//! How a sleeper says that it sleeps, and how the other side knows whom to wake.
//!
//! ```text
//!   sleeper                                 publisher
//!   -------                                 ---------
//!   drain the doorbell
//!   arm      (store)                        publish         (store)
//!   ORDER                                   ORDER
//!   look for work (load)                    look who sleeps (load)
//!   sleep until the doorbell rings          ring, once for each arming
//! ```
//!
//! Whichever of the two stores comes first in the order that both sides agree on, the other side's load
//! sees it: no wake-up is lost. A publisher that finds the same arming again does not ring again: a
//! sleeper that is slow to be scheduled costs one system call, not one for each message. Draining comes
//! before arming: the other way round would swallow a ring that belongs to this sleep.
//!
//! # Who pays for the order
//!
//! Unless both store–load pairs are ordered, each side can miss the other's store. There are two ways,
//! and the sleeper's word says which one is in force:
//!
//! * **Fences asked for** (a bit of the generation): the publisher runs a full fence after every
//!   publication, and the sleeper one after arming. Cheap sleeps, dear messages.
//! * **Not asked for**: the publisher only keeps its compiler from reordering, and the sleeper makes
//!   every thread of the machine that may publish pass a barrier (`membarrier`) between arming and
//!   looking. Cheap messages, dear sleeps.
//!
//! A sleeper may change from the second to the first: it sets the bit, then runs that barrier once. What
//! was published before the barrier is seen by every look after it; what is published after it comes
//! from a publisher that sees the bit. Changing back needs no barrier: a fence that is no longer needed does no harm.
//!
//! # Two kinds of announcement
//!
//! A **generation** is odd while its owner sleeps and counts its sleeps; everybody who has something for
//! the owner looks at it. A **wanted position** is one writer's, and only its reader looks, a few times
//! in each lap of the ring: there, both sides always fence.

use crate::atomics;
use crate::memory::{Memory, MemoryMut};
use crate::word::Word;

/// Set while the owner sleeps, or may sleep.
const ARMED: u64 = 1;
/// Set in a generation whose owner asks publishers for fences.
const FENCES: u64 = 1 << 62;
/// Set in a generation whose owner has closed and reads no more.
const CLOSED: u64 = 1 << 63;

/// The sleeper's own generation word.
#[derive(Debug)]
pub struct Generation<W> {
    word: Word<W>,
    value: u64,
}

/// What a sleeper that has armed still owes before it may look and then sleep.
#[must_use = "a sleeper that does not order loses wake-ups"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owed {
    /// Nothing: publishers fence, and so did `arm`.
    Nothing,
    /// A barrier that every possible publisher passes.
    Barrier,
}

impl<W: MemoryMut> Generation<W> {
    /// Takes the word, awake; `fences` asks publishers for fences.
    pub fn new(word: Word<W>, fences: bool) -> Self {
        let mut generation = Generation { word, value: 0 };
        generation.set(if fences { FENCES } else { 0 });
        generation
    }

    /// Whether the owner has announced that it sleeps, and not taken it back.
    #[inline]
    pub fn is_armed(&self) -> bool {
        self.value & ARMED != 0
    }

    /// Whether publishers are asked for fences.
    pub fn asks_fences(&self) -> bool {
        self.value & FENCES != 0
    }

    /// Asks publishers for fences from now on. The caller runs a barrier that every possible publisher
    /// passes before it next arms.
    pub fn ask_fences(&mut self) -> Owed {
        let owed = if self.asks_fences() {
            Owed::Nothing
        } else {
            Owed::Barrier
        };
        self.set(self.value | FENCES);
        owed
    }

    /// Asks publishers for fences no longer.
    pub fn forgo_fences(&mut self) {
        self.set(self.value & !FENCES);
    }

    /// Announces a sleep. The caller settles what is owed and looks again before it sleeps. Arming
    /// twice is one arming of a later generation: a publisher that rang for the first rings again.
    pub fn arm(&mut self) -> Owed {
        self.set(if self.is_armed() {
            self.value + 2
        } else {
            self.value + 1
        });
        if self.asks_fences() {
            // ORDERING: `arm` before the sleeper's look; pairs with the fence in `GenerationSeen::look`.
            atomics::fence();
            Owed::Nothing
        } else {
            Owed::Barrier
        }
    }

    /// Says that the owner is awake.
    #[inline]
    pub fn disarm(&mut self) {
        if self.is_armed() && self.value & CLOSED == 0 {
            self.set(self.value + 1);
        }
    }

    /// Says that the owner will never look again.
    pub fn close(&mut self) {
        self.set(self.value | CLOSED);
    }

    fn set(&mut self, value: u64) {
        self.value = value;
        // SYNC POINT `announcement`: pairs with the loads of `GenerationSeen`.
        self.word.publish(value);
    }
}

/// What a publisher sees of a sleeper's generation.
#[derive(Debug)]
pub struct GenerationSeen<W> {
    word: Word<W>,
    rung: u64,
}

/// What a look at an announcement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The owner is awake, or was rung for this sleep.
    Nothing,
    /// The owner sleeps, and was not rung for it: ring. It counts as rung now.
    Ring,
    /// The owner is gone for good.
    Closed,
}

impl<W: Memory> GenerationSeen<W> {
    /// Takes the peer's word.
    pub fn new(word: Word<W>) -> Self {
        GenerationSeen { word, rung: 0 }
    }

    #[inline(always)]
    fn load(&self) -> u64 {
        // SYNC POINT `announcement`: pairs with `Generation::set`.
        self.word.load()
    }

    /// Looks, after a publication: orders first, as the owner asks for it.
    #[inline(always)]
    pub fn look(&mut self) -> Look {
        // ORDERING: publication before look, for the compiler. For the processor this is the affair of the owner's
        // barrier, or of the fence below if the owner asks for it.
        atomics::compiler_fence();
        let seen = self.load();
        if seen & (ARMED | FENCES | CLOSED) == 0 {
            Look::Nothing
        } else {
            self.look_closer(seen)
        }
    }

    #[inline(never)]
    fn look_closer(&mut self, mut seen: u64) -> Look {
        if seen & FENCES != 0 && seen & CLOSED == 0 {
            // ORDERING: publication before look; pairs with the fence in `Generation::arm`.
            atomics::fence();
            seen = self.load();
        }
        if seen & CLOSED != 0 {
            Look::Closed
        } else if seen & ARMED == 0 || seen == self.rung {
            Look::Nothing
        } else {
            self.rung = seen;
            Look::Ring
        }
    }

    /// Returns true if the owner has closed. This look never asks for a ring.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.load() & CLOSED != 0
    }
}

/// A waiting writer's own word: the position that its reader must pass.
#[derive(Debug)]
pub struct Wanted<W> {
    word: Word<W>,
    armed: bool,
}

impl<W: MemoryMut> Wanted<W> {
    /// Takes the word, with nothing wanted.
    pub fn new(word: Word<W>) -> Self {
        Wanted { word, armed: false }
    }

    /// Announces that the writer sleeps until the reader reports `position`, a multiple of 8. The
    /// caller looks again before it sleeps.
    pub fn arm(&mut self, position: u64) {
        self.armed = true;
        // SYNC POINT `wanted`: pairs with the load in `WantedSeen::look`.
        self.word.publish(position | ARMED);
        // ORDERING: `arm` before the writer's look at the report; pairs with the fence in `WantedSeen::look`.
        atomics::fence();
    }

    /// Whether a position is wanted.
    pub fn is_armed(&self) -> bool {
        self.armed
    }

    /// Takes the announcement back.
    #[inline]
    pub fn disarm(&mut self) {
        if self.armed {
            self.armed = false;
            self.word.publish(0);
        }
    }
}

/// What a reader sees of its writer's wanted position.
#[derive(Debug)]
pub struct WantedSeen<W> {
    word: Word<W>,
    rung: u64,
}

impl<W: Memory> WantedSeen<W> {
    /// Takes the peer's word.
    pub fn new(word: Word<W>) -> Self {
        WantedSeen { word, rung: 0 }
    }

    /// Looks, after a report of `position`: whether the writer waits for a position that this has
    /// reached, and was not rung for it. Orders first.
    #[inline(never)]
    pub fn look(&mut self, position: u64) -> Look {
        // ORDERING: report before look; pairs with the fence in `Wanted::arm`.
        atomics::fence();
        // SYNC POINT `wanted`: pairs with `Wanted::arm`.
        let seen = self.word.load();
        if seen & ARMED == 0 {
            // A position that is wanted anew, after a sleep that ended otherwise, is rung for anew.
            self.rung = 0;
            return Look::Nothing;
        }
        if seen == self.rung || position < (seen & !ARMED) {
            return Look::Nothing;
        }
        self.rung = seen;
        Look::Ring
    }
}
