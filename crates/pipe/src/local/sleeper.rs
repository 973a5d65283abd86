//! Who waits: a socket, with one bell for all that can wake it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq_ring::{Generation, MappedMut, Owed, WordsMut, words};
use ringmq_sys::{Event, SignalGate, barrier, cpu};

use super::waker::{Bell, Bellpull};
use crate::adaptive::{Adaptive, GAP, LONGEST};
use crate::options::Wait;
use crate::remote::Control;

/// Why a wait ended with nothing.
#[derive(Debug, thiserror::Error)]
pub enum Slept {
    /// The deadline passed.
    #[error("nothing came in time")]
    TimedOut,
    /// A signal was handled.
    #[error("a signal was handled")]
    Interrupted,
    /// The kernel refused.
    #[error("cannot sleep: {0}")]
    Os(#[source] io::Error),
}

impl From<io::Error> for Slept {
    fn from(error: io::Error) -> Slept {
        if error.kind() == io::ErrorKind::Interrupted {
            Slept::Interrupted
        } else {
            Slept::Os(error)
        }
    }
}

/// How the owner of many pipes waits for all of them.
#[derive(Debug)]
pub struct Sleeper {
    strategy: Wait,
    generation: Generation<WordsMut<1>>,
    /// The same announcement for peers of other processes, once there may be some.
    shared: Option<(Arc<Control>, Generation<MappedMut>)>,
    bellpull: Bellpull,
    event: Arc<Event>,
    adaptive: Adaptive,
    /// Whether another CPU may run whoever wakes us; looked at every second of use.
    may_spin: bool,
    looked_at: Instant,
    /// Whether the bell may have rings that were not drained.
    dirty: bool,
    /// Whether a sleeper can pay for the order at all.
    can_pay: bool,
    /// When it last went to sleep, and how many sleeps in a row were of the kind that the present regime is not for.
    slept_at: Instant,
    misfits: u32,
}

/// Pauses, of about 12 ns each, between two looks at the clock while spinning.
const CLOCK_LOOK: u32 = 64;
/// Two sleeps within this time are many.
const OFTEN: Duration = Duration::from_micros(200);
/// Sleeps in a row that the present regime is not for, before it is changed.
const MISFITS: u32 = 4;
/// Time between two looks at signals while spinning.
const SLOW_LOOK: Duration = Duration::from_millis(1);

impl Bell for Event {
    fn ring(&self) -> io::Result<()> {
        Event::ring(self)
    }
}

impl Sleeper {
    /// One that waits so.
    ///
    /// # Errors
    ///
    /// If there is no descriptor for its bell.
    pub fn new(strategy: Wait) -> io::Result<Sleeper> {
        let event = Arc::new(Event::new()?);
        let (word, seen) = words();
        // Where the sleeper cannot pay for the order, those who wake it do.
        let can_pay = barrier::register();
        let generation = Generation::new(word, !can_pay);
        Ok(Sleeper {
            strategy,
            generation,
            shared: None,
            bellpull: Bellpull::new(seen, Arc::clone(&event) as Arc<dyn Bell>),
            event,
            adaptive: Adaptive::new(),
            may_spin: may_spin(),
            looked_at: Instant::now(),
            dirty: false,
            can_pay,
            slept_at: Instant::now(),
            misfits: 0,
        })
    }

    /// What others need to wake this one.
    pub fn bellpull(&self) -> Bellpull {
        self.bellpull.clone()
    }

    /// What this sleeper shows to peers of other processes; `None` where a bell cannot be shared.
    ///
    /// # Errors
    ///
    /// If there is no memory or descriptor for it.
    pub fn control(&mut self) -> io::Result<Option<Arc<Control>>> {
        if self.shared.is_none() {
            self.shared = Control::make(&self.event, self.generation.asks_fences())?;
            if let Some((_, shared)) = &mut self.shared
                && self.generation.is_armed()
            {
                // Nobody knows of it yet, so that nothing is owed.
                let _ = shared.arm();
            }
        }
        Ok(self.shared.as_ref().map(|(control, _)| Arc::clone(control)))
    }

    fn ask_fences(&mut self) -> Owed {
        let owed = self.generation.ask_fences();
        if let Some((_, shared)) = &mut self.shared {
            let _same = shared.ask_fences();
        }
        owed
    }

    fn disarm(&mut self) {
        self.generation.disarm();
        if let Some((_, shared)) = &mut self.shared {
            shared.disarm();
        }
    }

