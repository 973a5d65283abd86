//! XPUB: peers that the application subscribes, and peers that mean no good.

mod world;

use ringmq_pattern::{Kind, SetOption};
use world::Stage;

#[test]
fn in_manual_mode_the_application_subscribes_peers() {
    let mut publisher = Stage::with(Kind::Xpub, 2);
    let Stage { pattern, world, .. } = &mut publisher;
    assert!(pattern.set(SetOption::Subscribe(b"a"), world).is_err());
    publisher.set(SetOption::XpubManual(true));
    // No subscription was received yet, so this subscribes no peer.
    publisher.set(SetOption::Subscribe(b"a"));
    publisher.give(0, "\x01A");
    publisher.give(1, "\x01B");
    assert_eq!(publisher.recv().unwrap(), "\x01A");
    publisher.set(SetOption::Subscribe(b"XA"));
    assert_eq!(publisher.recv().unwrap(), "\x01B");
    publisher.set(SetOption::Subscribe(b"XB"));
    for text in ["A", "B", "XA", "XB"] {
        publisher.send(text).unwrap();
    }
    assert_eq!(publisher.got(0), ["XA"]);
    assert_eq!(publisher.got(1), ["XB"]);
    publisher.give(0, "\0A");
    assert_eq!(publisher.recv().unwrap(), "\0A");
    publisher.set(SetOption::Unsubscribe(b"XA"));
    publisher.send("XA").unwrap();
    assert_eq!(publisher.got(0), [""; 0]);
    // A peer that goes unsubscribes from what it asked for, and its successor cannot be subscribed in its place.
    publisher.leave(1);
    publisher.join(1);
    assert_eq!(publisher.recv().unwrap(), "\0B");
    publisher.set(SetOption::Subscribe(b"XB"));
    publisher.send("XB").unwrap();
    assert_eq!(publisher.got(1), [""; 0]);
}

#[test]
fn a_subscription_of_a_peer_that_has_gone_subscribes_no_peer() {
    let mut publisher = Stage::with(Kind::Xpub, 1);
    publisher.set(SetOption::XpubManual(true));
    publisher.give(0, "\x01a");
    publisher.leave(0);
    publisher.join(0);
    assert_eq!(publisher.recv().unwrap(), "\x01a");
    publisher.set(SetOption::Subscribe(b"a"));
    publisher.send("a").unwrap();
    assert_eq!(publisher.got(0), [""; 0]);
    assert_eq!(publisher.recv_all(), ["\0a"]);
}

#[test]
fn a_last_value_goes_to_the_newcomer_only() {
    let mut publisher = Stage::with(Kind::Xpub, 2);
    publisher.set(SetOption::XpubManualLastValue(true));
    for peer in [0, 1] {
        publisher.give(peer, "\x01a");
        publisher.recv().unwrap();
        publisher.set(SetOption::Subscribe(b"a"));
    }
    publisher.send("a|last").unwrap();
    publisher.send("a|next").unwrap();
    assert_eq!(publisher.got(0), ["a|next"]);
    assert_eq!(publisher.got(1), ["a|last", "a|next"]);
}

#[test]
fn a_peer_that_subscribes_to_too_much_is_ended() {
    let limits = SetOption::XpubLimits {
        topics: 3,
        bytes: 10,
    };
    for (topics, ended) in [
        (&["\x01a", "\x01b", "\x01c"][..], false),
        (&["\x01a", "\x01b", "\x01c", "\x01d"], true),
        (&["\x01a", "\x01b", "\0a", "\x01c", "\x01d"], false),
        (&["\x01a", "\x01b", "\x01c", "\x01a"], false),
        (&["\x01aaaaa", "\x01bbbbb"], false),
        (&["\x01aaaaa", "\x01bbbbb", "\x01c"], true),
        (&["\x01aaaaa", "\0aaaaa", "\x01bbbbbbbbbb"], false),
    ] {
        for manual in [false, true] {
            let mut publisher = Stage::with(Kind::Xpub, 2);
            publisher.set(limits);
            publisher.set(SetOption::XpubManual(manual));
            publisher.give(1, "\x01a");
            for topic in topics {
                publisher.give(0, topic);
            }
            assert_eq!(publisher.pipe(0).terminated, ended);
            assert!(!publisher.pipe(1).terminated);
        }
    }
}

