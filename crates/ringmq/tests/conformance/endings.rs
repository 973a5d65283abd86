//! Closing, linger, and the end of a context.

use std::time::Duration;

use ringmq::{
    EndpointError, Interest, Item, Kind, PollError, Poller, RecvError, SendError, SocketError,
};
use ringmq_testing::{scope, until};

use crate::world::{World, comes, is_empty, is_full, put, take, warm};

rules!(
    nothing_is_lost_on_a_clean_close,
    what_was_received_outlives_its_sender,
    a_socket_that_lingers_waits_for_a_peer_that_comes_later,
    a_socket_that_does_not_linger_drops_what_waits,
    the_end_of_a_context_waits_no_longer_than_sockets_linger,
    a_peer_that_has_gone_is_sent_nothing,
    a_shutdown_ends_every_call_that_waits,
    a_shutdown_ends_a_poll,
    a_socket_of_a_context_that_was_shut_down_does_nothing,
);

fn nothing_is_lost_on_a_clean_close(world: &World) {
    const COUNT: usize = 20_000;
    for (sending, receiving) in [(Kind::Push, Kind::Pull), (Kind::Dealer, Kind::Dealer)] {
        let (mut receiver, mut sender) = world.pair(receiving, sending);
        sender.set_linger(None);
        scope(|scope| {
            scope.spawn(move || {
                for number in 0..COUNT {
                    put(&mut sender, &[&number.to_string()]);
                }
            });
            for number in 0..COUNT {
                assert_eq!(take(&mut receiver), [number.to_string()]);
            }
        });
        until(|| receiver.connections().is_empty());
        is_empty(&mut receiver);
    }
}

fn what_was_received_outlives_its_sender(world: &World) {
    let (mut pull, mut push) = world.pair(Kind::Pull, Kind::Push);
    warm(&mut push, &mut pull, 1);
    let before = world.arrived(&mut pull);
    for number in 0..100 {
        put(&mut push, &[&number.to_string()]);
    }
    world.until_arrived(&mut pull, before, 100);
    drop(push);
    for number in 0..100 {
        comes(&mut pull, &number.to_string());
    }
    until(|| pull.connections().is_empty());
    is_empty(&mut pull);
}

fn a_socket_that_lingers_waits_for_a_peer_that_comes_later(world: &World) {
    let place = world.place();
    for kind in [Kind::Push, Kind::Dealer, Kind::Pair] {
        let mut sender = world.socket(kind);
        sender.set_linger(None);
        sender.connect(&place).unwrap();
        for number in 0..100 {
            put(&mut sender, &[&number.to_string(), "whole"]);
        }
        drop(sender);
        let mut receiver = world.socket(match kind {
            Kind::Push => Kind::Pull,
            kind => kind,
        });
        receiver.bind(&place).unwrap();
        for number in 0..100 {
            assert_eq!(take(&mut receiver), [&number.to_string(), "whole"]);
        }
    }
}

/// The end of the context does not wait for it: that is the end of every rule.
fn a_socket_that_does_not_linger_drops_what_waits(world: &World) {
    let place = world.place();
    let mut push = world.connected(Kind::Push, &place);
    for _ in 0..100 {
        put(&mut push, &["lost"]);
    }
    drop(push);
    let mut pull = world.socket(Kind::Pull);
    pull.bind(&place).unwrap();
    let mut other = world.connected(Kind::Push, &place);
    put(&mut other, &["found"]);
    comes(&mut pull, "found");
}

fn the_end_of_a_context_waits_no_longer_than_sockets_linger(world: &World) {
    for linger in [Duration::ZERO, Duration::from_millis(20)] {
        let mut push = world.connected(Kind::Push, &world.place());
        push.set_linger(Some(linger));
        put(&mut push, &["lost"]);
    }
    world.context.clone().terminate();
}

fn a_peer_that_has_gone_is_sent_nothing(world: &World) {
    for (sending, receiving) in [
        (Kind::Push, Kind::Pull),
        (Kind::Dealer, Kind::Dealer),
        (Kind::Pair, Kind::Pair),
    ] {
        let (mut sender, mut receiver) = world.pair(sending, receiving);
        put(&mut sender, &["taken"]);
        comes(&mut receiver, "taken");
        drop(receiver);
        until(|| sender.connections().is_empty());
        is_full(&mut sender);
    }
}

/// Whether it waits by then or not.
fn a_shutdown_ends_every_call_that_waits(world: &World) {
    let (made, waits) = std::sync::mpsc::channel();
    let place = world.place();
    let place = &place;
    scope(|scope| {
        for (kind, receives) in [
            (Kind::Pull, true),
            (Kind::Sub, true),
            (Kind::Dealer, true),
            (Kind::Router, true),
            (Kind::Rep, true),
            (Kind::Pair, true),
            (Kind::Xpub, true),
            (Kind::Push, false),
            (Kind::Req, false),
            (Kind::Dealer, false),
        ] {
            let made = made.clone();
            scope.spawn(move || {
                let mut socket = world.socket(kind);
                // It has an endpoint, and is not told of a peer.
                if receives {
                    socket.connect(place).unwrap();
                }
                made.send(()).unwrap();
                if receives {
                    let received = socket.recv();
                    assert!(
                        matches!(received, Err(RecvError::Terminated)),
                        "{received:?}"
                    );
                } else {
                    let sent = socket.send("text").map_err(|error| error.reason);
                    assert!(matches!(sent, Err(SendError::Terminated)), "{sent:?}");
                }
            });
        }
        waits.iter().take(10).for_each(drop);
        world.context.shutdown();
    });
}

fn a_shutdown_ends_a_poll(world: &World) {
    let (mut pull, _push) = world.pair(Kind::Pull, Kind::Push);
    scope(|scope| {
        scope.spawn(|| world.context.shutdown());
        let mut items = [Item::socket(&mut pull, Interest::READABLE)];
        let ended = Poller::new().wait(&mut items, None);
        assert!(matches!(ended, Err(PollError::Terminated)), "{ended:?}");
    });
}

fn a_socket_of_a_context_that_was_shut_down_does_nothing(world: &World) {
    let (mut pull, mut push) = world.pair(Kind::Pull, Kind::Push);
    put(&mut push, &["waits"]);
    world.context.shutdown();
    assert!(matches!(pull.recv(), Err(RecvError::Terminated)));
    assert!(matches!(pull.try_recv(), Err(RecvError::Terminated)));
    let sent = push.try_send("text").map_err(|error| error.reason);
    assert!(matches!(sent, Err(SendError::Terminated)), "{sent:?}");
    let place = world.place();
    assert!(matches!(pull.bind(&place), Err(EndpointError::Terminated)));
    assert!(matches!(
        push.connect(&place),
        Err(EndpointError::Terminated)
    ));
    assert!(matches!(
        world.context.socket(Kind::Pair),
        Err(SocketError::Terminated)
    ));
}
