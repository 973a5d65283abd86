//! How long a sender waits for its reader before it makes a larger segment.
//!
//! A page that was never touched costs about 3.5 µs: the kernel clears it, maps it at both ends, and frees it. A copy of a
//! page that was used before costs 0.2 µs (docs/performance.md, "memory that was used before"). So a sender that finds its
//! ring full waits for the reader first, for as long as new memory would cost; in the worst case it takes twice as long as
//! it would without the wait.
//!
//! * The patience for a ring of `n` bytes starts at [`OF_NEW`] × `n`, and is at most that, and at most [`MOST`].
//! * Each byte sent adds [`OF_SENT`]: a reader that takes 500 MB/s or more sets the pace of its sender.
//! * The sender gives up on a reader that has not moved for [`STILL`], and does not wait for it again until it has moved.
//!
//! The sender sleeps between two looks, because the reader may need the CPU. A sender whose socket spins does not sleep. A
//! call that must not wait makes memory at once: [`LatePolicy`].

use std::time::{Duration, Instant};

use ringmq_ring::{Words, WordsMut, words};

/// The cost of new memory, in nanoseconds per byte.
const OF_NEW: u64 = 1;
/// The patience that a message adds, in nanoseconds per byte.
const OF_SENT: u64 = 2;
/// The longest wait for one message, in nanoseconds.
const MOST: u64 = 50_000_000;
/// After this time without progress the reader is taken to be busy with something else. Several time slices of a scheduler.
const STILL: Duration = Duration::from_millis(10);
/// The least number of looks within that time: a sender that does not run sees no progress either.
const LOOKS: u32 = 8;
/// The pause between two looks.
const PAUSE: Duration = Duration::from_micros(50);
/// The pause of a sender that spins, in turns of a loop: about half a microsecond.
const SPINS: u32 = 40;

/// What a sender does before it makes more memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateReader {
    /// Does not wait for the reader.
    GrowAtOnce,
    /// Waits, and sleeps between two looks.
    Sleep,
    /// Waits, and spins between two looks. Does not wait if the reader runs on the same CPU.
    Spin,
}

/// What all senders of one socket do before they make more memory. The socket sets it before a call that must not wait,
/// and sets it back afterwards, so that a call that may wait stores nothing.
#[derive(Debug)]
pub struct LatePolicy(WordsMut<1>);

/// The view that a sender has of a [`LatePolicy`].
#[derive(Debug, Clone)]
pub struct LatePolicySeen(Words<1>);

impl LatePolicy {
    /// The longest wait for one message.
    pub const LONGEST: Duration = Duration::from_nanos(MOST);

    /// The present policy.
    pub fn get(&self) -> LateReader {
        self.seen().get()
    }

    /// Changes the policy.
    pub fn set(&mut self, policy: LateReader) {
        self.0.set(0, policy as u64);
    }

    /// A view for a sender.
    pub fn seen(&self) -> LatePolicySeen {
        LatePolicySeen(self.0.seen())
    }
}

impl Default for LatePolicy {
    /// [`LateReader::Sleep`].
    fn default() -> LatePolicy {
        let (word, _) = words();
        let mut policy = LatePolicy(word);
        policy.set(LateReader::Sleep);
        policy
    }
}

impl LatePolicySeen {
    /// The present policy.
    pub fn get(&self) -> LateReader {
        match self.0.get(0) {
            0 => LateReader::GrowAtOnce,
            1 => LateReader::Sleep,
            _ => LateReader::Spin,
        }
    }
}

/// The time that a sender may still wait for its reader.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Nanoseconds. Invariant: `left <= most`.
    left: u64,
    most: u64,
    /// The position up to which the bytes sent have been counted.
    counted: u64,
    /// The position of the reader when the sender gave up on it.
    given_up: Option<u64>,
}

/// The result of a look at the reader.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// The position of the reader.
    pub(super) position: u64,
    /// True if there is room for the message.
    pub(super) room: bool,
}

impl Patience {
    /// Called when a ring of `capacity` bytes was made.
    pub(super) fn made(&mut self, capacity: usize) {
        self.most = OF_NEW.saturating_mul(capacity as u64).min(MOST);
        self.left = self.most;
    }

    /// Called when memory has grown by so many bytes to `capacity` bytes.
    pub(super) fn grew(&mut self, by: u64, capacity: u64) {
        self.most = OF_NEW.saturating_mul(capacity).min(MOST);
        let left = self.left.saturating_add(OF_NEW.saturating_mul(by));
        self.left = left.min(self.most);
    }

    /// Adds what the bytes up to `position` have earned. A sender calls this before it waits, and not with each message.
    pub(super) fn sent(&mut self, position: u64) {
        let earned = OF_SENT.saturating_mul(position.saturating_sub(self.counted));
        self.counted = position;
        self.left = self.left.saturating_add(earned).min(self.most);
    }

    /// Waits until `look` finds room, or patience has run out. Returns true if there is room.
    ///
    /// # Errors
    ///
    /// The error of `look`.
    pub(super) fn wait<E>(
        &mut self,
        policy: LateReader,
        look: impl FnMut() -> Result<Seen, E>,
    ) -> Result<bool, E> {
        self.wait_awake(policy, Duration::ZERO, look)
    }

