//! Waiting for several sockets, and other descriptors, at once.
//!
//! ```text
//!   look at all --> something? yes: answer
//!        ^             | no
//!        |             v
//!        +---------- spin over all, for as long as their strategies have it
//!        ^             | in vain
//!        |             v
//!        +---------- announce the sleep of all sockets, look once more, one poll(2) over all descriptors
//! ```

pub(crate) mod error;
pub(crate) mod item;
pub(crate) mod pause;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq_pipe::Wait;
use ringmq_pipe::sleeper::announce;
use ringmq_pipe::waiting::{Awaited, Beside, Company, Slept, Spinner, Spun};
use ringmq_sys::cpu;
use ringmq_sys::poll::Set;

pub use crate::poller::error::PollError;
pub use crate::poller::item::{Interest, Item, Readiness};
pub use crate::poller::pause::{PollPause, PollStep, PollWait};

use crate::mail::{Host, Waiter};
use crate::socket::Socket;

/// Waits for several sockets, and other descriptors, at once.
///
/// A wait spins before it sleeps, in the way of the least eager of its sockets: if one parks, the wait does not spin. A
/// poller learns from its earlier waits, so use one poller again rather than a new one each time. The peers of these sockets
/// make a system call only while the wait sleeps; the descriptors of the sockets are not needed.
///
/// ```
/// use ringmq::{Context, Interest, Item, Kind, Poller};
///
/// let context = Context::new()?;
/// let (mut jobs, mut news) = (context.socket(Kind::Pull)?, context.socket(Kind::Pull)?);
/// jobs.bind("inproc://jobs")?;
/// news.bind("inproc://news")?;
/// let mut source = context.socket(Kind::Push)?;
/// source.connect("inproc://news")?;
/// source.send("all is well")?;
///
/// let mut poller = Poller::new();
/// let mut items = [
///     Item::socket(&mut jobs, Interest::READABLE),
///     Item::socket(&mut news, Interest::READABLE),
/// ];
/// assert_eq!(poller.wait(&mut items, None)?, 1);
/// let [job, word] = items.map(|item| item.ready().readable);
/// assert!(!job && word);
/// assert_eq!(news.try_recv()?[0].as_slice(), b"all is well");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Poller {
    spinner: Spinner,
}

/// How often a spin looks at the sockets between two looks at the other descriptors, each of which is a system call.
const DESCRIPTOR_LOOK: u32 = 1024;

impl Poller {
    /// Makes a poller.
    pub fn new() -> Poller {
        Poller::default()
    }

    /// Waits until an item is ready, or the time has passed; `None` waits without end, zero does not wait. Returns how many
    /// items are ready; [`Item::ready`] says for what.
    ///
    /// A program that also polls the [descriptor](Socket::watch) of one of the sockets misses no event.
    ///
    /// # Errors
    ///
    /// [`PollError`]. The readiness of the items has no meaning then.
    pub fn wait<'a>(
        &mut self,
        items: &mut [Item<'a>],
        timeout: Option<Duration>,
    ) -> Result<usize, PollError> {
        let mut wait = PollWait::new(timeout);
        loop {
            match self.step(items, &mut wait)? {
                PollStep::Ready(count) => return Ok(count),
                PollStep::Pause(pause) => {
                    pause.rest(&mut wait, items.iter().filter_map(Item::other));
                    sockets(items).for_each(Socket::wake);
                }
            }
        }
    }

