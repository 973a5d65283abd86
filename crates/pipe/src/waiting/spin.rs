//! Spinning before a sleep: for as long as the strategy has it, and politely.

use std::time::{Duration, Instant};

use ringmq_sys::{SignalGate, cpu};

use super::adaptive::{Adaptive, GAP, LONGEST};
use super::spin_backoff::SpinBackoff;
use super::{Awaited, Company, Slept, Wait, quota};

/// What is remembered of the waits of one who spins: a sleeper, or whoever waits for several of them.
#[derive(Debug)]
pub struct Spinner {
    adaptive: Adaptive,
    /// What this thread may use; looked at every second of use.
    leave: Option<Leave>,
    /// Whether there was a wait before.
    waited: bool,
    /// The thread was off its CPU while it spun: what we know of the others' may be old.
    doubt: bool,
    /// Whether to let the peer get ahead.
    backoff: SpinBackoff,
}

/// What the machine leaves a thread to spin on.
#[derive(Debug, Clone, Copy)]
struct Leave {
    /// Whether the quota of this process leaves a CPU to spin on.
    quota_allows: bool,
    /// Whether this thread has one CPU only.
    only_one: bool,
    at: Instant,
}

/// How spinning ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spun {
    /// A look succeeded.
    Found,
    /// It is time to sleep.
    InVain,
    /// Another thread [wants](Awaited::is_wanted) what this one holds.
    Wanted,
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
            leave: None,
            waited: false,
            doubt: false,
            backoff: SpinBackoff::new(),
        }
    }

    /// Spins for as long as the strategy has it, on the CPU `here`.
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
    ) -> Result<Spun, Slept> {
        if strategy == Wait::Park {
            return Ok(Spun::InVain);
        }
        // The first wait is for whoever is yet to connect, or to answer for the first time: that takes longer than a spin,
        // and a peer that lives for one answer need not find out what it may use.
        if !std::mem::replace(&mut self.waited, true) && strategy == Wait::Adaptive {
            return Ok(Spun::InVain);
        }
        let company = awaited.company(here);
        if company == Company::Here {
            return Ok(Spun::InVain);
        }
        let leave = match self.leave {
            Some(leave) if leave.quota_allows => leave,
            // What is there need not wait until it is known what this thread may use.
            _ if look_once(awaited) => return Ok(Spun::Found),
            _ => self.look_at_leave(Instant::now()),
        };
        if !leave.quota_allows || leave.is_in_the_way(company) {
            return Ok(Spun::InVain);
        }
        // Whoever wakes us says where it runs.
        if std::mem::take(&mut self.doubt) {
            return Ok(Spun::InVain);
        }
        if strategy == Wait::Adaptive && !self.adaptive.spin_now() {
            return Ok(Spun::InVain);
        }
        let received = awaited.received();
        for _ in 0..self.backoff.begin(received) {
            std::hint::spin_loop();
        }
        let found = look_for(awaited);
        self.backoff.end(received, found);
        if found {
            self.adaptive.paid();
            return Ok(Spun::Found);
        }
        self.spin_on(strategy, awaited, deadline)
    }

    /// Spins with an eye on the clock.
    fn spin_on(
        &mut self,
        strategy: Wait,
        awaited: &mut impl Awaited,
        deadline: Option<Instant>,
    ) -> Result<Spun, Slept> {
        let start = Instant::now();
        let mut leave = self.look_at_leave(start);
        let mut gate: Option<SignalGate> = None;
        let (mut last, mut slow) = (start, start);
        while leave.quota_allows {
            let found = look_for(awaited);
            let now = Instant::now();
            let preempted = now - last > GAP;
            if preempted {
                self.adaptive.preempted();
                self.doubt = true;
            }
            if found {
                self.adaptive.paid();
                return Ok(Spun::Found);
            }
            if awaited.is_wanted() {
                if let Some(gate) = &mut gate {
                    gate.check()?;
                }
                return Ok(Spun::Wanted);
            }
            if strategy == Wait::Adaptive {
                if preempted {
                    return Ok(Spun::InVain);
                }
                if now - start >= LONGEST {
                    self.adaptive.in_vain();
                    return Ok(Spun::InVain);
                }
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return if look_once(awaited) {
                    Ok(Spun::Found)
                } else {
                    Err(Slept::TimedOut)
                };
            }
            if now - slow >= SLOW_LOOK {
                slow = now;
                leave = self.look_at_leave(now);
                let welcome =
                    leave.quota_allows && !leave.is_in_the_way(awaited.company(cpu::current()));
                // After everything else that ends the spin: a signal that came by now is not lost in the sleep.
                if !SignalGate::close_or_check(&mut gate)? || !welcome {
                    return Ok(Spun::InVain);
                }
            }
            last = now;
        }
        Ok(Spun::InVain)
    }

    /// The quota and the CPUs of this thread may change while it runs.
    fn look_at_leave(&mut self, now: Instant) -> Leave {
        match self.leave {
            Some(leave) if now - leave.at < Duration::from_secs(1) => leave,
            _ => *self.leave.insert(Leave::look(now)),
        }
    }
}

impl Leave {
    /// Costs up to some 100 µs, once a second for all threads of the process.
    fn look(now: Instant) -> Leave {
        Leave {
            // A thread that is pinned to a CPU of its own may spin there.
            quota_allows: quota::allows(now),
            only_one: cpu::allowed() == 1,
            at: now,
        }
    }

    /// Whether spinning would keep those from the CPU who are waited for.
    fn is_in_the_way(&self, company: Company) -> bool {
        match company {
            Company::Here => true,
            Company::Elsewhere => false,
            Company::Unknown => self.only_one,
        }
    }
}

impl Default for Spinner {
    fn default() -> Spinner {
        Spinner::new()
    }
}

/// A look in passing: where a look is part of a spin, it is compiled into that.
#[cold]
#[inline(never)]
fn look_once(awaited: &mut impl Awaited) -> bool {
    awaited.look()
}

/// Looks for a while.
#[inline]
fn look_for(awaited: &mut impl Awaited) -> bool {
    for _ in 0..CLOCK_LOOK {
        if awaited.stirs() && awaited.is_it() {
            return true;
        }
        std::hint::spin_loop();
    }
    false
}
