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
    Deep(Arc<Deep>, u32),
    /// As the first, for good: there is no descriptor for more, or the kernel is too old.
    Only,
}

/// An epoll instance, and the bell that it tells of, which is open as long as a thread sleeps there.
#[derive(Debug)]
pub(super) struct Deep {
    epoll: Epoll,
    _event: Arc<Event>,
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
                Ok(Some(epoll)) => {
                    let _event = Arc::clone(event);
                    Nap::Deep(Arc::new(Deep { epoll, _event }), 0)
                }
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

    pub(super) fn deep(&self) -> Option<&Deep> {
        match self {
            Nap::Deep(deep, _) => Some(deep),
            Nap::Short(_) | Nap::Only => None,
        }
    }

    /// Sleeps until the bell rings. Returns false once the deadline has passed.
    #[inline]
    pub(super) fn wait(&self, event: &Event, deadline: Option<Instant>) -> io::Result<bool> {
        match self {
            Nap::Deep(deep, _) => Ok(!deep.epoll.wait(deadline)?.timed_out),
            Nap::Short(_) | Nap::Only => event.wait(deadline),
        }
    }
}

/// Sleeps on a bell, and beside it.
pub(super) fn wait_beside(
    event: &Event,
    deep: Option<&Deep>,
    beside: &Beside,
    deadline: Option<Instant>,
) -> io::Result<Ended> {
    let Some(deep) = deep else {
        return beside.wait(event.as_fd(), deadline);
    };
    let ended = beside.wait(deep.epoll.as_fd(), deadline)?;
    if ended.rung {
        // It tells of each ring until it is asked.
        deep.epoll.wait(Some(Instant::now()))?;
    }
    Ok(ended)
}

/// What a thread sleeps on that has announced a sleep and does not hold the sleeper: [`Sleeper::lie_down`](crate::sleeper::Sleeper::lie_down).
#[derive(Debug, Clone)]
pub struct Sleep {
    on: SleepOn,
    /// Sleeps keep ending for nothing.
    pauses: bool,
    beside: Option<Beside>,
}

#[derive(Debug, Clone)]
enum SleepOn {
    Bell(Arc<Event>),
    Deep(Arc<Deep>),
}

impl Sleep {
    pub(super) fn new(
        nap: &Nap,
        event: &Arc<Event>,
        pauses: bool,
        beside: Option<Beside>,
    ) -> Sleep {
        Sleep {
            on: match nap {
                Nap::Deep(deep, _) => SleepOn::Deep(Arc::clone(deep)),
                Nap::Short(_) | Nap::Only => SleepOn::Bell(Arc::clone(event)),
            },
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
        let (event, deep) = match &self.on {
            SleepOn::Bell(event) => (event, None),
            SleepOn::Deep(deep) => (&deep._event, Some(&**deep)),
        };
        if let Some(beside) = &self.beside {
            return Ok(wait_beside(event, deep, beside, deadline)?);
        }
        let rung = match deep {
            Some(deep) => !deep.epoll.wait(deadline)?.timed_out,
            None => event.wait(deadline)?,
        };
        Ok(Ended { rung, work: false })
    }
}
