//! Conflate and immediate.

use ringmq::{Kind, SendError, Socket};
use ringmq_testing::{soon, until};

use crate::world::{World, comes, is_empty, is_full, options, put, take};

rules!(
    a_socket_that_conflates_has_the_last_message_for_a_late_peer,
    a_receiver_that_conflates_gets_the_last_message,
    a_subscriber_that_conflates_keeps_all_its_subscriptions,
    messages_are_queued_before_a_peer_is_there,
    an_immediate_socket_has_a_pipe_while_its_peer_is_there,
    an_immediate_socket_sends_only_to_peers_that_are_there,
);

fn a_socket_that_conflates_has_the_last_message_for_a_late_peer(world: &World) {
    for (sending, receiving) in [(Kind::Push, Kind::Pull), (Kind::Dealer, Kind::Dealer)] {
        let place = world.place();
        let with = options().conflate(true);
        let mut sender = world.socket_with(sending, &with);
        // The mark has no meaning.
        sender.set_send_hwm(Some(1));
        sender.connect(&place).unwrap();
        for number in 0..100 {
            sender.try_send(number.to_string()).unwrap();
        }
        let mut receiver = world.socket(receiving);
        receiver.bind(&place).unwrap();
        comes(&mut receiver, "99");
        sender.send("end").unwrap();
        comes(&mut receiver, "end");
    }
}

fn a_receiver_that_conflates_gets_the_last_message(world: &World) {
    let (mut push, place) = world.bound(Kind::Push);
    let with = options().conflate(true);
    let mut pull = world.socket_with(Kind::Pull, &with);
    pull.connect(&place).unwrap();
    for number in 0..100 {
        put(&mut push, &[&number.to_string()]);
    }
    // Which ones are skipped depends on when they arrive; the last one is not.
    let mut before = None;
    until(|| {
        let number: u32 = take(&mut pull)[0].parse().unwrap();
        assert!(before < Some(number));
        before = Some(number);
        number == 99
    });
    is_empty(&mut pull);
}

/// They are no messages: all of them arrive.
fn a_subscriber_that_conflates_keeps_all_its_subscriptions(world: &World) {
    let place = world.place();
    let with = options().conflate(true);
    let mut subscriber = world.socket_with(Kind::Sub, &with);
    for topic in 0..50_u8 {
        subscriber.subscribe([topic]).unwrap();
    }
    subscriber.connect(&place).unwrap();
    let mut publisher = world.socket(Kind::Xpub);
    publisher.bind(&place).unwrap();
    for _ in 0..50 {
        let subscription = publisher.recv_deadline(soon()).unwrap();
        assert!(subscription[0][0] == 1 && subscription[0][1] < 50);
    }
    for topic in 0..50_u8 {
        publisher.send(vec![topic]).unwrap();
    }
    let mut before = None;
    until(|| {
        let received = subscriber.recv_deadline(soon()).unwrap();
        assert!(before < Some(received[0][0]));
        before = Some(received[0][0]);
        before == Some(49)
    });
    is_empty(&mut subscriber);
}

fn messages_are_queued_before_a_peer_is_there(world: &World) {
    let places = [world.place(), world.place()];
    let mut push = world.socket(Kind::Push);
    for place in &places {
        push.connect(place).unwrap();
    }
    for number in 0..10 {
        push.try_send(number.to_string()).unwrap();
    }
    // Each of the two has its share, whichever comes first.
    for (place, first) in places.iter().zip([0, 1]).rev() {
        let mut pull = world.socket(Kind::Pull);
        pull.bind(place).unwrap();
        for number in (first..10).step_by(2) {
            comes(&mut pull, &number.to_string());
        }
    }
}

/// Sends until no peer is known to be there.
fn send_until_alone(socket: &mut Socket) {
    until(|| match socket.try_send("lost") {
        Ok(()) => false,
        Err(error) => {
            assert!(matches!(error.reason, SendError::WouldBlock));
            true
        }
    });
}

fn an_immediate_socket_has_a_pipe_while_its_peer_is_there(world: &World) {
    let place = world.place();
    let with = options().immediate(true);
    let mut dealer = world.socket_with(Kind::Dealer, &with);
    dealer.connect(&place).unwrap();
    is_full(&mut dealer);
    for _ in 0..3 {
        let mut router = world.socket(Kind::Router);
        router.bind(&place).unwrap();
        put(&mut dealer, &["here"]);
        let received = router.recv_deadline(soon()).unwrap();
        assert_eq!(received[1].as_slice(), b"here");
        let answer = [&received[0][..], b"unread"].into_iter();
        router.send(answer.collect::<ringmq::Message>()).unwrap();
        router.set_linger(None);
        drop(router);
        send_until_alone(&mut dealer);
        // What has come is still there.
        comes(&mut dealer, "unread");
    }
    dealer.disconnect(&place).unwrap();
    let mut router = world.socket(Kind::Router);
    router.bind(&place).unwrap();
    send_until_alone(&mut dealer);
}

fn an_immediate_socket_sends_only_to_peers_that_are_there(world: &World) {
    let with = options().immediate(true);
    let mut push = world.socket_with(Kind::Push, &with);
    push.connect(&world.place()).unwrap();
    is_full(&mut push);
    let (mut pull, place) = world.bound(Kind::Pull);
    push.connect(&place).unwrap();
    for number in 0..20 {
        put(&mut push, &[&number.to_string()]);
        comes(&mut pull, &number.to_string());
    }
}
