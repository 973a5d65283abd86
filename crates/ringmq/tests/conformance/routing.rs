//! ROUTER: the ids of its peers, and what it cannot deliver. Probes.

use ringmq::{Kind, Message, SendError, SetOption, Socket};
use ringmq_testing::{soon, until};

use crate::world::{World, comes, is_empty, long, message, options, put, take};

rules!(
    a_router_knows_its_peers_by_their_ids,
    a_router_makes_ids_for_peers_without,
    a_message_to_an_unknown_id_is_dropped,
    a_mandatory_router_refuses_an_unknown_id,
    a_mandatory_router_refuses_what_its_peer_has_no_room_for,
    a_router_drops_what_its_peer_has_no_room_for,
    a_newcomer_with_an_id_that_is_taken_is_not_heard,
    a_newcomer_takes_an_id_over,
    a_probe_tells_a_router_of_its_peer,
    a_router_assigns_an_id_to_the_peer_that_it_connects_to,
    a_dealer_comes_back_under_its_id,
);

fn named(world: &World, name: &str, place: &str) -> Socket {
    let mut dealer = world.socket_with(Kind::Dealer, &options().routing_id(name));
    dealer.connect(place).unwrap();
    dealer
}

/// A dealer of that name that the router has heard of.
fn introduced(world: &World, name: &str, router: &mut Socket, place: &str) -> Socket {
    let mut dealer = named(world, name, place);
    put(&mut dealer, &["hello"]);
    assert_eq!(take(router), [name, "hello"]);
    dealer
}

fn a_router_knows_its_peers_by_their_ids(world: &World) {
    let (mut router, place) = world.bound(Kind::Router);
    let mut dealers =
        ["one", "two", "three"].map(|name| introduced(world, name, &mut router, &place));
    for name in ["three", "one", "two"] {
        put(&mut router, &[name, "to", name]);
    }
    for (dealer, name) in dealers.iter_mut().zip(["one", "two", "three"]) {
        assert_eq!(take(dealer), ["to", name]);
        is_empty(dealer);
    }
    // A REQ and another ROUTER have ids, too.
    let mut req = world.socket_with(Kind::Req, &options().routing_id("req"));
    req.connect(&place).unwrap();
    put(&mut req, &["question"]);
    assert_eq!(take(&mut router), ["req", "", "question"]);
    put(&mut router, &["req", "", "answer"]);
    comes(&mut req, "answer");
}

/// Five bytes, the first of them 0; each peer has another.
fn a_router_makes_ids_for_peers_without(world: &World) {
    let mut router = world.socket(Kind::Router);
    let mut dealers = world.crowd(&mut router, Kind::Dealer, 3);
    let mut ids = Vec::new();
    for (number, dealer) in dealers.iter_mut().enumerate() {
        put(dealer, &[&number.to_string()]);
        let received = router.recv_deadline(soon()).unwrap();
        let id = received[0].to_vec();
        assert!(id.len() == 5 && id[0] == 0 && !ids.contains(&id), "{id:?}");
        ids.push(id);
    }
    for (number, id) in ids.into_iter().enumerate() {
        let text = number.to_string();
        let answer: Message = [id, text.clone().into_bytes()].into_iter().collect();
        router.send(answer).unwrap();
        comes(&mut dealers[number], &text);
    }
}

fn a_message_to_an_unknown_id_is_dropped(world: &World) {
    let (mut router, place) = world.bound(Kind::Router);
    put(&mut router, &["known", "too early"]);
    let mut dealer = introduced(world, "known", &mut router, &place);
    put(&mut router, &["unknown", "lost", "whole"]);
    put(&mut router, &["known", "found"]);
    comes(&mut dealer, "found");
}

fn a_mandatory_router_refuses_an_unknown_id(world: &World) {
    let (mut router, place) = world.bound(Kind::Router);
    router.set(SetOption::RouterMandatory(true)).unwrap();
    let mut dealer = introduced(world, "known", &mut router, &place);
    let refused = router.send(message(&["unknown", "text"])).unwrap_err();
    assert!(matches!(refused.reason, SendError::HostUnreachable));
    assert_eq!(refused.message, message(&["unknown", "text"]));
    put(&mut router, &["known", "text"]);
    comes(&mut dealer, "text");
    drop(dealer);
    until(|| router.connections().is_empty());
    let refused = router.send(message(&["known", "text"])).unwrap_err();
    assert!(matches!(refused.reason, SendError::HostUnreachable));
}

/// A router whose peer of this name reads nothing, with marks of one message.
fn jammed(world: &World, mandatory: bool) -> (Socket, Socket, Message) {
    let mut router = world.socket(Kind::Router);
    router.set_send_hwm(Some(1));
    router.set(SetOption::RouterMandatory(mandatory)).unwrap();
    let mut dealer = world.socket_with(Kind::Dealer, &options().routing_id("peer"));
    dealer.set_recv_hwm(Some(1));
    world.meet(&mut router, &mut dealer);
    put(&mut dealer, &["hello"]);
    take(&mut router);
    let sent: Message = [&b"peer"[..], &long()[0]].into_iter().collect();
    (router, dealer, sent)
}

