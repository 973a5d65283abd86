//! Who may use the blocks of this process, whichever arena they are in.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use ringmq_ring::Tally;
use ringmq_sys::{ForkMark, lock_despite_fork};
use smallvec::SmallVec;

use super::Arena;
use crate::blocks::loan::Loan;
use crate::blocks::segment::ArenaSegment;
use crate::blocks::told::Told;
use crate::local::Waker;

/// Numbers of segments. None is used twice: a name has room for so many (docs/handoff.md, section 11).
pub(super) const NUMBERS: u32 = (1 << 24) - 1;
/// Times between two looks for segments that are not needed, and for blocks that came home.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// Looks of the last thread that looks after blocks, and the pause behind each.
const LAST_LOOKS: u32 = 20;
const LAST_PAUSE: Duration = Duration::from_millis(1);

/// The connections of this process that may send blocks, and what their readers may still use. A connection may send blocks
/// of any arena.
///
/// Locks are taken in the order `arenas`, `inside`, those of an arena.
pub struct Readers {
    pub(super) mark: ForkMark,
    /// The arena that all share.
    shared: OnceLock<Arc<Arena>>,
    /// The other arenas, and how many there are: most processes have none, and look no further.
    arenas: Mutex<Vec<Weak<Arena>>>,
    others: Tally,
    /// The number of the next segment.
    pub(super) next: Mutex<u32>,
    inside: Mutex<Inside>,
}

/// Handles of all arenas.
struct Arenas<'a> {
    shared: Option<&'a Arc<Arena>>,
    others: SmallVec<[Arc<Arena>; 4]>,
}

#[derive(Default)]
struct Inside {
    looked: Option<Instant>,
    connections: usize,
    /// The blocks that readers may use, for each connection.
    loans: Vec<Weak<Loan>>,
    /// Those of connections that have ended.
    orphans: Vec<Arc<Loan>>,
    /// What the peers know of the segments.
    told: Vec<Weak<Told>>,
    /// A peer has to be told that a segment is gone.
    untold: bool,
    /// Segments of arenas that are gone. Each goes with its last block.
    retired: Vec<Weak<ArenaSegment>>,
    /// Threads that look after orphans while no socket sends, by their numbers.
    carers: Vec<(u64, Waker)>,
    next_carer: u64,
}

