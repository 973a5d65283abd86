//! XPUB and PUB.

mod world;

use std::sync::Arc;

use ringmq_message::{Frame, Properties};
use ringmq_pattern::{Kind, Pattern, Peer, RecvPartError, Remote, SendPartError, SetOption};
use ringmq_testing::{Random, seed};
use world::{Stage, frames};

#[test]
fn messages_go_to_those_who_subscribe() {
    for kind in [Kind::Pub, Kind::Xpub] {
        let mut publisher = Stage::with(kind, 3);
        publisher.give(0, "\x01a");
        publisher.give(1, "\x01ab");
        publisher.give(1, "\x01");
        for message in ["abc|1", "a", "x|abc", ""] {
            publisher.send(message).unwrap();
        }
        // Once each, though two subscriptions match.
        assert_eq!(publisher.got(0), ["abc|1", "a"]);
        assert_eq!(publisher.got(1), ["abc|1", "a", "x|abc", ""]);
        assert_eq!(publisher.got(2), [""; 0]);
        assert_eq!(publisher.pattern.topics(), Some(3));
        publisher.give(1, "\0");
        publisher.send("x").unwrap();
        assert_eq!(publisher.got(1), [""; 0]);
        assert!(publisher.can_send());
    }
}

#[test]
fn a_pub_receives_nothing() {
    let mut publisher = Stage::with(Kind::Pub, 1);
    publisher.give(0, "\x01a");
    publisher.give(0, "user|message");
    assert!(!publisher.can_recv());
    assert_eq!(publisher.recv(), Err(RecvPartError::NotSupported));
    publisher.leave(0);
    assert!(!publisher.can_recv());
}

#[test]
fn an_xpub_hears_of_topics_that_are_new_or_over() {
    let mut publisher = Stage::with(Kind::Xpub, 2);
    publisher.give(0, "\x01a");
    publisher.give(1, "\x01a");
    publisher.give(0, "\x01a");
    publisher.give(1, "\x01b");
    assert!(publisher.can_recv());
    assert_eq!(publisher.recv_all(), ["\x01a", "\x01b"]);
    publisher.give(0, "\0a");
    assert!(!publisher.can_recv());
    publisher.give(1, "\0a");
    // libzmq tells this, too.
    publisher.give(1, "\0never");
    assert_eq!(publisher.recv_all(), ["\0a", "\0never"]);
}

#[test]
fn verbose_tells_of_every_subscription_and_verboser_of_the_rest() {
    for (option, expected) in [
        (SetOption::XpubVerbose(true), &["\x01a", "\x01a", "\0a"][..]),
        (
            SetOption::XpubVerboser(true),
            &["\x01a", "\x01a", "\0a", "\0a"],
        ),
    ] {
        let mut publisher = Stage::with(Kind::Xpub, 2);
        publisher.set(option);
        for text in ["\x01a", "\0a"] {
            publisher.give(0, text);
            publisher.give(1, text);
        }
        assert_eq!(publisher.recv_all(), expected);
        // Those who go unsubscribe.
        publisher.give(0, "\x01a");
        publisher.give(1, "\x01a");
        publisher.recv_all();
        publisher.leave(0);
        publisher.leave(1);
        assert_eq!(publisher.recv_all(), expected[2..]);
    }
}

#[test]
fn a_peer_that_goes_unsubscribes() {
    let mut publisher = Stage::with(Kind::Xpub, 2);
    for topic in ["\x01b", "\x01a", "\x01", "\x01abc"] {
        publisher.give(0, topic);
    }
    publisher.give(1, "\x01a");
    publisher.recv_all();
    publisher.leave(0);
    assert_eq!(publisher.recv_all(), ["\0", "\0abc", "\0b"]);
    publisher.join(0);
    publisher.send("abc").unwrap();
    assert_eq!(publisher.got(0), [""; 0]);
    assert_eq!(publisher.got(1), ["abc"]);
}

