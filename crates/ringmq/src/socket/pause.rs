//! Waits that give their socket up, for the C library, where threads share a socket by a lock.
//!
//! ```text
//!   lock, call --> done: unlock, answer
//!    ^     |  would have to wait, and has left a Pause
//!    |     v
//!    |    unlock, rest: sleep on the socket's bell, as the one thread that may announce a sleep there,
//!    |     |            or on an event of this thread, which that thread and calls that change something ring
//!    |     v
//!    +--- lock, wake, call again
//! ```
//! If several threads wait for the same socket, an event that wakes one of them wakes all.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq_pattern::Ready;
use ringmq_pipe::sleeper::{Sleep, Sleeper};
use ringmq_pipe::waiting::{Awaited, Slept, Spun};
use ringmq_sys::{Event, ThreadKey};

use crate::mail::Waiter;
use crate::socket::Socket;
use crate::socket::patience::{Ended, Patience, Woken};
use crate::socket::waiting::Waiting;

/// The threads that share a socket.
pub(crate) struct Guests {
    /// Whether another thread waits for the lock.
    wanted: Box<dyn Fn() -> bool + Send + Sync>,
    /// Threads that sleep while another has announced a sleep, and the events that wake them. Ringing an event removes it.
    asleep: Vec<(ThreadKey, Arc<Event>)>,
    /// The pause that the last call needs.
    pause: Option<Pause>,
}

/// A wait that a call has left to its caller. The caller unlocks the socket, [rests](Pause::rest), locks the socket again,
/// [wakes](Socket::wake) it, and makes the call again.
#[derive(Debug)]
pub struct Pause {
    on: SleepOn,
    deadline: Option<Instant>,
    /// As in [`Woken`].
    yields: Option<u32>,
    /// What this thread is to the I/O thread meanwhile, and whether that has work for it.
    waiter: Option<Waiter>,
    has_work: Cell<bool>,
}

/// What a thread sleeps on.
#[derive(Debug)]
enum SleepOn {
    /// Another thread wants the socket: no sleep.
    Nothing,
    /// The socket's bell.
    Bell(Sleep),
    /// The event of this thread.
    Own(Arc<Event>),
    /// There is no descriptor for an event: a short sleep.
    Brief,
}

/// How often a call that spins lets another thread have the socket before it sleeps. A signal that arrives meanwhile may
/// not end the call.
pub(crate) const MOST_YIELDS: u32 = 64;

/// Time between two looks of a thread that has no descriptor to sleep on.
pub(crate) const BRIEF: Duration = Duration::from_millis(1);

impl Pause {
    /// Returns true if the pause is only to let another thread use the socket.
    pub fn is_brief(&self) -> bool {
        matches!(self.on, SleepOn::Nothing)
    }

    /// Sleeps until an event may have come, the time of the call has passed, or a signal was handled.
    ///
    /// # Errors
    ///
    /// The error of the kernel; none is expected.
    pub fn rest(&self) -> io::Result<Woken> {
        let slept = match &self.on {
            SleepOn::Nothing => Ok(true),
            SleepOn::Bell(sleep) => sleep.wait(self.deadline).map(|ended| {
                self.has_work.set(ended.work);
                ended.work || ended.rung
            }),
            SleepOn::Own(event) => event.wait(self.deadline).map_err(Slept::from),
            SleepOn::Brief => Ok(nap(self.deadline)),
        };
        let ended = match slept {
            Ok(true) => None,
            Ok(false) | Err(Slept::TimedOut) => Some(Ended::TimedOut),
            Err(Slept::Interrupted) => Some(Ended::Interrupted),
            Err(Slept::Os(error)) => return Err(error),
        };
        Ok(Woken {
            deadline: self.deadline,
            ended,
            yields: self.yields,
        })
    }
}

impl Pause {
    /// Does what the sleep has ended for, if that is work of the I/O thread. The socket is [awake](Socket::wake) again: what
    /// comes for it rings no bell.
    pub fn serve(&mut self) {
        if let Some(waiter) = self.waiter.take()
            && self.has_work.take()
        {
            waiter.serve();
        }
    }
}

/// Sleeps for [`BRIEF`]. Returns false if the deadline has passed.
fn nap(deadline: Option<Instant>) -> bool {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    ringmq_sys::rest(left.map_or(BRIEF, |left| left.min(BRIEF)));
    left.is_none_or(|left| left > BRIEF)
}

/// How a wait of a call ended.
pub(crate) enum Waited {
    /// The result of a wait that kept the socket.
    Over(Result<(), Slept>),
    /// The caller has to give the socket up.
    Paused,
}

impl Socket {
    /// Lets threads share this socket by a lock. A call that would wait returns `WouldBlock` instead, and leaves a
    /// [`Pause`]. `wanted` returns true if another thread waits for the lock; a call that spins checks it.
    #[doc(hidden)]
    pub fn share(&mut self, wanted: impl Fn() -> bool + Send + Sync + 'static) {
        self.sharing = Some(Box::new(Guests {
            wanted: Box::new(wanted),
            asleep: Vec::new(),
            pause: None,
        }));
    }

    /// Takes the pause after which the last call has to be made again, if it needs one.
    #[doc(hidden)]
    pub fn take_pause(&mut self) -> Option<Pause> {
        self.sharing.as_mut()?.pause.take()
    }

    /// Ends the sleep of this thread, after a pause, also one of a [`Poller`](crate::Poller), and after one that failed.
    #[doc(hidden)]
    pub fn wake(&mut self) {
        let here = ThreadKey::current();
        if self.sleeper.asleep() == Some(here) {
            self.sleeper.awake();
            // The event that has woken this thread may be for the others, and has woken none of them.
            self.ring_guests();
        } else if let Some(sharing) = &mut self.sharing {
            sharing.asleep.retain(|(thread, _)| *thread != here);
        }
    }