fn a_mandatory_router_refuses_what_its_peer_has_no_room_for(world: &World) {
    let (mut router, mut dealer, sent) = jammed(world, true);
    let refused = loop {
        if let Err(error) = router.try_send(sent.clone()) {
            break error;
        }
    };
    assert!(matches!(refused.reason, SendError::WouldBlock));
    assert!(refused.message == sent);
    until(|| {
        while dealer.try_recv().is_ok() {}
        router.try_send(sent.clone()).is_ok()
    });
}

fn a_router_drops_what_its_peer_has_no_room_for(world: &World) {
    let (mut router, mut dealer, sent) = jammed(world, false);
    // Far beyond the marks and the kernel's buffers.
    const SENT: usize = 60;
    for _ in 0..SENT {
        router.try_send(sent.clone()).unwrap();
    }
    let mut received = 0;
    until(|| {
        // A message that is not dropped comes behind those before the gap.
        router.try_send(message(&["peer", "last"])).unwrap();
        let came = dealer.recv_deadline(soon()).unwrap();
        received += usize::from(came[0].len() > 4);
        came[0].len() == 4
    });
    assert!((1..SENT).contains(&received), "{received}");
}

/// It stays connected, and the first one keeps the id.
fn a_newcomer_with_an_id_that_is_taken_is_not_heard(world: &World) {
    let (mut router, place) = world.bound(Kind::Router);
    let mut first = introduced(world, "taken", &mut router, &place);
    let mut second = named(world, "taken", &place);
    put(&mut second, &["not heard"]);
    until(|| router.connections().len() == 2);
    for _ in 0..10 {
        put(&mut first, &["heard"]);
        assert_eq!(take(&mut router), ["taken", "heard"]);
        put(&mut router, &["taken", "answer"]);
        comes(&mut first, "answer");
    }
    is_empty(&mut second);
    is_empty(&mut router);
}

/// The connection of the one that had it ends.
fn a_newcomer_takes_an_id_over(world: &World) {
    let (mut router, place) = world.bound(Kind::Router);
    router.set(SetOption::RouterHandover(true)).unwrap();
    // It shall not come back and take the id over in turn.
    let with = options().routing_id("taken").reconnect_interval(None);
    let mut first = world.socket_with(Kind::Dealer, &with);
    first.connect(&place).unwrap();
    put(&mut first, &["first"]);
    assert_eq!(take(&mut router), ["taken", "first"]);
    let mut second = introduced(world, "taken", &mut router, &place);
    put(&mut router, &["taken", "to the second"]);
    comes(&mut second, "to the second");
    until(|| router.connections().len() == 1);
    is_empty(&mut first);
}

/// An empty message is the first thing that a peer gets from a socket that probes.
fn a_probe_tells_a_router_of_its_peer(world: &World) {
    let (mut router, place) = world.bound(Kind::Router);
    let mut dealer = world.socket_with(Kind::Dealer, &options().routing_id("dealer"));
    dealer.set(SetOption::ProbeRouter(true)).unwrap();
    dealer.connect(&place).unwrap();
    assert_eq!(take(&mut router), ["dealer", ""]);
    put(&mut router, &["dealer", "welcome"]);
    comes(&mut dealer, "welcome");
    // A router that connects knows its peer by the probe of the other.
    let mut other = world.socket_with(Kind::Router, &options().routing_id("other"));
    other.set(SetOption::ProbeRouter(true)).unwrap();
    other.connect(&place).unwrap();
    assert_eq!(take(&mut router), ["other", ""]);
}

/// The id is for the next connect only.
fn a_router_assigns_an_id_to_the_peer_that_it_connects_to(world: &World) {
    let places = [world.place(), world.place()];
    let mut router = world.socket(Kind::Router);
    let mut dealers = Vec::new();
    for (name, place) in ["one", "two"].into_iter().zip(&places) {
        let mut dealer = world.socket(Kind::Dealer);
        dealer.bind(place).unwrap();
        router.set_connect_routing_id(name).unwrap();
        router.connect(place).unwrap();
        dealers.push(dealer);
    }
    // There is no need to wait for the peers: the pipes are there.
    for name in ["two", "one"] {
        put(&mut router, &[name, "to", name]);
    }
    for (dealer, name) in dealers.iter_mut().zip(["one", "two"]) {
        assert_eq!(take(dealer), ["to", name]);
        put(dealer, &["from"]);
        assert_eq!(take(&mut router), [name, "from"]);
    }
}

fn a_dealer_comes_back_under_its_id(world: &World) {
    let (mut router, place) = world.bound(Kind::Router);
    let mut dealer = introduced(world, "dealer", &mut router, &place);
    for _ in 0..3 {
        drop(router);
        router = world.socket(Kind::Router);
        router.bind(&place).unwrap();
        until(|| {
            // What is sent before the end was noticed may be lost with the connection.
            let _ = dealer.try_send("back");
            router.try_recv().is_ok()
        });
        put(&mut router, &["dealer", "welcome back"]);
        comes(&mut dealer, "welcome back");
    }
}
