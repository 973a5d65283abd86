//! Rings that never end: a peer that fills its ring with records that go on and on.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ringmq_pipe::{Options, Receiver, RecvError, Wait};
use ringmq_sys::poll;
use ringmq_testing::watchdog;

use crate::by_hand::{ABORT, ByHand, LAST, MORE, header};

const CAPACITY: usize = 4096;

/// Rings on which nothing ever comes to an end, as words that are repeated.
const ENDLESS: [(&str, &[u64]); 4] = [
    ("empty pieces", &[header(MORE, 0)]),
    ("withdrawals", &[header(ABORT, 0)]),
    ("both", &[header(MORE, 0), header(ABORT, 0)]),
    (
        // Each record of 16 bytes, and two of 8 that round it off to 32.
        "pieces that are withdrawn",
        &[header(MORE, 8), 7, header(ABORT, 0), header(ABORT, 0)],
    ),
];

fn filled(words: &[u64], wait: Wait) -> (Receiver, ByHand) {
    let (pipe, peer) = ByHand::pair(&Options::new().wait(wait), CAPACITY);
    for (index, word) in words.iter().cycle().take(CAPACITY / 8).enumerate() {
        peer.scribble(index * 8, *word);
    }
    (pipe.split().1, peer)
}

/// A call that does not wait returns, and one with a deadline keeps it.
#[test]
fn nothing_without_end_is_waited_for() {
    let _guard = watchdog(Duration::from_secs(20));
    let mut message = Vec::new();
    for (name, words) in ENDLESS {
        let (mut receiver, _peer) = filled(words, Wait::Adaptive);
        let soon = Instant::now() + Duration::from_millis(10);
        let came = receiver.try_recv(&mut message);
        assert!(
            matches!(came, Err(RecvError::WouldBlock)),
            "{name}: {came:?}"
        );
        let came = receiver.recv_deadline(&mut message, soon);
        assert!(matches!(came, Err(RecvError::TimedOut)), "{name}: {came:?}");
        assert!(Instant::now() >= soon);
    }
}

/// The descriptor stays readable after a look that found nothing but has not seen the whole ring.
#[test]
fn the_descriptor_stays_readable() {
    let _guard = watchdog(Duration::from_secs(20));
    for (name, words) in ENDLESS {
        let (mut receiver, _peer) = filled(words, Wait::Adaptive);
        for _ in 0..3 {
            let ready = poll::readable(&[receiver.as_fd()], Some(Instant::now())).unwrap();
            assert_eq!(ready, [0], "{name}");
            let came = receiver.try_recv(&mut Vec::new());
            assert!(
                matches!(came, Err(RecvError::WouldBlock)),
                "{name}: {came:?}"
            );
        }
    }
}

/// The byte face skips records without bytes, but a limited number of them.
#[test]
fn reading_nothing_ends() {
    let _guard = watchdog(Duration::from_secs(20));
    for words in [header(MORE, 0), header(ABORT, 0), header(LAST, 0)] {
        let (mut receiver, _peer) = filled(&[words], Wait::Adaptive);
        let came = receiver.try_read(&mut [0; 100]);
        assert!(matches!(came, Err(RecvError::WouldBlock)), "{came:?}");
    }
}

/// A call without a deadline reports the death of the peer.
#[test]
fn a_dead_peer_is_noticed_on_an_endless_ring() {
    let _guard = watchdog(Duration::from_secs(20));
    for (name, words) in ENDLESS {
        let (mut receiver, peer) = filled(words, Wait::Adaptive);
        let receiving = std::thread::spawn(move || receiver.recv(&mut Vec::new()));
        // It hangs up; the memory stays mapped, by the other end.
        drop(peer);
        let came = receiving.join().unwrap();
        assert!(matches!(came, Err(RecvError::PeerDied)), "{name}: {came:?}");
    }
}
