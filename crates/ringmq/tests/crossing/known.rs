//! What a program sees of a connection that has gone over: it is that of tcp.

use std::net::{Shutdown, TcpStream};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use ringmq::{Carrier, EventKind, Kind, SharedMemory, SocketOptions, ZmtpReason};
use ringmq_testing::{soon, until, watchdog};

use super::{bound, passes, socket, until_carrier};

#[test]
fn addresses_descriptors_and_events_are_those_of_tcp() {
    let _guard = watchdog(Duration::from_secs(60));
    for place in ["tcp://127.0.0.1:*", "tcp://localhost:*"] {
        let mut far = socket(Kind::Pull);
        let mut heard = far.monitor().unwrap();
        far.bind(place).unwrap();
        let mut near = socket(Kind::Push);
        near.connect(far.last_endpoint()).unwrap();
        let mut next = || heard.recv_deadline(soon()).unwrap();
        let accepted = loop {
            let event = next();
            if let EventKind::Accepted { fd } = event.kind {
                break fd;
            }
        };
        near.send("by ZMTP").unwrap();
        let mut about = vec![far.recv_deadline(soon()).unwrap()];
        let before = far.connections();
        until_carrier(&mut far, Carrier::SharedMemory);
        until_carrier(&mut near, Carrier::SharedMemory);
        near.send("in shared memory").unwrap();
        about.push(far.recv_deadline(soon()).unwrap());
        for message in about {
            let properties = message[0].properties().unwrap();
            assert_eq!(
                properties.get("Peer-Address").unwrap().to_bytes(),
                b"127.0.0.1"
            );
            assert_eq!(properties.source(), Some(accepted));
        }
        let [after] = &far.connections()[..] else {
            panic!("one connection");
        };
        assert!(after.peer.starts_with("tcp://127.0.0.1:"));
        assert_eq!((&after.peer, after.credentials), (&before[0].peer, None));
        let changed = std::iter::repeat_with(&mut next).find_map(|event| match event.kind {
            EventKind::CarrierChanged { carrier } => Some(carrier),
            _ => None,
        });
        assert_eq!(changed, Some(Carrier::SharedMemory));
        drop(near);
        let ended = std::iter::repeat_with(next).find_map(|event| match event.kind {
            EventKind::Disconnected { fd } => Some(fd),
            _ => None,
        });
        assert_eq!(ended, Some(accepted));
    }
}

#[test]
fn the_end_of_the_tcp_connection_ends_the_connection() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut far = bound(Kind::Pull);
    let mut near = socket(Kind::Push);
    let mut heard = near.monitor().unwrap();
    near.connect(far.last_endpoint()).unwrap();
    passes(&mut near, &mut far, "first");
    until_carrier(&mut near, Carrier::SharedMemory);
    until_carrier(&mut far, Carrier::SharedMemory);
    near.send("before the end").unwrap();
    let message = far.recv_deadline(soon()).unwrap();
    let accepted = message[0].properties().unwrap().source().unwrap();
    // SAFETY: the descriptor is open while the connection stands, which nothing else ends.
    let accepted = unsafe { BorrowedFd::borrow_raw(accepted) };
    let accepted = TcpStream::from(accepted.try_clone_to_owned().unwrap());
    accepted.shutdown(Shutdown::Both).unwrap();
    until(|| {
        let event = heard.recv_deadline(soon()).unwrap();
        matches!(event.kind, EventKind::Disconnected { .. })
    });
    // It is made again, and goes over again.
    passes(&mut near, &mut far, "behind the end");
    until_carrier(&mut near, Carrier::SharedMemory);
}

#[test]
fn a_side_that_does_not_share_over_tcp_leaves_it_as_it_is() {
    let _guard = watchdog(Duration::from_secs(60));
    let ipc_only = SocketOptions::new().shared_memory(SharedMemory::Ipc);
    let context = ringmq::Context::new().unwrap();
    let mut far = context.socket_with(Kind::Pair, &ipc_only).unwrap();
    far.bind("tcp://127.0.0.1:*").unwrap();
    let mut near = socket(Kind::Pair);
    near.connect(far.last_endpoint()).unwrap();
    until_carrier(&mut near, Carrier::Zmtp(ZmtpReason::NotOffered));
    until_carrier(&mut far, Carrier::Zmtp(ZmtpReason::TurnedOff));
    passes(&mut near, &mut far, "there");
    passes(&mut far, &mut near, "and back");
    // Over ipc it does.
    let mut far = context.socket_with(Kind::Pair, &ipc_only).unwrap();
    far.bind("ipc://*").unwrap();
    let mut near = socket(Kind::Pair);
    near.connect(far.last_endpoint()).unwrap();
    until_carrier(&mut near, Carrier::SharedMemory);
    until_carrier(&mut far, Carrier::SharedMemory);
}