    /// Waits in another way from now on.
    pub fn set_wait(&mut self, strategy: Wait) {
        self.strategy = strategy;
    }

    /// Waits until a look succeeds. The caller has looked before.
    ///
    /// # Errors
    ///
    /// [`Slept`].
    pub fn wait(
        &mut self,
        mut look: impl FnMut() -> bool,
        deadline: Option<Instant>,
    ) -> Result<(), Slept> {
        if self.spin(&mut look, deadline)? {
            return Ok(());
        }
        loop {
            if std::mem::take(&mut self.dirty) {
                self.event.drain()?;
            }
            self.arm()?;
            if look() {
                self.disarm();
                return Ok(());
            }
            let woken = self.event.wait(deadline);
            self.disarm();
            self.dirty = true;
            if look() {
                return Ok(());
            }
            if !woken? {
                return Err(Slept::TimedOut);
            }
        }
    }

    /// Announces a sleep, and orders that before the next look.
    fn arm(&mut self) -> io::Result<()> {
        self.choose_who_pays()?;
        let mut owed = self.generation.arm();
        if let Some((_, shared)) = &mut self.shared
            && shared.arm() == Owed::Barrier
        {
            owed = Owed::Barrier;
        }
        if owed == Owed::Barrier
            && let Err(error) = barrier::sync()
        {
            self.disarm();
            return Err(error);
        }
        Ok(())
    }

    /// Who sleeps often asks those who wake it for fences: a barrier for each sleep would cost more than the messages
    /// between two of them (docs/performance.md).
    fn choose_who_pays(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let often = now - self.slept_at < OFTEN;
        self.slept_at = now;
        if !self.can_pay || often == self.generation.asks_fences() {
            self.misfits = 0;
            return Ok(());
        }
        self.misfits += 1;
        if self.misfits < MISFITS {
            return Ok(());
        }
        self.misfits = 0;
        if !often {
            self.forgo_fences();
        } else if self.ask_fences() == Owed::Barrier
            && let Err(error) = barrier::sync()
        {
            self.forgo_fences();
            return Err(error);
        }
        Ok(())
    }

    fn forgo_fences(&mut self) {
        self.generation.forgo_fences();
        if let Some((_, shared)) = &mut self.shared {
            shared.forgo_fences();
        }
    }

    /// For whoever polls the descriptor: drains the bell and announces a sleep. The caller looks once more afterwards;
    /// what comes after that rings.
    ///
    /// # Errors
    ///
    /// If the kernel refuses; nothing is expected.
    pub fn arm_for_watcher(&mut self) -> io::Result<()> {
        self.dirty = false;
        self.event.drain()?;
        self.arm()
    }

    /// For whoever polls the descriptor: makes it readable.
    ///
    /// # Errors
    ///
    /// If the kernel refuses; nothing is expected.
    pub fn ring(&mut self) -> io::Result<()> {
        self.dirty = true;
        self.event.ring()
    }

    fn spin(
        &mut self,
        look: &mut impl FnMut() -> bool,
        deadline: Option<Instant>,
    ) -> Result<bool, Slept> {
        if self.strategy == Wait::Park {
            return Ok(false);
        }
        if self.strategy == Wait::Adaptive && !(self.may_spin && self.adaptive.spin_now()) {
            self.look_at_cpus(Instant::now());
            return Ok(false);
        }
        if looks(look) {
            self.adaptive.paid();
            return Ok(true);
        }
        let start = Instant::now();
        self.look_at_cpus(start);
        let mut gate: Option<SignalGate> = None;
        let (mut last, mut slow) = (start, start);
        while self.may_spin {
            let found = looks(look);
            let now = Instant::now();
            let preempted = now - last > GAP;
            if preempted {
                self.adaptive.preempted();
            }
            if found {
                self.adaptive.paid();
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
                return if look() {
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
                self.look_at_cpus(now);
            }
            last = now;
        }
        Ok(false)
    }

    /// The CPUs and the quota of this process may change while it runs.
    fn look_at_cpus(&mut self, now: Instant) {
        if now - self.looked_at >= Duration::from_secs(1) {
            self.looked_at = now;
            self.may_spin = may_spin();
        }
    }
}

/// Looks for a while.
fn looks(look: &mut impl FnMut() -> bool) -> bool {
    for _ in 0..CLOCK_LOOK {
        if look() {
            return true;
        }
        std::hint::spin_loop();
    }
    false
}

fn may_spin() -> bool {
    cpu::usable() > 1.0
}

impl AsFd for Sleeper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
