//! PUB and SUB: which messages a subscriber gets.

use ringmq::{Kind, Message, RecvError, SendError, SetOption, Socket};
use ringmq_testing::{soon, until};

use crate::world::{World, comes, fill, is_empty, message, put, take};

rules!(
    a_subscriber_gets_what_begins_with_its_topics,
    only_the_first_part_is_looked_at,
    a_topic_is_subscribed_to_until_it_was_given_up_as_often,
    a_publisher_filters_without_being_received_from,
    a_publisher_never_waits,
    every_subscriber_gets_its_copy,
    matching_may_be_inverted,
    a_full_subscriber_misses_messages_and_others_do_not,
    a_publisher_may_refuse_instead_of_dropping,
    subscriptions_wait_for_their_publisher,
    subscriptions_are_sent_again_to_a_publisher_that_comes_back,
    a_subscriber_has_several_publishers,
);

/// Subscribes, and waits until the XPUB has the subscription.
pub(crate) fn subscribe(publisher: &mut Socket, subscriber: &mut Socket, topic: &str) {
    subscriber.subscribe(topic).unwrap();
    comes(publisher, &format!("\x01{topic}"));
}

/// Takes a subscription back, and waits until the XPUB has that.
fn unsubscribe(publisher: &mut Socket, subscriber: &mut Socket, topic: &str) {
    subscriber.unsubscribe(topic).unwrap();
    comes(publisher, &format!("\x00{topic}"));
}

/// Sends these as topics.
fn publish(publisher: &mut Socket, topics: &[&str]) {
    for topic in topics {
        put(publisher, &[topic]);
    }
}

fn a_subscriber_gets_what_begins_with_its_topics(world: &World) {
    let (mut publisher, mut subscriber) = world.pair(Kind::Xpub, Kind::Sub);
    publish(&mut publisher, &["ab, before"]);
    subscribe(&mut publisher, &mut subscriber, "ab");
    subscribe(&mut publisher, &mut subscriber, "c");
    publish(
        &mut publisher,
        &["a", "ab", "abc", "b", "c", "", "Ab", "end"],
    );
    unsubscribe(&mut publisher, &mut subscriber, "ab");
    publish(&mut publisher, &["abc", "cd"]);
    // What came before it was taken back is not received afterwards, either.
    for topic in ["c", "cd"] {
        comes(&mut subscriber, topic);
    }
    subscribe(&mut publisher, &mut subscriber, "");
    publish(&mut publisher, &["", "anything"]);
    for topic in ["", "anything"] {
        comes(&mut subscriber, topic);
    }
    is_empty(&mut subscriber);
}

fn only_the_first_part_is_looked_at(world: &World) {
    let (mut publisher, mut subscriber) = world.pair(Kind::Xpub, Kind::Sub);
    subscribe(&mut publisher, &mut subscriber, "a");
    put(&mut publisher, &["b", "a"]);
    put(&mut publisher, &["a", "b", ""]);
    assert_eq!(take(&mut subscriber), ["a", "b", ""]);
}

fn a_topic_is_subscribed_to_until_it_was_given_up_as_often(world: &World) {
    let (mut publisher, mut subscriber) = world.pair(Kind::Xpub, Kind::Sub);
    subscribe(&mut publisher, &mut subscriber, "a");
    subscriber.subscribe("a").unwrap();
    subscriber.unsubscribe("a").unwrap();
    subscribe(&mut publisher, &mut subscriber, "end");
    publish(&mut publisher, &["a"]);
    comes(&mut subscriber, "a");
    unsubscribe(&mut publisher, &mut subscriber, "a");
    publish(&mut publisher, &["a", "end"]);
    comes(&mut subscriber, "end");
    // Of a topic that it has not, nothing is given up.
    subscriber.unsubscribe("never").unwrap();
    subscribe(&mut publisher, &mut subscriber, "never");
    publish(&mut publisher, &["never"]);
    comes(&mut subscriber, "never");
}

