//! What a socket demands of messages holds in shared memory as over ZMTP: a message that does not keep to it is never
//! received, and ends its connection.

use std::time::{Duration, Instant};

use ringmq::{Context, EventKind, Frame, Kind, Message, Monitor, Socket};
use ringmq_testing::{soon, watchdog};

use crate::parts::{is_shared, last, open, socket};
use crate::places::Places;

const LIMIT: usize = 1000;

fn has_ended(monitor: &mut Monitor) -> bool {
    monitor
        .try_recv()
        .is_ok_and(|event| matches!(event.kind, EventKind::Disconnected { .. }))
}

fn message(parts: &[usize]) -> Message {
    parts.iter().map(|len| vec![7; *len]).collect()
}

/// Waits until the connection of a socket has ended, which is ready for nothing until then.
fn until_ended(socket: &mut Socket, monitor: &mut Monitor) {
    while !has_ended(monitor) {
        assert!(!socket.events().unwrap().readable);
        let moment = Instant::now() + Duration::from_millis(1);
        assert!(socket.recv_deadline(moment).is_err());
    }
}

/// Who sends to whom.
const PAIRS: [(Kind, Kind); 6] = [
    (Kind::Push, Kind::Pull),
    (Kind::Pair, Kind::Pair),
    (Kind::Dealer, Kind::Dealer),
    (Kind::Dealer, Kind::Router),
    (Kind::Pub, Kind::Sub),
    (Kind::Req, Kind::Rep),
];

#[test]
fn a_part_beyond_the_greatest_length_ends_its_connection() {
    let _guard = watchdog(Duration::from_secs(120));
    for (from, to) in PAIRS {
        for (binds, parts) in [
            (true, &[LIMIT + 1][..]),
            (false, &[LIMIT + 1]),
            (true, &[0, LIMIT + 1]),
            (true, &[3, LIMIT + 1, 3]),
            (true, &[LIMIT, LIMIT, 100 * LIMIT]),
        ] {
            println!("{from:?} to {to:?}, which binds: {binds}; {parts:?}");
            let places = Places::new();
            let endpoint = places.endpoint("s");
            let mut receiver = socket(&Context::new().unwrap(), to);
            receiver
                .change_options(|options| options.max_message(LIMIT as u64))
                .unwrap();
            let mut monitor = receiver.monitor().unwrap();
            let mut sender = socket(&Context::new().unwrap(), from);
            open(&mut receiver, binds, &endpoint);
            open(&mut sender, !binds, &endpoint);
            while !is_shared(&mut receiver) || !is_shared(&mut sender) {
                std::thread::yield_now();
            }
            let mut exchange = |parts: &[usize]| {
                // A PUB may not know of the subscription yet.
                let mut received = None;
                while received.is_none() {
                    drop(sender.try_send(message(parts)));
                    let moment = Instant::now() + Duration::from_millis(100);
                    received = receiver.recv_deadline(moment).ok();
                }
                assert!(last(&received.unwrap()).len() == *parts.last().unwrap());
                if to == Kind::Rep {
                    receiver.send("thanks").unwrap();
                    sender.recv_deadline(soon()).unwrap();
                }
            };
            exchange(&[LIMIT]);
            exchange(&[LIMIT, 0, LIMIT]);
            sender.send(message(parts)).unwrap();
            until_ended(&mut receiver, &mut monitor);
        }
    }
}

/// Asks, and has a ROUTER answer with these parts.
fn ask(req: &mut Socket, router: &mut Socket, answer: &[&str]) {
    req.send("request").unwrap();
    let request = router.recv_deadline(soon()).unwrap();
    let id = std::iter::once(request[0].clone());
    let answer = answer.iter().map(|part| Frame::from(*part));
    router.send(id.chain(answer).collect::<Message>()).unwrap();
}

#[test]
fn what_is_no_reply_ends_the_connection_of_a_req() {
    let _guard = watchdog(Duration::from_secs(60));
    for parts in [&["no reply"][..], &[""], &["what", "ever"], &["1234", "x"]] {
        println!("{parts:?}");
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let mut router = socket(&Context::new().unwrap(), Kind::Router);
        let mut req = socket(&Context::new().unwrap(), Kind::Req);
        let mut monitor = req.monitor().unwrap();
        open(&mut req, true, &endpoint);
        open(&mut router, false, &endpoint);
        while !is_shared(&mut req) || !is_shared(&mut router) {
            std::thread::yield_now();
        }
        for _ in 0..3 {
            ask(&mut req, &mut router, &["", "reply"]);
            assert_eq!(last(&req.recv_deadline(soon()).unwrap()), b"reply");
        }
        ask(&mut req, &mut router, &["", "one", "two"]);
        assert_eq!(last(&req.recv_deadline(soon()).unwrap()), b"two");
        ask(&mut req, &mut router, parts);
        until_ended(&mut req, &mut monitor);
    }
}
