//! REQ and REP: whose turn it is, envelopes, and which replies count.

use std::time::{Duration, Instant};

use ringmq::{Kind, Message, RecvError, SendError, SetOption, Socket};
use ringmq_testing::until;

use crate::world::{World, comes, message, put, take};

rules!(
    requests_and_replies_alternate,
    each_requester_gets_its_reply,
    a_rep_keeps_the_envelope_for_its_reply,
    a_rep_drops_what_has_no_envelope,
    a_req_takes_a_reply_only_from_the_peer_that_it_asked,
    what_is_no_reply_is_dropped,
    a_relaxed_req_may_ask_again,
    a_correlated_req_drops_replies_to_other_requests,
    what_came_before_a_request_is_no_reply,
    a_reply_to_a_requester_that_has_gone_is_dropped,
    a_request_outlives_a_receive_that_timed_out,
);

#[track_caller]
fn may_not_send(socket: &mut Socket) {
    let sent = socket.try_send("out of turn").map_err(|error| error.reason);
    assert!(matches!(sent, Err(SendError::State)), "{sent:?}");
}

#[track_caller]
fn may_not_receive(socket: &mut Socket) {
    let received = socket.try_recv();
    assert!(matches!(received, Err(RecvError::State)), "{received:?}");
}

fn requests_and_replies_alternate(world: &World) {
    let (mut rep, mut req) = world.pair(Kind::Rep, Kind::Req);
    for round in 0..20 {
        let round = round.to_string();
        may_not_receive(&mut req);
        may_not_send(&mut rep);
        put(&mut req, &["question", &round]);
        may_not_send(&mut req);
        assert_eq!(take(&mut rep), ["question", &round]);
        may_not_receive(&mut rep);
        put(&mut rep, &["answer", &round]);
        may_not_send(&mut rep);
        assert_eq!(take(&mut req), ["answer", &round]);
    }
}

fn each_requester_gets_its_reply(world: &World) {
    let mut rep = world.socket(Kind::Rep);
    let mut crowd = world.crowd(&mut rep, Kind::Req, 3);
    for _ in 0..5 {
        for (name, req) in crowd.iter_mut().enumerate() {
            put(req, &[&name.to_string()]);
        }
        for _ in 0..crowd.len() {
            let [name] = &take(&mut rep)[..] else {
                panic!()
            };
            put(&mut rep, &["for", name]);
        }
        for (name, req) in crowd.iter_mut().enumerate() {
            assert_eq!(take(req), ["for", &name.to_string()]);
        }
    }
}

/// All parts before the first empty one, as of requests that came through other sockets.
fn a_rep_keeps_the_envelope_for_its_reply(world: &World) {
    let (mut rep, mut dealer) = world.pair(Kind::Rep, Kind::Dealer);
    for envelope in [&[""][..], &["one", ""], &["one", "two", "three", ""]] {
        put(&mut dealer, &[envelope, &["question", "", "more"]].concat());
        assert_eq!(take(&mut rep), ["question", "", "more"]);
        put(&mut rep, &["answer", ""]);
        assert_eq!(take(&mut dealer), [envelope, &["answer", ""]].concat());
    }
}

fn a_rep_drops_what_has_no_envelope(world: &World) {
    let (mut rep, mut dealer) = world.pair(Kind::Rep, Kind::Dealer);
    put(&mut dealer, &["no", "empty", "part"]);
    put(&mut dealer, &["", "question"]);
    comes(&mut rep, "question");
    put(&mut rep, &["answer"]);
    assert_eq!(take(&mut dealer), ["", "answer"]);
}

/// The routing id of the REQ, from its next request.
fn requester(router: &mut Socket) -> Vec<u8> {
    let request = router.recv_deadline(ringmq_testing::soon()).unwrap();
    request[0].to_vec()
}

fn reply(router: &mut Socket, parts: &[&[u8]]) {
    router
        .send(parts.iter().copied().collect::<Message>())
        .unwrap();
}

fn a_req_takes_a_reply_only_from_the_peer_that_it_asked(world: &World) {
    let mut req = world.socket(Kind::Req);
    let mut routers = world.crowd(&mut req, Kind::Router, 2);
    let mut ids = [const { Vec::new() }; 2];
    // One request to each, so that both have the id.
    for _ in 0..2 {
        put(&mut req, &["question"]);
        let mut who = 0;
        until(|| {
            let Some(asked) = (0..2).find(|at| routers[*at].events().unwrap().readable) else {
                return false;
            };
            who = asked;
            true
        });
        ids[who] = requester(&mut routers[who]);
        reply(&mut routers[who], &[&ids[who], b"", b"answer"]);
        comes(&mut req, "answer");
    }
    put(&mut req, &["question"]);
    until(|| {
        routers
            .iter_mut()
            .any(|router| router.events().unwrap().readable)
    });
    let asked = (0..2).find(|at| routers[*at].events().unwrap().readable);
    let asked = asked.unwrap();
    let other = 1 - asked;
    reply(&mut routers[other], &[&ids[other], b"", b"was not asked"]);
    let id = requester(&mut routers[asked]);
    reply(&mut routers[asked], &[&id, b"", b"was asked"]);
    comes(&mut req, "was asked");
}

