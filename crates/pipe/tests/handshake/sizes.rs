//! Fault 34: sizes that a peer chooses make us allocate nothing that it has not sent.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use ringmq_pipe::{ConnectError, Listener, Options, Pipe, RecvError, SendError, Wait};
use ringmq_ring::{ClaimError, Kind, Mapped, MappedMut, Memory, MemoryMut, Writer};
use ringmq_sys::{AdoptMemoryError, ForkMark, Mapping, OwnMemory, Stream, adopt};
use ringmq_testing::{Counters, abstract_name, watchdog};

use crate::peers::{BOTH, Court};
use crate::raw::{self, LAYOUT, Raw, SEALS, Sent, later};

/// A ring of 2 GiB is offered, with as much memory behind it as costs nothing.
#[test]
fn a_ring_without_memory() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    let ring = 1 << 31;
    for judge in BOTH {
        for len in [4096, ring] {
            let sparse = raw::memfd(len, libc::MFD_ALLOW_SEALING).unwrap();
            raw::seal(&sparse, SEALS);
            let mut fds = raw::descriptors();
            fds[1] = sparse.into();
            let sent = [Sent::new(
                Raw {
                    ring,
                    ..Raw::offer()
                },
                fds,
            )];
            let before = Counters::now();
            let verdict = court.judge(judge, &sent);
            let after = Counters::now();
            drop(sent);
            let refused = match verdict.error {
                ConnectError::PeerMemory { refusal, .. } => refusal,
                other => panic!("{other}"),
            };
            match refused {
                AdoptMemoryError::Size { size: 4096, .. } => assert_eq!(len, 4096),
                AdoptMemoryError::Holes { allocated: 0, .. } => assert_eq!(len, ring),
                other => panic!("{other}"),
            }
            assert!(
                after.rss_kib < before.rss_kib + 1024,
                "{before:?} {after:?}"
            );
            court.adjourn("2 GiB");
        }
    }
}

/// A sender by hand, which keeps to the layout but not to what it agreed to.
struct ByHand {
    stream: Stream,
    control: OwnMemory,
    ring: OwnMemory,
    /// The reader's control page: its positions.
    reads: Mapping,
    bells: Vec<OwnedFd>,
    /// The reader's bells. They stay open: a bell that lost its last ringer counts as the death of the peer.
    _bells_of_the_reader: Vec<OwnedFd>,
}

impl ByHand {
    /// A pipe whose other end is made by hand, with `greatest` in its offer.
    fn pair(options: &Options, greatest: u64) -> (Pipe, ByHand) {
        let mark = ForkMark::current().unwrap();
        let mut listener = Listener::bind(&abstract_name("by-hand"), options).unwrap();
        let control = OwnMemory::create("by-hand", 4096, &mark).unwrap();
        let ring = OwnMemory::create("by-hand", raw::RING as usize, &mark).unwrap();
        // SAFETY: a word at the start of our own page, which no other process writes.
        let identity = unsafe { MappedMut::new(control.mapping().as_ptr(), 8) };
        // SAFETY: it has 8 bytes.
        unsafe { identity.publish(0, u64::from_ne_bytes(*LAYOUT)) };
        let stream = Stream::connect(&listener.address().parse().unwrap(), later()).unwrap();
        let bells = vec![raw::bell(), raw::bell()];
        let fds = [control.fd(), ring.fd(), bells[0].as_fd(), bells[1].as_fd()];
        let offer = Raw {
            greatest,
            ..Raw::offer()
        };
        stream.send(&offer.bytes(), &fds, None).unwrap();
        stream.send(&Raw::accept().bytes(), &[], None).unwrap();
        let pipe = listener.attempt(later()).unwrap();
        let mut frame = [0; 64];
        let mut came = stream.recv_exact(&mut frame, 4, later()).unwrap();
        let reads = adopt(came.fds.swap_remove(0), 4096, &mark).unwrap();
        let by_hand = ByHand {
            stream,
            control,
            ring,
            reads,
            bells,
            _bells_of_the_reader: came.fds,
        };
        (pipe, by_hand)
    }

