//! REQ and REP.

mod world;

use std::sync::Arc;

use ringmq_message::{Frame, Properties};
use ringmq_pattern::{AttachError, Kind, RecvPartError, SendPartError, SetOption};
use ringmq_testing::{Random, seed};
use world::{START, Stage, frames};

#[test]
fn requests_and_replies_alternate() {
    let mut req = Stage::with(Kind::Req, 1);
    assert!(req.can_send() && !req.can_recv());
    assert_eq!(req.recv(), Err(RecvPartError::State));
    req.send("a|b").unwrap();
    assert_eq!(req.got(0), ["|a|b"]);
    assert!(!req.can_send() && !req.can_recv());
    assert!(matches!(req.send("c"), Err(SendPartError::State(_))));
    assert_eq!(req.recv(), Err(RecvPartError::Empty));
    req.give(0, "|x|y");
    assert!(req.can_recv());
    assert_eq!(&req.recv_part().unwrap()[..], b"x");
    assert!(matches!(req.send("c"), Err(SendPartError::State(_))));
    assert_eq!(req.recv().unwrap(), "y");
    assert!(req.can_send());
    req.send("c").unwrap();
    assert_eq!(req.got(0), ["|c"]);
}

#[test]
fn half_a_request_awaits_nothing() {
    let mut req = Stage::with(Kind::Req, 1);
    req.send_part("a").unwrap();
    assert_eq!(req.recv(), Err(RecvPartError::State));
    req.send("b").unwrap();
    assert_eq!(req.got(0), ["|a|b"]);
}

#[test]
fn requests_go_round() {
    let mut req = Stage::new(Kind::Req);
    assert!(matches!(req.send("a"), Err(SendPartError::WouldBlock(_))));
    for peer in 0..3 {
        req.join(peer);
    }
    for (peer, text) in [(0, "a"), (1, "b"), (2, "c"), (0, "d")] {
        req.send(text).unwrap();
        assert_eq!(req.got(peer), [format!("|{text}")]);
        req.give(peer, "|reply");
        assert_eq!(req.recv().unwrap(), "reply");
    }
}

#[test]
fn only_the_peer_that_was_asked_can_reply() {
    let mut req = Stage::with(Kind::Req, 2);
    req.send("a").unwrap();
    req.give(1, "|wrong|peer");
    assert_eq!(req.recv(), Err(RecvPartError::Empty));
    req.give(0, "|right");
    assert_eq!(req.recv().unwrap(), "right");
    // What came before the request is no reply to it.
    req.give(1, "|early");
    req.send("b").unwrap();
    req.give(1, "|in time");
    assert_eq!(req.recv().unwrap(), "in time");
}

#[test]
fn replies_that_are_malformed_are_dropped() {
    let mut req = Stage::with(Kind::Req, 1);
    req.send("a").unwrap();
    for bad in ["", "x", "x|y", "x||y", "z|"] {
        req.give(0, bad);
    }
    req.give(0, "|good");
    assert_eq!(req.recv().unwrap(), "good");
}

