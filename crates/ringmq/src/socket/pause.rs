//! Waits that let go of their socket, for a face that shares it between threads by a lock.
//!
//! ```text
//!   lock, call --> done: unlock, answer
//!    ^     |  would have to wait, and has left a Pause
//!    |     v
//!    |    unlock, rest: sleep on the socket's bell, as the one thread that may announce a sleep there,
//!    |     |            or on an event of one's own, which that thread and calls that change something ring
//!    |     v
//!    +--- lock, wake, call again
//! ```
//! Threads that wait for the same socket at the same time are told of everything that one of them is woken by.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use ringmq_pattern::Ready;
use ringmq_pipe::sleeper::{Sleep, Sleeper};
use ringmq_pipe::waiting::{Slept, Spun};
use ringmq_sys::Event;

use crate::socket::Socket;
use crate::socket::patience::{Ended, Patience, Woken};
use crate::socket::waiting::Waiting;

/// What a socket knows of the threads that share it.
pub(crate) struct Sharing {
    /// Whether another thread waits for the lock.
    wanted: Box<dyn Fn() -> bool + Send + Sync>,
    /// Threads that sleep while another has announced a sleep, and what wakes them. A ring takes them out.
    guests: Vec<(ThreadId, Arc<Event>)>,
    /// What the last call has left.
    pause: Option<Pause>,
}

/// A wait that a call has left to its caller, who lets go of the socket, [rests](Pause::rest), gets hold of the socket
/// again, has it [woken](Socket::wake), and makes the call again.
#[derive(Debug)]
pub struct Pause {
    bed: Bed,
    deadline: Option<Instant>,
    /// As in [`Woken`].
    yields: Option<u32>,
}

/// What a thread rests on.
#[derive(Debug)]
enum Bed {
    /// Another thread wants the socket: no sleep.
    None,
    /// The socket's bell.
    Bell(Sleep),
    /// An event of one's own.
    Own(Arc<Event>),
    /// There is no descriptor for an event: a short sleep.
    Brief,
}

/// How often a call that spins lets another thread in before it sleeps: signals that arrive meanwhile may not end it.
pub(crate) const MOST_YIELDS: u32 = 64;

/// Time between two looks of a thread that has no descriptor to sleep on.
pub(crate) const BRIEF: Duration = Duration::from_millis(1);

impl Pause {
    /// Whether the caller only lets go of the socket for a moment, for another thread that wants it.
    pub fn is_brief(&self) -> bool {
        matches!(self.bed, Bed::None)
    }

