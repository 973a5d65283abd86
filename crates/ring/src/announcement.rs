//! How a sleeper says that it sleeps, and how the other side knows whom to wake.
//!
//! ```text
//!   sleeper                                 publisher
//!   -------                                 ---------
//!   drain the doorbell
//!   arm      (store)                        publish        (store)
//!   ORDER    (fence, or membarrier)         ORDER          (fence, or compiler only)
//!   look for work (load)                    look who sleeps (load)
//!   sleep until the doorbell rings          ring, once for each arming
//! ```
//!
//! Whichever of the two stores comes first in the order that both sides agree on, the other side's load
//! sees it: no wake-up is lost. A publisher that finds the same arming again does not ring again: a
//! sleeper that is slow to be scheduled costs one system call, not one for each message. Draining comes
//! before arming: the other way round would swallow a ring that belongs to this sleep.
//!
//! There are two kinds of announcement. A **generation** is odd while its owner sleeps and counts its
//! sleeps; everybody who has something for the owner looks at it. A **wanted position** is one
//! writer's, and only its reader looks.

use crate::atomics::Order;
use crate::memory::{Memory, MemoryMut};

/// Set in a generation whose owner has closed: nobody reads any more.
const CLOSED: u64 = 1 << 63;

/// Set in a wanted position while its owner sleeps or may sleep.
const ARMED: u64 = 1;

/// The sleeper's own generation word.
#[derive(Debug)]
pub struct Generation<W> {
    word: W,
    value: u64,
}

impl<W: MemoryMut> Generation<W> {
    /// Takes the word at the start of `word`, awake.
    pub fn new(word: W) -> Self {
        debug_assert!(word.len() >= 8);
        Generation { word, value: 0 }
    }

    /// Whether the owner has announced that it sleeps, and not taken it back.
    #[inline]
    pub fn is_armed(&self) -> bool {
        self.value & 1 == 1
    }

    /// Announces a sleep. The caller orders and looks again before it sleeps. Arming twice is one
    /// arming of a later generation.
    pub fn arm(&mut self) {
        self.set(if self.is_armed() { self.value + 2 } else { self.value + 1 });
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
        self.set(self.value | CLOSED | 1);
    }

    fn set(&mut self, value: u64) {
        self.value = value;
        // SAFETY: `new` was given at least one word.
        // SYNC POINT `announcement`: pairs with the load in `GenerationSeen::look`.
        unsafe { self.word.publish(0, value) };
    }
}

/// What a publisher sees of a sleeper's generation.
#[derive(Debug)]
pub struct GenerationSeen<W> {
    word: W,
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
    /// Takes the peer's word at the start of `word`.
    pub fn new(word: W) -> Self {
        debug_assert!(word.len() >= 8);
        GenerationSeen { word, rung: 0 }
    }

    /// Looks, after a publication and [`Order::after_publishing`].
    #[inline(always)]
    pub fn look(&mut self) -> Look {
        // SAFETY: `new` was given at least one word.
        // SYNC POINT `announcement`: pairs with `Generation::set`.
        let seen = unsafe { self.word.load(0) };
        if seen & 1 == 0 { Look::Nothing } else { self.asleep(seen) }
    }

    #[cold]
    fn asleep(&mut self, seen: u64) -> Look {
        if seen & CLOSED != 0 {
            Look::Closed
        } else if seen == self.rung {
            Look::Nothing
        } else {
            self.rung = seen;
            Look::Ring
        }
    }

    /// Whether the owner has closed: a look that rings nobody.
    pub fn is_closed(&self) -> bool {
        // SAFETY: `new` was given at least one word.
        unsafe { self.word.load(0) & CLOSED != 0 }
    }
}

/// A waiting writer's own word: the position that its reader must pass.
#[derive(Debug)]
pub struct Wanted<W> {
    word: W,
    armed: bool,
}

impl<W: MemoryMut> Wanted<W> {
    /// Takes the word at the start of `word`, with nothing wanted.
    pub fn new(word: W) -> Self {
        debug_assert!(word.len() >= 8);
        Wanted { word, armed: false }
    }

    /// Announces that the writer sleeps until the reader reports `position`, a multiple of 8.
    pub fn arm(&mut self, position: u64) {
        self.armed = true;
        // SAFETY: `new` was given at least one word.
        // SYNC POINT `wanted`: pairs with the load in `WantedSeen::look`.
        unsafe { self.word.publish(0, position | ARMED) };
    }

    /// Whether a position is wanted.
    pub fn is_armed(&self) -> bool {
        self.armed
    }

    /// Takes the announcement back.
    pub fn disarm(&mut self) {
        if self.armed {
            self.armed = false;
            // SAFETY: `new` was given at least one word.
            unsafe { self.word.publish(0, 0) };
        }
    }
}

/// What a reader sees of its writer's wanted position.
#[derive(Debug)]
pub struct WantedSeen<W> {
    word: W,
    rung: u64,
}

impl<W: Memory> WantedSeen<W> {
    /// Takes the peer's word at the start of `word`.
    pub fn new(word: W) -> Self {
        debug_assert!(word.len() >= 8);
        WantedSeen { word, rung: 0 }
    }

    /// Whether the writer waits for a position that `position` has reached, and was not rung for it:
    /// then ring. Called after the report and [`Order::after_publishing`].
    #[inline]
    pub fn look(&mut self, position: u64) -> Look {
        // SAFETY: `new` was given at least one word.
        // SYNC POINT `wanted`: pairs with `Wanted::arm`.
        let seen = unsafe { self.word.load(0) };
        if seen & ARMED == 0 || seen == self.rung || position < (seen & !ARMED) {
            return Look::Nothing;
        }
        self.rung = seen;
        Look::Ring
    }
}

/// The publisher's two steps after a publication in one: order, then look.
#[inline(always)]
pub fn look_after_publishing<W: Memory>(order: Order, seen: &mut GenerationSeen<W>) -> Look {
    order.after_publishing();
    seen.look()
}
