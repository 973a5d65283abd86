//! How a socket waits, with one bell for everything that can wake it.

mod nap;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use ringmq_ring::{Generation, MappedMut, Owed, WordsMut, words};
use ringmq_sys::{Event, ThreadKey, barrier, cpu};

use crate::local::{Bell, Bellpull};
use crate::remote::{Control, LateControl};
use crate::sleeper::nap::Nap;
pub use crate::sleeper::nap::Sleep;
use crate::status::{Row, layout};
use crate::waiting::{Awaited, Beside, Company, Ended, Slept, Spinner, Spun, Storm, Wait};

/// How the owner of many pipes waits for all of them.
#[derive(Debug)]
pub struct Sleeper {
    strategy: Wait,
    generation: Generation<WordsMut<1>>,
    /// The same announcement for peers of other processes, once there may be some.
    shared: Option<(Arc<Control>, Generation<MappedMut>)>,
    /// Where that comes from.
    late: Option<LateControl>,
    bellpull: Bellpull,
    nap: Nap,
    event: Arc<Event>,
    /// Rings that bring nothing.
    storm: Storm,
    spinner: Spinner,
    /// Our CPU, as it was told to others.
    cpu: u32,
    cpu_told: WordsMut<1>,
    /// Whether the bell may have rings that were not drained.
    dirty: bool,
    /// The thread that sleeps by the present announcement without holding this sleeper.
    asleep: Option<ThreadKey>,
    /// Whether a sleeper can pay for the order at all.
    can_pay: bool,
    /// Messages received, when that was last told, and at the last sleep; and how many sleeps in a row were of the kind
    /// that the present regime is not for.
    received: u64,
    slept_at: u64,
    misfits: u32,
    /// Waits since then that ended while they spun.
    spins: u32,
    /// Where the sleeps are shown.
    shown: Option<Arc<Row>>,
}

/// So many messages between two sleeps are many.
const MANY: u64 = 64;
/// Sleeps in a row that the present regime is not for, before it is changed.
const MISFITS: u32 = 4;
/// Waits in a row that ended while they spun, after which the sleeper asks its peers for no fences.
const SPINS: u32 = 16;

impl Bell for Event {
    fn ring(&self) -> io::Result<()> {
        Event::ring(self)
    }
}

