//! What a wait is for.

use super::{Beside, Slept};

/// What a wait is for.
pub trait Awaited {
    /// Why a spin ends without it.
    type Error: From<Slept>;

    /// Returns true if it is there.
    fn look(&mut self) -> bool;

    /// Returns true if a look may say something else than the last one, which found nothing. A spin asks this again and
    /// again, so it is as short as can be. It may be true for nothing, but not false when something has come.
    #[inline(always)]
    fn stirs(&mut self) -> bool {
        true
    }

    /// Returns true if a spin ends after [`stirs`](Awaited::stirs) was true.
    #[inline(always)]
    fn is_it(&mut self) -> bool {
        self.look()
    }

    /// Pauses, of about 12 ns each, between two looks of a spin: more than one where a look disturbs the peer.
    #[inline(always)]
    fn pauses(&self) -> u32 {
        1
    }

    /// Where the peers run that may bring it, seen from this CPU.
    fn company(&mut self, _here: u32) -> Company {
        Company::Unknown
    }

    /// Messages received so far, from one peer in the main; 0 for a side that does not receive, or that receives from many.
    fn received(&self) -> u64 {
        0
    }

    /// Returns true if another thread waits for what this thread holds while it spins. A spin asks once in a microsecond.
    fn is_wanted(&self) -> bool {
        false
    }

    /// Becomes the thread that does the work behind a descriptor for as long as this wait lasts. Looks do
    /// that work, too, then. Called again before each further sleep.
    fn lead(&mut self) -> Option<Beside> {
        None
    }

    /// Does the work that there is.
    fn serve(&mut self) {}

    /// Does what is put off until there is time: a sleep follows, unless something has come.
    fn settle(&mut self) {}

    /// Looks at what changes slowly, such as the death of the peer. A spin calls this once in a millisecond. Returns true
    /// if what the wait is for is there.
    ///
    /// # Errors
    ///
    /// What the wait is for cannot come any more, or the kernel refuses.
    fn check(&mut self) -> Result<bool, Self::Error> {
        Ok(false)
    }
}

/// Where the peers run that may bring what a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// All on our CPU, as far as is known, or there is no peer: spinning would keep them from it.
    Here,
    /// One at least on another CPU.
    Elsewhere,
    /// It is not known.
    Unknown,
}

impl Company {
    /// The place of a peer that has told this CPU, or none yet.
    pub fn of(cpu: Option<u32>, here: u32) -> Company {
        match cpu {
            None => Company::Unknown,
            Some(cpu) if cpu == here => Company::Here,
            Some(_) => Company::Elsewhere,
        }
    }
}

/// A look at what peers bring that run anywhere.
impl<F: FnMut() -> bool> Awaited for F {
    type Error = Slept;

    fn look(&mut self) -> bool {
        self()
    }
}
