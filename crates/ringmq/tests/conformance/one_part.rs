//! SCATTER, GATHER, CLIENT, SERVER, PEER and CHANNEL: messages of one part, and peers that are named by numbers.

use std::num::NonZeroU32;

use ringmq::{EndpointError, Kind, Message, SendError, Socket};
use ringmq_testing::{soon, until};

use crate::world::{World, comes, fill, is_empty, message, options, put, take};

rules!(
    a_server_replies_to_the_client_that_asked,
    a_server_refuses_a_message_without_a_known_client,
    a_server_waits_for_room_of_the_client_that_is_named,
    a_message_of_several_parts_is_refused,
    a_peer_knows_whom_it_connects_to,
    a_peer_that_is_disconnected_is_unknown,
    a_client_that_is_disconnected_is_a_new_one_when_it_comes_back,
    gatherers_share_what_is_scattered,
    a_channel_carries_messages_both_ways,
    only_some_types_name_peers_by_numbers,
);

/// A message for the peer of this number.
fn to(id: Option<NonZeroU32>, text: &str) -> Message {
    Message::from(text).with_routing_id(id)
}

/// The next message of a SERVER or PEER: its text, and whose it is.
#[track_caller]
fn take_from(socket: &mut Socket) -> (String, Option<NonZeroU32>) {
    let received = socket.recv_deadline(soon()).unwrap();
    assert_eq!(received.len(), 1);
    let text = String::from_utf8(received[0].to_vec()).unwrap();
    (text, received.routing_id())
}

fn a_server_replies_to_the_client_that_asked(world: &World) {
    let mut server = world.socket(Kind::Server);
    let mut clients = world.crowd(&mut server, Kind::Client, 3);
    for round in 0..3 {
        for (at, client) in clients.iter_mut().enumerate() {
            put(client, &[&format!("{at} in round {round}")]);
        }
        for _ in 0..clients.len() {
            let (text, id) = take_from(&mut server);
            assert!(id.is_some());
            server.send_deadline(to(id, &text), soon()).unwrap();
        }
        for (at, client) in clients.iter_mut().enumerate() {
            let (text, id) = take_from(client);
            assert_eq!(text, format!("{at} in round {round}"));
            // The number is the server's own.
            assert_eq!(id, None);
        }
    }
    // A server may speak when it has not been asked.
    put(&mut clients[1], &["here"]);
    let (_, id) = take_from(&mut server);
    for text in ["a", "b", "c"] {
        server.send_deadline(to(id, text), soon()).unwrap();
    }
    for text in ["a", "b", "c"] {
        comes(&mut clients[1], text);
    }
    is_empty(&mut clients[0]);
}

fn a_server_refuses_a_message_without_a_known_client(world: &World) {
    let (mut server, mut client) = world.pair(Kind::Server, Kind::Client);
    put(&mut client, &["here"]);
    let (_, id) = take_from(&mut server);
    let other = NonZeroU32::new(id.unwrap().get() ^ 1);
    for unknown in [None, other] {
        let refused = server.send(to(unknown, "text")).unwrap_err();
        assert!(matches!(refused.reason, SendError::HostUnreachable));
        assert_eq!(refused.message.routing_id(), unknown);
    }
    drop(client);
    until(|| server.connections().is_empty());
    let refused = server.send(to(id, "text")).unwrap_err();
    assert!(matches!(refused.reason, SendError::HostUnreachable));
}

fn a_server_waits_for_room_of_the_client_that_is_named(world: &World) {
    let mut server = world.socket_with(Kind::Server, &options().send_hwm(2));
    let mut client = world.socket_with(Kind::Client, &options().recv_hwm(2));
    world.meet(&mut server, &mut client);
    put(&mut client, &["here"]);
    let (_, id) = take_from(&mut server);
    let long = crate::world::long().with_routing_id(id);
    let mut sent = fill(&mut server, &long);
    assert!((1..5_000).contains(&sent));
    // Over a stream, the kernel may take more in the meantime.
    let refused = loop {
        match server.try_send(to(id, "refused")) {
            Ok(()) => sent += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused.reason, SendError::WouldBlock));
    assert_eq!(refused.message.routing_id(), id);
    let last = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.send_deadline(to(id, "last"), soon()).is_ok());
        for _ in 0..sent {
            assert!(client.recv_deadline(soon()).unwrap()[0].len() > 4);
        }
        waiting.join().unwrap()
    });
    assert!(last);
    comes(&mut client, "last");
}

fn a_message_of_several_parts_is_refused(world: &World) {
    for (sends, receives) in [
        (Kind::Client, Kind::Server),
        (Kind::Scatter, Kind::Gather),
        (Kind::Channel, Kind::Channel),
        (Kind::Peer, Kind::Peer),
        (Kind::Server, Kind::Client),
    ] {
        let (mut sender, mut receiver) = world.pair(sends, receives);
        let two = message(&["a", "b"]);
        let refused = sender.send(two.clone()).unwrap_err();
        assert!(matches!(refused.reason, SendError::Multipart), "{sends}");
        assert_eq!(refused.message, two);
        let part = ringmq::Frame::from("a").with_more(true);
        let refused = sender.send_part(part).unwrap_err();
        assert!(matches!(refused.reason, SendError::Multipart), "{sends}");
        if !sends.uses_routing_ids() {
            put(&mut sender, &["one"]);
            comes(&mut receiver, "one");
        }
    }
}

