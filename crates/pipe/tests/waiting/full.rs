//! A peer that does not receive.

use std::time::{Duration, Instant};

use ringmq_pipe::{Options, RecvError, SendError};
use ringmq_testing::{Counters, Messages, seed, watchdog};

use crate::ends::STRATEGIES;

/// Attempts on a full ring.
const ATTEMPTS: u32 = 20_000;

/// Sending into a full ring is refused, or refused in time; it costs no memory, harms nothing of what was
/// sent, and works again once there is room.
#[test]
fn a_peer_that_never_receives_costs_nothing() {
    let _guard = watchdog(Duration::from_secs(60));
    let seed = seed();
    for wait in STRATEGIES {
        let options = Options::new().capacity(64 << 10).wait(wait);
        let (mut left, mut right) = options.pair().unwrap();
        let (sender, receiver) = (left.sender(), right.receiver());
        // Those that are sent, and those that are not.
        let messages = Messages::new(seed, 8, 700);
        let refused = vec![0xee; 64 << 10];

        let mut sent = 0;
        while let Ok(()) = sender.try_send(&messages.get(sent)) {
            sent += 1;
        }
        let before = Counters::now();
        for attempt in 0..ATTEMPTS {
            let len = 2000 + attempt as usize % 20_000;
            let error = sender.try_send(&refused[..len]).unwrap_err();
            assert!(matches!(error, SendError::WouldBlock), "{error}");
            let error = sender.try_claim(2000).map(drop).unwrap_err();
            assert!(matches!(error, SendError::WouldBlock), "{error}");
        }
        // In one piece, and in several that are longer than the ring: those that fit are withdrawn.
        for len in [2000, 20_000, refused.len()] {
            let deadline = Instant::now() + Duration::from_millis(5);
            let error = sender.send_deadline(&refused[..len], deadline).unwrap_err();
            assert!(matches!(error, SendError::TimedOut), "{error}");
            assert!(Instant::now() >= deadline);
        }
        let after = Counters::now();
        let grown = after.rss_kib.saturating_sub(before.rss_kib);
        assert!(grown < 256, "{grown} KiB more");
        assert_eq!(before.fds, after.fds);
        // The allocator may map a little for itself; twenty thousand attempts do not.
        let maps = after.maps.saturating_sub(before.maps);
        assert!(maps < 10, "{maps} maps more");

        let mut message = Vec::new();
        for number in 0..sent {
            receiver.try_recv(&mut message).unwrap();
            messages.check(number, &message);
        }
        let nothing = receiver.try_recv(&mut message);
        assert!(matches!(nothing, Err(RecvError::WouldBlock)), "{nothing:?}");
        for number in sent..sent + 10 {
            sender.try_send(&messages.get(number)).unwrap();
            receiver.try_recv(&mut message).unwrap();
            messages.check(number, &message);
        }
        assert_eq!(sender.stats().messages, sent + 10);
    }
}

/// What is withdrawn while the peer receives leaves no trace either.
#[test]
fn a_message_that_times_out_in_its_midst_was_never_there() {
    let _guard = watchdog(Duration::from_secs(60));
    // More than goes through in the time that it gets.
    let long = vec![0; 256 << 20];
    for wait in STRATEGIES {
        let options = Options::new().capacity(4096).wait(wait);
        let (mut left, mut right) = options.pair().unwrap();
        for round in 0..20u8 {
            let (sender, receiver) = (left.sender(), right.receiver());
            let mut message = Vec::new();
            let deadline = Instant::now() + Duration::from_millis(2);
            ringmq_testing::scope(|scope| {
                scope.spawn(|| {
                    // Takes in some pieces, and stops.
                    let early = deadline - Duration::from_millis(1);
                    let came = receiver.recv_deadline(&mut message, early);
                    assert!(matches!(came, Err(RecvError::TimedOut)), "{came:?}");
                });
                let sent = sender.send_deadline(&long, deadline);
                assert!(matches!(sent, Err(SendError::TimedOut)), "{sent:?}");
            });
            let receiver = right.receiver();
            let next = [round; 5];
            ringmq_testing::scope(|scope| {
                scope.spawn(|| left.sender().send(&next).unwrap());
                receiver.recv(&mut message).unwrap();
            });
            assert_eq!(message, next);
        }
    }
}
