//! The words of a socket that its peers map, for all of its connections.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringmq_ring::{Generation, MappedMut, Tally, Word};
use ringmq_sys::{CreateError, Event, ForkMark, OwnMemory, barrier, file_number};

use super::layout::{self, PAGE, SLOT, SLOTS, SLOTS_AT};
use crate::maps::Map;

/// What a socket shows its peers in shared memory: whether the socket sleeps, and a slot of words for each connection.
#[derive(Debug)]
pub struct Control {
    mark: ForkMark,
    bell: Arc<Event>,
    passes_barriers: bool,
    first: Arc<Page>,
    free: Mutex<Free>,
    cpu: Mutex<Word<MappedMut>>,
    /// The bytes of all segments that the socket sends by, to all peers together.
    memory: Arc<Tally>,
}

/// A [`Control`] that is made when the first offer needs it, by the thread that makes the offer. Many sockets never
/// need one, such as one whose peers ask a single question over ZMTP.
///
/// Until the socket [shows](crate::sleeper::Sleeper::show) it, its word says that the socket is awake, so no peer rings
/// the bell. No wake-up is lost: the socket gets the ends of a pipe by a command, the command wakes it, and it shows
/// the control before it takes the ends.
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
    /// `None` once the socket has taken it.
    generation: Option<Generation<MappedMut>>,
}

/// One memfd of a [`Control`].
#[derive(Debug)]
struct Page {
    memory: Map,
    /// The number of its file.
    file: u64,
    /// The descriptor, for offers. `None` once no offer can name a slot of this page any more.
    fd: Mutex<Option<OwnedFd>>,
}

/// Slots that no connection has.
#[derive(Debug, Default)]
struct Free {
    slots: Vec<(Arc<Page>, usize)>,
}

/// The words of one connection. Another connection gets them after this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    control: Arc<Control>,
    page: Arc<Page>,
    at: usize,
}

