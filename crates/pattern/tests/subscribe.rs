//! XSUB and SUB.

mod world;

use ringmq_pattern::{Kind, Peer, RecvPartError, SendPartError, SetOption};
use ringmq_testing::{Random, seed};
use world::Stage;

#[test]
fn a_sub_subscribes_at_all_publishers_and_at_those_that_come_later() {
    let mut sub = Stage::with(Kind::Sub, 2);
    sub.set(SetOption::Subscribe(b"b"));
    sub.set(SetOption::Subscribe(b""));
    sub.set(SetOption::Subscribe(b"a"));
    sub.set(SetOption::Subscribe(b"a"));
    // Again and again, for XPUB may want to know; the last one is taken back once.
    assert_eq!(sub.got(0), ["\x01b", "\x01", "\x01a", "\x01a"]);
    sub.set(SetOption::Unsubscribe(b"a"));
    sub.set(SetOption::Unsubscribe(b"never"));
    assert_eq!(sub.got(1).len(), 4);
    sub.join(2);
    assert_eq!(sub.got(2), ["\x01", "\x01a", "\x01b"]);
    sub.set(SetOption::Unsubscribe(b"a"));
    assert_eq!(sub.got(2), ["\0a"]);
    assert_eq!(sub.pattern.topics(), Some(2));
    sub.pattern.hiccup(Peer(1), &mut sub.world);
    assert_eq!(sub.got(1), ["\0a", "\x01", "\x01b"]);
}

#[test]
fn a_sub_sends_nothing() {
    let mut sub = Stage::with(Kind::Sub, 1);
    assert!(matches!(
        sub.send("\x01a"),
        Err(SendPartError::NotSupported(_))
    ));
    assert!(!sub.can_send());
    let Stage { pattern, world, .. } = &mut sub;
    assert!(
        pattern
            .set(SetOption::OnlyFirstSubscribe(true), world)
            .is_err()
    );
}

#[test]
fn a_sub_filters_whole_messages() {
    let mut sub = Stage::with(Kind::Sub, 2);
    sub.give(0, "nothing is wanted");
    assert!(!sub.can_recv());
    sub.set(SetOption::Subscribe(b"a"));
    for message in ["b|a", "a|b", "b", "abc"] {
        sub.give(0, message);
    }
    sub.give(1, "a|other");
    assert!(sub.can_recv() && sub.can_recv());
    let mut received: Vec<String> = (0..3).map(|_| sub.recv().unwrap()).collect();
    received.sort();
    assert_eq!(received, ["abc", "a|b", "a|other"]);
    assert_eq!(sub.recv(), Err(RecvPartError::Empty));
}

#[test]
fn inverted_it_receives_what_does_not_match() {
    let mut sub = Stage::with(Kind::Sub, 1);
    sub.set(SetOption::InvertMatching(true));
    sub.set(SetOption::Subscribe(b"a"));
    sub.give(0, "a|b");
    sub.give(0, "b|a");
    assert_eq!(sub.recv().unwrap(), "b|a");
    assert!(!sub.can_recv());
}

#[test]
fn what_poll_has_found_is_received_though_its_peer_has_gone() {
    let mut sub = Stage::with(Kind::Sub, 1);
    sub.set(SetOption::Subscribe(b""));
    sub.give(0, "a|b|c");
    assert!(sub.can_recv());
    sub.leave(0);
    assert_eq!(sub.recv().unwrap(), "a|b|c");
    assert!(!sub.can_recv());
}

#[test]
fn an_xsub_filters_nothing() {
    let mut xsub = Stage::with(Kind::Xsub, 1);
    xsub.give(0, "a|b");
    assert!(xsub.can_recv());
    assert_eq!(xsub.recv().unwrap(), "a|b");
    let Stage { pattern, world, .. } = &mut xsub;
    assert!(pattern.set(SetOption::Subscribe(b""), world).is_err());
}

