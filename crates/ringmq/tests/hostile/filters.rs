//! Messages that the socket type drops, without end: a ring full of them leads round and round.

use std::time::{Duration, Instant};

use ringmq::{Context, Interest, Item, Kind, Poller, RecvError, Socket};
use ringmq_sys::OwnMemory;
use ringmq_testing::{Scratch, watchdog};

use crate::by_hand::{ByHand, LAST, SEGMENT, bound_in, header, memory, store};

/// A ring with a published record at every place, that is never empty: messages of 8 bytes that begin so.
fn endless(text: &[u8; 8]) -> OwnMemory {
    let ring = memory(SEGMENT);
    for at in (0..SEGMENT).step_by(16) {
        store(&ring, at + 8, u64::from_ne_bytes(*text));
    }
    for at in (0..SEGMENT).step_by(16) {
        store(&ring, at, header(LAST, 8));
    }
    ring
}

/// What this side's type is, and the peer's. A REQ ends the connection of a peer that sends it no reply.
const CASES: [(Kind, &str); 2] = [(Kind::Sub, "PUB"), (Kind::Rep, "REQ")];

/// A socket whose peer sends an endless stream of messages that the socket type drops.
fn flooded(context: &Context, scratch: &Scratch, kind: Kind, peer_kind: &str) -> (Socket, ByHand) {
    let (mut socket, path) = bound_in(context, scratch, kind);
    if kind == Kind::Sub {
        socket.subscribe(b"news").unwrap();
    }
    let mut peer = ByHand::connect(&path, peer_kind);
    peer.begin(&endless(b"nonsense"));
    (socket, peer)
}

#[test]
fn a_timeout_ends_a_call_that_drops_messages_for_ever() {
    let _guard = watchdog(Duration::from_secs(120));
    for (kind, peer_kind) in CASES {
        for timeout in [0, 20] {
            let (context, scratch) = (Context::new().unwrap(), Scratch::new());
            let (mut socket, peer) = flooded(&context, &scratch, kind, peer_kind);
            let timeout = Duration::from_millis(timeout);
            // Until it is at work on them.
            while peer.seen(crate::by_hand::POSITION) < 4 * SEGMENT as u64 {
                let came = socket.recv_deadline(Instant::now() + timeout);
                assert!(matches!(came, Err(RecvError::TimedOut)), "{came:?}");
                let came = socket.try_recv();
                assert!(matches!(came, Err(RecvError::WouldBlock)), "{came:?}");
            }
            if kind == Kind::Sub {
                // The others say that there is something, as in libzmq.
                assert!(!socket.events().unwrap().readable);
                let mut items = [Item::socket(&mut socket, Interest::READABLE)];
                assert_eq!(Poller::new().wait(&mut items, Some(timeout)).unwrap(), 0);
            }
        }
    }
}

#[test]
fn the_end_of_a_context_ends_a_call_that_drops_messages_for_ever() {
    let _guard = watchdog(Duration::from_secs(120));
    for (kind, peer_kind) in CASES {
        let (context, scratch) = (Context::new().unwrap(), Scratch::new());
        let (mut socket, peer) = flooded(&context, &scratch, kind, peer_kind);
        let receiving = std::thread::spawn(move || socket.recv());
        while peer.seen(crate::by_hand::POSITION) < 4 * SEGMENT as u64 {
            std::thread::yield_now();
        }
        context.shutdown();
        let came = receiving.join().unwrap();
        assert!(matches!(came, Err(RecvError::Terminated)), "{came:?}");
    }
}