    /// Marks the peer that most likely has ended a pause with its message, as a wait within a call does.
    pub(super) fn mark_woken(&mut self, woken: Woken) {
        let has_slept = woken.ended.is_none() && woken.yields.is_none();
        if has_slept && !self.more && self.registry.is_here() {
            self.peers.mark_awaited(&mut self.pattern);
        }
    }

    /// Wakes the threads that wait for this socket, before a change that may end their waits. They look again once they have
    /// locked the socket.
    #[doc(hidden)]
    pub fn wake_others(&mut self) {
        if self.sleeper.asleep().is_some() {
            // If the kernel refuses, which is not expected, the thread wakes at its next event.
            let _ = self.sleeper.ring();
        }
        self.ring_guests();
    }

    /// Whether a thread sleeps until an event of this socket.
    #[doc(hidden)]
    pub fn is_waited_for(&self) -> bool {
        let asleep = self.sharing.as_ref().map(|sharing| sharing.asleep.len());
        self.sleeper.asleep().is_some() || asleep > Some(0)
    }

    fn ring_guests(&mut self) {
        if let Some(sharing) = &mut self.sharing {
            for (_, event) in sharing.asleep.drain(..) {
                let _ = event.ring();
            }
        }
    }

    /// Whether another thread sleeps by an announcement of this socket.
    pub(crate) fn has_sleeper(&self) -> bool {
        let asleep = self.sleeper.asleep();
        asleep.is_some_and(|thread| thread != ThreadKey::current())
    }

    /// Adds an event that wakes this thread.
    pub(crate) fn add_guest(&mut self, event: &Arc<Event>) {
        if let Some(sharing) = &mut self.sharing {
            let guest = (ThreadKey::current(), Arc::clone(event));
            sharing.asleep.push(guest);
        }
    }

    /// Whether another thread waits for the lock of this socket.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.sharing
            .as_ref()
            .is_some_and(|sharing| (sharing.wanted)())
    }

    /// Waits for a message, or for room, unless a pause has ended the call.
    #[inline(always)]
    pub(crate) fn wait_within(
        &mut self,
        ready: Ready,
        patience: &Patience,
        deadline: Option<Instant>,
    ) -> Waited {
        if let Some(ended) = patience.ended() {
            return Waited::Over(Err(ended.into()));
        }
        self.sleeper.count(self.peers.received());
        let yields = patience.yields();
        // Only a socket that threads share can have another thread that sleeps.
        let has_sleeper = self.sharing.is_some() && self.has_sleeper();
        let mut waiting = Waiting {
            peers: &mut self.peers,
            mailbox: &self.mailbox,
            wanted: self.sharing.as_ref().map(|sharing| &*sharing.wanted),
            ready,
            // True for the first wait of a call. If it ends without a message, the next wait looks closely.
            trusts: ready == Ready::Readable && matches!(patience, Patience::Timeout),
            is_behind: ready == Ready::Readable && self.pattern.is_behind(),
            host: self.host.as_ref(),
            waiter: None,
        };
        if waiting.wanted.is_none() {
            return Waited::Over(self.sleeper.wait_for(&mut waiting, deadline));
        }
        let mut waiter = None;
        let on = if has_sleeper {
            self.own_event()
        } else {
            let spins = yields.is_some_and(|yields| yields < MOST_YIELDS);
            match spin_and_announce(
                &mut self.sleeper,
                &mut waiting,
                deadline,
                spins,
                yields.is_none(),
            ) {
                Ok(Some(on)) => {
                    waiter = waiting.waiter.take();
                    on
                }
                Ok(None) => return Waited::Over(Ok(())),
                Err(slept) => return Waited::Over(Err(slept)),
            }
        };
        let yields = yields.filter(|_| matches!(on, SleepOn::Nothing));
        let yields = yields.map(|yields| yields + 1);
        if let Some(sharing) = &mut self.sharing {
            sharing.pause = Some(Pause {
                on,
                deadline,
                yields,
                waiter,
                has_work: Cell::new(false),
            });
        }
        Waited::Paused
    }

    /// What a thread sleeps on while another thread has announced a sleep.
    fn own_event(&mut self) -> SleepOn {
        match Event::eventfd() {
            Ok(event) => {
                let event = Arc::new(event);
                self.add_guest(&event);
                SleepOn::Own(event)
            }
            Err(_) => SleepOn::Brief,
        }
    }
}

/// Spins, and then announces a sleep; `None` if a look succeeded.
fn spin_and_announce(
    sleeper: &mut Sleeper,
    waiting: &mut Waiting<'_>,
    deadline: Option<Instant>,
    spins: bool,
    again: bool,
) -> Result<Option<SleepOn>, Slept> {
    let mut beside = waiting.lead();
    if spins {
        match sleeper.spin(waiting, deadline)? {
            Spun::Found => return Ok(None),
            Spun::Wanted => return Ok(Some(SleepOn::Nothing)),
            Spun::InVain => {}
        }
    }
    if beside.is_some() {
        // The looks of the spin have done work, by which other work is due.
        beside = waiting.lead();
    }
    let on = sleeper.lie_down(waiting, again, beside)?;
    Ok(on.map(SleepOn::Bell))
}

impl fmt::Debug for Guests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guests")
            .field("asleep", &self.asleep)
            .field("pause", &self.pause)
            .finish_non_exhaustive()
    }
}
