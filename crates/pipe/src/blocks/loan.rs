//! The blocks of this side that one reader may use.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ringmq_ring::{LendingSeen, Mapped, Tally, Word};

use super::told::Told;
use crate::maps::Map;

/// What keeps a block from being written again.
pub type Keep = Arc<dyn Any + Send + Sync>;

/// Time between two looks whether the process of a reader has ended.
const LOOK: Duration = Duration::from_millis(100);
/// Blocks that may be out before a send looks which of them are home. The look takes the line of the reader's table from the
/// reader, who writes it next.
const LAG: usize = 3;
/// Bytes of those blocks, and of the next, at most: more of them would not stay in the caches.
const LAG_BYTES: u64 = 1 << 20;

/// The blocks that were sent on one connection and may still be used by their reader.
pub(crate) struct Loan {
    /// The reader's words are in it.
    _page: Arc<Map>,
    lending: LendingSeen<Mapped>,
    /// Changes when the reader gives up the words; with its first value. `None` if they are never given up.
    epoch: Option<(Word<Mapped>, u64)>,
    /// The process of the reader; 0 if it has no number here.
    pid: i32,
    /// The bytes that the sending socket uses for all peers together, rings included.
    total: Arc<Tally>,
    told: Arc<Told>,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    /// In the order in which they were sent.
    sent: VecDeque<Held>,
    /// Those whose record was passed, and that the reader held when it was last looked at.
    lent: Vec<Held>,
    bytes: u64,
    looked: Option<Instant>,
}

struct Held {
    /// The position behind the record that names it.
    position: u64,
    name: u64,
    bytes: u64,
    keep: Keep,
}

/// A loan that this thread has locked.
pub(crate) struct OpenLoan<'a> {
    loan: &'a Loan,
    inside: MutexGuard<'a, Inside>,
}

/// The reader's words.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) page: Arc<Map>,
    pub(crate) lending: LendingSeen<Mapped>,
    pub(crate) epoch: Option<Word<Mapped>>,
    pub(crate) pid: i32,
    pub(crate) total: Arc<Tally>,
    pub(crate) told: Arc<Told>,
}

impl Loan {
    pub(crate) fn new(words: Words) -> Arc<Loan> {
        Arc::new(Loan {
            _page: words.page,
            lending: words.lending,
            epoch: words.epoch.map(|word| {
                let then = word.load();
                (word, then)
            }),
            pid: words.pid,
            total: words.total,
            told: words.told,
            inside: Mutex::default(),
        })
    }

    /// The process of the reader; 0 if it has no number here.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// The segments that the reader's process has.
    pub(crate) fn told(&self) -> &Arc<Told> {
        &self.told
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The blocks, as long as no other thread looks at them: not for a wait.
    pub(crate) fn open(&self) -> OpenLoan<'_> {
        OpenLoan {
            loan: self,
            inside: self.lock(),
        }
    }

    /// A block that a record will name.
    pub(crate) fn send(&self, name: u64, bytes: u64, keep: Keep) {
        self.open().send(name, bytes, keep, u64::MAX);
    }

    /// The record of the last `count` blocks ends at `position`, or was not sent.
    pub(crate) fn settle(&self, count: usize, position: Option<u64>) {
        let inside = &mut *self.lock();
        let first = inside.sent.len().saturating_sub(count);
        match position {
            Some(position) => {
                for held in inside.sent.range_mut(first..) {
                    held.position = position;
                }
            }
            None => {
                for held in inside.sent.drain(first..) {
                    inside.bytes -= held.bytes;
                    self.total.subtract(held.bytes);
                }
            }
        }
    }

    /// Lets go of blocks that came home. Returns their bytes.
    pub(crate) fn collect(&self) -> u64 {
        self.open().collect()
    }

    /// As [`collect_ended`](Loan::collect_ended), but asks the kernel for the process of the reader now and then only.
    pub(crate) fn collect_orphan(self: &Arc<Loan>) -> u64 {
        let now = Instant::now();
        let seldom = |looked: Option<Instant>| looked.is_some_and(|looked| now - looked < LOOK);
        if seldom(self.lock().looked) {
            return self.collect();
        }
        self.lock().looked = Some(now);
        self.collect_ended()
    }

    /// As [`collect`](Loan::collect), of a connection that has ended: all blocks are home if the reader has ended, too.
    pub(crate) fn collect_ended(self: &Arc<Loan>) -> u64 {
        let came = self.collect();
        let mut inside = self.lock();
        if inside.bytes == 0 {
            return came;
        }
        // The session may still send again what was not read.
        if Arc::strong_count(self) > 1 {
            return came;
        }
        if self.is_given_up() || ringmq_sys::is_running(self.pid) == Some(false) {
            let rest = inside.bytes;
            *inside = Inside::default();
            self.total.subtract(rest);
            return came + rest;
        }
        came
    }

