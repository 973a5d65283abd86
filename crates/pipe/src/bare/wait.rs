//! Waiting: look again and again, or sleep until the doorbell rings.
//!
//! One [`Waiter`] serves one half of a pipe. What it waits for is an [`Awaited`]: a look that costs a
//! load, and an announcement to be made before a sleep. The order of a sleep is the one of
//! `ringmq_ring`'s announcements: (the doorbell was drained when it last woke us) – arm – order – look –
//! sleep – drain – disarm.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq_ring::{Mapped, MappedMut, Word};
use ringmq_sys::{Doorbell, Readiness, Ringer, SignalGate, Wake, cpu};

use super::error::WaitError;
use super::shared::Shared;
use super::stats::Waits;
use crate::waiting::Storm;
use crate::waiting::Wait;
use crate::waiting::adaptive::{Adaptive, GAP, LONGEST};
use crate::waiting::quota;
use crate::waiting::spin_backoff::SpinBackoff;

/// What a half of a pipe waits for.
pub(crate) trait Awaited {
    /// Whether it is there; also when an error is, which the caller then finds.
    fn look(&mut self) -> bool;
    /// Announces that this half sleeps, and orders that before the next look.
    fn arm(&mut self) -> io::Result<()>;
    /// Takes the announcement back.
    fn disarm(&mut self);
    /// Pauses between two looks while spinning: more where the look disturbs the other side.
    fn pauses(&self) -> u32;
    /// Messages received so far; 0 for whoever does not receive.
    fn received(&self) -> u64;
}

/// How one half of a pipe waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    strategy: Wait,
    // Before `bell`, which it watches.
    readiness: Readiness,
    bell: Doorbell,
    shared: Arc<Shared>,
    /// Our CPU, told to the peer.
    cpu_told: Word<MappedMut>,
    cpu_last: u32,
    /// The CPU of the peer's half at the other end of the same ring.
    cpu_peer: Word<Mapped>,
    adaptive: Adaptive,
    /// Whether the quota of this process leaves a CPU to spin on, and when that was last found out.
    quota_allows: bool,
    quota_at: Instant,
    /// Whether the thread was off its CPU while it spun: then what we know of the peer's CPU may be old.
    doubt: bool,
    /// When a call that does not wait last saw that the peer lives.
    seen_alive: Instant,
    /// Whether to let the peer get ahead.
    backoff: SpinBackoff,
    /// Rings that bring nothing.
    storm: Storm,
    /// Announcements of a sleep since the bell was last drained.
    armings: u32,
    /// Whether the peer is gone.
    gone: bool,
    /// Whether the descriptor was handed out: then whoever polls it must be told of everything.
    watched: Cell<bool>,
    /// Whether the descriptor is kept readable, so that its holder looks once more.
    nudged: Cell<bool>,
    pub(crate) stats: Waits,
}

/// Time between two looks at what changes slowly while spinning: the peer's death, signals.
const SLOW_LOOK: Duration = Duration::from_millis(1);
/// Pauses, of about 12 ns each, between two looks at the clock while spinning.
const CLOCK_LOOK: u32 = 64;
/// Armings after which the bell is drained. It holds 64 Ki rings.
const DRAIN: u32 = 256;