impl Sleeper {
    /// Makes a sleeper that waits by this strategy.
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
        let generation = Generation::new(word.into(), !can_pay);
        Ok(Sleeper {
            strategy,
            generation,
            shared: None,
            late: None,
            bellpull: Bellpull::new(seen, Some(cpu_seen), Arc::clone(&event) as Arc<dyn Bell>),
            nap: Nap::Short(0),
            event,
            storm: Storm::default(),
            spinner: Spinner::new(),
            cpu: u32::MAX,
            cpu_told,
            dirty: false,
            asleep: None,
            can_pay,
            received: 0,
            slept_at: 0,
            misfits: 0,
            spins: 0,
            shown: None,
        })
    }

    /// Shows from now on in this row how often the sleeper sleeps.
    pub fn show_in(&mut self, row: Option<Arc<Row>>) {
        self.shown = row;
    }

    fn show_sleep(&self) {
        if let Some(row) = &self.shown {
            row.add(layout::SLEEPS, 1);
        }
    }

    /// What others need to wake this sleeper.
    pub fn bellpull(&self) -> Bellpull {
        self.bellpull.clone()
    }

    /// What this sleeper can show to peers of other processes, to be made when it is needed; `None` where a bell cannot be
    /// shared.
    pub fn control(&mut self) -> Option<LateControl> {
        if self.late.is_none() {
            self.late = LateControl::new(&self.event);
        }
        self.late.clone()
    }

    /// Announces its sleeps to peers of other processes, too, from the next one on, if the control for that is made. The
    /// owner says so before it looks at anything that they bring.
    ///
    /// # Errors
    ///
    /// As [`ring`](Sleeper::ring).
    pub fn show(&mut self) -> io::Result<()> {
        if self.shared.is_some() {
            return Ok(());
        }
        let Some((control, mut shared)) = self.late.as_ref().and_then(LateControl::take) else {
            return Ok(());
        };
        if !self.generation.asks_fences() {
            shared.forgo_fences();
        }
        self.shared = Some((control, shared));
        self.cpu = u32::MAX;
        // Now, with the other descriptors that a socket in shared memory takes: it keeps them.
        self.nap.deepen(&self.event);
        if self.generation.is_armed() {
            // A program that polls the descriptor relies on a ring, and those peers have seen no announcement.
            self.ring()?;
        }
        Ok(())
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

    /// Ends the announcement of a sleep elsewhere: one by [`announce`], or by [`lie_down`](Sleeper::lie_down).
    pub fn awake(&mut self) {
        self.asleep = None;
        self.disarm();
        self.dirty = true;
    }

    /// The thread that sleeps by the present announcement while others may hold the sleeper.
    #[inline]
    pub fn asleep(&self) -> Option<ThreadKey> {
        self.asleep
    }

    /// The bell, for a thread that sleeps on it while others may hold the sleeper.
    pub fn event(&self) -> Arc<Event> {
        Arc::clone(&self.event)
    }

    /// Announces a sleep of this thread, which then lets go of the sleeper: it sleeps on what this returns, gets hold of
    /// the sleeper again and says that it is [`awake`](Sleeper::awake). `None` if a look after the announcement
    /// succeeded: there is no sleep then. While one thread sleeps in this way, others announce none. `again` says that
    /// the caller has slept before, for the same, and found nothing: if that happens often, the sleep begins with a pause.
    /// With `beside`, work ends the sleep, too.
    ///
    /// # Errors
    ///
    /// If the kernel refuses; nothing is expected.
    pub fn lie_down(
        &mut self,
        awaited: &mut impl Awaited<Error = Slept>,
        again: bool,
        beside: Option<Beside>,
    ) -> io::Result<Option<Sleep>> {
        if !self.arm_unless(awaited)? {
            return Ok(None);
        }
        if !again {
            self.storm.found_news();
        }
        let pauses = again && self.storm.count();
        self.asleep = Some(ThreadKey::current());
        Ok(Some(Sleep::new(&self.nap, &self.event, pauses, beside)))
    }

    /// Drains the bell where that is needed, announces a sleep, and looks. Says whether to sleep: if the look
    /// succeeded, the announcement was taken back.
    fn arm_unless(&mut self, awaited: &mut impl Awaited<Error = Slept>) -> io::Result<bool> {
        if self.dirty && self.nap.wants_drain(&self.event) {
            self.dirty = false;
            self.event.drain()?;
        }
        awaited.settle();
        self.arm()?;
        if awaited.look() {
            self.disarm();
            return Ok(false);
        }
        self.show_sleep();
        Ok(true)
    }

    /// The strategy by which it waits.
    pub fn strategy(&self) -> Wait {
        self.strategy
    }

    /// Changes the strategy for later waits.
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
        mut awaited: impl Awaited<Error = Slept>,
        deadline: Option<Instant>,
    ) -> Result<(), Slept> {
        self.wait_for(&mut awaited, deadline)
    }

    /// As [`wait`](Sleeper::wait), for something that stays where it is.
    ///
    /// # Errors
    ///
    /// [`Slept`].
    pub fn wait_for(
        &mut self,
        awaited: &mut impl Awaited<Error = Slept>,
        deadline: Option<Instant>,
    ) -> Result<(), Slept> {
        let mut beside = awaited.lead();
        if self.spin(awaited, deadline)? == Spun::Found {
            return Ok(());
        }
        if beside.is_some() {
            // The looks of the spin have done work, by which other work is due.
            beside = awaited.lead();
        }
        loop {
            if !self.arm_unless(awaited)? {
                return Ok(());
            }
            let ended = self.nap.sleep(&self.event, beside.as_ref(), deadline);
            self.disarm();
            let worked = matches!(ended, Ok(Ended { work: true, .. }));
            self.dirty |= !worked || matches!(ended, Ok(Ended { rung: true, .. }));
            if worked {
                awaited.serve();
            }
            if awaited.look() {
                self.storm.found_news();
                return Ok(());
            }
            ended?;
            // A bell that rings all the time lets no sleep time out.
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Slept::TimedOut);
            }
            if !worked {
                self.storm.found_nothing(deadline)?;
            }
            beside = awaited.lead();
        }
    }

    /// Announces a sleep, and orders that before the next look.
    fn arm(&mut self) -> io::Result<()> {
        if self.announce()? == Owed::Barrier
            && let Err(error) = barrier::sync()
        {
            self.disarm();
            return Err(error);
        }
        Ok(())
    }

    fn announce(&mut self) -> io::Result<Owed> {
        self.choose_who_pays()?;
        let mut owed = self.generation.arm();
        if let Some((_, shared)) = &mut self.shared
            && shared.arm() == Owed::Barrier
        {
            owed = Owed::Barrier;
        }
        Ok(owed)
    }

    /// Records how many messages were received so far. To be called before each sleep.
    #[inline]
    pub fn count(&mut self, received: u64) {
        self.received = received;
    }

    /// A socket that receives few messages between two sleeps asks its peers for fences: a barrier for each sleep would
    /// cost more than those messages, and delay the first one after a pause (docs/performance.md).
    fn choose_who_pays(&mut self) -> io::Result<()> {
        self.spins = 0;
        let few = self.received.wrapping_sub(self.slept_at) < MANY;
        self.slept_at = self.received;
        if !self.can_pay || few == self.generation.asks_fences() {
            self.misfits = 0;
            return Ok(());
        }
        self.misfits += 1;
        if self.misfits < MISFITS {
            return Ok(());
        }
        self.misfits = 0;
        if !few {
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

    /// For a program that polls the descriptor: drains the bell and announces a sleep. The caller looks once more
    /// afterwards; what comes after that rings. While another thread [sleeps](Sleeper::asleep), its announcement serves
    /// both, and its rings stay.
    ///
    /// # Errors
    ///
    /// If the kernel refuses; nothing is expected.
    pub fn arm_for_watcher(&mut self) -> io::Result<()> {
        if self.asleep.is_some() {
            return Ok(());
        }
        self.dirty = false;
        self.event.drain()?;
        self.arm()
    }

    /// For a program that polls the descriptor: makes it readable.
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
        let control = self.shared.as_ref().map(|(control, _)| &**control);
        tell_cpu(here, &mut self.cpu, &mut self.cpu_told, control);
        here
    }

    /// Spins for as long as the strategy has it.
    ///
    /// # Errors
    ///
    /// [`Slept`]: a deadline and a signal end it as they end a sleep.
    pub fn spin(
        &mut self,
        awaited: &mut impl Awaited<Error = Slept>,
        deadline: Option<Instant>,
    ) -> Result<Spun, Slept> {
        let here = self.tell_cpu();
        if self.strategy == Wait::Park {
            return Ok(Spun::InVain);
        }
        let mut telling = Telling {
            awaited,
            cpu: &mut self.cpu,
            told: &mut self.cpu_told,
            control: self.shared.as_ref().map(|(control, _)| &**control),
        };
        let spun = self
            .spinner
            .spin(self.strategy, &mut telling, here, deadline)?;
        if spun == Spun::Found {
            self.spun();
        }
        Ok(spun)
    }

    /// Records a wait that ended while it spun, here or in the spinner of a wait for several sleepers. A socket that does
    /// not sleep needs no fences of its peers.
    #[inline]
    pub fn spun(&mut self) {
        self.spins += 1;
        // A thread that sleeps by an announcement relies on the fences that it asks for.
        if self.spins >= SPINS
            && self.asleep.is_none()
            && self.can_pay
            && self.generation.asks_fences()
        {
            self.forgo_fences();
        }
    }
}

