//! How the messages of a connection travel, told as events.

use std::time::Duration;

use ringmq::{Carrier, EventKind, Kind, Monitor, Socket, ZmtpReason};
use ringmq_testing::{Scratch, soon, watchdog};

use super::monitored;

/// The next event that tells how messages travel.
fn carrier(monitor: &mut Monitor) -> Carrier {
    loop {
        let event = monitor.recv_deadline(soon()).unwrap();
        if let EventKind::CarrierChanged { carrier } = event.kind {
            return carrier;
        }
    }
}

/// Two sockets that share memory, if `share` says so of each, and their monitors.
fn pair(endpoint: &str, share: [bool; 2]) -> [(Socket, Monitor); 2] {
    let (mut pull, of_pull) = monitored(Kind::Pull);
    let (mut push, of_push) = monitored(Kind::Push);
    pull.change_options(|options| options.shared_memory(share[0]))
        .unwrap();
    push.change_options(|options| options.shared_memory(share[1]).shared_limit(256 << 10))
        .unwrap();
    pull.bind(endpoint).unwrap();
    push.connect(pull.last_endpoint()).unwrap();
    push.send("first").unwrap();
    pull.recv_deadline(soon()).unwrap();
    [(pull, of_pull), (push, of_push)]
}

#[test]
fn both_sides_tell_how_their_messages_travel_and_why() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("s"));

    let [(pull, mut of_pull), (mut push, mut of_push)] = pair(&endpoint, [true, true]);
    assert_eq!(carrier(&mut of_push), Carrier::SharedMemory);
    // Its peer goes over with a call, and says so then.
    push.send("second").unwrap();
    assert_eq!(carrier(&mut of_pull), Carrier::SharedMemory);
    drop(pull);
    assert_eq!(carrier(&mut of_push), Carrier::Zmtp(ZmtpReason::PeerGone));

    let [(_pull, mut of_pull), (_push, mut of_push)] = pair(&endpoint, [false, true]);
    assert_eq!(carrier(&mut of_pull), Carrier::Zmtp(ZmtpReason::TurnedOff));
    assert_eq!(carrier(&mut of_push), Carrier::Zmtp(ZmtpReason::NotOffered));
}

#[test]
fn memory_that_is_full_is_told_of_once_and_nothing_is_lost() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("s"));
    let [(mut pull, _of_pull), (mut push, mut of_push)] = pair(&endpoint, [true, true]);
    assert_eq!(carrier(&mut of_push), Carrier::SharedMemory);
    for round in 0..2 {
        let mut sent = 0_u32;
        // The marks would admit 2,000.
        while push.try_send_slice(&[round; 10_000]).is_ok() {
            sent += 1;
        }
        assert!((10..100).contains(&sent), "{sent}");
        let event = of_push.recv_deadline(soon()).unwrap();
        let full = EventKind::MemoryFull { limit: 256 << 10 };
        assert_eq!(event.kind, full);
        assert_eq!(event.remote, endpoint);
        let mut take = |expected: &[u8]| {
            let message = pull.recv_deadline(soon()).unwrap();
            assert_eq!(message[0].as_slice(), expected);
        };
        for _ in 1..sent {
            take(&[round; 10_000]);
        }
        // The last one waits for the next call.
        push.send("room").unwrap();
        take(&[round; 10_000]);
        take(b"room");
    }
    assert!(of_push.try_recv().is_err());
}

#[test]
fn each_connection_of_a_socket_with_immediate_pipes_tells_how_its_messages_travel() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("s"));
    let (mut push, mut of_push) = monitored(Kind::Push);
    push.change_options(|options| options.shared_memory(true).immediate(true))
        .unwrap();
    push.connect(&endpoint).unwrap();
    for _ in 0..2 {
        let (mut pull, _of_pull) = monitored(Kind::Pull);
        pull.change_options(|options| options.shared_memory(true))
            .unwrap();
        pull.bind(&endpoint).unwrap();
        push.send("hello").unwrap();
        pull.recv_deadline(soon()).unwrap();
        assert_eq!(carrier(&mut of_push), Carrier::SharedMemory);
        drop(pull);
        // The pipe has ended then, so that nothing is sent to the peer that is gone.
        let retried = |event: &EventKind| matches!(event, EventKind::ConnectRetried { .. });
        while !retried(&of_push.recv_deadline(soon()).unwrap().kind) {}
    }
}
