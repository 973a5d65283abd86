//! Binding, connecting, and leaving an endpoint.

use ringmq::{EndpointError, Kind, Socket};
use ringmq_testing::until;

use crate::world::{World, comes, is_empty, is_full, put};

rules!(
    a_connect_may_come_before_the_bind,
    either_side_may_bind,
    a_place_that_is_taken_is_refused,
    a_place_is_free_after_an_unbind_and_after_a_close,
    what_was_not_bound_or_connected_cannot_be_left,
    a_socket_that_has_disconnected_sends_nothing_there,
    a_socket_may_have_several_endpoints,
    an_unbind_ends_the_connections_of_its_listener,
    a_second_connect_to_the_same_place_does_nothing,
    messages_wait_for_a_peer_that_comes_back,
    a_wildcard_is_a_place_of_its_own,
    an_endpoint_is_known_by_its_name,
);

fn a_connect_may_come_before_the_bind(world: &World) {
    for (bound, connected) in [
        (Kind::Pull, Kind::Push),
        (Kind::Pair, Kind::Pair),
        (Kind::Dealer, Kind::Dealer),
    ] {
        let place = world.place();
        let mut connected = world.connected(connected, &place);
        for number in 0..10 {
            put(&mut connected, &[&number.to_string()]);
        }
        let mut bound = world.socket(bound);
        bound.bind(&place).unwrap();
        for number in 0..10 {
            comes(&mut bound, &number.to_string());
        }
    }
    let place = world.place();
    let mut req = world.connected(Kind::Req, &place);
    put(&mut req, &["question"]);
    let mut rep = world.socket(Kind::Rep);
    rep.bind(&place).unwrap();
    comes(&mut rep, "question");
    put(&mut rep, &["answer"]);
    comes(&mut req, "answer");
}

fn either_side_may_bind(world: &World) {
    for (bound, connected) in [(Kind::Req, Kind::Rep), (Kind::Dealer, Kind::Router)] {
        let (mut asks, mut answers) = world.pair(bound, connected);
        put(&mut asks, &["question"]);
        assert_eq!(take_last(&mut answers), "question");
    }
    let (mut push, mut pull) = world.pair(Kind::Push, Kind::Pull);
    put(&mut push, &["text"]);
    comes(&mut pull, "text");
}

fn a_place_that_is_taken_is_refused(world: &World) {
    let (mut first, place) = world.bound(Kind::Pull);
    let mut second = world.socket(Kind::Pull);
    let refused = second.bind(&place).unwrap_err();
    let error = std::io::Error::from(refused);
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    let mut push = world.connected(Kind::Push, &place);
    put(&mut push, &["text"]);
    comes(&mut first, "text");
}

fn a_place_is_free_after_an_unbind_and_after_a_close(world: &World) {
    let (mut first, place) = world.bound(Kind::Pull);
    first.unbind(&place).unwrap();
    for round in 0..5 {
        let mut second = world.socket(Kind::Pull);
        second.bind(&place).unwrap();
        let mut push = world.connected(Kind::Push, &place);
        put(&mut push, &[&round.to_string()]);
        comes(&mut second, &round.to_string());
    }
    first.bind(&place).unwrap();
}

fn what_was_not_bound_or_connected_cannot_be_left(world: &World) {
    let (mut bound, place) = world.bound(Kind::Pair);
    let mut other = world.socket(Kind::Pair);
    let unknown = |left: Result<(), EndpointError>| matches!(left, Err(EndpointError::Unknown(_)));
    assert!(unknown(other.unbind(&place)));
    assert!(unknown(other.disconnect(&place)));
    other.connect(&place).unwrap();
    world.have_met(&mut bound, 1, &mut [&mut other]);
    other.disconnect(&place).unwrap();
    assert!(unknown(other.disconnect(&place)));
    bound.unbind(&place).unwrap();
    assert!(unknown(bound.unbind(&place)));
}

fn a_socket_that_has_disconnected_sends_nothing_there(world: &World) {
    let mut push = world.socket(Kind::Push);
    let [(mut near, _), (mut left, place)] = [(); 2].map(|()| {
        let (mut pull, place) = world.bound(Kind::Pull);
        push.connect(&place).unwrap();
        until(|| pull.connections().len() == 1);
        (pull, place)
    });
    push.disconnect(&place).unwrap();
    for number in 0..10 {
        put(&mut push, &[&number.to_string()]);
        comes(&mut near, &number.to_string());
    }
    until(|| left.connections().is_empty());
    is_empty(&mut left);
    // It may come back.
    drop(near);
    push.connect(&place).unwrap();
    until(|| left.connections().len() == 1);
    until(|| {
        let _ = push.try_send("back");
        left.try_recv().is_ok()
    });
}

