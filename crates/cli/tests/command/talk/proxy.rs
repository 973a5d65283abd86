//! `ringmq proxy`.

use std::os::unix::process::ExitStatusExt;

use super::{Talker, guard, ipc, runs};

/// A proxy, and its two endpoints.
fn proxy(kind: &str, more: &[&str]) -> (Talker, String, String) {
    let (front, back) = (ipc("front"), ipc("back"));
    let arguments = ["proxy", &front, &back, "--kind", kind, "--verbose"];
    let mut proxy = Talker::start(&[&arguments[..], more].concat());
    proxy.bound();
    proxy.bound();
    (proxy, front, back)
}

#[test]
fn a_queue_passes_requests_and_replies() {
    let _guard = guard();
    let (proxy, front, back) = proxy("queue", &[]);
    let rep = Talker::start(&["rep", "--connect", &back, "-q", "--exec", "tr a-z A-Z"]);
    assert_eq!(runs(&["req", &front], "one\ntwo\n"), "ONE\nTWO\n");
    rep.kill();
    let output = proxy.interrupt();
    assert_eq!(output.status.signal(), Some(2), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_forwarder_passes_subscriptions_and_messages() {
    let _guard = guard();
    let capture = ipc("capture");
    let (proxy, front, back) = proxy("forwarder", &["--capture", &capture]);
    let mut watcher = Talker::start(&["sub", "--verbose", &capture, "--topic", "b"]);
    watcher.error("connected");
    let sub = Talker::start(&["sub", &back, "--topic", "b", "-n", "1"]);
    // A publisher waits until the subscription has come through the proxy.
    runs(&["pub", "--connect", &front], "apple\nbanana\n");
    assert_eq!(sub.rest(), "banana\n");
    drop(watcher.interrupt());
    proxy.kill();
}

#[test]
fn a_streamer_passes_jobs_and_shows_them() {
    let _guard = guard();
    let capture = ipc("capture");
    let (proxy, front, back) = proxy("streamer", &["--capture", &capture]);
    let push = Talker::start(&["push", &front, "-D", "job", "--interval", "1ms"]);
    let pull = runs(&["pull", "--connect", &back, "-n", "3"], "");
    assert_eq!(pull, "job\njob\njob\n");
    let mut pull = Talker::start(&["pull", "--connect", &back]);
    assert_eq!(runs(&["sub", &capture, "-n", "3"], ""), "job\njob\njob\n");
    assert_eq!(pull.line(), "job");
    for other in [push, pull, proxy] {
        other.kill();
    }
}

#[test]
fn ends_are_told_apart_from_each_other() {
    let _guard = guard();
    let (front, back) = (ipc("same"), ipc("back"));
    let output = super::run(&["proxy", &front, &front], "");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let output = super::run(&["proxy", &front, "nowhere"], "");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = super::run(&["proxy", &front, &back, "--kind", "ring"], "");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(crate::errors(&output).contains("streamer"));
}