    /// Sleeps until something may have come, the time of the call has passed, or a signal was handled.
    ///
    /// # Errors
    ///
    /// What the kernel answers; nothing is expected.
    pub fn rest(&self) -> io::Result<Woken> {
        let slept = match &self.bed {
            Bed::None => Ok(true),
            Bed::Bell(sleep) => sleep.wait(self.deadline),
            Bed::Own(event) => event.wait(self.deadline).map_err(Slept::from),
            Bed::Brief => Ok(nap(self.deadline)),
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

/// Sleeps for a moment, and says whether there is time left.
fn nap(deadline: Option<Instant>) -> bool {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    ringmq_sys::rest(left.map_or(BRIEF, |left| left.min(BRIEF)));
    left.is_none_or(|left| left > BRIEF)
}

/// How a wait of a call ended.
pub(crate) enum Waited {
    /// As a wait ends that keeps the socket.
    Over(Result<(), Slept>),
    /// The caller has to let go of the socket.
    Paused,
}

impl Socket {
    /// Says that threads share this socket by a lock: calls that would wait return as if they did not
    /// (`WouldBlock`), and leave a [`Pause`]. `wanted` says whether another thread waits for the lock; it is asked
    /// while a call spins.
    #[doc(hidden)]
    pub fn share(&mut self, wanted: impl Fn() -> bool + Send + Sync + 'static) {
        self.sharing = Some(Box::new(Sharing {
            wanted: Box::new(wanted),
            guests: Vec::new(),
            pause: None,
        }));
    }

    /// The wait that the last call has left, if it has to be made again after that.
    #[doc(hidden)]
    pub fn take_pause(&mut self) -> Option<Pause> {
        self.sharing.as_mut()?.pause.take()
    }

    /// After a pause, also one of a [`Poller`](crate::Poller), and after one that failed.
    #[doc(hidden)]
    pub fn wake(&mut self) {
        let here = thread::current().id();
        if self.sleeper.asleep() == Some(here) {
            self.sleeper.awake();
            // What has woken this thread may be for them, and wakes no other thread.
            self.ring_guests();
        } else if let Some(sharing) = &mut self.sharing {
            sharing.guests.retain(|(thread, _)| *thread != here);
        }
    }

    /// Before a change by which what others wait for may be there: wakes the threads that wait for this socket. They
    /// look again once they get hold of it.
    #[doc(hidden)]
    pub fn wake_others(&mut self) {
        if self.sleeper.asleep().is_some() {
            // It wakes up by itself sooner or later if the kernel refuses, which is not expected.
            let _ = self.sleeper.ring();
        }
        self.ring_guests();
    }

    /// Whether a thread sleeps until something comes for this socket.
    #[doc(hidden)]
    pub fn is_waited_for(&self) -> bool {
        let guests = self.sharing.as_ref().map(|sharing| sharing.guests.len());
        self.sleeper.asleep().is_some() || guests > Some(0)
    }

    fn ring_guests(&mut self) {
        if let Some(sharing) = &mut self.sharing {
            for (_, event) in sharing.guests.drain(..) {
                let _ = event.ring();
            }
        }
    }

    /// Whether another thread sleeps by an announcement of this socket.
    pub(crate) fn has_sleeper(&self) -> bool {
        let asleep = self.sleeper.asleep();
        asleep.is_some_and(|thread| thread != thread::current().id())
    }

    /// Has this thread woken by `event`, too.
    pub(crate) fn add_guest(&mut self, event: &Arc<Event>) {
        if let Some(sharing) = &mut self.sharing {
            let guest = (thread::current().id(), Arc::clone(event));
            sharing.guests.push(guest);
        }
    }

    /// Whether another thread waits for the lock of this socket.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.sharing
            .as_ref()
            .is_some_and(|sharing| (sharing.wanted)())
    }

    /// Waits for something to read, or for room, unless a pause has ended the call.
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
        // Only threads that share a socket find one that sleeps by it.
        let has_sleeper = self.sharing.is_some() && self.has_sleeper();
        let mut waiting = Waiting {
            peers: &mut self.peers,
            mailbox: &self.mailbox,
            wanted: self.sharing.as_ref().map(|sharing| &*sharing.wanted),
            ready,
            // The first wait of a call. If it ends for nothing, the next one looks closely.
            trusts: ready == Ready::Readable && matches!(patience, Patience::Timeout),
            is_behind: ready == Ready::Readable && self.pattern.is_behind(),
        };
        if waiting.wanted.is_none() {
            return Waited::Over(self.sleeper.wait_for(&mut waiting, deadline));
        }
        let bed = if has_sleeper {
            self.own_bed()
        } else {
            let spins = yields.is_some_and(|yields| yields < MOST_YIELDS);
            match go_to_bed(
                &mut self.sleeper,
                &mut waiting,
                deadline,
                spins,
                yields.is_none(),
            ) {
                Ok(Some(bed)) => bed,
                Ok(None) => return Waited::Over(Ok(())),
                Err(slept) => return Waited::Over(Err(slept)),
            }
        };
        let yields = yields.filter(|_| matches!(bed, Bed::None));
        let yields = yields.map(|yields| yields + 1);
        if let Some(sharing) = &mut self.sharing {
            sharing.pause = Some(Pause {
                bed,
                deadline,
                yields,
            });
        }
        Waited::Paused
    }

    /// For a thread that sleeps while another has announced a sleep: what it is woken by.
    fn own_bed(&mut self) -> Bed {
        match Event::eventfd() {
            Ok(event) => {
                let event = Arc::new(event);
                self.add_guest(&event);
                Bed::Own(event)
            }
            Err(_) => Bed::Brief,
        }
    }
}

/// Spins, and then announces a sleep; `None` if a look succeeded.
fn go_to_bed(
    sleeper: &mut Sleeper,
    waiting: &mut Waiting<'_>,
    deadline: Option<Instant>,
    spins: bool,
    again: bool,
) -> Result<Option<Bed>, Slept> {
    if spins {
        match sleeper.spin(waiting, deadline)? {
            Spun::Found => return Ok(None),
            Spun::Wanted => return Ok(Some(Bed::None)),
            Spun::InVain => {}
        }
    }
    let bed = sleeper.lie_down(waiting, again)?;
    Ok(bed.map(Bed::Bell))
}

impl fmt::Debug for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharing")
            .field("guests", &self.guests)
            .field("pause", &self.pause)
            .finish_non_exhaustive()
    }
}