impl Waiter {
    pub(crate) fn new(
        strategy: Wait,
        bell: Doorbell,
        shared: Arc<Shared>,
        cpu_told: Word<MappedMut>,
        cpu_peer: Word<Mapped>,
    ) -> io::Result<Waiter> {
        let readiness = Readiness::once(&bell, shared.pidfd())?;
        let mut waiter = Waiter {
            strategy,
            readiness,
            bell,
            shared,
            cpu_told,
            cpu_last: u32::MAX,
            cpu_peer,
            adaptive: Adaptive::new(),
            quota_allows: quota::allows(Instant::now()),
            quota_at: Instant::now(),
            doubt: false,
            seen_alive: Instant::now(),
            backoff: SpinBackoff::new(),
            storm: Storm::default(),
            armings: 0,
            gone: false,
            watched: Cell::new(false),
            nudged: Cell::new(false),
            stats: Waits::default(),
        };
        waiter.tell_cpu();
        Ok(waiter)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Waits until a look succeeds. The caller has looked before.
    ///
    /// # Errors
    ///
    /// `PeerDied` only after a look that came after the death.
    #[inline(never)]
    pub(crate) fn wait(
        &mut self,
        awaited: &mut impl Awaited,
        deadline: Option<Instant>,
        nudger: &Ringer,
    ) -> Result<(), WaitError> {
        let outcome = match self.spin(awaited, deadline) {
            Ok(true) => Ok(()),
            Ok(false) => self.sleep(awaited, deadline, nudger),
            Err(error) => Err(error),
        };
        // What came while we were awake rang nobody: whoever polls the descriptor is to look for himself.
        match outcome {
            Ok(()) if self.watched.get() => self.nudge(nudger),
            Ok(()) => {}
            // He may wait now, and for an edge.
            Err(_) => self.look_again(nudger),
        }
        outcome
    }

    /// Spins for as long as the strategy has it. Says whether a look succeeded.
    #[inline]
    fn spin(
        &mut self,
        awaited: &mut impl Awaited,
        deadline: Option<Instant>,
    ) -> Result<bool, WaitError> {
        if self.strategy == Wait::Park || self.shares_cpu() {
            return Ok(false);
        }
        if !self.quota_allows {
            self.look_at_quota(Instant::now());
            if !self.quota_allows {
                return Ok(false);
            }
        }
        if std::mem::take(&mut self.doubt) {
            // Whoever wakes us says where it runs.
            return Ok(false);
        }
        if self.strategy == Wait::Adaptive && !self.adaptive.spin_now() {
            return Ok(false);
        }
        let received = awaited.received();
        pause(self.backoff.begin(received));
        let found = look_for(awaited, CLOCK_LOOK);
        self.backoff.end(received, found);
        if found {
            self.adaptive.paid();
            self.stats.spun += 1;
            return Ok(true);
        }
        self.spin_on(awaited, deadline)
    }

    /// Spins with an eye on the clock.
    fn spin_on(
        &mut self,
        awaited: &mut impl Awaited,
        deadline: Option<Instant>,
    ) -> Result<bool, WaitError> {
        let start = Instant::now();
        self.look_at_quota(start);
        let mut gate: Option<SignalGate> = None;
        let (mut last, mut slow) = (start, start);
        while self.quota_allows {
            let found = look_for(awaited, CLOCK_LOOK);
            let now = Instant::now();
            let preempted = now - last > GAP;
            if preempted {
                self.adaptive.preempted();
                self.doubt = true;
            }
            if found {
                self.adaptive.paid();
                self.stats.spun += 1;
                return Ok(true);
            }
            if self.strategy == Wait::Adaptive {
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
                    Err(WaitError::TimedOut)
                };
            }
            if now - slow >= SLOW_LOOK {
                slow = now;
                let wake = self.readiness.check()?;
                if self.is_gone(&wake) {
                    return if awaited.look() {
                        Ok(true)
                    } else {
                        Err(WaitError::PeerDied)
                    };
                }
                self.look_at_quota(now);
                let welcome = self.quota_allows && !self.shares_cpu();
                // After everything else that ends the spin: a signal that came by now is not lost in the sleep.
                if !SignalGate::close_or_check(&mut gate)? || !welcome {
                    return Ok(false);
                }
            }
            last = now;
        }
        Ok(false)
    }

