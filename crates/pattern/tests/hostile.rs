//! Peers that send anything.

mod world;

use ringmq_pattern::{Kind, Pattern, Peer, RecvPartError, Remote, SetOption};
use ringmq_testing::{Random, seed};
use world::Stage;

/// Any bytes, in any number of parts, from peers that come and go.
#[test]
fn hostile_envelopes_do_no_harm() {
    let mut random = Random::new(seed());
    for kind in [
        Kind::Req,
        Kind::Rep,
        Kind::Router,
        Kind::Dealer,
        Kind::Xpub,
        Kind::Xsub,
        Kind::Sub,
    ] {
        let mut stage = Stage::with(kind, 3);
        stage.pattern = Pattern::new(kind, u32::MAX - 1);
        let mut attached = [false; 3];
        for correlate in [false, true] {
            let _ = stage
                .pattern
                .set(SetOption::ReqCorrelate(correlate), &mut stage.world);
            let _ = stage
                .pattern
                .set(SetOption::XpubManual(correlate), &mut stage.world);
            let _ = stage
                .pattern
                .set(SetOption::Subscribe(b"a"), &mut stage.world);
            for _ in 0..5000 {
                let peer = random.within(0..3);
                let number = peer as u32;
                if !attached[peer] {
                    stage.pipe(number);
                    let id = [0, 255, 255, 255, random.below(256) as u8];
                    let remote = Remote {
                        routing_id: &id[..random.within(0..6)],
                        ..Remote::default()
                    };
                    let joined = stage.pattern.attach(Peer(number), remote, &mut stage.world);
                    attached[peer] = joined.is_ok();
                } else if random.one_in(20) {
                    stage.leave(number);
                    attached[peer] = false;
                } else if random.one_in(2) {
                    let parts = random.within(1..5);
                    let parts = (0..parts).map(|_| {
                        ["", "\x01a", "\0a", "a", "\u{1}\u{2}\u{3}\u{4}"][random.within(0..5)]
                    });
                    let message = parts.collect::<Vec<&str>>().join("|");
                    stage.give(number, &message);
                }
                stage.world.pipes[peer].outbound.clear();
                let _ = stage.send_part("");
                let _ = stage.send("\x01a|\0a");
                let _ = stage.can_recv();
                let _ = stage.recv();
            }
        }
    }
}

/// Messages that are dropped, many of them: one call looks at some, and the next ones go on where it stopped.
#[test]
fn no_call_drops_messages_without_end() {
    const MANY: u64 = 50_000;
    let cases: [(Kind, &str, &str); 5] = [
        (Kind::Sub, "other|news", "a|news"),
        (Kind::Rep, "no delimiter", "|request"),
        (Kind::Req, "no|reply", "|reply"),
        (
            Kind::Req,
            "|of another number",
            "\u{1}\u{2}\u{3}\u{4}||reply",
        ),
        (Kind::Xpub, "\u{1}a", "\u{1}b"),
    ];
    for (number, (kind, dropped, wanted)) in cases.into_iter().enumerate() {
        for peers in [1, 3] {
            for asks in [false, true] {
                if asks && !matches!(kind, Kind::Sub | Kind::Xpub) {
                    // There is something to receive, as in libzmq, even if it is dropped then.
                    continue;
                }
                let mut stage = Stage::with(kind, peers);
                if kind == Kind::Sub {
                    stage.set(SetOption::Subscribe(b"a"));
                }
                if number == 3 {
                    stage.pattern = Pattern::new(kind, u32::from_ne_bytes([1, 2, 3, 4]) - 1);
                    stage.set(SetOption::ReqCorrelate(true));
                    for peer in 0..peers {
                        stage.join(peer);
                    }
                }
                if kind == Kind::Req {
                    stage.send("request").unwrap();
                }
                if dropped == "\u{1}a" {
                    // Known already, so that it is no news.
                    (0..peers).for_each(|peer| stage.give(peer, dropped));
                    assert_eq!(stage.recv_all(), [dropped]);
                }
                for peer in 0..peers {
                    let messages = (0..MANY).map(|_| dropped.to_owned());
                    stage.fill(peer, messages);
                }
                stage.fill(0, [wanted.to_owned()].into_iter());
                let mut calls: u64 = 0;
                loop {
                    let before: u64 = stage.world.pipes.iter().map(|pipe| pipe.looks).sum();
                    let found = if asks {
                        stage.can_recv()
                    } else {
                        match stage.recv() {
                            Ok(message) => {
                                let body = wanted.trim_start_matches("\u{1}\u{2}\u{3}\u{4}|");
                                assert_eq!(message, body.trim_start_matches('|'));
                                true
                            }
                            Err(RecvPartError::Empty) => false,
                            Err(other) => panic!("{other}"),
                        }
                    };
                    let looks: u64 = stage.world.pipes.iter().map(|pipe| pipe.looks).sum();
                    let most = 25_000 * u64::from(peers);
                    let looks = looks - before;
                    assert!(looks <= most, "{kind:?}: {looks} looks in a call");
                    calls += 1;
                    if found {
                        break;
                    }
                }
                assert!(calls > 1, "{kind:?}: {calls} calls");
                assert!(calls < MANY, "{kind:?}: {calls} calls");
            }
        }
    }
}