    /// Waits up to the end or up to a pause, for the C library, where threads share sockets by locks. In a pause the caller
    /// unlocks the sockets, [rests](PollPause::rest), locks the sockets again, [wakes](Socket::wake) each of them, and takes
    /// the next step with items for the same sockets and descriptors.
    ///
    /// # Errors
    ///
    /// As [`wait`](Poller::wait).
    #[doc(hidden)]
    pub fn step(
        &mut self,
        items: &mut [Item<'_>],
        wait: &mut PollWait,
    ) -> Result<PollStep, PollError> {
        let mut others = Others::among(items);
        loop {
            let ready = look(items, &mut others)?;
            if ready == 0 && wait.is_over() {
                sockets(items).for_each(Socket::resume_host);
            }
            if ready > 0 || wait.is_over() {
                return Ok(PollStep::Ready(last_look(items)?));
            }
            // Readiness comes before a signal.
            wait.check()?;
            let waiters = begin_to_wait(items);
            let leads = waiters.iter().any(|(_, beside)| beside.is_some());
            let spun = if wait.spins() && !leads {
                self.spin(items, &mut others, wait.deadline())
            } else {
                Ok(Spun::InVain)
            };
            match spun {
                Ok(Spun::Found) => wait.look_at_time(),
                Ok(Spun::Wanted) => return Ok(PollStep::Pause(PollPause::brief())),
                Ok(Spun::InVain) => match announce_sleep(items, wait.deadline()) {
                    Ok(Some(mut pause)) => {
                        pause.set_waiters(waiters);
                        return Ok(PollStep::Pause(pause));
                    }
                    Ok(None) => wait.look_at_time(),
                    Err(error) => wait.ended(error.into()),
                },
                Err(slept) => wait.ended(slept),
            }
        }
    }

    fn spin<'a>(
        &mut self,
        items: &mut [Item<'a>],
        others: &mut Others<'a>,
        deadline: Option<Instant>,
    ) -> Result<Spun, Slept> {
        let strategies = sockets(items).map(|socket| socket.sleeper.strategy());
        let strategy = strategies.min_by_key(|strategy| eagerness(*strategy));
        let Some(strategy) = strategy else {
            return Ok(Spun::InVain);
        };
        let mut looks = Looks {
            items: &mut *items,
            others,
            count: 0,
            failed: None,
        };
        let spun = self
            .spinner
            .spin(strategy, &mut looks, cpu::current(), deadline);
        if let Some(error) = looks.failed {
            return Err(error.into());
        }
        if matches!(spun, Ok(Spun::Found)) {
            sockets(items).for_each(|socket| socket.sleeper.spun());
        }
        spun
    }
}

/// Makes this thread the one that waits for the streams of the sockets, where it may be.
fn begin_to_wait(items: &mut [Item<'_>]) -> Vec<(Waiter, Option<Beside>)> {
    let mut hosts: Vec<Arc<dyn Host>> = Vec::new();
    for socket in sockets(items) {
        if let Some(host) = &socket.host
            && !hosts.iter().any(|other| Arc::ptr_eq(other, host))
            && socket.peers.come_by_stream()
        {
            hosts.push(Arc::clone(host));
        }
    }
    hosts.iter().filter_map(Waiter::begin).collect()
}

fn eagerness(strategy: Wait) -> u8 {
    match strategy {
        Wait::Park => 0,
        Wait::Adaptive => 1,
        Wait::Spin => 2,
    }
}

fn sockets<'i>(items: &'i mut [Item<'_>]) -> impl Iterator<Item = &'i mut Socket> {
    items.iter_mut().filter_map(Item::waiting)
}

/// The items that are descriptors, and their indices.
struct Others<'a> {
    set: Set<'a>,
    places: Vec<usize>,
}

impl<'a> Others<'a> {
    fn among(items: &[Item<'a>]) -> Others<'a> {
        let mut others = Others {
            set: Set::new(),
            places: Vec::new(),
        };
        for (place, item) in items.iter().enumerate() {
            if let Some((descriptor, interest)) = item.other() {
                others.set.add(descriptor, interest.conditions());
                others.places.push(place);
            }
        }
        others
    }

    /// Checks them without sleeping. Returns how many are ready.
    fn look(&mut self) -> io::Result<usize> {
        if self.set.is_empty() {
            return Ok(0);
        }
        self.set.wait(Some(Instant::now()))
    }
}

/// Checks all items. Returns how many are ready.
fn look<'a>(items: &mut [Item<'a>], others: &mut Others<'a>) -> Result<usize, PollError> {
    for item in items.iter_mut() {
        item.look(false)?;
    }
    // This does not sleep, so a signal cannot end it.
    if others.look().map_err(PollError::Os)? > 0 {
        for (index, place) in others.places.iter().enumerate() {
            items[*place].found(others.set.found(index));
        }
    }
    Ok(ready(items))
}

/// Checks the sockets once more whose descriptors the program has: this arms them.
fn last_look(items: &mut [Item<'_>]) -> Result<usize, PollError> {
    for item in items.iter_mut() {
        if item.waiting().is_some_and(|socket| socket.watched) {
            item.look(true)?;
        }
    }
    Ok(ready(items))
}

fn ready(items: &[Item<'_>]) -> usize {
    items.iter().filter(|item| item.ready().any()).count()
}

/// Announces a sleep at all sockets. Returns what to sleep on, or `None` if an event came in the meantime.
fn announce_sleep(
    items: &mut [Item<'_>],
    deadline: Option<Instant>,
) -> io::Result<Option<PollPause>> {
    let mut pause = PollPause::until(deadline);
    for item in items.iter_mut() {
        pause.add(item);
    }
    let sleepers = sockets(items).filter(|socket| !socket.has_sleeper());
    let announced = announce(sleepers.map(|socket| {
        socket.sleeper.count(socket.peers.received());
        socket.peers.show();
        &mut socket.sleeper
    }));
    if announced.is_ok() && !items.iter_mut().any(Item::has_news) {
        return Ok(Some(pause));
    }
    sockets(items).for_each(Socket::wake);
    announced.map(|()| None)
}

/// The items of a wait that spins.
struct Looks<'l, 'a> {
    items: &'l mut [Item<'a>],
    others: &'l mut Others<'a>,
    count: u32,
    /// Why the descriptors could not be checked.
    failed: Option<io::Error>,
}

impl Awaited for Looks<'_, '_> {
    type Error = Slept;

    #[inline]
    fn look(&mut self) -> bool {
        if self.items.iter_mut().any(Item::has_news) {
            return true;
        }
        self.count += 1;
        if !self.count.is_multiple_of(DESCRIPTOR_LOOK) {
            return false;
        }
        match self.others.look() {
            Ok(ready) => ready > 0,
            Err(error) => {
                self.failed = Some(error);
                true
            }
        }
    }

    fn company(&mut self, here: u32) -> Company {
        let mut company = Company::Here;
        for socket in sockets(self.items) {
            socket.sleeper.tell_cpu();
            match socket.peers.company(here) {
                Company::Elsewhere => company = Company::Elsewhere,
                Company::Unknown if company == Company::Here => company = Company::Unknown,
                _ => {}
            }
        }
        company
    }

    fn is_wanted(&self) -> bool {
        self.items.iter().any(Item::is_wanted)
    }
}
