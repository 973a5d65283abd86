//! SCATTER, GATHER, CLIENT, SERVER, PEER and CHANNEL: messages of one part.

mod world;

use std::num::NonZeroU32;
use std::sync::Arc;

use ringmq_message::{Frame, Properties};
use ringmq_pattern::{AttachError, Kind, Peer, RecvPartError, SendPartError};
use world::{START, Stage};

const ALL: [Kind; 6] = [
    Kind::Server,
    Kind::Client,
    Kind::Gather,
    Kind::Scatter,
    Kind::Peer,
    Kind::Channel,
];

/// The number of the peer that was attached as the n-th.
fn number(n: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(START + n)
}

/// Sends to the n-th peer of a SERVER or PEER.
fn send_to(stage: &mut Stage, n: u32, text: &str) -> Result<(), SendPartError> {
    let frame = Frame::from(text).with_routing_id(number(n));
    let Stage { pattern, world, .. } = stage;
    pattern.send(frame, world)
}

#[test]
fn a_part_that_others_follow_is_refused_and_nothing_is_sent() {
    for kind in ALL {
        assert!(kind.has_one_part());
        let mut stage = Stage::with(kind, 1);
        // Twice: where parts pass unseen, one goes the way without frames.
        for _ in 0..2 {
            match stage.send_part("a") {
                Err(SendPartError::Multipart(frame)) => {
                    assert!(frame.more() && kind != Kind::Gather)
                }
                Err(SendPartError::NotSupported(_)) => assert_eq!(kind, Kind::Gather),
                other => panic!("{kind}: {other:?}"),
            }
        }
        assert_eq!(stage.got(0), [""; 0]);
        if kind != Kind::Gather {
            let frame = Frame::from("b").with_routing_id(number(0));
            stage.pattern.send(frame, &mut stage.world).unwrap();
            assert_eq!(stage.got(0), ["b"]);
        }
    }
}

#[test]
fn messages_of_several_parts_are_dropped_and_those_around_them_come() {
    for kind in ALL.into_iter().filter(|kind| *kind != Kind::Scatter) {
        let mut stage = Stage::with(kind, 1);
        for text in ["a", "b|c", "d", "e|f|g", "h|", "i", "j|k"] {
            stage.give(0, text);
        }
        assert_eq!(stage.recv_all(), ["a", "d", "i"], "{kind}");
        assert!(!stage.can_recv());
    }
}

#[test]
fn a_peer_that_sends_such_messages_without_end_is_put_off() {
    for kind in [Kind::Gather, Kind::Server] {
        let mut stage = Stage::with(kind, 2);
        stage.fill(0, (0..10_000).map(|at| format!("{at}|x")));
        stage.fill(1, ["good".to_owned()].into_iter());
        assert_eq!(stage.recv().unwrap(), "good", "{kind}");
        assert_eq!(stage.recv(), Err(RecvPartError::Empty));
        assert!(stage.world.pipes[0].put_off, "{kind}");
    }
}

#[test]
fn the_directions_that_a_type_lacks_are_not_supported() {
    let mut scatter = Stage::with(Kind::Scatter, 1);
    assert_eq!(scatter.recv(), Err(RecvPartError::NotSupported));
    assert!(!scatter.can_recv() && scatter.can_send());
    let mut gather = Stage::with(Kind::Gather, 1);
    assert!(matches!(
        gather.send("a"),
        Err(SendPartError::NotSupported(_))
    ));
    assert!(!gather.can_send());
}

#[test]
fn scatter_and_client_send_in_turn_and_block_without_room() {
    for kind in [Kind::Scatter, Kind::Client] {
        let mut stage = Stage::new(kind);
        assert!(matches!(stage.send("a"), Err(SendPartError::WouldBlock(_))));
        stage.join(0);
        stage.join(1);
        for text in ["a", "b", "c", "d"] {
            stage.send(text).unwrap();
        }
        assert_eq!(stage.got(0), ["a", "c"]);
        assert_eq!(stage.got(1), ["b", "d"]);
        for peer in 0..2 {
            stage.pipe(peer).room = 0;
        }
        assert!(!stage.can_send());
        assert!(matches!(stage.send("e"), Err(SendPartError::WouldBlock(_))));
    }
}

