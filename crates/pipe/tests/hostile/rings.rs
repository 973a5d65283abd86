//! Doorbells that are full, that hang up, and that are rung without need.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ringmq_pipe::{Options, Receiver, RecvError, SendError, Wait};
use ringmq_testing::{thread_id, until_asleep, watchdog};

use crate::by_hand::{ByHand, GENERATION, POSITION};

/// Bytes that a pipe holds: rings that were not drained.
const BELL: u64 = 64 << 10;

/// A receiver in a thread of its own: the thread's number, and what it returns for each call.
fn receive(mut receiver: Receiver) -> (u32, mpsc::Receiver<Result<(), RecvError>>) {
    let (told, results) = mpsc::channel();
    let (number, numbers) = mpsc::channel();
    thread::spawn(move || {
        number.send(thread_id()).unwrap();
        let mut message = Vec::new();
        while told.send(receiver.recv(&mut message)).is_ok() {}
    });
    (numbers.recv().unwrap(), results)
}

/// The bell is not drained for each ring, but it is drained before it is full. Otherwise no ring would end the next
/// sleep.
#[test]
fn heard_rings_do_not_fill_the_bell() {
    const ARMINGS: u64 = BELL + 10_000;
    let _guard = watchdog(Duration::from_secs(60));
    let (pipe, mut peer) = ByHand::pair(&Options::new().wait(Wait::Park), 4096);
    let mut receiver = pipe.split().1;
    let receiving = thread::spawn(move || {
        let mut message = Vec::new();
        for _ in 0..ARMINGS {
            receiver.recv(&mut message).unwrap();
        }
    });
    let mut rung = 0;
    for _ in 0..ARMINGS {
        // As an honest sender: one ring for each arming, after a publication.
        while peer.seen(GENERATION).is_multiple_of(2) || peer.seen(GENERATION) == rung {
            std::hint::spin_loop();
        }
        rung = peer.seen(GENERATION);
        peer.publish_empty();
        peer.data.ring().unwrap();
    }
    receiving.join().unwrap();
}

/// A peer that dies after a publication and before the ring: the hang-up wakes the sleeper, which finds the
/// message. The kernel reports the hang-up only once.
#[test]
fn a_hang_up_that_brings_a_message_is_remembered() {
    let _guard = watchdog(Duration::from_secs(20));
    for wait in [Wait::Park, Wait::Adaptive] {
        let (pipe, mut peer) = ByHand::pair(&Options::new().wait(wait), 4096);
        let (thread, results) = receive(pipe.split().1);
        until_asleep(std::process::id(), thread);
        peer.publish_empty();
        drop(peer);
        results.recv().unwrap().expect("it was published");
        let after = results.recv().unwrap();
        assert!(matches!(after, Err(RecvError::PeerDied)), "{after:?}");
    }
}

/// The same for a sender that waits for room, gets it, and runs out of it again.
#[test]
fn a_hang_up_that_brings_room_is_remembered() {
    let _guard = watchdog(Duration::from_secs(20));
    for wait in [Wait::Park, Wait::Adaptive] {
        let options = Options::new().capacity(4096).wait(wait);
        let (pipe, peer) = ByHand::pair(&options, 4096);
        let mut sender = pipe.split().0;
        let (number, numbers) = mpsc::channel();
        let sending = thread::spawn(move || {
            number.send(thread_id()).unwrap();
            loop {
                if let Err(error) = sender.send(&[0; 56]) {
                    return (sender.stats().messages, error);
                }
            }
        });
        until_asleep(std::process::id(), numbers.recv().unwrap());
        peer.announce(POSITION, 2048);
        drop(peer);
        let (sent, error) = sending.join().unwrap();
        assert!(matches!(error, SendError::PeerDied), "{error}");
        assert!(sent >= 64 + 32 - 1, "{sent} messages in a ring and a half");
    }
}

/// A peer that never drains its bell, and says before each message that it sleeps anew: each message costs a
/// system call, and none of them blocks.
#[test]
fn a_full_bell_blocks_no_sender() {
    let _guard = watchdog(Duration::from_secs(60));
    let options = Options::new().capacity(4 << 20);
    let (mut pipe, peer) = ByHand::pair(&options, 4096);
    let messages = BELL + 1000;
    for number in 0..messages {
        peer.announce(GENERATION, 2 * number + 1);
        pipe.sender().send(b"wake up").unwrap();
    }
    assert_eq!(pipe.sender().stats().rings, messages);
}

/// A bell that is full, and was so before the sleep, still lets the sleeper go on by its deadline, and the
/// peer's messages come.
#[test]
fn a_bell_that_its_peer_has_filled_harms_no_other_peer() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut pipe, mut peer) = ByHand::pair(&Options::new().wait(Wait::Park), 4096);
    for _ in 0..BELL + 1000 {
        peer.data.ring().unwrap();
    }
    let mut message = Vec::new();
    for _ in 0..3 {
        let deadline = Instant::now() + Duration::from_millis(5);
        let came = pipe.receiver().recv_deadline(&mut message, deadline);
        assert!(matches!(came, Err(RecvError::TimedOut)), "{came:?}");
        assert!(Instant::now() >= deadline);
    }
    peer.publish_empty();
    pipe.receiver().recv(&mut message).unwrap();
}
