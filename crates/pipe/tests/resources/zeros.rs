//! Fault 33: what the peer can see of our memory is what was sent, and zeros.

use std::os::fd::OwnedFd;
use std::time::Duration;

use ringmq_pipe::{Listener, Options, Pipe};
use ringmq_ring::{Mapped, Memory};
use ringmq_sys::{ForkMark, Mapping, Stream, adopt};
use ringmq_testing::{Random, abstract_name, seed, watchdog};

use crate::later;
use crate::raw::{self, Raw, Sent};

const RING: usize = 65536;

/// An end, and what its peer can see of it.
struct Seen {
    pipe: Pipe,
    control: Mapping,
    ring: Mapping,
    _fds: Vec<OwnedFd>,
}

impl Seen {
    fn open() -> Seen {
        let options = Options::new().capacity(RING);
        let mut listener = Listener::bind(&abstract_name("zeros"), &options).unwrap();
        let peer = Stream::connect(&listener.address().parse().unwrap(), later()).unwrap();
        let fds = raw::descriptors();
        let offer = Sent::new(Raw::offer(), fds);
        offer.over(&peer).unwrap();
        Sent::bare(Raw::accept()).over(&peer).unwrap();
        let pipe = listener.attempt(later()).unwrap();
        let mut frame = [0; 64];
        let came = peer.recv_exact(&mut frame, 4, later()).unwrap();
        let mark = ForkMark::current().unwrap();
        let mut fds = came.fds.into_iter();
        let control = adopt(fds.next().unwrap(), 4096, &mark).unwrap();
        let ring = adopt(fds.next().unwrap(), RING, &mark).unwrap();
        Seen {
            pipe,
            control,
            ring,
            _fds: offer.fds,
        }
    }
}

/// All bytes of a mapping.
fn bytes(mapping: &Mapping) -> Vec<u8> {
    // SAFETY: all of a mapping that was checked, and that outlives this function.
    let memory = unsafe { Mapped::new(mapping.as_ptr(), mapping.len()) };
    let words = (0..mapping.len()).step_by(8).flat_map(|at| {
        // SAFETY: a multiple of 8 within the mapping.
        unsafe { memory.load(at) }.to_ne_bytes()
    });
    words.collect()
}

/// A ring's content, by docs/handoff.md, section 5.
struct Image {
    bytes: Vec<u8>,
    at: usize,
}

impl Image {
    fn push(&mut self, payload: &[u8]) {
        let header = 1u64 << 32 | payload.len() as u64;
        self.bytes[self.at..self.at + 8].copy_from_slice(&header.to_ne_bytes());
        let end = self.at + 8 + payload.len();
        self.bytes[self.at + 8..end].copy_from_slice(payload);
        let end = end.next_multiple_of(8);
        let extent = end - self.at;
        let room = end.next_multiple_of(64) - end;
        self.at = if extent <= 64 && room < extent {
            end + room
        } else {
            end
        };
    }
}

#[test]
fn a_new_end_is_zero() {
    let _guard = watchdog(Duration::from_secs(60));
    // Memory that others have used before.
    drop((0..100).map(|_| vec![0x55u8; 100_000]).collect::<Vec<_>>());
    let seen = Seen::open();
    assert!(bytes(&seen.ring).iter().all(|byte| *byte == 0));
    let control = bytes(&seen.control);
    // Magic, generation, position, wanted position, two CPUs.
    let words = [0x000, 0x080, 0x100, 0x180, 0x200, 0x208];
    for (at, word) in control.chunks(8).enumerate() {
        assert!(words.contains(&(at * 8)) || word == [0; 8], "{:#x}", at * 8);
    }
    assert_eq!(control[..8], *b"ringmq\0\x01");
}

#[test]
fn padding_is_zero() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut random = Random::new(seed());
    let mut seen = Seen::open();
    let mut image = Image {
        bytes: vec![0; RING],
        at: 0,
    };
    for round in 0..300 {
        let len = random.within(0..200);
        // The message lies between bytes that must not reach the ring.
        let around = vec![0xf7u8; len + 128];
        let mut secret = around;
        secret[64..64 + len].fill(0xaa);
        let message = &secret[64..64 + len];
        let sender = seen.pipe.sender();
        match round % 4 {
            0 => sender.send(message).unwrap(),
            1 => assert_eq!(sender.try_write(message).unwrap(), len),
            2 => assert_eq!(sender.send_batch([message]).unwrap(), 1),
            _ => {
                let mut claim = sender.claim(len).unwrap();
                claim.copy_from_slice(message);
                claim.commit().unwrap();
            }
        }
        // A write of nothing sends nothing.
        if len > 0 || round % 4 != 1 {
            image.push(message);
        }
        drop(secret);
    }
    let ring = bytes(&seen.ring);
    assert!(!ring.contains(&0xf7));
    let differs = ring
        .iter()
        .zip(&image.bytes)
        .position(|(is, should)| is != should);
    assert_eq!(differs, None, "at this offset");
}