#[test]
fn what_is_no_subscription_is_received() {
    let mut publisher = Stage::with(Kind::Xpub, 1);
    publisher.give(0, "");
    publisher.give(0, "user|message");
    // By default any part can be a subscription; the message ends before it if it is not told.
    publisher.give(0, "\x01a");
    publisher.give(0, "user|\x01a");
    publisher.give(0, "\x01b|more");
    assert_eq!(
        publisher.recv_all(),
        ["", "user|message", "\x01a", "user", "\x01b", "more"]
    );
    publisher.set(SetOption::OnlyFirstSubscribe(true));
    publisher.give(0, "user|\x01c");
    publisher.give(0, "\x01d|\x01e");
    assert_eq!(publisher.recv_all(), ["user|\x01c", "\x01d", "\x01e"]);
    assert_eq!(publisher.pattern.topics(), Some(4));
}

#[test]
fn subscriptions_keep_their_properties() {
    let mut publisher = Stage::with(Kind::Xpub, 1);
    let properties = Arc::new(Properties::new());
    for text in ["\x01a", "user"] {
        let mut message = frames(text);
        message[0].set_properties(Some(Arc::clone(&properties)));
        publisher.give_frames(0, message);
        let frame = publisher.recv_part().unwrap();
        assert!(Arc::ptr_eq(frame.properties().unwrap(), &properties));
    }
}

#[test]
fn a_peer_without_room_loses_the_whole_message() {
    let mut publisher = Stage::with(Kind::Pub, 2);
    publisher.give(0, "\x01");
    publisher.give(1, "\x01");
    publisher.pipe(0).room = 1;
    publisher.send("1|1").unwrap();
    publisher.send_part("2").unwrap();
    assert_eq!(publisher.got(0), ["1|1"]);
    publisher.send("2").unwrap();
    publisher.send("3").unwrap();
    assert_eq!(publisher.got(0), ["3"]);
    assert_eq!(publisher.got(1), ["1|1", "2|2", "3"]);
}

#[test]
fn with_nodrop_it_waits_for_all() {
    for kind in [Kind::Pub, Kind::Xpub] {
        let mut publisher = Stage::with(kind, 2);
        publisher.set(SetOption::XpubNodrop(true));
        publisher.give(0, "\x01a");
        publisher.give(1, "\x01");
        publisher.pipe(0).room = 1;
        publisher.send("a").unwrap();
        publisher.send("b").unwrap();
        assert!(matches!(
            publisher.send("a|1"),
            Err(SendPartError::WouldBlock(_))
        ));
        assert_eq!(publisher.got(0), ["a"]);
        publisher.send("a|1").unwrap();
        assert_eq!(publisher.got(0), ["a|1"]);
        assert_eq!(publisher.got(1), ["a", "b", "a|1"]);
    }
}

/// Room that was given back since the last look counts once there was another.
#[test]
fn with_nodrop_it_is_told_that_the_known_room_is_spent() {
    let mut publisher = Stage::with(Kind::Xpub, 2);
    publisher.give(0, "\x01a");
    publisher.pipe(0).spent = true;
    // A publisher that drops need not know.
    publisher.send("a").unwrap();
    publisher.set(SetOption::XpubNodrop(true));
    publisher.send("for no peer").unwrap();
    assert!(matches!(
        publisher.send("a|1"),
        Err(SendPartError::WouldBlock(_))
    ));
    publisher.pipe(0).spent = false;
    publisher.send("a|1").unwrap();
    assert_eq!(publisher.got(0), ["a", "a|1"]);
}

#[test]
fn a_message_under_way_goes_to_those_it_began_with() {
    let mut publisher = Stage::with(Kind::Xpub, 3);
    publisher.give(0, "\x01a");
    publisher.give(1, "\x01a");
    publisher.send_part("a").unwrap();
    publisher.leave(0);
    publisher.give(2, "\x01");
    publisher.give(1, "\0a");
    publisher.join(0);
    publisher.give(0, "\x01");
    publisher.send("b").unwrap();
    assert_eq!(publisher.got(0), [""; 0]);
    assert_eq!(publisher.got(1), ["a|b"]);
    assert_eq!(publisher.got(2), [""; 0]);
}

#[test]
fn inverted_it_sends_what_does_not_match() {
    let mut publisher = Stage::with(Kind::Pub, 2);
    publisher.set(SetOption::InvertMatching(true));
    publisher.give(0, "\x01a");
    publisher.send("abc").unwrap();
    publisher.send("b").unwrap();
    assert_eq!(publisher.got(0), ["b"]);
    assert_eq!(publisher.got(1), ["abc", "b"]);
}