#[test]
fn correlated_requests_are_numbered() {
    let mut req = Stage::with(Kind::Req, 1);
    req.set(SetOption::ReqCorrelate(true));
    req.set(SetOption::ReqRelaxed(true));
    let number = |count: u32| {
        let bytes = (START + count).to_ne_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    req.send("a").unwrap();
    req.send("b").unwrap();
    let expected =
        [1, 2].map(|count| format!("{}||{}", number(count), ["a", "b"][count as usize - 1]));
    assert_eq!(req.got(0), expected);
    for bad in [
        "|none",
        "",
        "x||y",
        &format!("{}||late", number(1)),
        &number(2),
        &format!("{}|x|y", number(2)),
    ] {
        req.give(0, bad);
    }
    req.give(0, &format!("{}||good", number(2)));
    assert_eq!(req.recv().unwrap(), "good");
}

#[test]
fn a_relaxed_req_asks_again_and_forgets_the_first_reply() {
    let mut req = Stage::with(Kind::Req, 2);
    req.set(SetOption::ReqRelaxed(true));
    req.send("a").unwrap();
    req.give(0, "|reply|to a");
    assert_eq!(&req.recv_part().unwrap()[..], b"reply");
    assert!(req.can_send());
    req.send("b").unwrap();
    assert_eq!(req.recv(), Err(RecvPartError::Empty));
    req.give(0, "|reply to a again");
    req.give(1, "|reply to b");
    assert_eq!(req.recv().unwrap(), "reply to b");
}

#[test]
fn when_the_peer_that_was_asked_has_gone_anybody_may_reply() {
    let mut req = Stage::with(Kind::Req, 2);
    req.send("a").unwrap();
    req.leave(0);
    assert_eq!(req.recv(), Err(RecvPartError::Empty));
    assert!(matches!(req.send("b"), Err(SendPartError::State(_))));
    req.give(1, "|reply");
    assert_eq!(req.recv().unwrap(), "reply");
}

#[test]
fn a_request_that_loses_its_peer_is_swallowed() {
    let mut req = Stage::with(Kind::Req, 2);
    req.send_part("a").unwrap();
    req.leave(0);
    req.send("b|c").unwrap();
    assert!(!req.can_send());
    assert_eq!(req.got(1), [""; 0]);
    assert_eq!(req.recv(), Err(RecvPartError::Empty));
}

#[test]
fn a_reply_is_received_to_its_end_though_its_peer_has_gone() {
    let mut req = Stage::with(Kind::Req, 1);
    req.send("a").unwrap();
    req.give(0, "|x|y");
    assert_eq!(&req.recv_part().unwrap()[..], b"x");
    req.leave(0);
    assert_eq!(req.recv().unwrap(), "y");
    req.join(0);
    req.send("b").unwrap();
    assert_eq!(req.got(0), ["|b"]);
}

#[test]
fn rep_answers_whom_it_heard() {
    let mut rep = Stage::with(Kind::Rep, 2);
    assert!(!rep.can_send() && !rep.can_recv());
    assert!(matches!(rep.send("a"), Err(SendPartError::State(_))));
    assert_eq!(rep.recv(), Err(RecvPartError::Empty));
    rep.give(0, "router 1|router 2||c");
    rep.give(1, "|a|b");
    assert!(rep.can_recv());
    assert_eq!(rep.recv().unwrap(), "c");
    assert!(rep.can_send() && !rep.can_recv());
    assert_eq!(rep.recv(), Err(RecvPartError::State));
    rep.send("x|y").unwrap();
    assert_eq!(rep.got(0), ["router 1|router 2||x|y"]);
    assert!(!rep.can_send());
    assert_eq!(&rep.recv_part().unwrap()[..], b"a");
    assert!(matches!(rep.send("a"), Err(SendPartError::State(_))));
    assert_eq!(rep.recv().unwrap(), "b");
    rep.send("z").unwrap();
    assert_eq!(rep.got(1), ["|z"]);
}

#[test]
fn requests_without_a_delimiter_are_dropped() {
    let mut rep = Stage::with(Kind::Rep, 1);
    for bad in ["", "a", "a|b", "a|b|"] {
        rep.give(0, bad);
    }
    rep.give(0, "id||good");
    assert_eq!(rep.recv().unwrap(), "good");
    rep.send("reply").unwrap();
    assert_eq!(rep.got(0), ["id||reply"]);
}

#[test]
fn replies_to_those_who_are_gone_or_full_are_dropped() {
    let mut rep = Stage::with(Kind::Rep, 1);
    rep.give(0, "|a");
    rep.recv().unwrap();
    rep.leave(0);
    // Its number goes to another peer, which has sent no request.
    rep.join(0);
    rep.send("reply|to no peer").unwrap();
    assert_eq!(rep.got(0), [""; 0]);
    rep.give(0, "|b");
    rep.recv().unwrap();
    rep.pipe(0).room = 0;
    rep.send("reply").unwrap();
    assert_eq!(rep.got(0), [""; 0]);
    rep.pipe(0).room = 1;
    rep.give(0, "|c");
    rep.recv().unwrap();
    rep.send_part("x").unwrap();
    rep.leave(0);
    rep.send("y").unwrap();
    assert!(!rep.can_send());
}

#[test]
fn a_routing_id_counts_once() {
    let mut rep = Stage::new(Kind::Rep);
    rep.join_as(0, "me").unwrap();
    assert_eq!(rep.join_as(1, "me"), Err(AttachError::DuplicateId));
    rep.set(SetOption::RouterHandover(true));
    rep.join_as(2, "me").unwrap();
    assert!(rep.pipe(0).terminated);
}

#[test]
fn envelopes_forget_where_they_came_from() {
    let mut rep = Stage::with(Kind::Rep, 1);
    let mut request = frames("id||a");
    for frame in &mut request {
        frame.set_properties(Some(Arc::new(Properties::new())));
    }
    rep.give_frames(0, request);
    assert!(rep.recv_part().unwrap().properties().is_some());
    rep.send("b").unwrap();
    let reply: &Vec<Frame> = &rep.pipe(0).outbound[0];
    assert!(reply.iter().all(|frame| frame.properties().is_none()));
}

/// What REQ and REP allow, told as two flags and the parts under way.
#[test]
fn both_keep_to_their_turns_whatever_is_called() {
    let mut random = Random::new(seed());
    for kind in [Kind::Req, Kind::Rep] {
        let mut stage = Stage::with(kind, 1);
        // REQ begins by sending, REP by receiving.
        let (mut sends, mut within) = (kind == Kind::Req, false);
        let mut waiting = 0;
        for _ in 0..20_000 {
            stage.got(0);
            if random.one_in(2) {
                let more = random.one_in(3);
                let frame = Frame::from("a").with_more(more);
                let sent = stage.pattern.send(frame, &mut stage.world);
                assert_eq!(sent.is_ok(), sends);
                if sends && !more {
                    sends = false;
                    if kind == Kind::Req {
                        let reply = ["x"; 3][..random.within(1..4)].join("|");
                        stage.give(0, "not a reply");
                        stage.give(0, &format!("|{reply}"));
                        waiting = 1;
                    }
                }
            } else {
                if kind == Kind::Rep && waiting == 0 {
                    stage.give(0, "|a|b");
                    waiting = 1;
                }
                match stage.recv_part() {
                    Ok(frame) => {
                        assert!(!sends && waiting == 1);
                        within = frame.more();
                        if !within {
                            sends = true;
                            waiting = 0;
                        }
                    }
                    Err(RecvPartError::State) => assert!(sends && !within),
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}