    fn sleep(
        &mut self,
        awaited: &mut impl Awaited,
        deadline: Option<Instant>,
        nudger: &Ringer,
    ) -> Result<(), WaitError> {
        self.calm(nudger)?;
        loop {
            self.drain_in_time()?;
            awaited.arm()?;
            if awaited.look() {
                awaited.disarm();
                return Ok(());
            }
            if self.gone {
                awaited.disarm();
                return Err(WaitError::PeerDied);
            }
            self.stats.slept += 1;
            let woken = self.readiness.wait(deadline);
            if let Ok(wake) = &woken {
                // Even if there is something now: a hang-up is told once.
                self.is_gone(wake);
                if wake.rung {
                    self.heard()?;
                }
            }
            awaited.disarm();
            // This look comes after the death, if there was one.
            if awaited.look() {
                self.storm.found_news();
                return Ok(());
            }
            let wake = woken?;
            if self.is_gone(&wake) {
                return Err(WaitError::PeerDied);
            }
            if wake.timed_out {
                return Err(WaitError::TimedOut);
            }
            self.stats.spurious += 1;
            // A bell that rings all the time lets no sleep time out.
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(WaitError::TimedOut);
            }
            self.storm.found_nothing(deadline)?;
        }
    }

    /// Whether both ends of the ring run on one CPU, as far as is known. Tells the peer ours.
    #[inline]
    fn shares_cpu(&mut self) -> bool {
        self.tell_cpu();
        self.cpu_peer.load() == u64::from(self.cpu_last) + 1
    }

    /// Tells the peer the CPU that we run on.
    #[inline]
    pub(crate) fn tell_cpu(&mut self) {
        let here = cpu::current();
        if here != self.cpu_last {
            self.cpu_last = here;
            self.cpu_told.publish(u64::from(here) + 1);
        }
    }

    /// The quota may change while we run; it is read again every second of use.
    fn look_at_quota(&mut self, now: Instant) {
        if now - self.quota_at >= Duration::from_secs(1) {
            self.quota_at = now;
            self.quota_allows = quota::allows(now);
        }
    }

    /// The descriptor that is readable while there is something to do. Until the first call that finds
    /// nothing, it always is.
    pub(crate) fn watch(&self, nudger: &Ringer) -> BorrowedFd<'_> {
        // A forked child has the same epoll instance as its parent, and must not change it.
        if self.shared.is_here() && !self.watched.replace(true) {
            // Neither can fail but for want of kernel memory; the nudge is what a first look needs.
            let _ = self.readiness.tell_always(&self.bell);
            self.nudge(nudger);
        }
        self.readiness.as_fd()
    }

    /// After a look that found nothing: whoever polls the descriptor is told when there is something.
    /// Says whether a look after arming found something after all, or the peer is gone.
    #[inline]
    pub(crate) fn arm_for_watcher(
        &mut self,
        awaited: &mut impl Awaited,
        nudger: &Ringer,
    ) -> Result<bool, WaitError> {
        if !self.watched.get() {
            return Ok(false);
        }
        self.calm(nudger)?;
        self.bell.drain()?;
        awaited.arm()?;
        let found = awaited.look();
        if found {
            // It rang nobody, nor did what came with it: a caller that makes one call for each poll is to come again.
            self.nudge(nudger);
        }
        Ok(found)
    }

    /// For calls that do not wait: whether the peer is gone, its process or its end of the doorbell. A
    /// system call, so the kernel is asked once a millisecond at most.
    pub(crate) fn peer_is_gone(&mut self) -> io::Result<bool> {
        let now = Instant::now();
        // Whoever polls the descriptor may be told of a death once only, and asks for the reason now.
        if now - self.seen_alive < SLOW_LOOK && !self.watched.get() {
            return Ok(false);
        }
        let wake = self.readiness.check()?;
        if self.is_gone(&wake) {
            return Ok(true);
        }
        self.seen_alive = now;
        Ok(false)
    }

    /// Whether the peer is gone. A hang-up is told once, so it is remembered.
    fn is_gone(&mut self, wake: &Wake) -> bool {
        self.gone |= wake.peer_dead || wake.hung_up;
        self.gone
    }

    /// Whether the peer is known to be gone, without asking.
    #[inline(always)]
    pub(crate) fn knows_peer_gone(&self) -> bool {
        self.gone
    }

    /// Whoever polls the descriptor is to look again, whatever happens.
    pub(crate) fn look_again(&self, nudger: &Ringer) {
        if self.watched.get() {
            // A descriptor that is readable already has no edge to tell of; one that becomes readable anew has.
            let _ = self.calm(nudger);
            self.nudge(nudger);
        }
    }

    /// Before each arming. It is rung for once at most, slept for or not, so the bell can be drained
    /// before it is full: a full one wakes nobody.
    fn drain_in_time(&mut self) -> io::Result<()> {
        self.armings += 1;
        if self.armings >= DRAIN {
            self.armings = 0;
            self.bell.drain()?;
        }
        Ok(())
    }

    /// The bell has woken us. Each ring ends one sleep, drained or not; but whoever polls the descriptor
    /// is told of a ring until it is drained.
    fn heard(&mut self) -> io::Result<()> {
        if !self.readiness.tells_once() {
            self.bell.drain()?;
        }
        Ok(())
    }

    fn nudge(&self, nudger: &Ringer) {
        if !self.nudged.get() && self.readiness.nudge(nudger.as_fd()).is_ok() {
            self.nudged.set(true);
        }
    }

    fn calm(&self, nudger: &Ringer) -> io::Result<()> {
        if self.nudged.replace(false) {
            self.readiness.calm(nudger.as_fd())?;
        }
        Ok(())
    }
}

/// Looks until about `pauses` pauses are spent. Says whether a look succeeded.
#[inline]
fn look_for(awaited: &mut impl Awaited, pauses: u32) -> bool {
    let step = awaited.pauses();
    let mut spent = 0;
    loop {
        if awaited.look() {
            return true;
        }
        if spent >= pauses {
            return false;
        }
        pause(step);
        spent += step;
    }
}

fn pause(times: u32) {
    for _ in 0..times {
        std::hint::spin_loop();
    }
}
