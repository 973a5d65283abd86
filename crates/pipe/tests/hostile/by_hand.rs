//! An end of a pipe that is made by hand: it speaks the handshake of docs/handoff.md, and does with its own
//! memory and with the peer's doorbells what it likes.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use ringmq_pipe::{Listener, Options, Pipe};
use ringmq_ring::{Mapped, MappedMut, Reader};
use ringmq_sys::{Doorbell, ForkMark, Mapping, OwnMemory, Ringer, Stream, adopt, barrier};
use ringmq_testing::abstract_name;

pub(crate) const GENERATION: usize = 0x080;
pub(crate) const POSITION: usize = 0x100;
pub(crate) const WANTED: usize = 0x180;

const CONTROL: usize = 4096;
const FRAME: usize = 64;

/// A header, as docs/handoff.md lays it out.
pub(crate) const fn header(kind: u64, len: u64) -> u64 {
    kind << 32 | len
}
pub(crate) const LAST: u64 = 1;
pub(crate) const MORE: u64 = 2;
pub(crate) const PAD: u64 = 3;
pub(crate) const ABORT: u64 = 5;
pub(crate) const BLOCKS: u64 = 9;

/// An end that was made by hand.
pub(crate) struct ByHand {
    /// What it writes.
    pub(crate) control: Mapping,
    pub(crate) ring: Mapping,
    /// Its memory for blocks, if it has said that it has some.
    blocks: Option<Mapping>,
    /// What it may only read.
    peer_control: Mapping,
    pub(crate) peer_ring: Mapping,
    /// Wakes the peer's receiver, and its sender.
    pub(crate) data: Ringer,
    pub(crate) room: Ringer,
    _bells: [Doorbell; 2],
    /// Where its next record goes.
    head: usize,
}

/// The part of an end that is sent to the peer.
struct Offer {
    control: OwnMemory,
    ring: OwnMemory,
    blocks: Option<OwnMemory>,
    bells: [(Doorbell, OwnedFd); 2],
}

impl Offer {
    fn new(capacity: usize, blocks: usize, mark: &ForkMark) -> Offer {
        let control = OwnMemory::create("by-hand", CONTROL, mark).unwrap();
        store(control.mapping(), 0, u64::from_le_bytes(*b"ringmq\0\x01"));
        Offer {
            control,
            ring: OwnMemory::create("by-hand", capacity, mark).unwrap(),
            blocks: (blocks > 0).then(|| OwnMemory::create("by-hand", blocks, mark).unwrap()),
            bells: [Doorbell::new().unwrap(), Doorbell::new().unwrap()],
        }
    }

    /// Sends it. Each lie is the offset of a word of the frame, and what that word says.
    fn send(
        &self,
        stream: &Stream,
        until: Option<Instant>,
        lies: &[(usize, u64)],
    ) -> std::io::Result<()> {
        let mut frame = frame(1);
        frame[16] = u8::from(barrier::register());
        put(&mut frame, 24, CONTROL as u64);
        put(&mut frame, 32, self.ring.mapping().len() as u64);
        put(&mut frame, 40, 1 << 30);
        if let Some(blocks) = &self.blocks {
            frame[16] |= 2;
            put(&mut frame, 56, blocks.mapping().len() as u64);
        }
        for (at, word) in lies {
            put(&mut frame, *at, *word);
        }
        let [data, room] = &self.bells;
        let fds = [
            self.control.fd(),
            self.ring.fd(),
            data.1.as_fd(),
            room.1.as_fd(),
        ];
        stream.send(&frame, &fds, until)
    }
}

fn frame(kind: u8) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    frame[..8].copy_from_slice(b"ringmqP\0");
    (frame[8], frame[10]) = (1, kind);
    frame
}

