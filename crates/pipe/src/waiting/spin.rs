//! The one spinning loop: for as long as the strategy has it, and politely.

use std::time::{Duration, Instant};

use ringmq_sys::{SignalGate, cpu};

use super::adaptive::{Adaptive, GAP, LONGEST};
use super::spin_backoff::SpinBackoff;
use super::turns::Turns;
use super::{Awaited, Company, Slept, Wait, quota};

/// What is remembered of the waits of a thread that spins: for a half of a bare pipe, for a socket, or for several sockets.
#[derive(Debug)]
pub struct Spinner {
    adaptive: Adaptive,
    /// What this thread may use; looked at every second of use.
    leave: Option<Leave>,
    /// Whether a thread that may use one CPU only spins while it does not know where its peer runs.
    heeds_one_cpu: bool,
    /// Whether there was a wait before.
    waited: bool,
    /// The thread was off its CPU while it spun: what we know of the CPUs of others may be old.
    doubt: bool,
    /// Whether to let the peer get ahead.
    backoff: SpinBackoff,
    /// When to let a peer on the same CPU run instead of sleeping.
    turns: Turns,
}

/// What the machine leaves a thread to spin on.
#[derive(Debug, Clone, Copy)]
struct Leave {
    /// Whether the quota of this process leaves a CPU to spin on.
    quota_allows: bool,
    /// Whether this thread may use one CPU only.
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
    /// Another thread [wants](Awaited::is_wanted) what this thread holds.
    Wanted,
}

/// Pauses, of about 12 ns each, between two looks at the clock while spinning.
const CLOCK_LOOK: u32 = 64;
/// Time between two looks at signals and [checks](Awaited::check) while spinning.
const SLOW_LOOK: Duration = Duration::from_millis(1);

impl Spinner {
    /// Makes one for a thread that waits for many peers, some of which may be yet to connect.
    pub fn new() -> Spinner {
        Spinner {
            adaptive: Adaptive::new(),
            leave: None,
            heeds_one_cpu: true,
            waited: false,
            doubt: false,
            backoff: SpinBackoff::new(),
            turns: Turns::new(),
        }
    }

    /// Makes one for a half of a bare pipe, whose one peer has connected: the first wait spins, too, and the quota is
    /// known before that.
    pub(crate) fn for_one_peer() -> Spinner {
        Spinner {
            leave: Some(Leave::look(Instant::now(), false)),
            heeds_one_cpu: false,
            waited: true,
            ..Spinner::new()
        }
    }

    /// Spins for as long as the strategy has it, on the CPU `here`.
    ///
    /// # Errors
    ///
    /// [`Slept`]: a deadline and a signal end it as they end a sleep; and what a [check](Awaited::check) fails with.
    pub fn spin<A: Awaited>(
        &mut self,
        strategy: Wait,
        awaited: &mut A,
        here: u32,
        deadline: Option<Instant>,
    ) -> Result<Spun, A::Error> {
        if strategy == Wait::Park {
            return Ok(Spun::InVain);
        }
        // The first wait is for a peer that is yet to connect, or to answer for the first time: that takes longer than a
        // spin, and a peer that lives for one answer need not find out what it may use.
        if !std::mem::replace(&mut self.waited, true) && strategy == Wait::Adaptive {
            return Ok(Spun::InVain);
        }
        let company = awaited.company(here);
        if company == Company::Here {
            return Ok(self.give_way(awaited));
        }
        let leave = match self.leave {
            Some(leave) if leave.quota_allows => leave,
            // What is there need not wait until it is known what this thread may use.
            _ if awaited.stirs() && look_once(awaited) => return Ok(Spun::Found),
            _ => self.look_at_leave(Instant::now()),
        };
        if !leave.quota_allows || leave.is_in_the_way(company) {
            return Ok(Spun::InVain);
        }
        // The peer that ends a sleep tells where it runs.
        if std::mem::take(&mut self.doubt) {
            return Ok(Spun::InVain);
        }
        if strategy == Wait::Adaptive && !self.adaptive.spin_now() {
            return Ok(Spun::InVain);
        }
        let received = awaited.received();
        pause(self.backoff.begin(received));
        let found = look_for(awaited);
        self.backoff.end(received, found);
        if found {
            self.adaptive.paid();
            return Ok(Spun::Found);
        }
        self.spin_on(strategy, awaited, deadline)
    }

    /// Lets the peers run that share this CPU, if that pays. A signal in that time does not end the call, as in a short spin.
    fn give_way<A: Awaited>(&mut self, awaited: &mut A) -> Spun {
        if !self.turns.begin(awaited.received()) || awaited.is_wanted() {
            return Spun::InVain;
        }
        let start = Instant::now();
        std::thread::yield_now();
        self.turns.end(start.elapsed());
        if awaited.stirs() && look_once(awaited) {
            Spun::Found
        } else {
            Spun::InVain
        }
    }

    /// Spins with an eye on the clock.
    fn spin_on<A: Awaited>(
        &mut self,
        strategy: Wait,
        awaited: &mut A,
        deadline: Option<Instant>,
    ) -> Result<Spun, A::Error> {
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
                    gate.check().map_err(Slept::from)?;
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
                    Err(Slept::TimedOut.into())
                };
            }
            if now - slow >= SLOW_LOOK {
                slow = now;
                if awaited.check()? {
                    return Ok(Spun::Found);
                }
                leave = self.look_at_leave(now);
                let welcome =
                    leave.quota_allows && !leave.is_in_the_way(awaited.company(cpu::current()));
                // After everything else that ends the spin: a signal that came by now is not lost in the sleep.
                if !SignalGate::close_or_check(&mut gate).map_err(Slept::from)? || !welcome {
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
            _ => *self.leave.insert(Leave::look(now, self.heeds_one_cpu)),
        }
    }
}

impl Leave {
    /// Costs up to some 100 µs, once a second for all threads of the process.
    fn look(now: Instant, heeds_one_cpu: bool) -> Leave {
        Leave {
            // A thread that is pinned to a CPU of its own may spin there.
            quota_allows: quota::allows(now),
            only_one: heeds_one_cpu && cpu::allowed() == 1,
            at: now,
        }
    }

    /// Returns true if spinning would keep the peers from the CPU.
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

/// Looks until about [`CLOCK_LOOK`] pauses are spent. Returns true if a look succeeded.
#[inline]
fn look_for(awaited: &mut impl Awaited) -> bool {
    let step = awaited.pauses();
    let mut spent = 0;
    while spent < CLOCK_LOOK {
        if awaited.stirs() && awaited.is_it() {
            return true;
        }
        pause(step);
        spent += step;
    }
    false
}

#[inline]
fn pause(times: u32) {
    for _ in 0..times {
        std::hint::spin_loop();
    }
}