    /// As [`wait`](Patience::wait). A sender that sleeps between two looks spins first, for this time.
    ///
    /// # Errors
    ///
    /// The error of `look`.
    pub(super) fn wait_awake<E>(
        &mut self,
        policy: LateReader,
        awake: Duration,
        mut look: impl FnMut() -> Result<Seen, E>,
    ) -> Result<bool, E> {
        if policy == LateReader::GrowAtOnce {
            return Ok(false);
        }
        let mut last = look()?;
        if last.room || self.left == 0 || self.given_up == Some(last.position) {
            return Ok(last.room);
        }
        let begun = Instant::now();
        let (mut now, mut moved, mut looks) = (begun, begun, 0);
        loop {
            if policy == LateReader::Spin || now - begun < awake {
                for _ in 0..SPINS {
                    std::hint::spin_loop();
                }
            } else {
                ringmq_sys::rest(PAUSE);
            }
            let seen = look()?;
            now = Instant::now();
            looks += 1;
            if seen.position != last.position {
                (moved, looks) = (now, 0);
            }
            last = seen;
            let still = looks >= LOOKS && now - moved >= STILL;
            let waited = u64::try_from((now - begun).as_nanos()).unwrap_or(u64::MAX);
            if seen.room || still || waited >= self.left {
                self.left = self.left.saturating_sub(waited);
                self.given_up = (still && !seen.room).then_some(seen.position);
                return Ok(seen.room);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;
    const LARGE: usize = 1 << 30;

    /// A reader that takes `of` looks for each step, and makes room with step `room`.
    fn reader(of: u64, room: u64) -> impl FnMut() -> Result<Seen, ()> {
        let mut looks = 0;
        move || {
            looks += 1;
            let position = looks / of;
            Ok(Seen {
                position,
                room: position >= room,
            })
        }
    }

    #[test]
    fn a_reader_that_moves_is_waited_for() {
        // A loaded machine may use up all patience before the second look.
        let waited = (0..100).any(|_| {
            let mut patience = Patience::default();
            patience.made(LARGE);
            assert_eq!(patience.left, MOST);
            let found = patience.wait(LateReader::Sleep, reader(3, 5));
            assert!(patience.left < MOST);
            found == Ok(true) && patience.given_up.is_none()
        });
        assert!(waited);
    }

    #[test]
    fn what_was_waited_is_paid_for_and_earned_again_by_messages() {
        let mut patience = Patience::default();
        assert_eq!(
            patience.wait(LateReader::Sleep, reader(1, 9)),
            Ok(false),
            "nothing was made"
        );
        patience.made(MIB);
        assert_eq!(
            patience.wait(LateReader::Sleep, reader(1, u64::MAX)),
            Ok(false)
        );
        assert_eq!((patience.left, patience.given_up), (0, None));
        // Without patience there is one look.
        assert_eq!(patience.wait(LateReader::Sleep, reader(1, 2)), Ok(false));
        assert_eq!(patience.wait(LateReader::Sleep, reader(1, 1)), Ok(true));
        patience.sent(1000);
        assert_eq!(patience.left, 2000);
        patience.sent(u64::MAX);
        assert_eq!(patience.left, MIB as u64);
    }

    #[test]
    fn a_reader_that_does_not_move_is_given_up_until_it_has_moved() {
        let mut patience = Patience::default();
        patience.made(LARGE);
        let at = |position| {
            move || {
                Ok::<_, ()>(Seen {
                    position,
                    room: false,
                })
            }
        };
        // A loaded machine may use up all patience before as many looks.
        while patience.given_up != Some(8) {
            patience.made(LARGE);
            assert_eq!(patience.wait(LateReader::Sleep, at(8)), Ok(false));
        }
        patience.made(LARGE);
        assert_eq!(patience.wait(LateReader::Sleep, at(8)), Ok(false));
        assert_eq!(patience.left, MOST, "it did not wait");
        assert_eq!(patience.wait(LateReader::Sleep, at(16)), Ok(false));
        assert!(patience.left < MOST);
    }

    #[test]
    fn what_a_look_finds_wrong_ends_the_wait() {
        let mut patience = Patience::default();
        patience.made(MIB);
        let mut looks = 0;
        let wrong = patience.wait(LateReader::Sleep, || {
            looks += 1;
            let seen = Seen {
                position: 0,
                room: false,
            };
            if looks == 2 { Err(looks) } else { Ok(seen) }
        });
        assert_eq!(wrong, Err(2));
    }

    #[test]
    fn a_sender_that_is_not_to_wait_neither_looks_nor_pays() {
        let mut patience = Patience::default();
        patience.made(LARGE);
        let mut looks = 0;
        let waited = patience.wait(LateReader::GrowAtOnce, || {
            looks += 1;
            Ok::<_, ()>(Seen {
                position: 0,
                room: looks > 1,
            })
        });
        assert_eq!((waited, looks, patience.left), (Ok(false), 0, MOST));
    }

    #[test]
    fn a_sender_that_spins_waits_as_long_and_looks_more_often() {
        // A sleep between two looks takes 50 us at least, so that there are 20 looks at most for 1 MiB.
        let looked = (0..100).any(|_| {
            let mut patience = Patience::default();
            patience.made(MIB);
            let mut looks = 0;
            let waited = patience.wait(LateReader::Spin, || {
                looks += 1;
                Ok::<_, ()>(Seen {
                    position: looks,
                    room: false,
                })
            });
            assert_eq!((waited, patience.left), (Ok(false), 0));
            looks > 50
        });
        assert!(looked);
    }

    #[test]
    fn a_policy_is_one_for_all_that_share_it() {
        let mut policy = LatePolicy::default();
        let shared = policy.seen();
        assert_eq!(shared.get(), LateReader::Sleep);
        for late in [LateReader::GrowAtOnce, LateReader::Spin, LateReader::Sleep] {
            policy.set(late);
            assert_eq!(shared.get(), late);
        }
    }
}
