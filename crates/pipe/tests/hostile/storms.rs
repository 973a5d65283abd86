//! Peers that ring all the time.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ringmq_pipe::{Options, RecvError, SendError, Stats, Wait};
use ringmq_sys::Ringer;
use ringmq_testing::watchdog;

use crate::by_hand::ByHand;

/// Rings `bell` as fast as it goes until told to stop; returns how often.
fn storm(bell: Ringer) -> (mpsc::Sender<()>, thread::JoinHandle<u64>) {
    let (stop, stopped) = mpsc::channel();
    let storming = thread::spawn(move || {
        let mut rings = 0;
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            bell.ring().unwrap();
            rings += 1;
        }
        rings
    });
    (stop, storming)
}

const LIMIT: Duration = Duration::from_millis(500);

/// A wait under a storm is woken about a thousand times a second, not as often as it is rung; and it ends
/// at its deadline, not when the storm does.
#[track_caller]
fn check(stats: Stats, rings: u64, start: Instant) {
    let waited = start.elapsed();
    let most = 32 + LIMIT.as_millis() as u64;
    let woken = stats.spurious;
    println!("{rings} rings, {woken} wake-ups in {waited:?}");
    assert!(waited >= LIMIT);
    assert!(woken <= most, "{woken} wake-ups in {waited:?}");
    // Otherwise there was no storm.
    assert!(
        rings > 10 * most && woken > 16,
        "{rings} rings, {woken} wake-ups"
    );
}

#[test]
fn a_receiver_bears_a_storm() {
    let _guard = watchdog(Duration::from_secs(20));
    for wait in [Wait::Park, Wait::Adaptive] {
        let (mut pipe, peer) = ByHand::pair(&Options::new().wait(wait), 4096);
        let (stop, storming) = storm(peer.data);
        let start = Instant::now();
        let deadline = start + LIMIT;
        let came = pipe.receiver().recv_deadline(&mut Vec::new(), deadline);
        drop(stop);
        assert!(matches!(came, Err(RecvError::TimedOut)), "{came:?}");
        check(pipe.receiver().stats(), storming.join().unwrap(), start);
    }
}

#[test]
fn a_sender_bears_a_storm() {
    let _guard = watchdog(Duration::from_secs(20));
    for wait in [Wait::Park, Wait::Adaptive] {
        let options = Options::new().capacity(4096).wait(wait);
        let (mut pipe, peer) = ByHand::pair(&options, 4096);
        while pipe.sender().try_send(&[0; 100]).is_ok() {}
        let (stop, storming) = storm(peer.room);
        let start = Instant::now();
        let deadline = start + LIMIT;
        let sent = pipe.sender().send_deadline(&[0; 100], deadline);
        drop(stop);
        assert!(matches!(sent, Err(SendError::TimedOut)), "{sent:?}");
        check(pipe.sender().stats(), storming.join().unwrap(), start);
    }
}

/// Messages get through a storm.
#[test]
fn messages_come_through_a_storm() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in [Wait::Spin, Wait::Park, Wait::Adaptive] {
        let (mut pipe, mut peer) = ByHand::pair(&Options::new().wait(wait), 4096);
        let receiving = thread::spawn(move || {
            let mut message = Vec::new();
            for _ in 0..200 {
                pipe.receiver().recv(&mut message).unwrap();
            }
        });
        // Each message is long overdue when it comes.
        for _ in 0..200 {
            for _ in 0..1000 {
                peer.data.ring().unwrap();
            }
            peer.publish_empty();
        }
        while !peer.peer_has_closed() {
            peer.data.ring().unwrap();
        }
        receiving.join().unwrap();
    }
}
