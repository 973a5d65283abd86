//! A connecting side that is made by hand, as docs/handoff.md lays it out. Tests write its words.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use ringmq::{Context, Kind, Socket, SocketOptions};
use ringmq_sys::{Address, Event, ForkMark, Mapping, OwnMemory, Ringer, Stream, adopt};
use ringmq_testing::{Scratch, soon, zmtp_greeting, zmtp_ready};

const PAGE: usize = 4096;
const SLOT: usize = 0x200;
const NAME: &[u8] = b"\x0cX-RINGMQ-SHM";

/// Where the word of the page lies by which a socket says whether it sleeps.
const GENERATION: usize = 0x80;

/// Words of a slot.
pub(crate) const POSITION: usize = 0x00;
pub(crate) const LENT_USED: usize = 0x08;
pub(crate) const LENT: usize = 0x10;
pub(crate) const RECEIVED: usize = 0x80;
pub(crate) const SEGMENTS: usize = 0xd0;
pub(crate) const RECEIVING_MARK: usize = 0xe0;
pub(crate) const EPOCH: usize = 0xe8;

/// Kinds of records.
pub(crate) const LAST: u64 = 1;
pub(crate) const JUMP: u64 = 6;
pub(crate) const PARTS: u64 = 7;
pub(crate) const BLOCKS: u64 = 9;

/// The frame that asks for the socket to be woken.
const RING: u8 = 9;

/// Bytes of a first segment.
pub(crate) const SEGMENT: usize = 64 << 10;

/// A header.
pub(crate) const fn header(kind: u64, len: u64) -> u64 {
    kind << 32 | len
}

/// A connection whose both sides have accepted. Unless it subscribes, it has said SWITCH.
pub(crate) struct ByHand {
    pub(crate) stream: Stream,
    page: OwnMemory,
    peer_page: Mapping,
    /// The peer's slot for us lies in its first page: it is the peer's first connection.
    peer_slot: usize,
    pub(crate) bell: Ringer,
    _own_bell: Event,
    /// Segments that were sent.
    sent: u64,
    /// Bytes of the next RING frame that were written already.
    of_ring: usize,
}

/// Our side's memory of that size, to be filled by [`store`].
pub(crate) fn memory(bytes: usize) -> OwnMemory {
    let mark = ForkMark::current().unwrap();
    OwnMemory::create("by-hand", bytes, &mark).unwrap()
}

