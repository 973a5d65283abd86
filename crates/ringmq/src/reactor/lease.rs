//! Who does the work of an I/O thread: the thread itself, or threads of the application.
//!
//! ```text
//!   polls:   the I/O thread  ── a caller waits, and others do not ──▶  the caller that waits
//!                  ▲                                                          │  ▲
//!                  │ the application stays away, or is not to wait    returns │  │ waits again
//!                  │                                                          ▼  │
//!                  └─────────────────────────────────────────────────────  no thread
//! ```
//!
//! One thread at a time works on the sessions, under a lock that no thread holds while it sleeps. A caller that sends works
//! on the session of its message at once, if no other thread is at work; the thread that polls sleeps on meanwhile.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mio::{Events, Poll, Waker as MioWaker};
use ringmq_pipe::local::Bell;
use ringmq_pipe::waiting::Beside;
use ringmq_sys::{ForkMark, uncancelled};

use crate::mail::{Host, Led, PipeId, StreamWork};
use crate::reactor::WAKE;
use crate::reactor::choice::Choice;
use crate::reactor::event_loop::{EventLoop, Left, SHORTAGE};

/// Events that one poll tells of.
const EVENTS: usize = 256;
/// How long the application may stay away before the I/O thread polls again; up to twice this time.
const ABSENCE: Duration = Duration::from_millis(2);
/// Waits in a row of one thread after which it polls by itself: at first, and at most.
const STREAK: u32 = 2;
const STREAK_MOST: u32 = 64;
/// Waits of callers by which it pays that the I/O thread stands aside.
const WORTH: u64 = 4;

/// The work of one I/O thread.
pub(crate) struct Lease {
    /// `None` before the thread begins, and once it has ended.
    work: Mutex<Option<EventLoop>>,
    polling: Mutex<Polling>,
    turns: Mutex<Turns>,
    /// Notified to have the I/O thread look at `turns`.
    back: Condvar,
    waker: MioWaker,
    /// A forked child does none of the work: the streams are its parent's, and a lock may be held by a thread that it does
    /// not have.
    mark: ForkMark,
    /// Tells of events to callers that sleep.
    descriptor: Arc<OwnedFd>,
    /// It is the only I/O thread of the context: a thread that polls for it polls for all.
    alone: bool,
    choice: Choice,
}

#[derive(Debug)]
struct Polling {
    poll: Poll,
    events: Events,
}

/// Who polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Poller {
    IoThread,
    /// A thread of the application that waits.
    Caller,
    /// No thread, until one waits or the I/O thread comes back.
    Vacant,
}

#[derive(Debug)]
struct Turns {
    poller: Poller,
    /// The I/O thread is to poll, as no thread does.
    called: bool,
    /// The I/O thread sleeps without a timeout, because a caller polls.
    untimed: bool,
    /// Threads that wait for what another one polls.
    followers: usize,
    /// Waits in a row of one thread while the I/O thread polls, and how many it takes.
    streak: u32,
    needed: u32,
    /// Waits of callers that polled.
    leads: u64,
}

/// Wakes the thread that polls.
pub(super) struct LeaseBell(pub(super) Weak<Lease>);

impl Bell for LeaseBell {
    fn ring(&self) -> io::Result<()> {
        self.0.upgrade().map_or(Ok(()), |lease| lease.wake())
    }
}

impl Lease {
    pub(super) fn new(alone: bool, work: StreamWork) -> io::Result<Lease> {
        let poll = Poll::new()?;
        Ok(Lease {
            waker: MioWaker::new(poll.registry(), WAKE)?,
            descriptor: Arc::new(ringmq_sys::duplicate(&poll)?),
            mark: ForkMark::current()?,
            work: Mutex::new(None),
            polling: Mutex::new(Polling {
                poll,
                events: Events::with_capacity(EVENTS),
            }),
            turns: Mutex::new(Turns {
                poller: Poller::IoThread,
                called: false,
                untimed: false,
                followers: 0,
                streak: 0,
                needed: STREAK,
                leads: 0,
            }),
            back: Condvar::new(),
            alone,
            choice: work.into(),
        })
    }

    /// Another handle on what events are registered with.
    pub(super) fn registry(&self) -> io::Result<mio::Registry> {
        lock(&self.polling).poll.registry().try_clone()
    }

    /// Gives it the work of the thread, before that begins.
    pub(super) fn begin(&self, work: EventLoop) {
        *lock(&self.work) = Some(work);
    }

