//! What each socket type can do, and which types fit each other.

use ringmq::{Kind, OptionError, RecvError, SendError, Socket};
use ringmq_testing::{soon, until};

use crate::world::{World, comes, options, put};

rules!(
    every_two_types_that_fit_talk,
    a_type_that_only_receives_does_not_send,
    a_type_that_only_sends_does_not_receive,
    only_a_sub_subscribes,
    readiness_says_whose_turn_it_is,
    a_receiver_is_readable_while_a_message_is_there,
);

/// Pairs of types, of which the first one speaks first.
const FIT: [(Kind, Kind); 16] = [
    (Kind::Pair, Kind::Pair),
    (Kind::Push, Kind::Pull),
    (Kind::Req, Kind::Rep),
    (Kind::Req, Kind::Router),
    (Kind::Dealer, Kind::Rep),
    (Kind::Dealer, Kind::Dealer),
    (Kind::Dealer, Kind::Router),
    (Kind::Router, Kind::Router),
    (Kind::Router, Kind::Dealer),
    (Kind::Pub, Kind::Sub),
    (Kind::Pub, Kind::Xsub),
    (Kind::Xpub, Kind::Sub),
    (Kind::Xpub, Kind::Xsub),
    (Kind::Scatter, Kind::Gather),
    (Kind::Client, Kind::Server),
    (Kind::Channel, Kind::Channel),
];

/// Whichever of the two binds.
fn every_two_types_that_fit_talk(world: &World) {
    for (speaks, hears) in FIT {
        for speaker_binds in [false, true] {
            let mut speaker = world.socket(speaks);
            // A ROUTER that speaks first has to know whom it speaks to.
            let mut hearer = world.socket_with(hears, &options().routing_id("hearer"));
            match hears {
                Kind::Sub => hearer.subscribe("").unwrap(),
                Kind::Xsub => put(&mut hearer, &["\x01"]),
                _ => {}
            }
            let place = if speaker_binds {
                world.meet(&mut speaker, &mut hearer)
            } else {
                world.meet(&mut hearer, &mut speaker)
            };
            assert!(!place.is_empty());
            let sent: &[&str] = match (speaks, hears) {
                (Kind::Router, _) => &["hearer", "text"],
                (Kind::Dealer, Kind::Rep) => &["", "text"],
                _ => &["text"],
            };
            until(|| {
                speaker
                    .send_deadline(crate::world::message(sent), soon())
                    .unwrap();
                // What is sent before a subscription or an id has arrived is dropped.
                match speaks {
                    Kind::Pub | Kind::Xpub | Kind::Router => hearer.events().unwrap().readable,
                    _ => true,
                }
            });
            let received = hearer.recv_deadline(soon()).unwrap();
            assert_eq!(
                &received[received.len() - 1][..],
                b"text",
                "{speaks:?}, {hears:?}"
            );
        }
    }
}

fn a_type_that_only_receives_does_not_send(world: &World) {
    for (kind, peer) in [
        (Kind::Pull, Kind::Push),
        (Kind::Sub, Kind::Pub),
        (Kind::Gather, Kind::Scatter),
    ] {
        let (mut receiver, _peer) = world.pair(kind, peer);
        let sent = receiver.send("text").map_err(|error| error.reason);
        assert!(matches!(sent, Err(SendError::NotSupported)), "{sent:?}");
        assert!(!receiver.events().unwrap().writable);
    }
}

fn a_type_that_only_sends_does_not_receive(world: &World) {
    for (kind, peer) in [
        (Kind::Push, Kind::Pull),
        (Kind::Pub, Kind::Sub),
        (Kind::Scatter, Kind::Gather),
    ] {
        let (mut sender, _peer) = world.pair(kind, peer);
        for received in [sender.recv(), sender.try_recv()] {
            assert!(
                matches!(received, Err(RecvError::NotSupported)),
                "{received:?}"
            );
        }
        assert!(!sender.events().unwrap().readable);
    }
}

fn only_a_sub_subscribes(world: &World) {
    for (subscriber, peer) in FIT {
        let (mut socket, _peer) = world.pair(subscriber, peer);
        for refused in [socket.subscribe("a"), socket.unsubscribe("a")] {
            assert_eq!(refused, Err(OptionError::NotSupported), "{subscriber:?}");
        }
    }
}

fn readiness_says_whose_turn_it_is(world: &World) {
    let (mut rep, mut req) = world.pair(Kind::Rep, Kind::Req);
    let is = |socket: &mut Socket, readable: bool, writable: bool| {
        let events = socket.events().unwrap();
        (events.readable, events.writable) == (readable, writable)
    };
    for _ in 0..3 {
        assert!(is(&mut req, false, true) && is(&mut rep, false, false));
        put(&mut req, &["question"]);
        until(|| is(&mut rep, true, false));
        assert!(is(&mut req, false, false));
        comes(&mut rep, "question");
        assert!(is(&mut rep, false, true));
        put(&mut rep, &["answer"]);
        until(|| is(&mut req, true, false));
        assert!(is(&mut rep, false, false));
        comes(&mut req, "answer");
    }
}

fn a_receiver_is_readable_while_a_message_is_there(world: &World) {
    let (mut pull, mut push) = world.pair(Kind::Pull, Kind::Push);
    assert!(!pull.events().unwrap().readable);
    for _ in 0..3 {
        put(&mut push, &["text", "more"]);
        until(|| pull.events().unwrap().readable);
        let first = pull.try_recv_part().unwrap();
        assert!(first.more() && pull.events().unwrap().readable);
        pull.try_recv_part().unwrap();
        assert!(!pull.events().unwrap().readable);
    }
}