fn put(frame: &mut [u8; FRAME], at: usize, value: u64) {
    frame[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn store(memory: &Mapping, offset: usize, word: u64) {
    assert!(memory.is_writable() && offset.is_multiple_of(8) && offset < memory.len());
    // SAFETY: within the mapping, as just seen.
    let at = unsafe { memory.as_ptr().add(offset) };
    // SAFETY: our own memory, aligned, which no reference points to.
    unsafe { at.cast::<u64>().write_volatile(word) };
}

fn load(memory: &Mapping, offset: usize) -> u64 {
    assert!(offset.is_multiple_of(8) && offset < memory.len());
    // SAFETY: within the mapping, as just seen.
    let at = unsafe { memory.as_ptr().add(offset) };
    // SAFETY: aligned, readable, never a Rust object.
    unsafe { at.cast::<u64>().read_volatile() }
}

impl ByHand {
    /// Connects to a listener, honestly, with so many bytes of memory for blocks. `None` if there is no listener any more.
    pub(crate) fn connect(address: &str, capacity: usize, blocks: usize) -> Option<ByHand> {
        let until = Some(Instant::now() + Duration::from_secs(20));
        let mark = ForkMark::current().unwrap();
        let stream = Stream::connect(&address.parse().unwrap(), until).ok()?;
        let own = Offer::new(capacity, blocks, &mark);
        // The listener may go after the connect.
        own.send(&stream, until, &[]).ok()?;
        let mut theirs = [0; FRAME];
        let mut came = stream.recv_exact(&mut theirs, 5, until).ok()?;
        assert_eq!(theirs[10], 1, "an offer");
        // Memory for blocks, which is not looked at here.
        came.fds.truncate(4);
        let size = u64::from_le_bytes(theirs[32..40].try_into().unwrap());
        let [control, ring, data, room] = <[OwnedFd; 4]>::try_from(came.fds).unwrap();
        let peer_control = adopt(control, CONTROL, &mark).unwrap();
        let peer_ring = adopt(ring, size as usize, &mark).unwrap();
        let blocks: Vec<_> = own.blocks.iter().map(OwnMemory::fd).collect();
        stream.send(&frame(2), &blocks, until).ok()?;
        let [(data_bell, _), (room_bell, _)] = own.bells;
        Some(ByHand {
            control: own.control.into_mapping(),
            ring: own.ring.into_mapping(),
            blocks: own.blocks.map(OwnMemory::into_mapping),
            peer_control,
            peer_ring,
            data: Ringer::adopt(data).unwrap(),
            room: Ringer::adopt(room).unwrap(),
            _bells: [data_bell, room_bell],
            head: 0,
        })
    }

    /// An honest end with `options`, and one by hand at the other end, in this process.
    pub(crate) fn pair(options: &Options, capacity: usize) -> (Pipe, ByHand) {
        ByHand::pair_with(options, capacity, 0)
    }

    /// As [`pair`](ByHand::pair), with memory for blocks at the end by hand.
    pub(crate) fn pair_with(options: &Options, capacity: usize, blocks: usize) -> (Pipe, ByHand) {
        let mut listener = Listener::bind(&abstract_name("by-hand"), options).unwrap();
        let address = listener.address();
        let connecting = std::thread::spawn(move || ByHand::connect(&address, capacity, blocks));
        let pipe = listener.accept().unwrap();
        (pipe, connecting.join().unwrap().unwrap())
    }

    /// A reader of what the peer publishes. It reports its position as an honest one does.
    pub(crate) fn consumer(&self) -> Reader<Mapped, MappedMut> {
        let ring = &self.peer_ring;
        // SAFETY: within the control page, at a multiple of 8.
        let report = unsafe { self.control.as_ptr().add(POSITION) };
        // SAFETY: the mapping was checked when it was adopted, and outlives the reader.
        let ring = unsafe { Mapped::new(ring.as_ptr(), ring.len()) };
        // SAFETY: our own word; that tests write it as well is the point, and each write is of a whole word.
        let report = unsafe { MappedMut::new(report, 8) };
        Reader::new(ring, report, 0).unwrap().with_blocks()
    }

    /// Writes a word into the ring, at an offset in bytes.
    pub(crate) fn scribble(&self, offset: usize, word: u64) {
        store(&self.ring, offset, word);
    }

    /// Writes a word into the memory for blocks.
    pub(crate) fn fill(&self, offset: usize, word: u64) {
        store(self.blocks.as_ref().unwrap(), offset, word);
    }

    /// Writes a word into the control page.
    pub(crate) fn announce(&self, offset: usize, word: u64) {
        store(&self.control, offset, word);
    }

    /// A word of the peer's control page.
    pub(crate) fn seen(&self, offset: usize) -> u64 {
        load(&self.peer_control, offset)
    }

    /// A word of the own control page.
    pub(crate) fn said(&self, offset: usize) -> u64 {
        load(&self.control, offset)
    }

    /// Publishes an empty message, as an honest writer does, but rings no doorbell.
    pub(crate) fn publish_empty(&mut self) {
        self.publish(LAST, &[]);
    }

    /// Publishes a record of these words, which do not reach beyond the end of the ring, but rings no doorbell.
    pub(crate) fn publish(&mut self, kind: u64, words: &[u64]) {
        let next = (self.head + 8 + 8 * words.len()) % self.ring.len();
        store(&self.ring, next, 0);
        for (at, word) in words.iter().enumerate() {
            store(&self.ring, self.head + 8 + 8 * at, *word);
        }
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        store(&self.ring, self.head, header(kind, 8 * words.len() as u64));
        self.head = next;
    }

    /// Connects, and sends an offer in which some words are lies, and an acceptance of `kind` with `count` times the memory
    /// for blocks. `None` if the listener's queue is full.
    pub(crate) fn connect_lying(
        address: &str,
        blocks: usize,
        lies: &[(usize, u64)],
        kind: u8,
        count: usize,
    ) -> Option<Stream> {
        let until = Some(Instant::now() + Duration::from_secs(20));
        let stream = Stream::connect(&address.parse().unwrap(), until).ok()?;
        let own = Offer::new(4096, blocks, &ForkMark::current().unwrap());
        own.send(&stream, until, lies).ok()?;
        let memory = own.blocks.as_ref().map(OwnMemory::fd);
        let memory: Vec<_> = std::iter::repeat_n(memory, count).flatten().collect();
        stream.send(&frame(kind), &memory, until).ok()?;
        Some(stream)
    }

    /// Whether the peer's receiver has closed.
    pub(crate) fn peer_has_closed(&self) -> bool {
        self.seen(GENERATION) >> 63 != 0
    }
}