#[test]
fn an_xsub_sends_subscriptions_and_all_else_upstream() {
    let mut xsub = Stage::with(Kind::Xsub, 2);
    assert!(xsub.can_send());
    for message in ["\x01a", "\x01a", "user|message", "\0a", "\0b", "\0a", ""] {
        xsub.send(message).unwrap();
    }
    assert_eq!(xsub.got(0), ["\x01a", "\x01a", "user|message", "\0a", ""]);
    assert_eq!(xsub.got(1).len(), 5);
    xsub.set(SetOption::XsubVerboseUnsubscribe(true));
    xsub.send("\0never").unwrap();
    assert_eq!(xsub.got(0), ["\0never"]);
}

#[test]
fn parts_can_be_subscriptions_unless_only_the_first_counts() {
    let mut xsub = Stage::with(Kind::Xsub, 1);
    xsub.send("user|\x01a").unwrap();
    assert_eq!(xsub.pattern.topics(), Some(1));
    xsub.set(SetOption::OnlyFirstSubscribe(true));
    xsub.send("user|\x01b").unwrap();
    assert_eq!(xsub.pattern.topics(), Some(1));
    xsub.send("\x01c|\x01d").unwrap();
    assert_eq!(xsub.pattern.topics(), Some(3));
    assert_eq!(xsub.got(0), ["user|\x01a", "user|\x01b", "\x01c|\x01d"]);
}

#[test]
fn an_unsubscription_that_is_not_sent_leaves_no_open_message() {
    let mut xsub = Stage::with(Kind::Xsub, 1);
    xsub.send("user|\0a").unwrap();
    xsub.send("\0a|user").unwrap();
    xsub.send("\0a|\0b").unwrap();
    xsub.send("next").unwrap();
    assert_eq!(xsub.got(0), ["user|", "user", "next"]);
}

#[test]
fn subscriptions_exceed_the_mark() {
    let mut sub = Stage::new(Kind::Sub);
    for topic in [b"a", b"b", b"c"] {
        sub.set(SetOption::Subscribe(topic));
    }
    sub.pipe(0).room = 2;
    sub.join(0);
    sub.set(SetOption::Subscribe(b"d"));
    sub.set(SetOption::Unsubscribe(b"a"));
    assert!(!sub.pattern.is_behind());
    assert_eq!(sub.got(0), ["\x01a", "\x01b", "\x01c", "\x01d", "\0a"]);
    sub.pattern.hiccup(Peer(0), &mut sub.world);
    assert_eq!(sub.got(0), ["\x01b", "\x01c", "\x01d"]);
    // Messages of the application do not.
    let mut xsub = Stage::new(Kind::Xsub);
    xsub.pipe(0).room = 2;
    xsub.join(0);
    for message in ["\x01a", "user", "\x01b", "lost", "lost|\x01c", "\x01d"] {
        xsub.send(message).unwrap();
    }
    assert_eq!(xsub.got(0), ["\x01a", "user", "\x01b", "\x01d"]);
}

/// A publisher that never reads costs a bounded number of messages, and holds what is subscribed to in the end.
#[test]
fn changes_beyond_the_excess_are_sent_once_and_later() {
    let mut sub = Stage::with(Kind::Sub, 2);
    for round in 0..1000 {
        for topic in [format!("{round}"), "same".to_owned()] {
            sub.set(SetOption::Subscribe(topic.as_bytes()));
            sub.set(SetOption::Unsubscribe(topic.as_bytes()));
            // This one reads.
            sub.got(1);
        }
        if round % 100 == 0 {
            sub.pattern.hiccup(Peer(0), &mut sub.world);
        }
    }
    for topic in [&b"kept"[..], b"also"] {
        sub.set(SetOption::Subscribe(topic));
    }
    assert!(sub.pattern.is_behind());
    assert_eq!(sub.got(1), ["\x01kept", "\x01also"]);
    let first = sub.got(0);
    assert!(first.len() <= 10 + 2 * 2, "{first:?}");
    assert!(!sub.pattern.is_behind());
    assert_eq!(sub.got(0), ["\x01also", "\x01kept"]);
    sub.set(SetOption::Unsubscribe(b"also"));
    assert_eq!(sub.got(0), ["\0also"]);
    // One that goes while it is behind leaves nothing behind.
    for topic in (0..100).map(|n| format!("{n}")) {
        sub.set(SetOption::Subscribe(topic.as_bytes()));
        sub.set(SetOption::Unsubscribe(topic.as_bytes()));
    }
    assert!(sub.pattern.is_behind());
    sub.leave(0);
    sub.leave(1);
    assert!(!sub.pattern.is_behind());
}

