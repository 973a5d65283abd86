//! The system calls by which a sleeper sleeps.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use ringmq_sys::{Epoll, Event};

use crate::waiting::{Beside, Ended, Slept, storm};

/// The system call by which a sleeper sleeps.
#[derive(Debug)]
pub(super) enum Nap {
    /// ppoll(2), which needs no descriptor, and a drain before the next one. So many sleeps were of this kind.
    Short(u32),
    /// By an epoll instance that tells of each ring once, drained or not; so many rings, at least, were not.
    Deep(Arc<Epoll>, u32),
    /// As the first, for good: there is no descriptor for more, or the kernel is too old.
    Only,
}

/// Sleeps by which a socket without shared memory has shown that it will sleep more often.
const SHORT_NAPS: u32 = 8;
/// Sleeps after which the bell is drained in any case: what is not fills it in the end, and is then taken out by those who
/// ring.
const DRAIN: u32 = 256;

impl Nap {
    /// From now on by an epoll instance, if there can be one.
    pub(super) fn deepen(&mut self, event: &Arc<Event>) {
        if let Nap::Short(_) = self {
            *self = match Epoll::of_event(event) {
                Ok(Some(epoll)) => Nap::Deep(Arc::new(epoll), 0),
                Ok(None) | Err(_) => Nap::Only,
            };
        }
    }

    /// Before a sleep, when there may be rings: whether they would end it.
    #[inline]
    pub(super) fn wants_drain(&mut self, event: &Arc<Event>) -> bool {
        match self {
            Nap::Deep(_, undrained) => {
                *undrained += 1;
                if *undrained < DRAIN {
                    return false;
                }
                *undrained = 0;
                true
            }
            Nap::Short(sleeps) => {
                *sleeps += 1;
                if *sleeps >= SHORT_NAPS {
                    self.deepen(event);
                }
                true
            }
            Nap::Only => true,
        }
    }

    fn epoll(&self) -> Option<&Arc<Epoll>> {
        match self {
            Nap::Deep(epoll, _) => Some(epoll),
            Nap::Short(_) | Nap::Only => None,
        }
    }

    /// Sleeps until the bell rings, or there is [work](Beside); neither once the deadline has passed.
    #[inline]
    pub(super) fn sleep(
        &self,
        event: &Event,
        beside: Option<&Beside>,
        deadline: Option<Instant>,
    ) -> io::Result<Ended> {
        sleep(event, self.epoll().map(|epoll| &**epoll), beside, deadline)
    }
}

/// Sleeps on a bell, by the epoll instance that tells of its rings if there is one, and beside it.
#[inline]
fn sleep(
    event: &Event,
    epoll: Option<&Epoll>,
    beside: Option<&Beside>,
    deadline: Option<Instant>,
) -> io::Result<Ended> {
    let Some(beside) = beside else {
        let rung = match epoll {
            Some(epoll) => !epoll.wait(deadline)?.timed_out,
            None => event.wait(deadline)?,
        };
        return Ok(Ended { rung, work: false });
    };
    let Some(epoll) = epoll else {
        return beside.wait(event.as_fd(), deadline);
    };
    let ended = beside.wait(epoll.as_fd(), deadline)?;
    if ended.rung {
        // It tells of each ring until it is asked.
        epoll.check()?;
    }
    Ok(ended)
}

/// What a thread sleeps on that has announced a sleep and does not hold the sleeper:
/// [`Sleeper::lie_down`](crate::sleeper::Sleeper::lie_down).
#[derive(Debug, Clone)]
pub struct Sleep {
    event: Arc<Event>,
    /// Tells of the rings.
    epoll: Option<Arc<Epoll>>,
    /// Sleeps keep ending for nothing.
    pauses: bool,
    beside: Option<Beside>,
}

impl Sleep {
    pub(super) fn new(
        nap: &Nap,
        event: &Arc<Event>,
        pauses: bool,
        beside: Option<Beside>,
    ) -> Sleep {
        Sleep {
            event: Arc::clone(event),
            epoll: nap.epoll().cloned(),
            pauses,
            beside,
        }
    }

    /// Sleeps until the bell rings, or there is [work](Beside); neither once the deadline has passed.
    ///
    /// # Errors
    ///
    /// [`Slept::Interrupted`] or [`Slept::Os`].
    pub fn wait(&self, deadline: Option<Instant>) -> Result<Ended, Slept> {
        if self.pauses {
            storm::rest(deadline)?;
            // A bell that rings all the time lets no sleep time out.
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(Ended::default());
            }
        }
        let (epoll, beside) = (self.epoll.as_deref(), self.beside.as_ref());
        Ok(sleep(&self.event, epoll, beside, deadline)?)
    }
}
