//! A sender that has no memory for a message, and goes back to ZMTP: it loses nothing that the mark admits, and what it
//! has accepted leaves without another call.

use std::time::Duration;

use ringmq::{Context, Kind, Message};
use ringmq_testing::{Actor, limit_descriptors, listen, role, say, soon, spawn_role, watchdog};

use crate::parts::{arg, last, number, open, socket, until_shared};
use crate::places::Places;

/// Two of them do not fit in the first segment.
const LEN: usize = 60_000;
/// A process that may have so many descriptors gets none, and then as many as it needs.
const FEW: u64 = 3;
const ENOUGH: u64 = 1000;

/// Sends so many messages, without a descriptor for more memory, and then makes no call.
fn sender() {
    let kind = if arg(1) == "ROUTER" {
        Kind::Router
    } else {
        Kind::Push
    };
    let context = Context::new().unwrap();
    let mut sender = socket(&context, kind);
    sender.set_linger(None);
    open(&mut sender, true, &arg(0));
    say("bound");
    let to = (kind == Kind::Router).then(|| {
        let hello = sender.recv_deadline(soon()).unwrap();
        hello[0].clone().with_more(true)
    });
    let message =
        |bytes: Vec<u8>| -> Message { to.clone().into_iter().chain([bytes.into()]).collect() };
    // The direction has its first memory once a message was sent there.
    until_shared(&mut sender, 1);
    sender.send(message(vec![0; 8])).unwrap();
    assert!(limit_descriptors(FEW));
    for number in 0..number(2) {
        // A ROUTER drops what has no room, and says nothing.
        sender.send(message(vec![number as u8; LEN])).unwrap();
    }
    say("sent");
    assert_eq!(listen(), "end");
    assert!(limit_descriptors(ENOUGH));
}

#[test]
fn what_is_sent_without_memory_arrives_without_another_call() {
    const TEST: &str = "spare::what_is_sent_without_memory_arrives_without_another_call";
    if role().is_some() {
        return sender();
    }
    let _guard = watchdog(Duration::from_secs(120));
    for (from, to) in [("ROUTER", Kind::Dealer), ("PUSH", Kind::Pull)] {
        for count in [2_u64, 50] {
            println!("{count} messages of a {from}");
            let places = Places::new();
            let endpoint = places.endpoint("s");
            let args = [&endpoint[..], from, &count.to_string()];
            let mut sender = Actor::start(&mut spawn_role(TEST, "sender", &args));
            assert_eq!(sender.hear(), "bound");
            let context = Context::new().unwrap();
            let mut receiver = socket(&context, to);
            open(&mut receiver, false, &endpoint);
            if to == Kind::Dealer {
                receiver.send("hello").unwrap();
            }
            assert_eq!(sender.hear(), "sent");
            assert_eq!(last(&receiver.recv_deadline(soon()).unwrap()), [0; 8]);
            for number in 0..count {
                let message = receiver.recv_deadline(soon());
                let message = message.unwrap_or_else(|error| panic!("{number}: {error}"));
                assert!(last(&message) == vec![number as u8; LEN], "{number}");
            }
            sender.tell("end");
            sender.finish();
        }
    }
}