impl Readers {
    /// Those of this process. A forked child has its own. `None` if the process has no memory for its mark.
    pub fn current() -> Option<&'static Readers> {
        thread_local! {
            static SEEN: Cell<Option<&'static Readers>> = const { Cell::new(None) };
        }
        let here = |readers: &&'static Readers| readers.mark.is_here();
        // A thread whose locals are being torn down does without.
        let seen = SEEN.try_with(Cell::get).ok().flatten();
        if let Some(readers) = seen.filter(here) {
            return Some(readers);
        }
        let readers = Readers::find()?;
        let _ = SEEN.try_with(|seen| seen.set(Some(readers)));
        Some(readers)
    }

    /// Those that another thread has found, or new ones, which are never freed.
    fn find() -> Option<&'static Readers> {
        static CURRENT: Mutex<Option<&'static Readers>> = Mutex::new(None);
        let mut current = lock_despite_fork(&CURRENT)?;
        match *current {
            Some(readers) if readers.mark.is_here() => Some(readers),
            _ => Some(*current.insert(Readers::leak(ForkMark::current().ok()?))),
        }
    }

    /// New ones, with an arena.
    pub(super) fn leak(mark: ForkMark) -> &'static Readers {
        let readers: &'static Readers = Box::leak(Box::new(Readers {
            mark,
            shared: OnceLock::new(),
            arenas: Mutex::default(),
            others: Tally::new(),
            next: Mutex::new(0),
            inside: Mutex::default(),
        }));
        readers.shared.get_or_init(|| Arena::of(readers));
        readers
    }

    /// The arena that all share.
    #[inline]
    pub(super) fn shared(&'static self) -> &'static Arc<Arena> {
        self.shared.get_or_init(|| Arena::of(self))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        lock(&self.inside)
    }

    /// All arenas. The last handle of one may be among them: to be dropped with no lock held.
    fn arenas(&self) -> Arenas<'_> {
        let mut others = SmallVec::new();
        if self.others.get() > 0 {
            let arenas = lock(&self.arenas);
            others.extend(arenas.iter().filter_map(Weak::upgrade));
        }
        Arenas {
            shared: self.shared.get(),
            others,
        }
    }

    /// An arena beside the shared one has ended.
    pub(super) fn leave(&self) {
        self.others.subtract(1);
    }

    /// Knows of an arena beside the shared one. It [leaves](Readers::leave) when it ends.
    pub(super) fn enter(&self, arena: &Arc<Arena>) {
        self.others.add(1);
        let mut arenas = lock(&self.arenas);
        arenas.retain(|other| other.strong_count() > 0);
        arenas.push(Arc::downgrade(arena));
        let connections = self.lock().connections;
        arena.recent().connections = connections;
    }

    /// Returns true if a segment can have a number.
    pub(super) fn has_number(&self) -> bool {
        *lock(&self.next) < NUMBERS
    }

    /// The number of a new segment.
    pub(super) fn take_number(&self) -> Option<u32> {
        let mut next = lock(&self.next);
        let number = *next;
        *next = (number < NUMBERS).then_some(number + 1)?;
        Some(number)
    }

    /// Bytes of all segments of all arenas.
    pub fn bytes(&self) -> usize {
        let arenas = self.arenas();
        arenas.iter().map(|arena| arena.bytes()).sum()
    }

    /// Looks for blocks that came home. Returns true if some may have.
    pub(super) fn collect(&self) -> bool {
        self.lock().collect()
    }

    /// The arena of these segments is gone. Peers that have one are told when its last block is gone, too.
    pub(super) fn retire(&self, segments: &[Arc<ArenaSegment>]) {
        let arenas = self.arenas();
        {
            let mut inside = self.lock();
            if inside.connections == 0 || segments.is_empty() {
                return;
            }
            inside.retired.extend(segments.iter().map(Arc::downgrade));
            inside.wake_carers();
        }
        for arena in arenas.iter() {
            arena.recent().untidy = true;
        }
    }

    /// An arena is larger than what it keeps: no socket may send again when the memory is not needed any more.
    pub(super) fn wake_carers(&self) {
        self.lock().wake_carers();
    }

    /// Looks for blocks of connections that have ended. Returns true if all have come home.
    fn collect_orphans(&self) -> bool {
        let arenas = self.arenas();
        let mut inside = self.lock();
        inside.orphans.retain(|loan| {
            loan.collect_ended();
            !loan.is_home()
        });
        let none = inside.orphans.is_empty();
        if none {
            arenas.iter().for_each(|arena| arena.no_orphans());
        }
        none
    }

    /// Connections of this process that have ended, and of which it may still use blocks.
    pub(crate) fn orphans_of(&self, pid: i32) -> usize {
        let inside = self.lock();
        let orphans = inside.orphans.iter();
        orphans.filter(|loan| loan.pid() == pid).count()
    }

    /// Returns true if blocks or memory may have to be given back later, without another call that sends.
    pub fn needs_care(&self) -> bool {
        let arenas = self.arenas();
        let inside = self.lock();
        inside.is_untidy()
            || arenas
                .iter()
                .any(|arena| arena.needs_care(|| inside.has_blocks_out()))
    }

    /// Looks for blocks that came home, and gives memory back that is not needed.
    pub fn tidy(&self) {
        let arenas = self.arenas();
        self.tidy_now(&arenas, self.lock(), Instant::now());
    }

    /// As [`tidy`](Readers::tidy), if the last time was not just now.
    #[cold]
    pub(super) fn tidy_seldom(&self) {
        let now = Instant::now();
        let looked = self.lock().looked;
        if looked.is_none_or(|looked| now.saturating_duration_since(looked) >= LOOK) {
            let arenas = self.arenas();
            self.tidy_now(&arenas, self.lock(), now);
        }
    }

    fn tidy_now(&self, arenas: &Arenas<'_>, mut inside: MutexGuard<'_, Inside>, now: Instant) {
        inside.looked = Some(now);
        inside.collect();
        let mut any_gone = std::mem::take(&mut inside.untold);
        let retired = inside.retired.len();
        inside.retired.retain(|segment| segment.strong_count() > 0);
        any_gone |= inside.retired.len() < retired;
        let (untidy, orphaned) = (inside.is_untidy(), !inside.orphans.is_empty());
        for arena in arenas.iter() {
            any_gone |= arena.tidy(now, untidy, orphaned);
        }
        let peers: Vec<Arc<Told>> = match any_gone {
            true => inside.told.iter().filter_map(Weak::upgrade).collect(),
            false => Vec::new(),
        };
        drop(inside);
        self.tell_gone(arenas, &peers);
    }

    /// Tells peers which segments are gone. Not under the lock: each is told by a system call.
    fn tell_gone(&self, arenas: &Arenas<'_>, peers: &[Arc<Told>]) {
        let mut all = true;
        for peer in peers {
            all &= peer.tell_gone();
        }
        if !all {
            self.lock().untold = true;
            for arena in arenas.iter() {
                arena.recent().untidy = true;
            }
        }
    }

    /// Knows of a connection's loan, to look for blocks that came home when memory is needed.
    pub(crate) fn add(&self, loan: &Arc<Loan>) {
        let arenas = self.arenas();
        let mut inside = self.lock();
        inside.loans.retain(|other| other.strong_count() > 0);
        inside.loans.push(Arc::downgrade(loan));
        inside.told.retain(|other| other.strong_count() > 0);
        inside.told.push(Arc::downgrade(loan.told()));
        inside.connections += 1;
        for arena in arenas.iter() {
            arena.recent().connections = inside.connections;
        }
    }

    /// A connection that was [added](Readers::add) has ended. Keeps its blocks until its reader cannot use them any more.
    /// After the last connection the segments go, each with its last block.
    pub(crate) fn end(&self, loan: &Arc<Loan>) {
        loan.collect_ended();
        let arenas = self.arenas();
        let mut inside = self.lock();
        if !loan.is_home() {
            inside.orphans.push(Arc::clone(loan));
            inside.wake_carers();
        }
        inside.connections = inside.connections.saturating_sub(1);
        if inside.connections == 0 {
            // No peer is left to be told.
            inside.retired.clear();
        }
        let (untidy, orphaned) = (inside.is_untidy(), !inside.orphans.is_empty());
        for arena in arenas.iter() {
            arena.connection_ended(inside.connections, untidy, orphaned);
        }
    }

    /// From now on, this wakes a thread that calls [`needs_care`](Readers::needs_care) before it sleeps, and
    /// [`tidy`](Readers::tidy). Returns the number to [remove](Readers::remove_carer) it by.
    pub fn add_carer(&self, waker: Waker) -> u64 {
        let mut inside = self.lock();
        let number = inside.next_carer;
        inside.next_carer += 1;
        inside.carers.push((number, waker));
        number
    }

    /// The thread ends. The last one waits a little for readers that are about to end: no thread would look after their
    /// blocks later.
    pub fn remove_carer(&self, number: u64) {
        let is_last = {
            let mut inside = self.lock();
            inside.carers.retain(|(other, _)| *other != number);
            inside.carers.is_empty()
        };
        for _ in 0..if is_last { LAST_LOOKS } else { 0 } {
            if self.collect_orphans() {
                return;
            }
            ringmq_sys::rest(LAST_PAUSE);
        }
    }

    /// Nothing reads again what the reader of this loan did not read: looks whether its blocks are home.
    pub(crate) fn let_go(&self, loan: Arc<Loan>) {
        let mut inside = self.lock();
        let orphans = &mut inside.orphans;
        let found = orphans.iter().position(|other| Arc::ptr_eq(other, &loan));
        if let Some(found) = found {
            drop(orphans.swap_remove(found));
            loan.collect_ended();
            if !loan.is_home() {
                orphans.push(loan);
            }
        }
    }
}

impl Arenas<'_> {
    fn iter(&self) -> impl Iterator<Item = &Arc<Arena>> {
        self.shared.into_iter().chain(&self.others)
    }
}

impl Inside {
    /// Returns true if a reader may use blocks.
    fn has_blocks_out(&self) -> bool {
        let loans = self.loans.iter().filter_map(Weak::upgrade);
        loans.into_iter().any(|loan| !loan.is_home())
    }

    fn wake_carers(&mut self) {
        for (_, waker) in &mut self.carers {
            // A thread that cannot be woken has ended.
            let _ = waker.wake();
        }
    }

    /// Returns true if blocks may have to be given back, or peers told.
    fn is_untidy(&self) -> bool {
        !self.orphans.is_empty() || self.untold || !self.retired.is_empty()
    }

    /// Returns true if blocks may have come home.
    fn collect(&mut self) -> bool {
        let mut any = false;
        for loan in self.loans.iter().filter_map(Weak::upgrade) {
            any |= loan.collect() > 0;
        }
        self.orphans.retain(|loan| {
            any |= loan.collect_orphan() > 0;
            !loan.is_home()
        });
        any
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").finish_non_exhaustive()
    }
}
