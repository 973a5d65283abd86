//! When room is noticed, and closing without a peer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ringmq::{Context, Kind, Message, SendError, SetOption, Socket};
use ringmq_testing::{soon, watchdog};

/// Fills the pipe of a peer that has read everything: whether the next message is refused.
fn is_refused(
    sender: &mut Socket,
    receiver: &mut Socket,
    message: &[&str],
    pause: Duration,
) -> bool {
    let message: Message = message.iter().copied().collect();
    for _ in 0..2 * MARK {
        sender.send(message.clone()).unwrap();
        receiver.recv_deadline(soon()).unwrap();
    }
    // How long ago the receiver has read is what makes the difference.
    std::thread::sleep(pause);
    match sender.try_send(message) {
        Ok(()) => {
            receiver.recv_deadline(soon()).unwrap();
            false
        }
        Err(error) => {
            assert!(matches!(error.reason, SendError::WouldBlock));
            true
        }
    }
}

const MARK: usize = 100;

/// As in libzmq, it is not noticed at once that there is room again; for no longer than a millisecond.
#[test]
fn a_peer_that_fills_a_pipe_at_once_is_told_that_it_is_full() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let marked = |kind| {
        let mut socket = context.socket(kind).unwrap();
        socket.set_send_hwm(MARK as u32);
        socket.set_recv_hwm(MARK as u32);
        socket
    };
    let mut publisher = marked(Kind::Xpub);
    publisher.set(SetOption::XpubNodrop(true)).unwrap();
    publisher.bind("inproc://publisher").unwrap();
    let mut subscriber = marked(Kind::Sub);
    subscriber.subscribe(b"").unwrap();
    subscriber.connect("inproc://publisher").unwrap();
    publisher.recv_deadline(soon()).unwrap();
    let mut router = marked(Kind::Router);
    router.set(SetOption::RouterMandatory(true)).unwrap();
    router.bind("inproc://router").unwrap();
    let mut dealer = marked(Kind::Dealer);
    dealer
        .change_options(|options| options.routing_id(b"dealer"))
        .unwrap();
    dealer.connect("inproc://router").unwrap();
    dealer.send("here").unwrap();
    router.recv_deadline(soon()).unwrap();
    for (sender, receiver, message) in [
        (&mut publisher, &mut subscriber, &["x"][..]),
        (&mut router, &mut dealer, &["dealer", "x"]),
    ] {
        while !is_refused(sender, receiver, message, Duration::ZERO) {}
        for _ in 0..3 {
            let pause = Duration::from_millis(2);
            assert!(!is_refused(sender, receiver, message, pause));
        }
    }
}

#[test]
fn a_router_that_never_had_a_peer_can_be_closed() {
    let context = Context::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut router = context.socket(Kind::Router).unwrap();
    router.connect(&endpoint).unwrap();
    router.disconnect(&endpoint).unwrap();
    router.connect(&endpoint).unwrap();
    drop(router);
    context.terminate();
}