    /// Returns true if the reader's words belong to nothing any more, or to another connection: neither the reader nor a
    /// block that it holds needs them.
    fn is_given_up(&self) -> bool {
        let epoch = self.epoch.as_ref();
        epoch.is_some_and(|(word, then)| word.load() != *then)
    }

    /// Bytes of blocks that have not come home.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Bytes that the sending socket uses for all of its peers.
    pub(crate) fn total(&self) -> u64 {
        self.total.get()
    }

    /// The position behind the first record that was not passed when the loan was last looked at.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.lock().sent.front().map(|held| held.position)
    }

    pub(crate) fn is_home(&self) -> bool {
        self.bytes() == 0
    }

    /// What keeps the block of this name that a record up to `position` names.
    pub(crate) fn kept(&self, name: u64) -> Option<Keep> {
        let inside = self.lock();
        let mut all = inside.sent.iter().chain(&inside.lent);
        let held = all.find(|held| held.name == name)?;
        Some(Arc::clone(&held.keep))
    }
}

impl OpenLoan<'_> {
    /// A block that a record names, which ends at `position`.
    pub(crate) fn send(&mut self, name: u64, bytes: u64, keep: Keep, position: u64) {
        self.loan.total.add(bytes);
        self.inside.bytes += bytes;
        self.inside.sent.push_back(Held {
            position,
            name,
            bytes,
            keep,
        });
    }

    /// Returns true if one more block of so many bytes is within the window. Two blocks always are: the program fills one
    /// while the reader has the other.
    #[inline]
    pub(crate) fn admits(&self, bytes: u64, window: u64) -> bool {
        self.out() < 2 || self.inside.bytes + bytes <= window
    }

    /// Bytes that the sending socket uses for all of its peers.
    #[inline]
    pub(crate) fn total(&self) -> u64 {
        self.loan.total()
    }

    /// Blocks that are not known to be home.
    fn out(&self) -> usize {
        self.inside.sent.len() + self.inside.lent.len()
    }

    /// As [`send`](OpenLoan::send), and lets go of blocks that came home. Returns their bytes.
    #[inline]
    pub(crate) fn send_and_collect(
        &mut self,
        name: u64,
        bytes: u64,
        keep: Keep,
        position: u64,
        came_home: fn(Keep, u64),
    ) -> u64 {
        let came = if self.out() < LAG && self.inside.bytes + bytes <= LAG_BYTES {
            0
        } else {
            self.collect_uncounted(came_home)
        };
        let inside = &mut *self.inside;
        inside.bytes += bytes;
        inside.sent.push_back(Held {
            position,
            name,
            bytes,
            keep,
        });
        // A flow in which each block comes home in turn changes no count that other threads change.
        if bytes > came {
            self.loan.total.add(bytes - came);
        } else if came > bytes {
            self.loan.total.subtract(came - bytes);
        }
        came
    }

    /// Lets go of blocks that came home. Returns their bytes.
    pub(crate) fn collect(&mut self) -> u64 {
        let came = self.collect_uncounted(|keep, _| drop(keep));
        if came > 0 {
            self.loan.total.subtract(came);
        }
        came
    }

    /// As [`collect`](OpenLoan::collect), without the total of the socket.
    fn collect_uncounted(&mut self, came_home: fn(Keep, u64)) -> u64 {
        let inside = &mut *self.inside;
        if inside.bytes == 0 {
            return 0;
        }
        let before = inside.bytes;
        let seen = self.loan.lending.look();
        // Words that the reader has given up say nothing of these blocks.
        if self.loan.is_given_up() {
            return 0;
        }
        let bytes = &mut inside.bytes;
        let mut home = |held: Held| {
            *bytes -= held.bytes;
            came_home(held.keep, held.bytes);
        };
        let lent = &mut inside.lent;
        lent.extract_if(.., |held| seen.is_home(held.position, held.name))
            .for_each(&mut home);
        while let Some(held) = inside
            .sent
            .pop_front_if(|held| held.position <= seen.position())
        {
            if seen.is_home(held.position, held.name) {
                home(held);
            } else {
                lent.push(held);
            }
        }
        before - inside.bytes
    }

    /// Bytes of blocks that have not come home.
    pub(crate) fn bytes(&self) -> u64 {
        self.inside.bytes
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan").finish_non_exhaustive()
    }
}