fn a_peer_knows_whom_it_connects_to(world: &World) {
    let (mut bound, place) = world.bound(Kind::Peer);
    let mut peers: Vec<Socket> = (0..2).map(|_| world.socket(Kind::Peer)).collect();
    for (at, peer) in peers.iter_mut().enumerate() {
        let id = peer.connect_peer(&place).unwrap();
        // Before the connection is made.
        peer.send(to(Some(id), &at.to_string())).unwrap();
        let (text, from) = take_from(&mut bound);
        assert_eq!(text, at.to_string());
        bound.send_deadline(to(from, "answer"), soon()).unwrap();
        assert_eq!(take_from(peer), ("answer".to_owned(), Some(id)));
    }
    let mut immediate = world.socket_with(Kind::Peer, &options().immediate(true));
    let refused = immediate.connect_peer(&place).unwrap_err();
    assert!(matches!(refused, EndpointError::Immediate), "{refused:?}");
}

fn a_peer_that_is_disconnected_is_unknown(world: &World) {
    let (mut bound, place) = world.bound(Kind::Peer);
    let mut peer = world.socket(Kind::Peer);
    let id = peer.connect_peer(&place).unwrap();
    peer.send(to(Some(id), "question")).unwrap();
    let (_, from) = take_from(&mut bound);
    bound.send_deadline(to(from, "answer"), soon()).unwrap();
    take_from(&mut peer);
    peer.disconnect_peer(id).unwrap();
    let refused = peer.send(to(Some(id), "text")).unwrap_err();
    assert!(matches!(refused.reason, SendError::HostUnreachable));
    let again = peer.disconnect_peer(id).unwrap_err();
    assert!(matches!(again, EndpointError::NoPeer(unknown) if unknown == id));
    until(|| bound.connections().is_empty());
}

fn a_client_that_is_disconnected_is_a_new_one_when_it_comes_back(world: &World) {
    let (mut server, mut client) = world.pair(Kind::Server, Kind::Client);
    put(&mut client, &["first"]);
    let (_, first) = take_from(&mut server);
    server.disconnect_peer(first.unwrap()).unwrap();
    if world.carrier == crate::world::Carrier::Inproc {
        // Nothing connects again within the process.
        until(|| client.connections().is_empty());
        return;
    }
    // What is sent before the client has noticed is lost.
    let second = std::iter::repeat_with(|| {
        let _ = client.try_send("second");
        server.recv_deadline(std::time::Instant::now() + std::time::Duration::from_millis(10))
    });
    let second = second.take(4_000).find_map(Result::ok).unwrap();
    assert_ne!(second.routing_id(), first);
    let reply = to(second.routing_id(), "reply");
    server.send_deadline(reply, soon()).unwrap();
    comes(&mut client, "reply");
}

fn gatherers_share_what_is_scattered(world: &World) {
    let mut scatter = world.socket(Kind::Scatter);
    let mut gatherers = world.crowd(&mut scatter, Kind::Gather, 2);
    for at in 0..20 {
        put(&mut scatter, &[&at.to_string()]);
    }
    let mut all = Vec::new();
    for gather in &mut gatherers {
        for _ in 0..10 {
            all.append(&mut take(gather));
        }
        is_empty(gather);
    }
    all.sort_by_key(|text| text.parse::<u32>().unwrap());
    let want: Vec<String> = (0..20).map(|at| at.to_string()).collect();
    assert_eq!(all, want);
}

fn a_channel_carries_messages_both_ways(world: &World) {
    let (mut a, mut b) = world.pair(Kind::Channel, Kind::Channel);
    for _ in 0..3 {
        put(&mut a, &["to b"]);
        put(&mut b, &["to a"]);
        comes(&mut a, "to a");
        comes(&mut b, "to b");
    }
    // Slices go without a frame.
    a.send_slice(b"slice").unwrap();
    let mut room = [0; 8];
    until(|| b.events().unwrap().readable);
    let len = b.recv_slice(&mut room).unwrap();
    assert_eq!(&room[..len], b"slice");
}

fn only_some_types_name_peers_by_numbers(world: &World) {
    let one = NonZeroU32::MIN;
    for kind in [Kind::Client, Kind::Dealer, Kind::Router] {
        let mut socket = world.socket(kind);
        let refused = socket.disconnect_peer(one).unwrap_err();
        assert!(matches!(refused, EndpointError::NotSupported), "{kind}");
        let refused = socket.connect_peer(&world.place()).unwrap_err();
        assert!(matches!(refused, EndpointError::NotSupported), "{kind}");
    }
    // Other types do not look at the number.
    let (mut pull, mut push) = world.pair(Kind::Pull, Kind::Push);
    push.send(to(Some(one), "text")).unwrap();
    assert_eq!(take_from(&mut pull), ("text".to_owned(), None));
}