/// Writes a word.
pub(crate) fn store(memory: &OwnMemory, offset: usize, word: u64) {
    let mapping = memory.mapping();
    assert!(offset.is_multiple_of(8) && offset < mapping.len());
    // SAFETY: within the mapping, as just seen.
    let at = unsafe { mapping.as_ptr().add(offset) };
    // SAFETY: our own memory, aligned, which no reference points to.
    unsafe { at.cast::<u64>().write_volatile(word) };
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

fn load(mapping: &Mapping, offset: usize) -> u64 {
    assert!(offset.is_multiple_of(8) && offset < mapping.len());
    // SAFETY: within the mapping, as just seen.
    let at = unsafe { mapping.as_ptr().add(offset) };
    // SAFETY: aligned, readable, never a Rust object.
    unsafe { at.cast::<u64>().read_volatile() }
}

/// A socket that is bound, and its path.
pub(crate) fn bound(scratch: &Scratch, kind: Kind) -> (Socket, String) {
    bound_in(&Context::new().unwrap(), scratch, kind)
}

/// The same, in this context.
pub(crate) fn bound_in(context: &Context, scratch: &Scratch, kind: Kind) -> (Socket, String) {
    bound_with(context, scratch, kind, &SocketOptions::new())
}

/// The same, with these options.
pub(crate) fn bound_with(
    context: &Context,
    scratch: &Scratch,
    kind: Kind,
    options: &SocketOptions,
) -> (Socket, String) {
    let path = scratch.path("s");
    let mut socket = context.socket_with(kind, options).unwrap();
    socket.set_linger(Duration::ZERO);
    socket.bind(&format!("ipc://{path}")).unwrap();
    (socket, path)
}

/// A frame of the handoff, as a command.
fn command(kind: u8) -> Vec<u8> {
    let mut data = [0; 32];
    if kind == 1 {
        data[16..20].copy_from_slice(&(SLOT as u32).to_le_bytes());
    }
    framed(kind, data)
}

/// The command that comes with a segment.
fn segment(number: u64, bytes: usize) -> Vec<u8> {
    numbered(8, number, bytes)
}

/// A command about a segment: one of a ring, or one of an arena.
fn numbered(kind: u8, number: u64, bytes: usize) -> Vec<u8> {
    let mut data = [0; 32];
    data[8..16].copy_from_slice(&number.to_le_bytes());
    data[24..].copy_from_slice(&(bytes as u64).to_le_bytes());
    framed(kind, data)
}

fn framed(kind: u8, mut data: [u8; 32]) -> Vec<u8> {
    (data[0], data[1]) = (kind, 3);
    [&[4, (NAME.len() + data.len()) as u8], NAME, &data].concat()
}

impl ByHand {
    /// Connects and agrees.
    pub(crate) fn connect(path: &str, kind: &str) -> ByHand {
        ByHand::try_connect(path, kind).expect("it is accepted")
    }

    /// Connects; `None` if the other side refuses the offer.
    pub(crate) fn try_connect(path: &str, kind: &str) -> Option<ByHand> {
        let stream = Stream::try_connect(&Address::from(Path::new(path))).unwrap();
        let mark = ForkMark::current().unwrap();
        let page = memory(PAGE);
        store(&page, 0, u64::from_le_bytes(*b"ringmqS\x02"));
        // Awake.
        store(&page, GENERATION, 2);
        let own_bell = Event::new().unwrap();
        write(&stream, &zmtp_greeting(1));
        write(&stream, &zmtp_ready(kind, &[("X-Ringmq-Shm", b"3")]));
        let bell = own_bell.share().unwrap().unwrap();
        let fds: [BorrowedFd<'_>; 2] = [page.fd(), bell.as_fd()];
        let (mut bytes, mut fds_of_peer) = (VecDeque::new(), Vec::new());
        take(&stream, 64, &mut bytes, &mut fds_of_peer);
        let ready = next_frame(&stream, &mut bytes, &mut fds_of_peer);
        assert!(ready.starts_with(b"\x05READY"));
        let offer = command(1);
        assert_eq!(stream.send_now(&offer, &fds).unwrap(), offer.len());
        let (mut slot, mut accepted) = (None, false);
        while slot.is_none() || !accepted {
            let frame = next_frame(&stream, &mut bytes, &mut fds_of_peer);
            // What else is sent by ZMTP, such as subscriptions, does not matter.
            let Some(data) = frame.strip_prefix(NAME) else {
                continue;
            };
            match data[0] {
                1 => {
                    assert_eq!(data[20], 0, "its slot is in its first page");
                    slot = Some(u32::from_le_bytes(data[16..20].try_into().unwrap()) as usize);
                    write(&stream, &command(2));
                }
                2 => accepted = true,
                3 => return None,
                other => panic!("a frame of kind {other}"),
            }
        }
        let mut fds = fds_of_peer.into_iter();
        let (peer_page, peer_bell) = (fds.next().unwrap(), fds.next().unwrap());
        let by_hand = ByHand {
            stream,
            page,
            peer_page: adopt(peer_page, PAGE, &mark).unwrap(),
            peer_slot: slot.unwrap(),
            bell: Ringer::adopt(peer_bell).unwrap(),
            _own_bell: own_bell,
            sent: 0,
            of_ring: 0,
        };
        // A subscriber sends nothing but subscriptions, which stay on ZMTP.
        if kind != "SUB" {
            write(&by_hand.stream, &command(4));
        }
        Some(by_hand)
    }

    /// Subscribes to everything.
    pub(crate) fn subscribe(&self) {
        write(&self.stream, b"\x04\x0a\x09SUBSCRIBE");
    }

    /// Writes a word of our slot.
    pub(crate) fn set(&self, word: usize, value: u64) {
        store(&self.page, SLOT + word, value);
    }

    /// A word of the peer's slot.
    pub(crate) fn seen(&self, word: usize) -> u64 {
        load(&self.peer_page, self.peer_slot + word)
    }

    /// Hands the next segment over. Says whether there was room for it on the way.
    pub(crate) fn try_send(&mut self, memory: &OwnMemory) -> bool {
        let frame = segment(self.sent, memory.mapping().len());
        let sent = self.stream.send_now(&frame, &[memory.fd()]).is_ok();
        self.sent += u64::from(sent);
        sent
    }

    /// Hands a segment of an arena over. Says whether there was room for it on the way.
    pub(crate) fn send_blocks(&self, number: u64, memory: &OwnMemory) -> bool {
        self.send_blocks_as(number, memory, memory.mapping().len())
    }

    /// The same, with this size.
    pub(crate) fn send_blocks_as(&self, number: u64, memory: &OwnMemory, bytes: usize) -> bool {
        let frame = numbered(12, number, bytes);
        let sent = self.stream.send_now(&frame, &[memory.fd()]);
        sent.is_ok_and(|sent| sent == frame.len())
    }

    /// Says that a segment of an arena is gone.
    pub(crate) fn blocks_gone(&self, number: u64) {
        write(&self.stream, &numbered(13, number, 0));
    }

    /// Hands the first segment over, and says that it is there.
    pub(crate) fn begin(&mut self, memory: &OwnMemory) {
        assert!(self.try_send(memory));
        self.set(SEGMENTS, 1);
        self.bell.ring().unwrap();
    }

    /// Writes as many RING frames as there is room for, up to a few; returns how many were written to their end.
    pub(crate) fn ring_by_frames(&mut self) -> u64 {
        let frame = command(RING);
        let bytes = &frame.repeat(64)[self.of_ring..];
        let written = match self.stream.send_now(bytes, &[]) {
            Ok(sent) => self.of_ring + sent,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return 0;
            }
        };
        self.of_ring = written % frame.len();
        (written / frame.len()) as u64
    }

    /// Writes a SEGMENT frame of this number without a descriptor, at once and whole. Says whether there was room for it.
    pub(crate) fn try_send_bare(&self, number: u64) -> bool {
        let frame = segment(number, SEGMENT);
        self.stream
            .send_now(&frame, &[])
            .is_ok_and(|sent| sent == frame.len())
    }

    /// Whether the other side has closed.
    pub(crate) fn is_closed(&self) -> bool {
        loop {
            match self.stream.receive_now(&mut [0; 4096], 4) {
                Ok(came) if came.bytes == 0 => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != ErrorKind::WouldBlock,
            }
        }
    }
}

/// Sees that the socket receives a message of another peer.
#[track_caller]
pub(crate) fn serves_another(pull: &mut Socket, path: &str) {
    let _other = greets(path);
    let message = pull.recv_deadline(soon()).unwrap();
    assert_eq!(message[0].as_slice(), GREETING);
}

pub(crate) const GREETING: &[u8; 8] = b"greeting";

/// A peer that has sent [`GREETING`], and nothing else.
pub(crate) fn greets(path: &str) -> ByHand {
    let mut other = ByHand::connect(path, "PUSH");
    let segment = memory(SEGMENT);
    store(&segment, 8, u64::from_ne_bytes(*GREETING));
    store(&segment, 0, header(LAST, 8));
    other.begin(&segment);
    other
}

/// Reads until so many bytes are there, and takes them.
fn take(
    stream: &Stream,
    count: usize,
    bytes: &mut VecDeque<u8>,
    fds: &mut Vec<OwnedFd>,
) -> Vec<u8> {
    while bytes.len() < count {
        let mut room = [0; 256];
        match stream.receive_now(&mut room, 4) {
            Ok(came) => {
                assert!(came.bytes > 0, "it has closed");
                bytes.extend(&room[..came.bytes]);
                fds.extend(came.ancillary.fds);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                std::thread::yield_now();
            }
        }
    }
    bytes.drain(..count).collect()
}

/// The body of the next short frame.
fn next_frame(stream: &Stream, bytes: &mut VecDeque<u8>, fds: &mut Vec<OwnedFd>) -> Vec<u8> {
    let head = take(stream, 2, bytes, fds);
    assert_eq!(head[0] & 2, 0, "a short frame");
    take(stream, head[1].into(), bytes, fds)
}

/// Writes all of it.
pub(crate) fn write(stream: &Stream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match stream.send_now(bytes, &[]) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}
