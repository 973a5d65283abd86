//! What the dead have sent can be read for as long as it takes, and keeps nothing of theirs.

use std::time::Duration;

use ringmq::{Context, Kind, SetOption, Socket};
use ringmq_testing::{soon, watchdog};

use crate::parts::{Held, last, open, rings, socket, until_shared};
use crate::places::Places;

/// Sends so many messages of so many bytes by shared memory, and closes once all are sent.
fn push_all(endpoint: &str, pull: &mut Socket, count: u8, len: usize) {
    let context = Context::new().unwrap();
    let mut push = socket(&context, Kind::Push);
    push.set_linger(None);
    push.connect(endpoint).unwrap();
    until_shared(&mut push, 1);
    for number in 0..count {
        push.send(vec![number; len]).unwrap();
    }
    // The receiver reads shared memory once its session has delivered the messages before the switch.
    while rings() < 2 {
        drop(pull.events());
    }
    drop(push);
    context.terminate();
}

fn pull_all(pull: &mut Socket, count: u8, len: usize) {
    for number in 0..count {
        let message = pull.recv_deadline(soon()).unwrap();
        assert!(last(&message) == vec![number; len], "{number}");
    }
}

#[test]
fn what_the_dead_have_sent_is_kept_without_their_memory() {
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut pull = socket(&context, Kind::Pull);
    open(&mut pull, true, &endpoint);
    let before = Held::now();
    for _ in 0..30 {
        push_all(&endpoint, &mut pull, 50, 1000);
        before.wait(|| drop(pull.events()));
    }
    let mut next = vec![0; 30];
    for _ in 0..30 * 50 {
        // From one after the other.
        let message = pull.recv_deadline(soon()).unwrap();
        let number = last(&message)[0];
        assert!(last(&message) == [number; 1000]);
        let whose = next.iter().position(|next| *next == number).unwrap();
        next[whose] += 1;
    }
    assert_eq!(next, [50; 30]);
    assert!(pull.try_recv().is_err());
}

#[test]
fn much_that_the_dead_have_sent_stays_where_it_is_until_it_is_read() {
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut pull = socket(&context, Kind::Pull);
    open(&mut pull, true, &endpoint);
    let before = Held::now();
    push_all(&endpoint, &mut pull, 200, 100_000);
    for _ in 0..100 {
        drop(pull.events());
    }
    assert!(rings() > 0);
    pull_all(&mut pull, 200, 100_000);
    before.wait(|| drop(pull.events()));
    assert!(pull.try_recv().is_err());
}

#[test]
fn an_answer_of_the_dead_that_can_not_be_read_keeps_nothing() {
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut req = socket(&context, Kind::Req);
    req.set(SetOption::ReqRelaxed(true)).unwrap();
    req.set(SetOption::ReqCorrelate(true)).unwrap();
    open(&mut req, true, &endpoint);
    let before = Held::now();
    let far = Context::new().unwrap();
    let mut rep = socket(&far, Kind::Rep);
    rep.set_linger(None);
    open(&mut rep, false, &endpoint);
    // Each side has memory of both.
    while rings() < 4 {
        req.send("question").unwrap();
        let question = rep.recv_deadline(soon()).unwrap();
        rep.send(question).unwrap();
        req.recv_deadline(soon()).unwrap();
    }
    req.send("the last question").unwrap();
    let question = rep.recv_deadline(soon()).unwrap();
    rep.send(question).unwrap();
    drop(rep);
    far.terminate();
    // A REQ that asks anew receives no more answers to earlier requests.
    before.wait(|| drop(req.try_send("another question")));
    assert!(req.try_recv().is_err());
}