#[test]
fn everybody_is_welcomed() {
    let mut publisher = Stage::new(Kind::Xpub);
    publisher.set(SetOption::XpubWelcome(b"W"));
    publisher.join(0);
    publisher.set(SetOption::XpubWelcome(b""));
    publisher.join(1);
    assert_eq!(publisher.got(0), ["W"]);
    assert_eq!(publisher.got(1), [""; 0]);
}

#[test]
fn a_peer_that_cannot_subscribe_gets_everything() {
    let mut publisher = Stage::new(Kind::Pub);
    publisher.pipe(0);
    let remote = Remote {
        subscribe_to_all: true,
        ..Remote::default()
    };
    publisher
        .pattern
        .attach(Peer(0), remote, &mut publisher.world)
        .unwrap();
    publisher.send("a").unwrap();
    assert_eq!(publisher.got(0), ["a"]);
}

#[test]
fn copies_share_their_bytes() {
    let mut publisher = Stage::with(Kind::Pub, 3);
    for peer in 0..3 {
        publisher.give(peer, "\x01");
    }
    let mut frame = Frame::zeroed(1000).unwrap();
    frame.as_mut_slice()[0] = 1;
    let address = frame.as_ptr();
    publisher.pattern.send(frame, &mut publisher.world).unwrap();
    for peer in 0..3 {
        assert_eq!(publisher.pipe(peer).outbound[0][0].as_ptr(), address);
    }
}

/// Subscriptions of many peers against a plain list.
#[test]
fn it_does_what_a_list_does() {
    let mut random = Random::new(seed());
    let mut publisher = Stage::with(Kind::Xpub, 5);
    let mut list: Vec<(usize, String)> = Vec::new();
    for _ in 0..20_000 {
        let peer = random.within(0..5);
        let number = peer as u32;
        let topic: String = (0..random.within(0..5))
            .map(|_| ['a', 'b', 'c'][random.within(0..3)])
            .collect();
        let held = list
            .iter()
            .position(|entry| *entry == (peer, topic.clone()));
        match random.below(8) {
            0..=2 => {
                let new = !list.iter().any(|(_, known)| *known == topic);
                publisher.give(number, &format!("\x01{topic}"));
                let told = if new {
                    vec![format!("\x01{topic}")]
                } else {
                    vec![]
                };
                assert_eq!(publisher.recv_all(), told);
                if held.is_none() {
                    list.push((peer, topic));
                }
            }
            3..=5 => {
                publisher.give(number, &format!("\0{topic}"));
                if let Some(place) = held {
                    list.swap_remove(place);
                }
                let told = held.is_none() || !list.iter().any(|(_, known)| *known == topic);
                assert_eq!(publisher.recv_all().len(), usize::from(told));
            }
            6 if random.one_in(30) => {
                publisher.leave(number);
                let mut gone: Vec<String> = Vec::new();
                let (mine, others): (Vec<_>, Vec<_>) =
                    list.into_iter().partition(|(owner, _)| *owner == peer);
                for (_, topic) in mine {
                    if !others.iter().any(|(_, known)| *known == topic) {
                        gone.push(format!("\0{topic}"));
                    }
                }
                gone.sort();
                assert_eq!(publisher.recv_all(), gone);
                list = others;
                publisher.join(number);
            }
            _ => {
                publisher.send(&topic).unwrap();
                for peer in 0..5 {
                    let wants = list.iter().any(|(owner, known)| {
                        *owner == peer as usize && topic.starts_with(known.as_str())
                    });
                    assert_eq!(publisher.got(peer).len(), usize::from(wants));
                }
            }
        }
        let mut topics: Vec<&String> = list.iter().map(|(_, topic)| topic).collect();
        topics.sort();
        topics.dedup();
        assert_eq!(publisher.pattern.topics(), Some(topics.len()));
    }
}

#[test]
fn other_options_are_refused() {
    let Stage { pattern, world, .. } = &mut Stage::new(Kind::Pub);
    assert!(pattern.set(SetOption::Subscribe(b""), world).is_err());
    assert_eq!(Pattern::new(Kind::Pull, 0).topics(), None);
    assert_eq!(pattern.kind(), Kind::Pub);
}
