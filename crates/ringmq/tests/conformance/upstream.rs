//! XPUB and XSUB: subscriptions as messages.

use ringmq::{Kind, SetOption, Socket};
use ringmq_testing::until;

use crate::publishing::subscribe;
use crate::world::{World, comes, is_empty, put, take};

rules!(
    the_first_and_the_last_subscription_to_a_topic_are_received,
    a_verbose_xpub_receives_every_subscription,
    a_verboser_xpub_receives_every_unsubscription_too,
    the_topics_of_a_peer_that_has_gone_are_given_up,
    a_manual_xpub_subscribes_the_peer_it_has_received_from,
    a_last_value_goes_to_the_peer_that_has_just_subscribed,
    a_welcome_comes_first,
    an_xsub_subscribes_by_messages,
    an_xsub_sends_messages_upstream,
    only_a_first_part_may_be_a_subscription,
    an_xsub_sends_the_last_unsubscription_or_all,
    an_xpub_has_limits_for_each_peer,
);

fn two_subscribers(world: &World, options: &[SetOption<'_>]) -> (Socket, Socket, Socket) {
    let mut publisher = world.socket(Kind::Xpub);
    for option in options {
        publisher.set(*option).unwrap();
    }
    let mut crowd = world.crowd(&mut publisher, Kind::Sub, 2);
    let (second, first) = (crowd.pop().unwrap(), crowd.pop().unwrap());
    (publisher, first, second)
}

fn the_first_and_the_last_subscription_to_a_topic_are_received(world: &World) {
    let (mut publisher, mut first, mut second) = two_subscribers(world, &[]);
    subscribe(&mut publisher, &mut first, "a");
    second.subscribe("a").unwrap();
    subscribe(&mut publisher, &mut second, "b");
    first.unsubscribe("a").unwrap();
    subscribe(&mut publisher, &mut first, "c");
    second.unsubscribe("a").unwrap();
    comes(&mut publisher, "\x00a");
    is_empty(&mut publisher);
}

fn a_verbose_xpub_receives_every_subscription(world: &World) {
    let (mut publisher, mut first, mut second) =
        two_subscribers(world, &[SetOption::XpubVerbose(true)]);
    subscribe(&mut publisher, &mut first, "a");
    subscribe(&mut publisher, &mut second, "a");
    // But only the last unsubscription.
    first.unsubscribe("a").unwrap();
    subscribe(&mut publisher, &mut first, "b");
    second.unsubscribe("a").unwrap();
    comes(&mut publisher, "\x00a");
}

fn a_verboser_xpub_receives_every_unsubscription_too(world: &World) {
    let (mut publisher, mut first, mut second) =
        two_subscribers(world, &[SetOption::XpubVerboser(true)]);
    for subscriber in [&mut first, &mut second] {
        subscribe(&mut publisher, subscriber, "a");
    }
    for subscriber in [&mut first, &mut second] {
        subscriber.unsubscribe("a").unwrap();
        comes(&mut publisher, "\x00a");
    }
}

fn the_topics_of_a_peer_that_has_gone_are_given_up(world: &World) {
    let (mut publisher, mut first, mut second) = two_subscribers(world, &[]);
    subscribe(&mut publisher, &mut first, "a");
    subscribe(&mut publisher, &mut first, "b");
    second.subscribe("b").unwrap();
    subscribe(&mut publisher, &mut second, "c");
    drop(first);
    comes(&mut publisher, "\x00a");
    drop(second);
    let mut given_up = [take(&mut publisher), take(&mut publisher)].concat();
    given_up.sort_unstable();
    assert_eq!(given_up, ["\x00b", "\x00c"]);
}

fn a_manual_xpub_subscribes_the_peer_it_has_received_from(world: &World) {
    let mut publisher = world.socket(Kind::Xpub);
    publisher.set(SetOption::XpubManual(true)).unwrap();
    // An XSUB does not filter what it gets.
    let mut crowd = world.crowd(&mut publisher, Kind::Xsub, 2);
    for (number, subscriber) in crowd.iter_mut().enumerate() {
        put(subscriber, &[&format!("\x01asked for {number}")]);
        comes(&mut publisher, &format!("\x01asked for {number}"));
        let topic = format!("got {number}");
        publisher
            .set(SetOption::Subscribe(topic.as_bytes()))
            .unwrap();
    }
    for topic in ["asked for 0", "asked for 1", "got 0", "got 1"] {
        put(&mut publisher, &[topic]);
    }
    for (number, subscriber) in crowd.iter_mut().enumerate() {
        comes(subscriber, &format!("got {number}"));
    }
    // And takes it back.
    put(&mut crowd[0], &["\x00asked for 0"]);
    comes(&mut publisher, "\x00asked for 0");
    publisher.set(SetOption::Unsubscribe(b"got 0")).unwrap();
    put(&mut publisher, &["got 0"]);
    put(&mut crowd[0], &["\x01end"]);
    comes(&mut publisher, "\x01end");
    publisher.set(SetOption::Subscribe(b"end")).unwrap();
    put(&mut publisher, &["end"]);
    comes(&mut crowd[0], "end");
}

fn a_last_value_goes_to_the_peer_that_has_just_subscribed(world: &World) {
    let (mut publisher, mut first, mut second) =
        two_subscribers(world, &[SetOption::XpubManualLastValue(true)]);
    for (subscriber, text) in [
        (&mut first, "for the first"),
        (&mut second, "for the second"),
    ] {
        subscriber.subscribe("").unwrap();
        comes(&mut publisher, "\x01");
        publisher.set(SetOption::Subscribe(b"")).unwrap();
        put(&mut publisher, &[text]);
        comes(subscriber, text);
    }
    put(&mut publisher, &["for both"]);
    for subscriber in [&mut first, &mut second] {
        comes(subscriber, "for both");
    }
}

fn a_welcome_comes_first(world: &World) {
    let (mut publisher, place) = world.bound(Kind::Xpub);
    publisher.set(SetOption::XpubWelcome(b"welcome")).unwrap();
    for _ in 0..2 {
        let mut subscriber = world.socket(Kind::Sub);
        subscriber.subscribe("").unwrap();
        subscriber.connect(&place).unwrap();
        comes(&mut publisher, "\x01");
        put(&mut publisher, &["text"]);
        comes(&mut subscriber, "welcome");
        comes(&mut subscriber, "text");
        drop(subscriber);
        comes(&mut publisher, "\x00");
    }
}

/// Of a first byte 1 or 0, and the topic.
fn an_xsub_subscribes_by_messages(world: &World) {
    let (mut publisher, mut subscriber) = world.pair(Kind::Xpub, Kind::Xsub);
    put(&mut subscriber, &["\x01a"]);
    comes(&mut publisher, "\x01a");
    put(&mut publisher, &["b"]);
    put(&mut publisher, &["ab", "more"]);
    assert_eq!(take(&mut subscriber), ["ab", "more"]);
    put(&mut subscriber, &["\x00a"]);
    comes(&mut publisher, "\x00a");
    put(&mut publisher, &["ab"]);
    put(&mut subscriber, &["\x01end"]);
    comes(&mut publisher, "\x01end");
    put(&mut publisher, &["end"]);
    comes(&mut subscriber, "end");
}

fn an_xsub_sends_messages_upstream(world: &World) {
    let (mut publisher, mut subscriber) = world.pair(Kind::Xpub, Kind::Xsub);
    put(&mut subscriber, &["a message"]);
    put(&mut subscriber, &[""]);
    comes(&mut publisher, "a message");
    comes(&mut publisher, "");
}

fn only_a_first_part_may_be_a_subscription(world: &World) {
    let (mut publisher, mut subscriber) = (world.socket(Kind::Xpub), world.socket(Kind::Xsub));
    for socket in [&mut publisher, &mut subscriber] {
        socket.set(SetOption::OnlyFirstSubscribe(true)).unwrap();
    }
    world.meet(&mut publisher, &mut subscriber);
    put(&mut subscriber, &["a message", "\x01a"]);
    put(&mut subscriber, &["\x01end"]);
    assert_eq!(take(&mut publisher), ["a message", "\x01a"]);
    comes(&mut publisher, "\x01end");
    put(&mut publisher, &["a"]);
    put(&mut publisher, &["end"]);
    comes(&mut subscriber, "end");
}

fn an_xsub_sends_the_last_unsubscription_or_all(world: &World) {
    for all in [false, true] {
        let (mut publisher, mut subscriber) = (world.socket(Kind::Xpub), world.socket(Kind::Xsub));
        publisher.set(SetOption::XpubVerboser(true)).unwrap();
        subscriber
            .set(SetOption::XsubVerboseUnsubscribe(all))
            .unwrap();
        world.meet(&mut publisher, &mut subscriber);
        for text in ["\x01a", "\x01a", "\x00a", "\x00a", "\x01end"] {
            put(&mut subscriber, &[text]);
        }
        let mut received = Vec::new();
        until(|| {
            received.extend(take(&mut publisher));
            received.last().is_some_and(|last| last == "\x01end")
        });
        let unsubscriptions = received.iter().filter(|text| *text == "\x00a").count();
        assert_eq!(unsubscriptions, if all { 2 } else { 1 }, "{received:?}");
    }
}

/// A peer that wants more topics loses its connection, also while the XPUB waits for the next message.
fn an_xpub_has_limits_for_each_peer(world: &World) {
    let (mut publisher, mut greedy, mut modest) = two_subscribers(
        world,
        &[SetOption::XpubLimits {
            topics: 2,
            bytes: 100,
        }],
    );
    subscribe(&mut publisher, &mut greedy, "a");
    subscribe(&mut publisher, &mut greedy, "b");
    subscribe(&mut publisher, &mut modest, "c");
    greedy.subscribe("one too many").unwrap();
    let mut given_up = [take(&mut publisher), take(&mut publisher)].concat();
    given_up.sort_unstable();
    assert_eq!(given_up, ["\x00a", "\x00b"]);
    put(&mut publisher, &["c"]);
    comes(&mut modest, "c");
}
