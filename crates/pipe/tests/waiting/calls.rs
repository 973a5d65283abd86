//! While both sides are awake, no message costs a system call: strace counts.

use std::process::Command;
use std::time::Duration;

use ringmq_pipe::{Listener, Options, Pipe, Wait};
use ringmq_testing::{Actor, Scratch, abstract_name, role, role_args, spawn_role, under, watchdog};

const MESSAGES: u64 = 100_000;
/// One call for a hundred messages.
const MOST: u64 = MESSAGES / 100;
/// A busy machine may preempt a thread; then an end sleeps and is woken. One quiet attempt is enough.
const ATTEMPTS: u32 = 5;

/// Room for all messages, so that the sender never waits for room.
fn options() -> Options {
    Options::new().capacity(16 << 20).wait(Wait::Spin)
}

fn send(pipe: &mut Pipe, count: u64) {
    for number in 0..count {
        pipe.sender().send(&number.to_le_bytes()).unwrap();
    }
}

fn receive(pipe: &mut Pipe, count: u64) {
    let mut message = Vec::new();
    for number in 0..count {
        pipe.receiver().recv(&mut message).unwrap();
        assert_eq!(message, number.to_le_bytes());
    }
}

/// System calls of a process that plays `part` for so many messages, from its start to its end.
fn count_calls(test: &str, part: &str, messages: u64) -> u64 {
    let scratch = Scratch::new();
    let summary = scratch.path("strace");
    let mut listener = Listener::bind(&abstract_name("calls"), &options()).unwrap();
    let inner = spawn_role(test, part, &[&listener.address(), &messages.to_string()]);
    let strace = ["strace", "-f", "-c", "-o", &summary, "--"];
    let mut strace = under(&strace, &inner);
    // LeakSanitizer, if it is there, cannot look at a process that is traced.
    let mut actor = Actor::start(strace.env("ASAN_OPTIONS", "detect_leaks=0"));
    let mut pipe = listener.accept().unwrap();
    match part {
        "sends" => receive(&mut pipe, messages),
        _ => send(&mut pipe, messages),
    }
    while actor.hear_or_end().is_some() {}
    assert!(actor.wait().success());
    let text = std::fs::read_to_string(&summary).unwrap();
    let total = text.lines().find(|line| line.ends_with(" total")).unwrap();
    // Share, seconds, time of one, calls, perhaps errors, "total".
    total.split_whitespace().nth(3).unwrap().parse().unwrap()
}

#[test]
fn messages_cost_no_system_calls() {
    const TEST: &str = "calls::messages_cost_no_system_calls";
    if let Some(part) = role() {
        let mut pipe = options().connect(&role_args()[0]).unwrap();
        let count = role_args()[1].parse().unwrap();
        return match part.as_str() {
            "sends" => send(&mut pipe, count),
            _ => receive(&mut pipe, count),
        };
    }
    let _guard = watchdog(Duration::from_secs(120));
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: strace is not installed; `cargo xtask setup` does that");
        return;
    }
    for part in ["sends", "receives"] {
        let idle = count_calls(TEST, part, 0);
        let mut calls = Vec::new();
        while calls.len() < ATTEMPTS as usize && calls.iter().all(|calls| *calls > MOST) {
            calls.push(count_calls(TEST, part, MESSAGES).saturating_sub(idle));
        }
        println!("{part}: {calls:?} calls for {MESSAGES} messages, beside {idle}");
        assert!(
            calls.iter().any(|calls| *calls <= MOST),
            "{part}: {calls:?}"
        );
    }
}
