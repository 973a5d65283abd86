//! What is wrong is said: the cause, and what to do about it.

use std::fs;

use ringmq_testing::{ReservedPort, Scratch};

use super::{Talker, guard, ipc, run};
use crate::errors;

/// Runs a command that must fail with this code and these words.
#[track_caller]
fn fails(arguments: &[&str], code: i32, words: &[&str]) {
    let output = run(arguments, "");
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty());
    for word in words {
        assert!(said.contains(word), "{arguments:?}: {word:?} in {said}");
    }
}

#[test]
fn endpoints_that_are_none() {
    let _guard = guard();
    let long = format!("ipc:///tmp/{}", "x".repeat(120));
    let form = "an endpoint is ipc:///path, ipc://@name or tcp://host:port";
    for verb in [
        "pub", "sub", "push", "pull", "req", "rep", "pair", "stream", "hz",
    ] {
        for way in ["--bind", "--connect"] {
            fails(&[verb, way, "nowhere"], 2, &["nowhere", form]);
            fails(&[verb, way, "smtp://host:1"], 2, &["smtp", form]);
            fails(&[verb, way, "tcp://host"], 2, &["no port", form]);
            fails(&[verb, way, "tcp://host:99999"], 2, &["99999", form]);
            fails(&[verb, way, "ipc://"], 2, &[form]);
            fails(&[verb, way, "inproc://name"], 2, &["one process", form]);
        }
        fails(&[verb, "--bind", &long], 2, &["107", "shorter"]);
        fails(&[verb, "--connect", &long], 2, &["107", "shorter"]);
    }
    fails(&["push", "tcp://*:1"], 2, &["--bind"]);
    fails(&["push", "udp://127.0.0.1:1"], 2, &[form]);
    fails(&["push"], 2, &["ENDPOINT"]);
}

#[test]
fn places_that_cannot_be_bound() {
    let _guard = guard();
    let scratch = Scratch::new();
    let nowhere = format!("ipc://{}", scratch.path("no/folder/here"));
    fails(&["pull", &nowhere], 1, &["no/folder/here", "folder"]);
    fails(&["pull", "tcp://192.0.2.1:5555"], 1, &["no such address"]);

    let taken = format!("ipc://{}", scratch.path("taken"));
    let mut owner = Talker::start(&["pull", "--verbose", &taken]);
    owner.bound();
    fails(&["pull", &taken], 1, &["taken", "another program is bound"]);
    owner.kill();
}

#[test]
fn paths_that_cannot_be_connected_to() {
    let _guard = guard();
    let scratch = Scratch::new();
    let file = scratch.path("file");
    fs::write(&file, "no socket").unwrap();
    fails(&["push", &format!("ipc://{file}")], 1, &["is no socket"]);
    let missing = format!("ipc://{}", scratch.path("missing"));
    fails(
        &["req", &missing, "-D", "x", "-t", "100ms"],
        3,
        &["no reply came", "there is no", "--bind"],
    );
    let port = ReservedPort::new();
    let closed = format!("tcp://127.0.0.1:{}", port.number());
    fails(&["sub", &closed, "-t", "100ms"], 3, &[&closed, "PUB"]);
}

#[test]
fn arguments_that_do_not_fit() {
    let _guard = guard();
    let at = &ipc("arguments");
    fails(
        &["push", at, "-o", "sndwhm=1"],
        2,
        &["sndhwm", "tcp_keepalive"],
    );
    fails(&["push", at, "-o", "sndhwm=many"], 2, &["messages"]);
    fails(&["push", at, "-o", "sndhwm"], 2, &["NAME=VALUE"]);
    fails(&["push", at, "-o", "req_relaxed=1"], 2, &["PUSH"]);
    fails(&["push", at, "--id", "alice"], 2, &["PUSH", "DEALER"]);
    fails(&["push", at, "--timeout", "soon"], 2, &["500ms"]);
    fails(&["push", at, "--format", "xml"], 2, &["msgpack"]);
    fails(&["push", at, "--chunk", "0"], 2, &["64K"]);
    fails(&["push", at, "-d", "\\q"], 2, &["escape"]);
    fails(&["push", at, "-b", "-c"], 2, &["--connect"]);
    fails(&["rep", at, "-D", "x", "--exec", "y"], 2, &["--exec"]);
    fails(
        &["hz", at, "--kind", "pull", "--topic", "a"],
        2,
        &["--topic"],
    );
    let missing = ["push", at, "--file", "/nowhere/at/all"];
    fails(&missing, 1, &["/nowhere/at/all", "--data"]);
    fails(&["push", at, "--file", "/"], 1, &["directory"]);
}

/// A peer of a type that does not fit, or of another mechanism, is told apart from none.
#[test]
fn a_peer_that_does_not_fit_is_told() {
    let _guard = guard();
    let at = ipc("types");
    let mut rep = Talker::start(&["rep", "--verbose", &at]);
    rep.bound();
    let push = ["push", "--verbose", &at, "-D", "x", "-t", "5"];
    fails(&push, 3, &["the handshake at", "failed"]);
    rep.kill();
}
