//! Socket options by name.

use super::{Talker, guard, ipc, runs};

#[test]
fn a_mark_bounds_what_waits() {
    let _guard = guard();
    let at = ipc("mark");
    let push = [
        "push",
        "--bind",
        &at,
        "-o",
        "sndhwm=3",
        "-o",
        "ZMQ_LINGER=0",
        "-t",
        "200ms",
    ];
    let output = super::run(&push, "1\n2\n3\n4\n5\n");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn the_last_value_is_enough() {
    let _guard = guard();
    let at = ipc("conflate");
    let push = ["push", "--bind", &at, "-o", "conflate=1"];
    let mut push = Talker::start(&push);
    push.say("old\nolder\nlast\n");
    push.end_input();
    let pull = ["pull", "--connect", &at, "-o", "conflate=1", "-n", "1"];
    let read = runs(&pull, "");
    assert!(["old\n", "older\n", "last\n"].contains(&read.as_str()));
    push.kill();
}

#[test]
fn a_late_request_may_be_sent_again() {
    let _guard = guard();
    let at = ipc("relaxed");
    let rep = Talker::start(&["rep", &at, "-q", "-D", "yes", "-n", "2"]);
    let req = [
        "req",
        &at,
        "-o",
        "req_relaxed=1",
        "-o",
        "req_correlate=1",
        "-D",
        "?",
        "-n",
        "2",
    ];
    assert_eq!(runs(&req, ""), "yes\nyes\n");
    assert_eq!(rep.rest(), "");
}

#[test]
fn a_filter_keeps_others_out() {
    let _guard = guard();
    let at = ipc("filter");
    let mut pull = Talker::start(&["pull", "-v", &at, "-o", "ipc_filter_uid=4294967294"]);
    pull.bound();
    let output = super::run(&["push", &at, "-t", "300ms"], "x\n");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(pull.interrupt().stdout.is_empty());
}