#[test]
fn a_channel_has_one_peer() {
    let mut channel = Stage::with(Kind::Channel, 1);
    assert_eq!(channel.join_as(1, ""), Err(AttachError::SecondPeer));
    assert!(channel.world.pipes[1].terminated);
    channel.leave(1);
    channel.send("a").unwrap();
    assert_eq!(channel.got(0), ["a"]);
    channel.leave(0);
    assert!(matches!(
        channel.send("b"),
        Err(SendPartError::WouldBlock(_))
    ));
    channel.join(2);
    channel.send("c").unwrap();
    assert_eq!(channel.got(2), ["c"]);
}

#[test]
fn a_server_names_its_peers_by_numbers() {
    for kind in [Kind::Server, Kind::Peer] {
        let mut server = Stage::new(kind);
        for peer in 0..3 {
            server.join(peer);
            assert_eq!(server.pattern.last_number(), number(peer));
            assert_eq!(
                server.pattern.peer_by_number(number(peer).unwrap()),
                Some(Peer(peer))
            );
        }
        server.give(2, "from 2");
        server.give(0, "from 0");
        for _ in 0..2 {
            let frame = server.recv_part().unwrap();
            let n = if &frame[..] == b"from 2" { 2 } else { 0 };
            assert_eq!(frame.routing_id(), number(n));
        }
        send_to(&mut server, 1, "to 1").unwrap();
        assert_eq!(server.got(1), ["to 1"]);
        assert_eq!(server.got(0), [""; 0]);
    }
}

#[test]
fn a_server_refuses_what_it_cannot_deliver_and_hands_it_back() {
    let mut server = Stage::with(Kind::Server, 1);
    assert!(server.can_send());
    let unnamed = server.send("to no peer");
    assert!(matches!(unnamed, Err(SendPartError::HostUnreachable(_))));
    let unknown = send_to(&mut server, 7, "a").map_err(SendPartError::into_frame);
    assert_eq!(unknown.unwrap_err().routing_id(), number(7));
    server.pipe(0).room = 0;
    let full = send_to(&mut server, 0, "a");
    assert!(
        matches!(&full, Err(SendPartError::WouldBlock(frame)) if frame.routing_id() == number(0))
    );
    server.pipe(0).gone = true;
    let gone = send_to(&mut server, 0, "a");
    assert!(matches!(gone, Err(SendPartError::HostUnreachable(_))));
    server.leave(0);
    assert_eq!(server.pattern.peer_by_number(number(0).unwrap()), None);
    server.join(0);
    let left = send_to(&mut server, 0, "a");
    assert!(matches!(left, Err(SendPartError::HostUnreachable(_))));
    send_to(&mut server, 1, "b").unwrap();
    assert_eq!(server.got(0), ["b"]);
}

#[test]
fn the_number_stays_on_this_side_and_the_properties_of_the_connection_with_it() {
    let mut server = Stage::with(Kind::Server, 2);
    let mut connection = Properties::new();
    connection.set("X-Key", b"value");
    let connection = Arc::new(connection);
    let mut received = Vec::new();
    for _ in 0..2 {
        let mut frame = Frame::from("a");
        frame.set_properties(Some(Arc::clone(&connection)));
        server.give_frames(0, vec![frame]);
        received.push(server.recv_part().unwrap());
    }
    let [first, second] = &received[..] else {
        panic!("{received:?}");
    };
    let (first, second) = (first.properties().unwrap(), second.properties().unwrap());
    // One connection, one allocation.
    assert!(Arc::ptr_eq(first, second));
    assert_eq!(first.get("X-Key"), Some(c"value"));
    assert_eq!(connection.routing_id(), None);
    // A connection that was made anew.
    server.give(0, "b");
    let frame = server.recv_part().unwrap();
    assert_eq!(frame.routing_id(), number(0));
    assert_eq!(frame.properties().unwrap().get("X-Key"), None);
    // A frame that is passed on names the peer that it came from, and goes there without the number.
    server.pattern.send(frame, &mut server.world).unwrap();
    let sent = &server.world.pipes[0].outbound[0][0];
    assert!(sent.properties().is_none());
}
