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

/// What a sleeper waits for.
pub trait Awaited {
    /// Whether it is there.
    fn look(&mut self) -> bool;

    /// Where those run who may bring it, seen from this CPU.
    fn company(&mut self, here: u32) -> Company;
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
    /// Whether the quota of this process leaves a CPU to spin on; looked at every second of use.
    quota_allows: bool,
    looked_at: Instant,
    /// Whether this thread has one CPU only.
    only_one: bool,
    /// Our CPU, as it was told to others.
    cpu: u32,
    cpu_told: WordsMut<1>,
    /// The thread was off its CPU while it spun: what we know of the others' may be old.
    doubt: bool,
    /// Waits in a row that ended almost before they began.
    close: u32,
    /// Whether the bell may have rings that were not drained.
    dirty: bool,
    /// Whether a sleeper can pay for the order at all.
    can_pay: bool,
    /// When it last went to sleep, and how many sleeps in a row were of the kind that the present regime is not for.
    slept_at: Instant,
    misfits: u32,
    /// Waits since then that ended while they spun.
    spins: u32,
}

/// Pauses, of about 12 ns each, between two looks at the clock while spinning.
const CLOCK_LOOK: u32 = 64;
/// A wait of so many pauses or fewer is close, and after so many of them in a row the peer is let get ahead by so many
/// pauses: see the waiting of the bare pipe.
const CLOSE: u32 = 4;
const CLOSE_WAITS: u32 = 3;
const FALL_BACK: u32 = 32;
/// Two sleeps within this time are many.
const OFTEN: Duration = Duration::from_micros(200);
/// Sleeps in a row that the present regime is not for, before it is changed.
const MISFITS: u32 = 4;
/// Waits in a row that ended while they spun, before nobody is asked for fences any more.
const SPINS: u32 = 16;
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
        let (cpu_told, cpu_seen) = words();
        // Where the sleeper cannot pay for the order, those who wake it do.
        let can_pay = barrier::register();
        let generation = Generation::new(word, !can_pay);
        Ok(Sleeper {
            strategy,
            generation,
            shared: None,
            bellpull: Bellpull::new(seen, Some(cpu_seen), Arc::clone(&event) as Arc<dyn Bell>),
            event,
            adaptive: Adaptive::new(),
            quota_allows: quota_allows(),
            looked_at: Instant::now(),
            only_one: cpu::allowed() == 1,
            cpu: u32::MAX,
            cpu_told,
            doubt: false,
            close: 0,
            dirty: false,
            can_pay,
            slept_at: Instant::now(),
            misfits: 0,
            spins: 0,
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
            self.cpu = u32::MAX;
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
        mut awaited: impl Awaited,
        deadline: Option<Instant>,
    ) -> Result<(), Slept> {
        if self.spin(&mut awaited, deadline)? {
            return Ok(());
        }
        loop {
            if std::mem::take(&mut self.dirty) {
                self.event.drain()?;
            }
            self.arm()?;
            if awaited.look() {
                self.disarm();
                return Ok(());
            }
            let woken = self.event.wait(deadline);
            self.disarm();
            self.dirty = true;
            if awaited.look() {
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
        self.spins = 0;
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

    /// Tells others the CPU that we run on.
    #[inline]
    pub fn tell_cpu(&mut self) -> u32 {
        let here = cpu::current();
        if here != self.cpu {
            self.cpu = here;
            self.cpu_told.set(0, u64::from(here) + 1);
            if let Some((control, _)) = &self.shared {
                control.tell_cpu(here);
            }
        }
        here
    }

    /// Spins for as long as the strategy has it. Says whether a look succeeded.
    fn spin(
        &mut self,
        awaited: &mut impl Awaited,
        deadline: Option<Instant>,
    ) -> Result<bool, Slept> {
        let here = self.tell_cpu();
        if self.strategy == Wait::Park || self.is_in_the_way(awaited.company(here)) {
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
        if self.strategy == Wait::Adaptive && !self.adaptive.spin_now() {
            return Ok(false);
        }
        if self.close >= CLOSE_WAITS {
            for _ in 0..FALL_BACK {
                std::hint::spin_loop();
            }
        }
        if let Some(spent) = look_for(awaited) {
            self.close = if spent <= CLOSE { self.close + 1 } else { 0 };
            self.spun();
            return Ok(true);
        }
        self.close = 0;
        self.spin_on(awaited, deadline)
    }

    /// A wait has ended while it spun. Who does not sleep needs nobody's fences.
    #[inline]
    fn spun(&mut self) {
        self.adaptive.paid();
        self.spins += 1;
        if self.spins >= SPINS && self.can_pay && self.generation.asks_fences() {
            self.forgo_fences();
        }
    }

    /// Spins with an eye on the clock.
    fn spin_on(
        &mut self,
        awaited: &mut impl Awaited,
        deadline: Option<Instant>,
    ) -> Result<bool, Slept> {
        let start = Instant::now();
        self.look_at_quota(start);
        let mut gate: Option<SignalGate> = None;
        let (mut last, mut slow) = (start, start);
        while self.quota_allows {
            let found = look_for(awaited).is_some();
            let now = Instant::now();
            let preempted = now - last > GAP;
            if preempted {
                self.adaptive.preempted();
                self.doubt = true;
            }
            if found {
                self.spun();
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
                let here = self.tell_cpu();
                if self.is_in_the_way(awaited.company(here)) {
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

/// Looks for a while, and says how many pauses it took.
#[inline]
fn look_for(awaited: &mut impl Awaited) -> Option<u32> {
    for spent in 0..CLOCK_LOOK {
        if awaited.look() {
            return Some(spent);
        }
        std::hint::spin_loop();
    }
    None
}

/// A thread that is pinned to a CPU of its own may spin there; a process with a quota of one CPU or less may not.
fn quota_allows() -> bool {
    cpu::quota().is_none_or(|quota| quota > 1.0)
}

impl AsFd for Sleeper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