fn what_is_no_reply_is_dropped(world: &World) {
    let (mut router, mut req) = world.pair(Kind::Router, Kind::Req);
    put(&mut req, &["question"]);
    let id = requester(&mut router);
    reply(&mut router, &[&id, b"no empty part"]);
    reply(&mut router, &[&id, b"no empty part", b"either"]);
    reply(&mut router, &[&id, b"", b"answer"]);
    comes(&mut req, "answer");
}

fn a_relaxed_req_may_ask_again(world: &World) {
    let (mut rep, mut req) = world.pair(Kind::Rep, Kind::Req);
    req.set(SetOption::ReqRelaxed(true)).unwrap();
    req.set(SetOption::ReqCorrelate(true)).unwrap();
    put(&mut req, &["first"]);
    put(&mut req, &["second"]);
    for text in ["first", "second"] {
        comes(&mut rep, text);
        put(&mut rep, &["to", text]);
    }
    assert_eq!(take(&mut req), ["to", "second"]);
    may_not_receive(&mut req);
    put(&mut req, &["third"]);
    comes(&mut rep, "third");
    put(&mut rep, &["to", "third"]);
    assert_eq!(take(&mut req), ["to", "third"]);
}

/// Each request has a number in front of the empty part, and its reply has the same one.
fn a_correlated_req_drops_replies_to_other_requests(world: &World) {
    let (mut router, mut req) = world.pair(Kind::Router, Kind::Req);
    req.set(SetOption::ReqCorrelate(true)).unwrap();
    let mut numbers = Vec::new();
    for _ in 0..3 {
        put(&mut req, &["question"]);
        let request = router.recv_deadline(ringmq_testing::soon()).unwrap();
        let [id, number, empty, text] = &request[..] else {
            panic!("{request:?}")
        };
        assert_eq!(
            (number.len(), empty.len(), &text[..]),
            (4, 0, &b"question"[..])
        );
        let wrong: Vec<u8> = number.iter().map(|byte| !byte).collect();
        reply(&mut router, &[id, &wrong, b"", b"to another"]);
        reply(&mut router, &[id, number, b"", b"to this"]);
        comes(&mut req, "to this");
        assert!(!numbers.contains(&number.to_vec()));
        numbers.push(number.to_vec());
    }
}

/// Also if nothing was there when it was last looked for.
fn what_came_before_a_request_is_no_reply(world: &World) {
    let (mut router, mut req) = world.pair(Kind::Router, Kind::Req);
    req.set(SetOption::ReqRelaxed(true)).unwrap();
    // The first messages of both sides, which carriers may need memory for.
    put(&mut req, &["request"]);
    let id = requester(&mut router);
    reply(&mut router, &[&id, b"", b"reply"]);
    comes(&mut req, "reply");
    for number in 0..10_u32 {
        put(&mut req, &["request"]);
        let request = router.try_recv().unwrap();
        assert!(matches!(req.try_recv(), Err(RecvError::WouldBlock)));
        let text = number.to_string();
        reply(&mut router, &[&request[0], b"", text.as_bytes()]);
        if number % 3 == 2 {
            comes(&mut req, &text);
        }
    }
}

fn a_reply_to_a_requester_that_has_gone_is_dropped(world: &World) {
    let (mut rep, place) = world.bound(Kind::Rep);
    let mut req = world.connected(Kind::Req, &place);
    put(&mut req, &["question"]);
    comes(&mut rep, "question");
    drop(req);
    until(|| rep.connections().is_empty());
    put(&mut rep, &["to no peer"]);
    let mut req = world.connected(Kind::Req, &place);
    put(&mut req, &["another"]);
    comes(&mut rep, "another");
    rep.send(message(&["answer"])).unwrap();
    comes(&mut req, "answer");
}

fn a_request_outlives_a_receive_that_timed_out(world: &World) {
    let (mut rep, mut req) = world.pair(Kind::Rep, Kind::Req);
    put(&mut req, &["question"]);
    let moment = Instant::now() + Duration::from_millis(1);
    let received = req.recv_deadline(moment);
    assert!(matches!(received, Err(RecvError::TimedOut)), "{received:?}");
    may_not_send(&mut req);
    comes(&mut rep, "question");
    put(&mut rep, &["answer"]);
    comes(&mut req, "answer");
}
