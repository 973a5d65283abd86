//! Halves in threads of their own, both directions at once.

use std::io::{Read, Write};
use std::time::Duration;

use ringmq_pipe::{Receiver, RecvError, Sender, Wait};
use ringmq_testing::{Bytes, Messages, seed, watchdog};

use crate::{WAITS, pair, small};

fn send_all(mut sender: Sender, messages: Messages, count: u64) {
    let mut message = Vec::new();
    for number in 0..count {
        messages.make(number, &mut message);
        sender.send(&message).unwrap();
    }
}

fn receive_all(mut receiver: Receiver, messages: Messages, count: u64) {
    let mut message = Vec::new();
    for number in 0..count {
        receiver.recv(&mut message).unwrap();
        messages.check(number, &message);
    }
    let end = receiver.recv(&mut message);
    assert!(matches!(end, Err(RecvError::Closed)), "{end:?}");
}

#[test]
fn four_threads_of_messages() {
    let _guard = watchdog(Duration::from_secs(120));
    let seed = seed();
    for (left_waits, right_waits) in [
        (Wait::Spin, Wait::Spin),
        (Wait::Park, Wait::Park),
        (Wait::Adaptive, Wait::Adaptive),
        (Wait::Spin, Wait::Park),
    ] {
        let address = ringmq_testing::abstract_name("four");
        let mut listener =
            ringmq_pipe::Listener::bind(&address, &small().wait(left_waits)).unwrap();
        // Two sizes of rings, too.
        let other = small().capacity(65536).wait(right_waits);
        let (left, right) = ringmq_testing::scope(|scope| {
            let client = scope.spawn(|| other.connect(&address).unwrap());
            (listener.accept().unwrap(), client.join().unwrap())
        });
        let (there, back) = (Messages::new(seed, 0, 3000), Messages::new(!seed, 0, 300));
        let ((left_sender, left_receiver), (right_sender, right_receiver)) =
            (left.split(), right.split());
        ringmq_testing::scope(|scope| {
            scope.spawn(|| send_all(left_sender, there, 3000));
            scope.spawn(|| receive_all(right_receiver, there, 3000));
            scope.spawn(|| send_all(right_sender, back, 10_000));
            scope.spawn(|| receive_all(left_receiver, back, 10_000));
        });
    }
}

#[test]
fn four_threads_of_bytes() {
    const TOTAL: u64 = 2 << 20;
    let _guard = watchdog(Duration::from_secs(120));
    let seed = seed();
    for wait in WAITS {
        let (left, right) = pair(&small().wait(wait));
        ringmq_testing::scope(|scope| {
            for (sender, receiver, seed) in {
                let ((one, two), (three, four)) = (left.split(), right.split());
                [(one, four, seed), (three, two, !seed)]
            } {
                let bytes = Bytes::new(seed);
                let (mut sender, mut receiver) = (sender, receiver);
                scope.spawn(move || {
                    let mut piece = [0; 1000];
                    for at in (0..TOTAL).step_by(1000) {
                        let len = (TOTAL - at).min(1000) as usize;
                        bytes.fill(at, &mut piece[..len]);
                        sender.write_all(&piece[..len]).unwrap();
                    }
                });
                scope.spawn(move || {
                    let (mut at, mut piece) = (0, [0; 777]);
                    loop {
                        let got = receiver.read(&mut piece).unwrap();
                        if got == 0 {
                            break assert_eq!(at, TOTAL);
                        }
                        assert!(bytes.is_at(at, &piece[..got]), "at {at}");
                        at += got as u64;
                    }
                });
            }
        });
    }
}

/// A half may go from thread to thread.
#[test]
fn halves_travel() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (left, right) = pair(&small().wait(wait));
        let (mut sender, _keeps) = left.split();
        let (_keeps_too, mut receiver) = right.split();
        for number in 0..50u8 {
            (sender, receiver) = ringmq_testing::scope(|scope| {
                let sends = scope.spawn(move || {
                    sender.send(&[number; 2000]).unwrap();
                    sender
                });
                let receives = scope.spawn(move || {
                    let mut message = Vec::new();
                    receiver.recv(&mut message).unwrap();
                    assert_eq!(message, [number; 2000]);
                    receiver
                });
                (sends.join().unwrap(), receives.join().unwrap())
            });
        }
    }
}