#[test]
fn the_longest_topic_is_one_like_others() {
    let mut publisher = Stage::with(Kind::Xpub, 1);
    let topic = "x".repeat(100_000);
    for len in (0..1000).chain([100_000]) {
        publisher.give(0, &format!("\x01{}", &topic[..len]));
    }
    publisher.send(&topic).unwrap();
    assert_eq!(publisher.got(0).len(), 1);
    publisher.leave(0);
    let mut told = 0;
    while publisher.recv().is_ok() {
        told += 1;
    }
    assert_eq!(told, 2 * 1001);
}

#[test]
fn a_peer_that_never_ends_does_not_stop_the_others() {
    for kind in [Kind::Pub, Kind::Xpub] {
        let mut publisher = Stage::with(kind, 2);
        publisher.give(1, "\x01");
        publisher.give_all(0, (0..25_000).map(|topic| format!("\x01{topic}")));
        for topics in [10_000, 20_000, 25_000, 25_000] {
            assert_eq!(publisher.pattern.topics(), Some(1 + topics));
            publisher.send("x").unwrap();
        }
        assert_eq!(publisher.got(1).len(), 4);
        publisher.send("24999").unwrap();
        assert_eq!(publisher.got(0), ["24999"]);
        publisher.give_all(0, (0..25_000).map(|topic| format!("\x01{topic}")));
        publisher.leave(0);
        assert_eq!(publisher.pattern.topics(), Some(1));
        publisher.send("x").unwrap();
    }
}

#[test]
fn nothing_that_can_be_received_waits_unseen() {
    let mut publisher = Stage::with(Kind::Xpub, 1);
    publisher.give_all(
        0,
        (0..25_000)
            .map(|_| "\x01a".to_owned())
            .chain(["user".to_owned()]),
    );
    assert_eq!(publisher.recv().unwrap(), "\x01a");
    // A call drops a limited number of messages, then puts the peer off until the next call.
    let calls = (0..3).take_while(|_| !publisher.can_recv()).count();
    assert!(calls < 3);
    assert_eq!(publisher.recv().unwrap(), "user");
    assert!(!publisher.can_recv());
}

/// What the application does not receive is kept for it, up to the limits of each peer.
#[test]
fn a_peer_whose_subscriptions_are_not_received_is_ended() {
    let limits = SetOption::XpubLimits {
        topics: 10,
        bytes: 100,
    };
    let (news, long) = ("\u{1}a", "x".repeat(40));
    let floods: [(&[&str], usize); 3] = [(&[news, "\0a"], 40), (&["user"], 40), (&[&long], 10)];
    for (texts, fit) in floods {
        let mut publisher = Stage::with(Kind::Xpub, 2);
        publisher.set(limits);
        let mut texts = texts.iter().cycle();
        for _ in 0..fit {
            publisher.give(0, texts.next().unwrap());
        }
        assert!(!publisher.world.pipes[0].terminated);
        // What was received counts no more.
        publisher.recv().unwrap();
        publisher.give(0, texts.next().unwrap());
        assert!(!publisher.world.pipes[0].terminated);
        publisher.give(0, texts.next().unwrap());
        assert!(publisher.world.pipes[0].terminated);
        publisher.leave(0);
        // The next peer of its number begins anew, whatever is received of what was kept.
        publisher.join(0);
        publisher.recv_all();
        for _ in 0..fit {
            publisher.give(0, texts.next().unwrap());
        }
        publisher.give(1, news);
        assert!(!publisher.world.pipes[0].terminated && !publisher.world.pipes[1].terminated);
    }
    // A PUB keeps none of it.
    let mut publisher = Stage::with(Kind::Pub, 1);
    publisher.set(limits);
    (0..100).for_each(|_| publisher.give(0, "user"));
    assert!(!publisher.world.pipes[0].terminated);
}
