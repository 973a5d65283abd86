//! A socket's own words, for all of its connections.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringmq_ring::{Generation, MappedMut, Tally, Word};
use ringmq_sys::{CreateError, Event, ForkMark, OwnMemory, barrier};

use super::layout::{self, PAGE, SLOT, SLOTS, SLOTS_AT};
use crate::maps::Counted;

/// What a socket shows to its peers in shared memory: whether it sleeps, and a slot of words for each connection.
#[derive(Debug)]
pub struct Control {
    mark: ForkMark,
    bell: Arc<Event>,
    passes_barriers: bool,
    first: Arc<Page>,
    free: Mutex<Free>,
    cpu: Mutex<Word<MappedMut>>,
    /// Bytes of the segments by which the socket sends, to all of its peers.
    memory: Arc<Tally>,
    /// A descriptor that stands for the one that a segment comes with: a process that has no others left can still
    /// receive in shared memory what was sent to it.
    reserve: Mutex<Option<OwnedFd>>,
}

/// The control of a socket that may never need it: it is made for the first offer, in whichever thread makes that one. A
/// socket whose peers want one answer and go has none.
///
/// Until the socket [shows](crate::local::Sleeper::show) it, its word says that the socket is awake, and nobody rings the
/// bell for it. That loses nothing, since the socket cannot look yet at what its peers would ring for: it has the ends of
/// their pipes from the thread that has made them, with a command that wakes it as any other does, and it shows the
/// control before it takes them.
#[derive(Debug, Clone)]
pub struct LateControl {
    inside: Arc<Late>,
}

#[derive(Debug)]
struct Late {
    bell: Arc<Event>,
    made: Mutex<Option<Made>>,
}

#[derive(Debug)]
struct Made {
    control: Arc<Control>,
    /// Until the socket has it.
    generation: Option<Generation<MappedMut>>,
}

/// One memfd of it.
#[derive(Debug)]
pub(super) struct Page {
    memory: OwnMemory,
    _counted: Counted,
}

/// Slots that nobody has.
#[derive(Debug, Default)]
struct Free {
    slots: Vec<(Arc<Page>, usize)>,
}

/// The words of one connection; nobody else has them until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    control: Arc<Control>,
    page: Arc<Page>,
    at: usize,
}

impl Page {
    fn make(mark: &ForkMark) -> Result<Arc<Page>, CreateError> {
        let memory = OwnMemory::create("ringmq-socket", PAGE, mark)?;
        layout::own(memory.mapping(), layout::IDENTITY).publish(layout::MAGIC);
        let _counted = Counted::new(1);
        Ok(Arc::new(Page { memory, _counted }))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.memory.fd()
    }
}

impl LateControl {
    /// Of a socket that is woken by this bell. `None` if the bell cannot be shared.
    pub(crate) fn new(bell: &Arc<Event>) -> Option<LateControl> {
        bell.is_shareable().then(|| LateControl {
            inside: Arc::new(Late {
                bell: Arc::clone(bell),
                made: Mutex::default(),
            }),
        })
    }

    /// The control, which is made now if it was not before.
    ///
    /// # Errors
    ///
    /// If there is no memory or descriptor for it.
    pub fn get(&self) -> io::Result<Arc<Control>> {
        let mut made = self.lock();
        if let Some(made) = &*made {
            return Ok(Arc::clone(&made.control));
        }
        let (control, generation) = Control::make(&self.inside.bell)?;
        *made = Some(Made {
            control: Arc::clone(&control),
            generation: Some(generation),
        });
        Ok(control)
    }

