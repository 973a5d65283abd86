//! Who is to be woken, and how.

use std::io;
use std::sync::{Arc, OnceLock};

use ringmq_ring::{GenerationSeen, Look, Words};

/// What ends a sleep.
pub trait Bell: Send + Sync {
    /// Rings. Does not block.
    ///
    /// # Errors
    ///
    /// What the kernel answers; nothing is expected.
    fn ring(&self) -> io::Result<()>;
}

/// The announcement of one sleeper, and its bell: what everybody needs who may have something for it.
#[derive(Clone)]
pub struct Bellpull {
    announcement: Words<1>,
    /// The CPU that it last ran on, plus one, if it tells.
    cpu: Option<Words<1>>,
    bell: Arc<dyn Bell>,
}

impl Bellpull {
    /// Of the sleeper that announces its sleeps there, tells its CPU there, and is woken by this bell.
    pub(crate) fn new(
        announcement: Words<1>,
        cpu: Option<Words<1>>,
        bell: Arc<dyn Bell>,
    ) -> Bellpull {
        Bellpull {
            announcement,
            cpu,
            bell,
        }
    }
}

impl std::fmt::Debug for Bellpull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bellpull").finish_non_exhaustive()
    }
}

/// Wakes one sleeper, at most once for each of its sleeps.
///
/// The sleeper may be found later than the pipe is made: a socket that connects before another binds has a pipe whose
/// other end has no owner yet. Clones are for the same sleeper, and remember for themselves which sleep they have ended.
#[derive(Debug)]
pub struct Waker {
    found: Arc<OnceLock<Bellpull>>,
    /// `None` until it was found.
    seen: Option<GenerationSeen<Words<1>>>,
}

impl Clone for Waker {
    fn clone(&self) -> Waker {
        Waker {
            found: Arc::clone(&self.found),
            seen: None,
        }
    }
}

impl From<Bellpull> for Waker {
    fn from(bellpull: Bellpull) -> Waker {
        Waker {
            found: Arc::new(OnceLock::from(bellpull)),
            seen: None,
        }
    }
}

impl Waker {
    /// For a sleeper that is [found](Waker::find) later.
    pub fn of_nobody() -> Waker {
        Waker {
            found: Arc::new(OnceLock::new()),
            seen: None,
        }
    }

    /// Says who the sleeper is, to this waker and all of its clones. The sleeper looks at its pipes afterwards, in any
    /// case; once it is found, it stays the same.
    pub fn find(&self, bellpull: Bellpull) {
        let _ = self.found.set(bellpull);
    }

    /// After a publication: rings if the sleeper sleeps, and was not rung for this sleep by this waker.
    ///
    /// # Errors
    ///
    /// As [`Bell::ring`].
    #[inline(always)]
    pub fn wake(&mut self) -> io::Result<()> {
        match &mut self.seen {
            Some(seen) => match seen.look() {
                Look::Nothing => Ok(()),
                look => self.ring(look),
            },
            None => self.look_for_sleeper(),
        }
    }

    /// As [`wake`](Waker::wake), but for the ring, which is the caller's: if there is a bell, it is to be rung.
    pub(super) fn look(&mut self) -> Option<Arc<dyn Bell>> {
        if self.seen.is_none() {
            self.find_sleeper()?;
        }
        let seen = self.seen.as_mut()?;
        match seen.look() {
            Look::Ring => self.found.get().map(|found| Arc::clone(&found.bell)),
            Look::Nothing | Look::Closed => None,
        }
    }

    /// The CPU that the sleeper last ran on, as far as is known.
    pub fn cpu(&self) -> Option<u32> {
        let told = self.found.get()?.cpu.as_ref()?.get(0);
        u32::try_from(told.checked_sub(1)?).ok()
    }

    /// Rings, whether or not the sleeper has announced a sleep.
    ///
    /// # Errors
    ///
    /// As [`Bell::ring`].
    pub fn ring_anyway(&self) -> io::Result<()> {
        self.found.get().map_or(Ok(()), |found| found.bell.ring())
    }

    #[cold]
    fn ring(&self, look: Look) -> io::Result<()> {
        match look {
            Look::Ring => self.ring_anyway(),
            Look::Nothing | Look::Closed => Ok(()),
        }
    }

    #[cold]
    fn look_for_sleeper(&mut self) -> io::Result<()> {
        match self.find_sleeper() {
            Some(()) => self.wake(),
            None => Ok(()),
        }
    }

    #[cold]
    fn find_sleeper(&mut self) -> Option<()> {
        // The thread that makes the sleeper known looks at the pipes afterwards, so it sees what was published before; the
        // fence orders the publication before this look.
        ringmq_ring::order();
        let found = self.found.get()?;
        self.seen = Some(GenerationSeen::new(found.announcement.clone().into()));
        Some(())
    }
}
