//! What a wait is for.

/// What a wait is for.
pub trait Awaited {
    /// Whether it is there.
    fn look(&mut self) -> bool;

    /// Whether a look may say something else than the last one, which found nothing. A spin asks this again and again, so
    /// it is as short as can be. It may be true for nothing, but not false when something has come.
    #[inline(always)]
    fn stirs(&mut self) -> bool {
        true
    }

    /// Whether a spin ends after [`stirs`](Awaited::stirs) was true.
    #[inline(always)]
    fn is_it(&mut self) -> bool {
        self.look()
    }

    /// Where those run who may bring it, seen from this CPU.
    fn company(&mut self, here: u32) -> Company;

    /// Messages received so far, from one peer in the main; 0 for whoever does not receive, or from many.
    fn received(&self) -> u64 {
        0
    }

    /// Whether another thread waits for what this one holds while it spins. Asked about once in a microsecond.
    fn is_wanted(&self) -> bool {
        false
    }
}

/// Where those run who may bring what is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// All on our CPU, as far as is known, or there is nobody: spinning would keep them from it.
    Here,
    /// One at least on another.
    Elsewhere,
    /// Nobody knows.
    Unknown,
}

impl Company {
    /// Of one whose CPU is this, if it has said so.
    pub fn of(cpu: Option<u32>, here: u32) -> Company {
        match cpu {
            None => Company::Unknown,
            Some(cpu) if cpu == here => Company::Here,
            Some(_) => Company::Elsewhere,
        }
    }
}

/// For looks at what others bring who run anywhere.
impl<F: FnMut() -> bool> Awaited for F {
    fn look(&mut self) -> bool {
        self()
    }

    fn company(&mut self, _here: u32) -> Company {
        Company::Unknown
    }
}