/// Whatever the room, and however often the connection is made anew, the publisher holds what is subscribed to.
#[test]
fn a_publisher_holds_what_is_subscribed_to_in_the_end() {
    let mut random = Random::new(seed());
    for _ in 0..200 {
        let mut sub = Stage::new(Kind::Sub);
        sub.pipe(0).room = random.within(1..5);
        sub.join(0);
        let mut held = std::collections::BTreeSet::new();
        let mut wanted: Vec<String> = Vec::new();
        let read = |sub: &mut Stage, held: &mut std::collections::BTreeSet<String>| {
            for message in sub.got(0) {
                let topic = message[1..].to_owned();
                if message.starts_with('\x01') {
                    held.insert(topic);
                } else {
                    held.remove(&topic);
                }
            }
        };
        for _ in 0..random.within(0..300) {
            let topic = format!("{}", random.within(0..40));
            match random.below(100) {
                0 => {
                    held.clear();
                    sub.pattern.hiccup(Peer(0), &mut sub.world);
                }
                1..5 => read(&mut sub, &mut held),
                5..50 => {
                    sub.set(SetOption::Subscribe(topic.as_bytes()));
                    wanted.push(topic);
                }
                _ => {
                    sub.set(SetOption::Unsubscribe(topic.as_bytes()));
                    let at = wanted.iter().position(|known| *known == topic);
                    at.map(|at| wanted.swap_remove(at));
                }
            }
        }
        while !sub.world.pipes[0].outbound.is_empty() || sub.pattern.is_behind() {
            read(&mut sub, &mut held);
        }
        wanted.sort();
        wanted.dedup();
        assert_eq!(held.into_iter().collect::<Vec<_>>(), wanted);
    }
}

#[test]
fn a_publisher_that_goes_loses_the_rest() {
    let mut xsub = Stage::with(Kind::Xsub, 2);
    xsub.send_part("a").unwrap();
    xsub.leave(0);
    xsub.join(0);
    xsub.send("b").unwrap();
    assert_eq!(xsub.got(0), [""; 0]);
    assert_eq!(xsub.got(1), ["a|b"]);
}

#[test]
fn the_longest_topic_is_one_like_others() {
    let mut sub = Stage::with(Kind::Sub, 1);
    let topic = vec![b'x'; 100_000];
    for len in (0..1000).chain([topic.len()]) {
        sub.set(SetOption::Subscribe(&topic[..len]));
        sub.got(0);
    }
    sub.set(SetOption::Unsubscribe(b""));
    sub.give(0, "y");
    sub.give(0, std::str::from_utf8(&topic).unwrap());
    assert_eq!(sub.recv().unwrap().len(), topic.len());
    sub.pipe(1).room = 2000;
    sub.join(1);
    assert_eq!(sub.got(1).len(), 1000);
}

/// Counted subscriptions against a plain list.
#[test]
fn it_does_what_a_list_does() {
    let mut random = Random::new(seed());
    let mut sub = Stage::with(Kind::Sub, 1);
    let mut list: Vec<String> = Vec::new();
    for _ in 0..20_000 {
        let topic: String = (0..random.within(0..5))
            .map(|_| ['a', 'b'][random.within(0..2)])
            .collect();
        match random.below(3) {
            0 => {
                sub.set(SetOption::Subscribe(topic.as_bytes()));
                assert_eq!(sub.got(0), [format!("\x01{topic}")]);
                list.push(topic);
            }
            1 => {
                sub.set(SetOption::Unsubscribe(topic.as_bytes()));
                let held = list.iter().position(|known| *known == topic);
                held.map(|place| list.swap_remove(place));
                let over = held.is_some() && !list.contains(&topic);
                assert_eq!(sub.got(0).len(), usize::from(over));
            }
            _ => {
                let wanted = list.iter().any(|known| topic.starts_with(known.as_str()));
                sub.give(0, &format!("{topic}|x"));
                assert_eq!(sub.can_recv(), wanted);
                assert_eq!(sub.recv().is_ok(), wanted);
            }
        }
    }
}