/// A PUB takes subscriptions inside of `send`.
fn a_publisher_filters_without_being_received_from(world: &World) {
    let (mut publisher, mut subscriber) = world.pair(Kind::Pub, Kind::Sub);
    subscriber.subscribe("a").unwrap();
    until(|| {
        publish(&mut publisher, &["a", "b"]);
        subscriber.try_recv().is_ok()
    });
    publish(&mut publisher, &["b", "a, end"]);
    while take(&mut subscriber) != ["a, end"] {}
    is_empty(&mut subscriber);
}

/// Without subscribers, and without room.
fn a_publisher_never_waits(world: &World) {
    for kind in [Kind::Pub, Kind::Xpub] {
        let mut publisher = world.socket(kind);
        publisher.set_send_hwm(Some(1));
        publisher.try_send("before any subscription").unwrap();
        let mut subscriber = world.socket(Kind::Sub);
        subscriber.set_recv_hwm(Some(1));
        subscriber.subscribe("").unwrap();
        world.meet(&mut publisher, &mut subscriber);
        assert!(publisher.events().unwrap().writable);
        for _ in 0..2_000 {
            publisher.try_send("text").unwrap();
        }
        assert!(publisher.events().unwrap().writable);
    }
}

fn every_subscriber_gets_its_copy(world: &World) {
    let mut publisher = world.socket(Kind::Xpub);
    let mut crowd = world.crowd(&mut publisher, Kind::Sub, 3);
    publisher.set(SetOption::XpubVerbose(true)).unwrap();
    for (number, subscriber) in crowd.iter_mut().enumerate() {
        for topic in [&number.to_string(), "all", "end"] {
            subscribe(&mut publisher, subscriber, topic);
        }
    }
    let large = "x".repeat(100_000);
    put(&mut publisher, &["all", &large]);
    put(&mut publisher, &["1", "one"]);
    put(&mut publisher, &["end"]);
    for (number, subscriber) in crowd.iter_mut().enumerate() {
        assert_eq!(take(subscriber), ["all", &large]);
        if number == 1 {
            assert_eq!(take(subscriber), ["1", "one"]);
        }
        comes(subscriber, "end");
    }
}

/// What matches is not sent, and what does not is.
fn matching_may_be_inverted(world: &World) {
    let (mut publisher, mut subscriber) = (world.socket(Kind::Xpub), world.socket(Kind::Sub));
    for socket in [&mut publisher, &mut subscriber] {
        socket.set(SetOption::InvertMatching(true)).unwrap();
    }
    world.meet(&mut publisher, &mut subscriber);
    subscribe(&mut publisher, &mut subscriber, "a");
    publish(&mut publisher, &["a", "ab", "b", "", "a", "end"]);
    for topic in ["b", "", "end"] {
        comes(&mut subscriber, topic);
    }
}

fn a_full_subscriber_misses_messages_and_others_do_not(world: &World) {
    const MARK: usize = 10;
    let mut publisher = world.socket(Kind::Xpub);
    publisher.set_send_hwm(Some(MARK as u32));
    publisher.set(SetOption::XpubVerbose(true)).unwrap();
    let place = world.place();
    publisher.bind(&place).unwrap();
    let [mut slow, mut quick] = [(); 2].map(|()| {
        let mut subscriber = world.socket(Kind::Sub);
        subscriber.set_recv_hwm(Some(MARK as u32));
        subscriber.connect(&place).unwrap();
        subscriber
    });
    world.have_met(&mut publisher, 2, &mut [&mut slow, &mut quick]);
    for subscriber in [&mut slow, &mut quick] {
        subscribe(&mut publisher, subscriber, "");
    }
    for number in 0..5 * MARK {
        publish(&mut publisher, &[&number.to_string()]);
        comes(&mut quick, &number.to_string());
    }
    for number in 0..2 * MARK {
        comes(&mut slow, &number.to_string());
    }
    is_empty(&mut slow);
    publish(&mut publisher, &["end"]);
    comes(&mut quick, "end");
}