impl Page {
    fn make(mark: &ForkMark) -> Result<Arc<Page>, CreateError> {
        let (memory, fd) = OwnMemory::create("ringmq-socket", PAGE, mark)?.into_parts();
        layout::own(&memory, layout::IDENTITY).publish(layout::MAGIC);
        Ok(Arc::new(Page {
            memory: memory.into(),
            file: file_number(&fd),
            fd: Mutex::new(Some(fd)),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.fd.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the descriptor, to send to a peer.
    fn fd(&self) -> io::Result<OwnedFd> {
        match &*self.lock() {
            Some(fd) => fd.try_clone(),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Closes the descriptor: no offer names a slot of this page any more.
    fn close(&self) {
        *self.lock() = None;
    }

    fn is_closed(&self) -> bool {
        self.lock().is_none()
    }
}

impl LateControl {
    /// The control of a socket that `bell` wakes. `None` if the bell cannot be shared with other processes.
    pub(crate) fn new(bell: &Arc<Event>) -> Option<LateControl> {
        bell.is_shareable().then(|| LateControl {
            inside: Arc::new(Late {
                bell: Arc::clone(bell),
                made: Mutex::default(),
            }),
        })
    }

    /// The control. Makes it at the first call.
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

    /// Closes the descriptors that only offers need. The socket makes no offers any more.
    pub fn shed(&self) {
        if let Some(made) = &*self.lock() {
            made.control.shed();
        }
    }

    /// The control, and the word in which the socket announces its sleeps. The caller must not keep the word longer
    /// than the control. `None` before the control is made, and after the first call that returned the word.
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
    /// Makes the control of a socket that `bell` wakes, and the word in which the socket announces its sleeps. The word
    /// asks peers for fences at first. The socket may stop asking at any time; to begin to ask would cost a barrier.
    fn make(bell: &Arc<Event>) -> io::Result<(Arc<Control>, Generation<MappedMut>)> {
        let mark = ForkMark::current()?;
        let first = Page::make(&mark).map_err(io::Error::other)?;
        let word = layout::own(&first.memory, layout::GENERATION);
        let generation = Generation::new(word, true);
        let free = Free::default();
        let control = Control {
            mark,
            bell: Arc::clone(bell),
            passes_barriers: barrier::register(),
            memory: Arc::default(),
            free: Mutex::new(free),
            cpu: Mutex::new(layout::own(&first.memory, layout::CPU)),
            first: Arc::clone(&first),
        };
        control.add(&first);
        Ok((Arc::new(control), generation))
    }

    /// Publishes the CPU that the socket runs on.
    pub(crate) fn tell_cpu(&self, cpu: u32) {
        let told = self.cpu.lock().unwrap_or_else(PoisonError::into_inner);
        told.publish(u64::from(cpu) + 1);
    }

    fn add(&self, page: &Arc<Page>) {
        let slots = (0..SLOTS).rev();
        let slots = slots.map(|number| (Arc::clone(page), SLOTS_AT + number * SLOT));
        self.lock().slots.extend(slots);
    }

    /// A slot for a connection, and the descriptors that an offer sends: the socket's first page, then the slot's page
    /// if that is another. Makes another page when all are full. A full page keeps no descriptor in this process.
    pub(super) fn slot(self: &Arc<Control>) -> io::Result<(Slot, Vec<OwnedFd>)> {
        let (page, at) = loop {
            let free = self.lock().slots.pop();
            match free {
                Some(free) => break free,
                None if self.first.is_closed() => return Err(io::ErrorKind::Unsupported.into()),
                None => self.add(&Page::make(&self.mark).map_err(io::Error::other)?),
            }
        };
        let slot = Slot {
            control: Arc::clone(self),
            page,
            at,
        };
        let mut fds = vec![self.first.fd()?];
        if slot.is_in_other_page() {
            fds.push(slot.page.fd()?);
            if self.lock().of(&slot.page) == 0 {
                slot.page.close();
            }
        }
        // The epoch stays: an earlier peer may still look at it.
        for word in (0..SLOT).step_by(8).filter(|word| *word != layout::EPOCH) {
            slot.own(word).publish(0);
        }
        Ok((slot, fds))
    }

    fn shed(&self) {
        let free = std::mem::take(&mut self.lock().slots);
        for (page, _) in &free {
            page.close();
        }
        self.first.close();
    }

    pub(super) fn mark(&self) -> &ForkMark {
        &self.mark
    }

    pub(super) fn passes_barriers(&self) -> bool {
        self.passes_barriers
    }

    /// The bytes of all segments that the socket sends by, to all peers together.
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
    /// The writer of a word of the slot. Call it once for each word.
    pub(super) fn own(&self, word: usize) -> Word<MappedMut> {
        layout::own(&self.page.memory, self.at + word)
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The name of this end of the connection, by which the peer names it, too.
    pub(super) fn name(&self) -> u64 {
        layout::end_name(self.page.file, self.at)
    }

    /// Returns true if the slot's page is not the socket's first.
    pub(super) fn is_in_other_page(&self) -> bool {
        !Arc::ptr_eq(&self.page, &self.control.first)
    }

    pub(super) fn control(&self) -> &Arc<Control> {
        &self.control
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // A forked child cannot take the lock: a thread that only its parent has may hold it.
        if !self.control.mark.is_here() {
            return;
        }
        // Neither this side's ends nor blocks of the peer use the words any more.
        let epoch = self.own(layout::EPOCH);
        epoch.publish(epoch.load().wrapping_add(1));
        let (page, at) = (&self.page, self.at);
        // A page without a descriptor cannot be offered. It is unmapped with its last slot.
        if page.is_closed() {
            return;
        }
        let mut free = self.control.lock();
        free.slots.push((Arc::clone(page), at));
        // A page that no connection uses is unmapped if other pages have free slots for later connections.
        let enough = self.is_in_other_page() && free.slots.len() >= 2 * SLOTS;
        if enough && free.of(page) == SLOTS {
            free.slots.retain(|(other, _)| !Arc::ptr_eq(other, page));
        }
    }
}

impl Free {
    /// The number of free slots of a page.
    fn of(&self, page: &Arc<Page>) -> usize {
        let slots = self.slots.iter();
        slots.filter(|(other, _)| Arc::ptr_eq(other, page)).count()
    }
}