    /// The control, and the word by which the socket says that it sleeps, which is to be kept no longer than the control.
    /// `None` while it is not made, and once somebody has the word.
    pub(crate) fn take(&self) -> Option<(Arc<Control>, Generation<MappedMut>)> {
        let mut made = self.lock();
        let made = made.as_mut()?;
        let generation = made.generation.take()?;
        Some((Arc::clone(&made.control), generation))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Made>> {
        let made = self.inside.made.lock();
        made.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Control {
    /// Of a socket that is woken by this bell; and its word, which asks for fences until the socket has it: whoever needs
    /// none may say so at any time, and the other way round would cost a barrier.
    fn make(bell: &Arc<Event>) -> io::Result<(Arc<Control>, Generation<MappedMut>)> {
        let mark = ForkMark::current()?;
        let first = Page::make(&mark).map_err(io::Error::other)?;
        let word = layout::own(first.memory.mapping(), layout::GENERATION);
        let generation = Generation::new(word, true);
        let free = Free::default();
        let control = Control {
            mark,
            bell: Arc::clone(bell),
            passes_barriers: barrier::register(),
            memory: Arc::default(),
            free: Mutex::new(free),
            cpu: Mutex::new(layout::own(first.memory.mapping(), layout::CPU)),
            reserve: Mutex::new(bell.as_fd().try_clone_to_owned().ok()),
            first: Arc::clone(&first),
        };
        control.add(&first);
        Ok((Arc::new(control), generation))
    }

    /// Does something for which a descriptor is needed that is closed again before it is done.
    pub(super) fn with_descriptor<T>(&self, borrow: impl FnOnce() -> T) -> T {
        let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        *reserve = None;
        let done = borrow();
        // Without one, the next to ask has to find one.
        *reserve = self.bell.as_fd().try_clone_to_owned().ok();
        done
    }

    /// Tells peers the CPU that the socket runs on.
    pub(crate) fn tell_cpu(&self, cpu: u32) {
        let told = self.cpu.lock().unwrap_or_else(PoisonError::into_inner);
        told.publish(u64::from(cpu) + 1);
    }

    fn add(&self, page: &Arc<Page>) {
        let slots = (0..SLOTS).rev();
        let slots = slots.map(|number| (Arc::clone(page), SLOTS_AT + number * SLOT));
        self.lock().slots.extend(slots);
    }

    /// A slot for a connection. There is another page when one is full.
    pub(super) fn slot(self: &Arc<Control>) -> Result<Slot, CreateError> {
        let (page, at) = loop {
            let free = self.lock().slots.pop();
            match free {
                Some(free) => break free,
                None => self.add(&Page::make(&self.mark)?),
            }
        };
        let slot = Slot {
            control: Arc::clone(self),
            page,
            at,
        };
        for word in (0..SLOT).step_by(8) {
            slot.own(word).publish(0);
        }
        Ok(slot)
    }

    pub(super) fn mark(&self) -> &ForkMark {
        &self.mark
    }

    pub(super) fn passes_barriers(&self) -> bool {
        self.passes_barriers
    }

    pub(super) fn first(&self) -> &Arc<Page> {
        &self.first
    }

    /// Bytes of the segments by which the socket sends, to all of its peers.
    pub(super) fn memory(&self) -> &Arc<Tally> {
        &self.memory
    }

    /// A descriptor for the peer to ring.
    pub(super) fn bell(&self) -> io::Result<OwnedFd> {
        let shared = self.bell.share()?;
        shared.ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// A word of it. To be taken once: it is the word's writer.
    pub(super) fn own(&self, word: usize) -> Word<MappedMut> {
        layout::own(self.page.memory.mapping(), self.at + word)
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Its page, if that is not the socket's first.
    pub(super) fn other_page(&self) -> Option<&Page> {
        let other = !Arc::ptr_eq(&self.page, &self.control.first);
        other.then_some(&*self.page)
    }

    pub(super) fn control(&self) -> &Arc<Control> {
        &self.control
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // In a forked child the lock may be held by a thread that is not there.
        if !self.control.mark.is_here() {
            return;
        }
        let (page, at) = (&self.page, self.at);
        let mut free = self.control.lock();
        free.slots.push((Arc::clone(page), at));
        // A page that nobody uses any more goes, if there are slots of others for those who come next.
        let is_here = |(other, _): &(Arc<Page>, usize)| Arc::ptr_eq(other, page);
        let enough = !Arc::ptr_eq(page, &self.control.first) && free.slots.len() >= 2 * SLOTS;
        if enough && free.slots.iter().filter(|slot| is_here(slot)).count() == SLOTS {
            free.slots.retain(|slot| !is_here(slot));
        }
    }
}