fn a_socket_may_have_several_endpoints(world: &World) {
    let mut router = world.socket(Kind::Router);
    let places = [(); 3].map(|()| world.place());
    for place in &places {
        router.bind(place).unwrap();
    }
    let (mut elsewhere, place) = world.bound(Kind::Dealer);
    router.connect(&place).unwrap();
    put(&mut elsewhere, &["elsewhere"]);
    assert_eq!(take_last(&mut router), "elsewhere");
    for place in &places {
        let mut dealer = world.connected(Kind::Dealer, place);
        put(&mut dealer, &[place]);
        assert_eq!(take_last(&mut router), *place);
    }
}

/// New ones are not accepted, either; those of other listeners stay.
fn an_unbind_ends_the_connections_of_its_listener(world: &World) {
    let mut push = world.socket(Kind::Push);
    let places = [(); 2].map(|()| world.place());
    let [mut ends, mut stays] = [0, 1].map(|at: usize| {
        push.bind(&places[at]).unwrap();
        let mut pull = world.connected(Kind::Pull, &places[at]);
        until(|| push.connections().len() == at + 1);
        world.have_met(&mut push, at + 1, &mut [&mut pull]);
        pull
    });
    push.unbind(&places[0]).unwrap();
    until(|| push.connections().len() == 1);
    for number in 0..10 {
        put(&mut push, &[&number.to_string()]);
        comes(&mut stays, &number.to_string());
    }
    is_empty(&mut ends);
    push.unbind(&places[1]).unwrap();
    until(|| push.connections().is_empty());
    is_full(&mut push);
}

fn a_second_connect_to_the_same_place_does_nothing(world: &World) {
    for (bound, connected) in [
        (Kind::Router, Kind::Dealer),
        (Kind::Xpub, Kind::Sub),
        (Kind::Sub, Kind::Pub),
        (Kind::Rep, Kind::Req),
    ] {
        let (mut bound, place) = world.bound(bound);
        let mut connected = world.connected(connected, &place);
        connected.connect(&place).unwrap();
        assert_eq!(connected.connections().len(), 1);
        until(|| bound.connections().len() == 1);
        connected.disconnect(&place).unwrap();
        until(|| bound.connections().is_empty());
    }
    // Of the others, each has another connection.
    let (mut pull, place) = world.bound(Kind::Pull);
    let mut push = world.connected(Kind::Push, &place);
    push.connect(&place).unwrap();
    until(|| pull.connections().len() == 2);
}

fn messages_wait_for_a_peer_that_comes_back(world: &World) {
    let place = world.place();
    let mut dealer = world.connected(Kind::Dealer, &place);
    let mut monitor = dealer.monitor().unwrap();
    for round in 0..3 {
        for number in 0..10 {
            put(&mut dealer, &[&round.to_string(), &number.to_string()]);
        }
        let mut router = world.socket(Kind::Router);
        router.bind(&place).unwrap();
        let mut id = ringmq::Frame::new();
        for number in 0..10 {
            let received = router.recv_deadline(ringmq_testing::soon()).unwrap();
            id = received[0].clone();
            assert_eq!(received[1].as_slice(), round.to_string().as_bytes());
            assert_eq!(received[2].as_slice(), number.to_string().as_bytes());
        }
        router
            .send([&id[..], b"back"].into_iter().collect::<ringmq::Message>())
            .unwrap();
        comes(&mut dealer, "back");
        drop(router);
        // What is sent before that is noticed may be lost with the connection.
        let noticed = monitor.find(|event| {
            let kind = &event.as_ref().unwrap().kind;
            matches!(kind, ringmq::EventKind::Disconnected { .. })
        });
        assert!(noticed.is_some());
    }
}

fn a_wildcard_is_a_place_of_its_own(world: &World) {
    let wildcard = match world.carrier {
        crate::world::Carrier::Tcp | crate::world::Carrier::SharedTcp => "tcp://127.0.0.1:*",
        _ => "ipc://*",
    };
    let mut pulls = [(); 2].map(|()| {
        let mut pull = world.socket(Kind::Pull);
        pull.bind(wildcard).unwrap();
        pull
    });
    for pull in &mut pulls {
        let place = pull.last_endpoint().to_owned();
        assert_ne!(place, wildcard);
        let mut push = world.connected(Kind::Push, &place);
        put(&mut push, &[&place]);
        comes(pull, &place);
    }
}

fn an_endpoint_is_known_by_its_name(world: &World) {
    let (bound, place) = world.bound(Kind::Pull);
    assert_eq!(bound.last_endpoint(), place);
    let mut push = world.connected(Kind::Push, &place);
    assert_eq!(push.last_endpoint(), place);
    push.disconnect(&place).unwrap();
}

/// The last part of the next message.
fn take_last(socket: &mut Socket) -> String {
    let received = socket.recv_deadline(ringmq_testing::soon()).unwrap();
    String::from_utf8(received[received.len() - 1].to_vec()).unwrap()
}
