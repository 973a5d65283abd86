//! Pauses of a wait for several sockets, in which other threads may use them.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq_pipe::waiting::{Beside, Slept, Storm};
use ringmq_sys::Event;
use ringmq_sys::poll::{Conditions, Set, SignalMask, wait_with_mask};

use crate::mail::Waiter;
use crate::poller::error::PollError;
use crate::poller::item::{Interest, Item};
use crate::socket::patience::later;
use crate::socket::pause::{BRIEF, MOST_YIELDS};

/// The outcome of a [step](crate::poller::Poller::step) of a wait.
#[derive(Debug)]
pub enum PollStep {
    /// The number of items that are ready; 0 if the time has passed.
    Ready(usize),
    /// The caller lets go of the sockets before the next step.
    Pause(PollPause),
}

/// A wait for several sockets that is taken in [steps](crate::poller::Poller::step).
#[derive(Debug)]
pub struct PollWait {
    deadline: Option<Instant>,
    over: bool,
    failed: Option<PollError>,
    /// How often it has let another thread have a socket, while it spun, since it last slept.
    yields: u32,
    /// It has slept, and has found no event since.
    has_slept: bool,
    storm: Storm,
    /// The signal mask of its sleeps, if it is not that of the thread.
    mask: Option<SignalMask>,
}

impl PollWait {
    /// Makes a wait that has not begun; `None` waits without end, zero does not wait.
    pub fn new(timeout: Option<Duration>) -> PollWait {
        let over = timeout == Some(Duration::ZERO);
        PollWait {
            deadline: timeout.filter(|_| !over).map(later),
            over,
            failed: None,
            yields: 0,
            has_slept: false,
            storm: Storm::default(),
            mask: None,
        }
    }

    /// Sets the signal mask of the wait's sleeps. Such a wait does not spin, and sleeps once, for no time, also if its
    /// timeout is zero: a pending signal that the mask lets through is handled.
    pub fn with_signal_mask(mut self, mask: SignalMask) -> PollWait {
        if self.over {
            (self.over, self.deadline) = (false, Some(Instant::now()));
        }
        self.mask = Some(mask);
        self
    }

    /// Whether it may spin.
    pub(super) fn spins(&self) -> bool {
        self.yields < MOST_YIELDS && self.mask.is_none()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Returns the error that has ended the wait, if one has.
    pub(super) fn check(&mut self) -> Result<(), PollError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Ends the wait after one more look if its time has passed. A peer that keeps sending what is not for the application
    /// would otherwise keep the wait from ending.
    pub(super) fn look_at_time(&mut self) {
        self.over |= self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
    }

    /// Ends the wait after one more look.
    pub(super) fn ended(&mut self, slept: Slept) {
        match slept {
            Slept::TimedOut => self.over = true,
            Slept::Interrupted => self.failed = Some(PollError::Interrupted),
            Slept::Os(error) => self.failed = Some(PollError::Os(error)),
        }
    }
}

/// The descriptors that a wait for several sockets sleeps on while it does not hold them.
#[derive(Debug, Default)]
pub struct PollPause {
    bells: Vec<Arc<Event>>,
    /// The event of this thread, if other threads have announced sleeps at some of the sockets.
    own: Option<Arc<Event>>,
    /// There is no descriptor for `own`.
    short: bool,
    deadline: Option<Instant>,
    brief: bool,
    /// What this thread is to the I/O threads of the sockets meanwhile.
    waiters: Vec<(Waiter, Option<Beside>)>,
}

impl PollPause {
    pub(super) fn until(deadline: Option<Instant>) -> PollPause {
        PollPause {
            deadline,
            ..PollPause::default()
        }
    }

    /// A pause only to let another thread use a socket.
    pub(crate) fn brief() -> PollPause {
        PollPause {
            brief: true,
            ..PollPause::default()
        }
    }

    /// Returns true if the pause is only to let another thread use one of the sockets.
    pub fn is_brief(&self) -> bool {
        self.brief
    }

    /// The thread works for these I/O threads while it sleeps.
    pub(super) fn set_waiters(&mut self, waiters: Vec<(Waiter, Option<Beside>)>) {
        self.waiters = waiters;
    }

    /// Adds what an item is waited for by.
    pub(super) fn add(&mut self, item: &mut Item<'_>) {
        let Some(socket) = item.waiting() else {
            return;
        };
        if !socket.has_sleeper() {
            self.bells.push(socket.sleeper.event());
            return;
        }
        if self.own.is_none() {
            self.own = Event::eventfd().ok().map(Arc::new);
        }
        match &self.own {
            Some(event) => socket.add_guest(event),
            None => self.short = true,
        }
    }

    /// Sleeps until an event may have come, the time has passed, or a signal was handled: then the next step fails. `others`
    /// are the descriptors among the items.
    pub fn rest<'fd>(
        &self,
        wait: &mut PollWait,
        others: impl IntoIterator<Item = (BorrowedFd<'fd>, Interest)>,
    ) {
        if self.brief {
            wait.yields += 1;
            return;
        }
        wait.yields = 0;
        // A pause between two sleeps would be one with the thread's own mask.
        if std::mem::replace(&mut wait.has_slept, true)
            && wait.mask.is_none()
            && let Err(error) = wait.storm.found_nothing(self.deadline)
        {
            wait.ended(error.into());
            return;
        }
        let rung = Conditions {
            readable: true,
            ..Conditions::default()
        };
        let bells = self.bells.iter().chain(&self.own);
        let bells = bells.map(|bell| (bell.as_fd(), rung));
        let others = others
            .into_iter()
            .map(|(descriptor, interest)| (descriptor, interest.conditions()));
        let led = self
            .waiters
            .iter()
            .filter_map(|(_, beside)| beside.as_ref());
        let works = led.clone().map(|led| (led.descriptor.as_fd(), rung));
        let due = led.filter_map(|led| led.due).min();
        let all = bells.chain(works).chain(others);
        let soon = self.short.then(|| Instant::now() + BRIEF);
        let deadline = [self.deadline, soon, due].into_iter().flatten().min();
        let slept = match &wait.mask {
            Some(mask) => wait_with_mask(&all.collect::<Vec<_>>(), deadline, mask),
            None => all.collect::<Set<'_>>().wait(deadline),
        };
        for (waiter, _) in &self.waiters {
            waiter.serve();
        }
        match slept {
            Ok(0) if deadline == self.deadline => wait.ended(Slept::TimedOut),
            Ok(_) => wait.look_at_time(),
            Err(error) => wait.ended(error.into()),
        }
    }
}