fn a_publisher_may_refuse_instead_of_dropping(world: &World) {
    let (mut publisher, mut subscriber) = (world.socket(Kind::Xpub), world.socket(Kind::Sub));
    publisher.set_send_hwm(Some(1));
    publisher.set(SetOption::XpubNodrop(true)).unwrap();
    subscriber.set_recv_hwm(Some(1));
    world.meet(&mut publisher, &mut subscriber);
    subscribe(&mut publisher, &mut subscriber, "");
    let numbered = |number: usize| -> Message {
        [number.to_string().into_bytes(), vec![b'x'; 1 << 20]]
            .into_iter()
            .collect()
    };
    let mut sent = 0;
    let refused = loop {
        match publisher.try_send(numbered(sent)) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused.reason, SendError::WouldBlock));
    assert!(refused.message == numbered(sent));
    for number in 0..sent {
        let received = subscriber.recv_deadline(soon()).unwrap();
        assert!(received == numbered(number));
    }
    until(|| fill(&mut publisher, &message(&["again"])) > 0);
    comes(&mut subscriber, "again");
}

/// Also if it is the subscriber that is bound.
fn subscriptions_wait_for_their_publisher(world: &World) {
    for subscriber_binds in [false, true] {
        let place = world.place();
        let mut subscriber = world.socket(Kind::Sub);
        subscriber.subscribe("a").unwrap();
        if subscriber_binds {
            subscriber.bind(&place).unwrap();
        } else {
            subscriber.connect(&place).unwrap();
        }
        subscriber.subscribe("b").unwrap();
        subscriber.subscribe("gone").unwrap();
        subscriber.unsubscribe("gone").unwrap();
        let mut publisher = world.socket(Kind::Xpub);
        if subscriber_binds {
            publisher.connect(&place).unwrap();
            // A bound subscriber sends its subscriptions when it is next called.
            until(|| !subscriber.connections().is_empty());
        } else {
            publisher.bind(&place).unwrap();
        }
        let mut topics = [take(&mut publisher), take(&mut publisher)].concat();
        topics.sort_unstable();
        assert_eq!(topics, ["\x01a", "\x01b"]);
        publish(&mut publisher, &["gone", "b"]);
        comes(&mut subscriber, "b");
    }
}

fn subscriptions_are_sent_again_to_a_publisher_that_comes_back(world: &World) {
    let (mut publisher, place) = world.bound(Kind::Xpub);
    let mut subscriber = world.connected(Kind::Sub, &place);
    subscribe(&mut publisher, &mut subscriber, "a");
    subscribe(&mut publisher, &mut subscriber, "gone");
    unsubscribe(&mut publisher, &mut subscriber, "gone");
    for _ in 0..3 {
        drop(publisher);
        publisher = world.socket(Kind::Xpub);
        publisher.bind(&place).unwrap();
        // A subscriber sends them again when it is next called.
        let mut topic = Err(RecvError::WouldBlock);
        until(|| {
            is_empty(&mut subscriber);
            topic = publisher.try_recv();
            topic.is_ok()
        });
        assert_eq!(topic.unwrap(), message(&["\x01a"]));
        publish(&mut publisher, &["gone", "a"]);
        comes(&mut subscriber, "a");
    }
}

fn a_subscriber_has_several_publishers(world: &World) {
    let mut subscriber = world.socket(Kind::Sub);
    let mut publishers = [(); 3].map(|()| {
        let (publisher, place) = world.bound(Kind::Xpub);
        subscriber.connect(&place).unwrap();
        publisher
    });
    subscriber.subscribe("a").unwrap();
    for publisher in &mut publishers {
        comes(publisher, "\x01a");
        publish(publisher, &["b", "a"]);
        comes(&mut subscriber, "a");
    }
    is_empty(&mut subscriber);
}
