//! Waiting: look again and again, or sleep until the doorbell rings.
//!
//! One [`Waiter`] serves one half of a pipe. What it waits for is [`Armed`]: a look that costs a load, and an
//! announcement that is made before a sleep. The order of a sleep is the one of `ringmq_ring`'s announcements: (the
//! doorbell was drained when it last woke us) – arm – order – look – sleep – drain – disarm.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq_ring::{Mapped, MappedMut, Word};
use ringmq_sys::{Doorbell, Readiness, Ringer, Wake, cpu};

use super::error::WaitError;
use super::shared::Shared;
use super::stats::Waits;
use crate::waiting::{Awaited, Company, Spinner, Spun, Storm, Wait};

/// What a half of a pipe waits for, when it sleeps.
pub(crate) trait Armed: Awaited<Error = WaitError> {
    /// Announces that this half sleeps, and orders that before the next look.
    fn arm(&mut self) -> io::Result<()>;
    /// Takes the announcement back.
    fn disarm(&mut self);
}

/// How one half of a pipe waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    strategy: Wait,
    // Before `bell`, which it watches.
    readiness: Readiness,
    bell: Doorbell,
    shared: Arc<Shared>,
    cpus: Cpus,
    spinner: Spinner,
    /// When a call that does not wait last found the peer alive.
    seen_alive: Instant,
    /// Counts wake-ups that bring nothing.
    storm: Storm,
    /// Announcements of a sleep since the bell was last drained.
    armings: u32,
    /// Whether the peer is gone.
    gone: bool,
    /// Whether the descriptor was handed out: then everything that the program waits for makes it readable.
    watched: Cell<bool>,
    /// Whether the descriptor is kept readable, so that its holder looks once more.
    nudged: Cell<bool>,
    pub(crate) stats: Waits,
}

/// Time for which a peer that was found alive is taken to live on, by calls that do not wait.
const ALIVE: Duration = Duration::from_millis(1);
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
            cpus: Cpus {
                told: cpu_told,
                last: u32::MAX,
                peer: cpu_peer,
            },
            spinner: Spinner::for_one_peer(),
            seen_alive: Instant::now(),
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
        awaited: &mut impl Armed,
        deadline: Option<Instant>,
        nudger: &Ringer,
    ) -> Result<(), WaitError> {
        let outcome = match self.spin(awaited, deadline) {
            Ok(Spun::Found) => Ok(()),
            Ok(Spun::InVain | Spun::Wanted) => self.sleep(awaited, deadline, nudger),
            Err(error) => Err(error),
        };
        // What came while we were awake has not rung the doorbell: a program that polls the descriptor looks once more.
        match outcome {
            Ok(()) if self.watched.get() => self.nudge(nudger),
            Ok(()) => {}
            // The program may poll now, and wait for an edge.
            Err(_) => self.look_again(nudger),
        }
        outcome
    }

    /// Spins for as long as the strategy has it.
    #[inline]
    fn spin(
        &mut self,
        awaited: &mut impl Armed,
        deadline: Option<Instant>,
    ) -> Result<Spun, WaitError> {
        let mut spinning = Spinning {
            awaited,
            cpus: &mut self.cpus,
            readiness: &self.readiness,
            gone: &mut self.gone,
        };
        let here = cpu::current();
        let spun = self
            .spinner
            .spin(self.strategy, &mut spinning, here, deadline)?;
        if spun == Spun::Found {
            self.stats.spun += 1;
        }
        Ok(spun)
    }

    fn sleep(
        &mut self,
        awaited: &mut impl Armed,
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
                // Also if there is something now: the kernel reports a hang-up once.
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

    /// Tells the peer the CPU that we run on.
    #[inline]
    pub(crate) fn tell_cpu(&mut self) {
        self.cpus.tell(cpu::current());
    }

    /// The descriptor that is readable while there is something to do, and also until the first call that finds nothing.
    pub(crate) fn watch(&self, nudger: &Ringer) -> BorrowedFd<'_> {
        // A forked child has the same epoll instance as its parent, and must not change it.
        if self.shared.is_here() && !self.watched.replace(true) {
            // Both fail only if the kernel has no memory; the nudge brings the first look.
            let _ = self.readiness.tell_always(&self.bell);
            self.nudge(nudger);
        }
        self.readiness.as_fd()
    }

    /// After a look that found nothing: from now on the descriptor becomes readable when there is something, if the
    /// program polls it. Returns true if a look after arming found something after all, or the peer is gone.
    #[inline]
    pub(crate) fn arm_for_watcher(
        &mut self,
        awaited: &mut impl Armed,
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
            // It came without a ring, and so did what came with it: the descriptor becomes readable for a caller that makes
            // one call for each poll.
            self.nudge(nudger);
        }
        Ok(found)
    }

    /// For calls that do not wait: returns true if the peer's process or its end of the doorbell is gone. Asks the kernel
    /// once a millisecond at most.
    pub(crate) fn peer_is_gone(&mut self) -> io::Result<bool> {
        let now = Instant::now();
        // The descriptor may report a death once only, and a program that polls it asks for the reason now.
        if now - self.seen_alive < ALIVE && !self.watched.get() {
            return Ok(false);
        }
        let wake = self.readiness.check()?;
        if self.is_gone(&wake) {
            return Ok(true);
        }
        self.seen_alive = now;
        Ok(false)
    }

    /// Returns true if the peer is gone. The kernel reports a hang-up once, so it is remembered.
    fn is_gone(&mut self, wake: &Wake) -> bool {
        self.gone |= is_gone(wake);
        self.gone
    }

    /// Returns true if the peer is known to be gone. Does not ask the kernel.
    #[inline(always)]
    pub(crate) fn knows_peer_gone(&self) -> bool {
        self.gone
    }

    /// Makes the descriptor readable, if the program polls it.
    pub(crate) fn look_again(&self, nudger: &Ringer) {
        if self.watched.get() {
            // A descriptor that is readable already gives no edge; one that becomes readable anew does.
            let _ = self.calm(nudger);
            self.nudge(nudger);
        }
    }

    /// Before each arming: drains the bell in time. Each arming brings one ring at most, slept for or not. A full bell
    /// would not wake us.
    fn drain_in_time(&mut self) -> io::Result<()> {
        self.armings += 1;
        if self.armings >= DRAIN {
            self.armings = 0;
            self.bell.drain()?;
        }
        Ok(())
    }

    /// The bell has woken us. Each ring ends one sleep, drained or not; but the descriptor stays readable until the bell
    /// is drained.
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

