//! Spinning before a sleep: for as long as the strategy has it, and politely.

use std::time::{Duration, Instant};

use ringmq_sys::{SignalGate, cpu};

use super::sleeper::{Awaited, Company, Slept};
use crate::adaptive::{Adaptive, GAP, LONGEST};
use crate::heels::Heels;
use crate::options::Wait;

/// What is remembered of the waits of one who spins: a sleeper, or whoever waits for several of them.
#[derive(Debug)]
pub struct Spinner {
    adaptive: Adaptive,
    /// Whether the quota of this process leaves a CPU to spin on; looked at every second of use.
    quota_allows: bool,
    looked_at: Instant,
    /// Whether this thread has one CPU only.
    only_one: bool,
    /// The thread was off its CPU while it spun: what we know of the others' may be old.
    doubt: bool,
    /// Whether to let the peer get ahead.
    heels: Heels,
}

/// Pauses, of about 12 ns each, between two looks at the clock while spinning.
const CLOCK_LOOK: u32 = 64;
/// Time between two looks at signals while spinning.
const SLOW_LOOK: Duration = Duration::from_millis(1);

impl Spinner {
    /// One that has not waited yet.
    pub fn new() -> Spinner {
        Spinner {
            adaptive: Adaptive::new(),
            quota_allows: quota_allows(),
            looked_at: Instant::now(),
            only_one: cpu::allowed() == 1,
            doubt: false,
            heels: Heels::new(),
        }
    }

    /// Spins for as long as the strategy has it, on the CPU `here`. Says whether a look succeeded; if not, it is time to
    /// sleep.
    ///
    /// # Errors
    ///
    /// [`Slept`]: a deadline and a signal end it as they end a sleep.
    pub fn spin(
        &mut self,
        strategy: Wait,
        awaited: &mut impl Awaited,
        here: u32,
        deadline: Option<Instant>,
    ) -> Result<bool, Slept> {
        if strategy == Wait::Park || self.is_in_the_way(awaited.company(here)) {
            return Ok(false);
        }
        if !self.quota_allows {
            self.look_at_quota(Instant::now());
            if !self.quota_allows {
                return Ok(false);
            }
        }
        // Whoever wakes us says where it runs.
        if std::mem::take(&mut self.doubt) {
            return Ok(false);
        }
        if strategy == Wait::Adaptive && !self.adaptive.spin_now() {
            return Ok(false);
        }
        let received = awaited.received();
        for _ in 0..self.heels.begin(received) {
            std::hint::spin_loop();
        }
        let found = look_for(awaited);
        self.heels.end(received, found);
        if found {
            self.adaptive.paid();
            return Ok(true);
        }
        self.spin_on(strategy, awaited, deadline)
    }

    /// Spins with an eye on the clock.
    fn spin_on(
        &mut self,
        strategy: Wait,
        awaited: &mut impl Awaited,
        deadline: Option<Instant>,
    ) -> Result<bool, Slept> {
        let start = Instant::now();
        self.look_at_quota(start);
        let mut gate: Option<SignalGate> = None;
        let (mut last, mut slow) = (start, start);
        while self.quota_allows {
            let found = look_for(awaited);
            let now = Instant::now();
            let preempted = now - last > GAP;
            if preempted {
                self.adaptive.preempted();
                self.doubt = true;
            }
            if found {
                self.adaptive.paid();
                return Ok(true);
            }
            if strategy == Wait::Adaptive {
                if preempted {
                    return Ok(false);
                }
                if now - start >= LONGEST {
                    self.adaptive.in_vain();
                    return Ok(false);
                }
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return if awaited.look() {
                    Ok(true)
                } else {
                    Err(Slept::TimedOut)
                };
            }
            if now - slow >= SLOW_LOOK {
                slow = now;
                match &gate {
                    None => gate = Some(SignalGate::close()?),
                    Some(gate) => gate.check()?,
                }
                self.look_at_quota(now);
                if self.is_in_the_way(awaited.company(cpu::current())) {
                    return Ok(false);
                }
            }
            last = now;
        }
        Ok(false)
    }

    /// Whether spinning would keep those from the CPU who are waited for.
    fn is_in_the_way(&self, company: Company) -> bool {
        match company {
            Company::Here => true,
            Company::Elsewhere => false,
            Company::Unknown => self.only_one,
        }
    }

    /// The quota and the CPUs of this thread may change while it runs.
    fn look_at_quota(&mut self, now: Instant) {
        if now - self.looked_at >= Duration::from_secs(1) {
            self.looked_at = now;
            self.quota_allows = quota_allows();
            self.only_one = cpu::allowed() == 1;
        }
    }
}

impl Default for Spinner {
    fn default() -> Spinner {
        Spinner::new()
    }
}

/// Looks for a while.
#[inline]
fn look_for(awaited: &mut impl Awaited) -> bool {
    for _ in 0..CLOCK_LOOK {
        if awaited.look() {
            return true;
        }
        std::hint::spin_loop();
    }
    false
}

/// A thread that is pinned to a CPU of its own may spin there; a process with a quota of one CPU or less may not.
fn quota_allows() -> bool {
    cpu::quota().is_none_or(|quota| quota > 1.0)
}