    fn writer(&self) -> Writer<MappedMut, Mapped> {
        let memory = self.ring.mapping();
        // SAFETY: our own memory, kept by `self`, and one writer is made of it.
        let ring = unsafe { MappedMut::new(memory.as_ptr(), memory.len()) };
        // SAFETY: the offset of the position lies within a control page.
        let position = unsafe { self.reads.as_ptr().add(0x100) };
        // SAFETY: a word of the peer's memory, checked by `adopt`, and kept by `self`.
        let position = unsafe { Mapped::new(position, 8) };
        // SAFETY: it has 8 bytes.
        assert_eq!(unsafe { position.load(0) }, 0);
        Writer::new(ring, position, 0).unwrap()
    }
}

/// Sends pieces of a message without a last one, for as long as the receiver reads.
#[test]
fn a_message_without_end_stops_at_the_greatest() {
    const MOST: u64 = 1 << 20;
    let _guard = watchdog(Duration::from_secs(60));
    for wait in [Wait::Spin, Wait::Park, Wait::Adaptive] {
        let options = Options::new().max_message(MOST).wait(wait);
        let (mut pipe, by_hand) = ByHand::pair(&options, 1);
        let mut writer = by_hand.writer();
        let mut message = Vec::new();
        let mut sent = 0;
        let before = Counters::now();
        let refused = loop {
            match writer.push(Kind::More, &[1; 1000]) {
                Ok(()) => sent += 1000,
                Err(ClaimError::Full { .. }) => match pipe.receiver().try_recv(&mut message) {
                    Err(RecvError::WouldBlock) => {}
                    other => break other,
                },
                Err(error) => panic!("{error}"),
            }
        };
        let Err(RecvError::TooLarge { len, most: MOST }) = refused else {
            panic!("{refused:?}");
        };
        assert!(len > MOST && len <= MOST + 1000, "{len}");
        assert!(sent <= len + raw::RING);
        assert_eq!(message.capacity(), 0);
        // It stays so, and what had come is gone.
        for _ in 0..3 {
            let again = pipe.receiver().recv(&mut message);
            assert!(
                matches!(again, Err(RecvError::TooLarge { .. })),
                "{again:?}"
            );
        }
        let after = Counters::now();
        assert!(
            // AddressSanitizer keeps what is freed for a while.
            after.rss_kib < before.rss_kib + 8192,
            "{before:?} {after:?}"
        );
        // Its other direction is not broken: the peer accepts one byte, and no more.
        pipe.sender().send(b"1").unwrap();
        let error = pipe.sender().send(b"12").unwrap_err();
        assert!(
            matches!(error, SendError::TooLarge { len: 2, most: 1 }),
            "{error}"
        );
        drop((by_hand.stream, by_hand.control, by_hand.bells));
    }
}

/// A whole message that is longer than this end accepts: refused before it is copied.
#[test]
fn a_record_longer_than_the_greatest() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut pipe, by_hand) = ByHand::pair(&Options::new().max_message(99), u64::MAX);
    let mut writer = by_hand.writer();
    writer.push(Kind::Last, &[1; 99]).unwrap();
    writer.push(Kind::Last, &[1; 100]).unwrap();
    let mut message = Vec::new();
    pipe.receiver().recv(&mut message).unwrap();
    assert_eq!(message, [1; 99]);
    let error = pipe.receiver().recv(&mut message).unwrap_err();
    assert!(
        matches!(error, RecvError::TooLarge { len: 100, most: 99 }),
        "{error}"
    );
    // What the peer accepts costs us nothing either.
    assert_eq!(pipe.sender().max_message(), u64::MAX);
    pipe.sender().send(&[2; 1000]).unwrap();
}