/// The CPUs that both ends of a ring say they run on.
#[derive(Debug)]
struct Cpus {
    /// The word that shows this end's CPU to the peer.
    told: Word<MappedMut>,
    last: u32,
    /// The CPU of the peer's half at the other end of the same ring.
    peer: Word<Mapped>,
}

impl Cpus {
    #[inline]
    fn tell(&mut self, here: u32) {
        if here != self.last {
            self.last = here;
            self.told.publish(u64::from(here) + 1);
        }
    }

    /// Whether the peer runs on the same CPU, by the CPU that it has published.
    #[inline]
    fn company(&self, here: u32) -> Company {
        match self.peer.load() {
            0 => Company::Unknown,
            told if told == u64::from(here) + 1 => Company::Here,
            _ => Company::Elsewhere,
        }
    }
}

/// What a half waits for while it spins: the peer hears of our CPU, and its death ends the spin.
struct Spinning<'a, A> {
    awaited: &'a mut A,
    cpus: &'a mut Cpus,
    readiness: &'a Readiness,
    gone: &'a mut bool,
}

impl<A: Armed> Awaited for Spinning<'_, A> {
    type Error = WaitError;

    #[inline(always)]
    fn look(&mut self) -> bool {
        self.awaited.look()
    }

    #[inline(always)]
    fn pauses(&self) -> u32 {
        self.awaited.pauses()
    }

    #[inline]
    fn company(&mut self, here: u32) -> Company {
        self.cpus.tell(here);
        self.cpus.company(here)
    }

    #[inline]
    fn received(&self) -> u64 {
        self.awaited.received()
    }

    /// `PeerDied` only after a look that came after the death.
    fn check(&mut self) -> Result<bool, WaitError> {
        let wake = self.readiness.check()?;
        *self.gone |= is_gone(&wake);
        if !*self.gone {
            return Ok(false);
        }
        if self.awaited.look() {
            Ok(true)
        } else {
            Err(WaitError::PeerDied)
        }
    }
}

fn is_gone(wake: &Wake) -> bool {
    wake.peer_dead || wake.hung_up
}
