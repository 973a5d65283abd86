//! Waking a sleeper of this process.

use std::io;
use std::sync::{Arc, OnceLock};

use ringmq_ring::{GenerationSeen, Look, Words};

/// Ends a sleep.
pub trait Bell: Send + Sync {
    /// Rings. Does not block.
    ///
    /// # Errors
    ///
    /// The error of the kernel. None is expected.
    fn ring(&self) -> io::Result<()>;
}

/// The announcement of one sleeper, and its bell. Every thread that wakes the sleeper has one.
#[derive(Clone)]
pub struct Bellpull {
    announcement: Words<1>,
    /// The CPU that the sleeper last ran on, plus one; 0 if it does not publish its CPU.
    cpu: Option<Words<1>>,
    bell: Arc<dyn Bell>,
}

impl Bellpull {
    /// A handle for the sleeper with this word of announcement, this word for its CPU, and this bell.
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
/// The sleeper may become known after the pipe is made: a socket that connects before another binds has a pipe whose
/// other end has no owner yet. Clones are for the same sleeper. Each clone remembers which sleep it has ended.
#[derive(Debug)]
pub struct Waker {
    found: Arc<OnceLock<Bellpull>>,
    /// `None` until the sleeper is known.
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
    /// A waker without a sleeper. [`find`](Waker::find) sets the sleeper later.
    pub fn unset() -> Waker {
        Waker {
            found: Arc::new(OnceLock::new()),
            seen: None,
        }
    }

    /// Sets the sleeper of this waker and of all its clones. It does not change afterwards. The sleeper must look at
    /// its pipes after this call.
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

    /// Same as [`wake`](Waker::wake), but returns the bell instead of ringing it. The caller rings it.
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

    /// The CPU that the sleeper last ran on, if it has published one.
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
        // The sleeper looks at its pipes after it became known, so it sees what was published before that. The fence
        // orders the publication before this look.
        ringmq_ring::order();
        let found = self.found.get()?;
        self.seen = Some(GenerationSeen::new(found.announcement.clone().into()));
        Some(())
    }
}