/// What a sleeper waits for while it spins: its peers hear of its CPU.
struct Telling<'a, A> {
    awaited: &'a mut A,
    cpu: &'a mut u32,
    told: &'a mut WordsMut<1>,
    control: Option<&'a Control>,
}

impl<A: Awaited<Error = Slept>> Awaited for Telling<'_, A> {
    type Error = Slept;

    #[inline(always)]
    fn look(&mut self) -> bool {
        self.awaited.look()
    }

    #[inline(always)]
    fn stirs(&mut self) -> bool {
        self.awaited.stirs()
    }

    #[inline(always)]
    fn is_it(&mut self) -> bool {
        self.awaited.is_it()
    }

    #[inline(always)]
    fn pauses(&self) -> u32 {
        self.awaited.pauses()
    }

    fn company(&mut self, here: u32) -> Company {
        tell_cpu(here, self.cpu, self.told, self.control);
        self.awaited.company(here)
    }

    fn received(&self) -> u64 {
        self.awaited.received()
    }

    fn is_wanted(&self) -> bool {
        self.awaited.is_wanted()
    }

    fn check(&mut self) -> Result<bool, Slept> {
        self.awaited.check()
    }
}

#[inline]
fn tell_cpu(here: u32, last: &mut u32, told: &mut WordsMut<1>, control: Option<&Control>) {
    if here != *last {
        *last = here;
        told.set(0, u64::from(here) + 1);
        if let Some(control) = control {
            control.tell_cpu(here);
        }
    }
}

/// Announces the sleep of several sleepers, with one barrier at most, for a thread that sleeps on the descriptors of them
/// all. The caller looks once more afterwards, then sleeps, and calls [`awake`](Sleeper::awake) of each, also after an
/// error. None of them is [asleep](Sleeper::asleep) already, by another thread.
///
/// # Errors
///
/// If the kernel refuses; nothing is expected.
pub fn announce<'a>(sleepers: impl Iterator<Item = &'a mut Sleeper>) -> io::Result<()> {
    let mut owed = Owed::Nothing;
    let here = ThreadKey::current();
    for sleeper in sleepers {
        sleeper.asleep = Some(here);
        if std::mem::take(&mut sleeper.dirty) {
            sleeper.event.drain()?;
        }
        if sleeper.announce()? == Owed::Barrier {
            owed = Owed::Barrier;
        }
        sleeper.show_sleep();
    }
    if owed == Owed::Barrier {
        barrier::sync()?;
    }
    Ok(())
}

impl AsFd for Sleeper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