    /// Who polls; `None` in a forked child.
    fn turns(&self) -> Option<MutexGuard<'_, Turns>> {
        self.mark.is_here().then(|| lock(&self.turns))
    }

    /// Does something with the work, if it has not ended.
    fn with<T>(&self, act: impl FnOnce(&mut EventLoop) -> T) -> Option<T> {
        lock(&self.work).as_mut().map(act)
    }

    // --- The I/O thread

    /// Works until it is told to stop.
    pub(super) fn run(&self) {
        while let Some(Some(wait)) = self.with(|work| {
            let wait = work.turn();
            (!work.stopping).then_some(wait)
        }) {
            if wait == Some(Duration::ZERO) || lock(&self.turns).poller == Poller::IoThread {
                self.poll(wait);
                self.with(EventLoop::take_due);
            } else {
                self.stand_aside();
            }
        }
        self.end();
    }

    /// The thread ends, or does not begin.
    pub(super) fn end(&self) {
        let work = lock(&self.work).take();
        work.into_iter().for_each(EventLoop::end_all);
    }

    /// Sleeps for so long, and takes the events. Returns true if there were some.
    fn poll(&self, wait: Option<Duration>) -> bool {
        let mut polling = lock(&self.polling);
        let Polling { poll, events } = &mut *polling;
        if let Err(error) = poll.poll(events, wait)
            && error.kind() != io::ErrorKind::Interrupted
        {
            // Nothing that the kernel can say here is expected; it is not asked again at once.
            ringmq_sys::rest(SHORTAGE);
        }
        let is_told = !events.is_empty();
        if is_told {
            self.with(|work| work.take_events(events));
        }
        is_told
    }

    /// Sleeps while callers poll, and until they stay away.
    fn stand_aside(&self) {
        // What this thread has done may be due sooner than the caller knows that polls.
        self.poke();
        let mut turns = lock(&self.turns);
        let (first, mut seen) = (turns.leads, turns.leads);
        let mut is_idle = false;
        loop {
            if turns.poller == Poller::Vacant && turns.called {
                break;
            }
            turns.untimed = is_idle;
            let timed_out;
            if is_idle {
                turns = self
                    .back
                    .wait(turns)
                    .unwrap_or_else(PoisonError::into_inner);
                timed_out = false;
            } else {
                let waited = self.back.wait_timeout(turns, ABSENCE);
                let (left, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
                (turns, timed_out) = (left, outcome.timed_out());
            }
            turns.untimed = false;
            let is_same = std::mem::replace(&mut seen, turns.leads) == turns.leads;
            if timed_out && is_same && turns.poller == Poller::Vacant {
                break;
            }
            is_idle = timed_out && is_same;
        }
        turns.poller = Poller::IoThread;
        turns.called = false;
        turns.streak = 0;
        turns.needed = match turns.leads - first {
            ..WORTH => (turns.needed * 2).min(STREAK_MOST),
            _ => STREAK,
        };
    }

    // --- Others

    /// Wakes the thread that polls; the I/O thread if none does.
    fn wake(&self) -> io::Result<()> {
        match self.turns() {
            Some(turns) if turns.poller != Poller::Vacant => {
                drop(turns);
                self.waker.wake()
            }
            Some(mut turns) => {
                self.call(&mut turns);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Calls the I/O thread back, once.
    fn call(&self, turns: &mut Turns) {
        if !std::mem::replace(&mut turns.called, true) {
            self.back.notify_one();
        }
    }

    /// Has the thread that polls look at the time, if there is one.
    #[cold]
    fn poke(&self) {
        if lock(&self.turns).poller != Poller::Vacant {
            // It looks when it wakes by itself, if it cannot be woken.
            let _ = self.waker.wake();
        }
    }
}

impl Host for Lease {
    fn work_on(&self, id: PipeId) -> bool {
        if !self.mark.is_here() {
            return true;
        }
        let forced = self.choice.callers();
        if forced == Some(false) {
            return false;
        }
        let Ok(mut work) = self.work.try_lock() else {
            return false;
        };
        let Some(work) = work.as_mut() else {
            return false;
        };
        let left = uncancelled(|| work.activate_here(id, forced.is_some()));
        match left {
            None => return false,
            Some(Left::Nothing) => {}
            Some(Left::Work) => drop(self.wake()),
            // The thread that polls sleeps for too long.
            Some(Left::Timer) => self.poke(),
        }
        true
    }

    fn lead(&self) -> Led {
        let forced = self.choice.callers();
        if !self.alone || forced == Some(false) {
            return Led::Never;
        }
        let Some(mut turns) = self.turns() else {
            return Led::Never;
        };
        let is_taken = match turns.poller {
            Poller::Caller => true,
            Poller::Vacant => false,
            Poller::IoThread => {
                turns.streak += 1;
                if turns.followers > 0 {
                    turns.streak = 0;
                }
                turns.streak < turns.needed && forced.is_none()
            }
        };
        if is_taken {
            turns.followers += 1;
            return Led::Follows;
        }
        turns.leads += 1;
        turns.called = false;
        let before = std::mem::replace(&mut turns.poller, Poller::Caller);
        drop(turns);
        if before == Poller::IoThread {
            // It stands aside then. If it cannot be woken, both poll, and either finds events.
            let _ = self.waker.wake();
        }
        match self.prepare() {
            Some(beside) => Led::Leads(beside),
            None => {
                self.leave();
                Led::Never
            }
        }
    }

    fn prepare(&self) -> Option<Beside> {
        let due = self.with(|work| uncancelled(|| work.prepare()))?;
        Some(Beside {
            descriptor: Arc::clone(&self.descriptor),
            due,
        })
    }

    fn serve(&self) {
        uncancelled(|| {
            self.poll(Some(Duration::ZERO));
            self.with(|work| {
                work.take_due();
                work.turn()
            });
        });
    }

    fn glance(&self) {
        uncancelled(|| {
            if self.poll(Some(Duration::ZERO)) {
                self.with(EventLoop::turn);
            }
        });
    }

    fn leave(&self) {
        if !self.mark.is_here() {
            return;
        }
        let is_busy = self.with(|work| {
            lock(&self.turns).poller = Poller::Vacant;
            work.is_busy()
        });
        let mut turns = lock(&self.turns);
        if turns.poller != Poller::Vacant {
            return;
        }
        if is_busy.unwrap_or(true) || turns.followers > 0 {
            self.call(&mut turns);
        } else if turns.untimed {
            self.back.notify_one();
        }
    }

    fn unfollow(&self) {
        if let Some(mut turns) = self.turns() {
            turns.followers = turns.followers.saturating_sub(1);
        }
    }

    fn resume(&self) {
        if let Some(mut turns) = self.turns()
            && turns.poller == Poller::Vacant
        {
            self.call(&mut turns);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}
