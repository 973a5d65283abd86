//! What a person at a terminal sees. `script` gives the command one.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use super::{Talker, guard, ipc, runs};

/// Runs a command on a terminal, or does nothing where there is no `script`.
fn on_terminal(arguments: &[&str]) -> Option<Child> {
    let tool = env!("CARGO_BIN_EXE_ringmq");
    let words: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
    let line = format!("stty -echo; exec '{tool}' {}", words.join(" "));
    let child = Command::new("script")
        .args(["-qefc", &line, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    child
        .inspect_err(|error| eprintln!("skipped: script: {error}"))
        .ok()
}

/// Reads until these words have come.
#[track_caller]
fn read_until(child: &mut Child, words: &str) -> String {
    let mut text = Vec::new();
    let stdout = child.stdout.as_mut().unwrap();
    let mut byte = [0];
    while stdout.read(&mut byte).unwrap() > 0 {
        text.push(byte[0]);
        if text.ends_with(words.as_bytes()) {
            return String::from_utf8(text).unwrap();
        }
    }
    panic!("no {words:?} in {:?}", String::from_utf8_lossy(&text));
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn messages_are_quoted() {
    let _guard = guard();
    let at = ipc("quoted");
    let Some(mut pull) = on_terminal(&["pull", &at]) else {
        return;
    };
    runs(&["push", &at, "-0"], b"\x1b[2J \xff\n\0");
    let text = read_until(&mut pull, "\r\n");
    assert_eq!(text, "\"\\x1b[2J \\xff\\n\"\r\n");
    end(pull);
    // --format raw prints them as they are, on a terminal, too.
    let Some(mut pull) = on_terminal(&["pull", &at, "--format", "raw"]) else {
        return;
    };
    runs(&["push", &at], "hello\n");
    assert_eq!(read_until(&mut pull, "\r\n"), "hello\r\n");
    end(pull);
}

#[test]
fn a_lack_of_peers_is_told() {
    let _guard = guard();
    for (verb, way) in [("sub", "--connect"), ("pull", "--bind"), ("pub", "--bind")] {
        let at = ipc("lonely");
        let Some(mut child) = on_terminal(&[verb, way, &at]) else {
            return;
        };
        read_until(&mut child, &format!("waiting for a peer at {at}"));
        // ctrl-C, as the terminal sends it.
        child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
        child.wait().unwrap();
    }
    let Some(mut push) = on_terminal(&["push", "tcp://127.0.0.1:1", "-D", "job"]) else {
        return;
    };
    read_until(&mut push, "(nothing listens there)");
    end(push);
}

#[test]
fn a_dialogue() {
    let _guard = guard();
    let at = ipc("dialogue");
    let mut rep = Talker::start(&["rep", &at]);
    let Some(mut req) = on_terminal(&["req", &at]) else {
        rep.kill();
        return;
    };
    for word in ["one", "two"] {
        let stdin = req.stdin.as_mut().unwrap();
        stdin.write_all(format!("{word}\n").as_bytes()).unwrap();
        read_until(&mut req, &format!("\"{word}\"\r\n"));
        assert_eq!(rep.line(), word);
    }
    // ctrl-D is the end of the input.
    req.stdin.as_mut().unwrap().write_all(b"\x04").unwrap();
    assert!(req.wait().unwrap().success());
    rep.kill();
}
