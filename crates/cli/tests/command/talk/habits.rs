//! Habits of the shell: ends of input and output, signals, time limits, exit codes.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use ringmq_testing::Scratch;

use super::{Talker, guard, ipc, run, runs};
use crate::{errors, ringmq};

const INTERRUPT: i32 = 2;
const BROKEN_PIPE: i32 = 13;
const TERMINATION: i32 = 15;

/// A time limit ends each wait with 3, and the message says what was waited for.
#[test]
fn time_limits_end_with_3() {
    let _guard = guard();
    for (verb, input, words) in [
        ("pull", "", "no message came within 200 ms"),
        ("sub", "", "no message came"),
        ("rep", "", "no message came"),
        ("pub", "news\n", "0 of 1 peers came"),
        ("push", "job\n", "no peer took what was sent"),
        ("req", "question\n", "no reply came"),
        ("pair", "", "no message came"),
        ("dealer", "hello\n", "no message came"),
        ("hz", "", "no message came"),
    ] {
        let at = ipc("no-peer");
        let output = run(&[verb, &at, "--timeout", "0.2"], input);
        assert_eq!(output.status.code(), Some(3), "{verb}: {output:?}");
        let said = errors(&output);
        assert!(said.contains(words), "{verb}: {said}");
        // The remedy names the endpoint.
        assert!(said.contains(&at), "{verb}: {said}");
    }
}

#[test]
fn a_push_that_is_bound_waits_for_a_peer() {
    let _guard = guard();
    let at = ipc("bound");
    let output = run(&["push", "--bind", &at, "--timeout", "200ms"], "job\n");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(errors(&output).contains("no peer took a message"));
}

/// At the end of the input the command stays until everything has left.
#[test]
fn the_end_of_input_drains() {
    let _guard = guard();
    let at = "tcp://127.0.0.1:*";
    let mut push = Talker::start(&["push", "--bind", at]);
    let at = push.bound();
    let lines: String = (0..500).map(|number| format!("{number}\n")).collect();
    push.say(&lines);
    push.end_input();
    let pull = runs(&["pull", "--connect", &at, "-n", "500"], "");
    assert_eq!(pull, lines);
    assert_eq!(push.rest(), "");
}

#[test]
fn ctrl_c_ends_every_verb() {
    let _guard = guard();
    for verb in [
        "pub", "sub", "push", "pull", "req", "rep", "pair", "dealer", "router",
    ]
    .into_iter()
    .chain(["xpub", "xsub", "hz", "bw"])
    {
        let mut talker = Talker::start(&[verb, "--verbose", "--bind", &ipc("signal")]);
        talker.bound();
        let output = talker.interrupt();
        assert_eq!(
            output.status.signal(),
            Some(INTERRUPT),
            "{verb}: {output:?}"
        );
        assert_eq!(errors(&output), "", "{verb}");
    }
}

#[test]
fn a_signal_ends_what_lingers() {
    let _guard = guard();
    let at = ipc("linger");
    let mut push = Talker::start(&["push", "--verbose", "--bind", &at]);
    push.bound();
    push.say("a job\n");
    push.end_input();
    push.signal("TERM");
    let output = push.finish();
    assert_eq!(output.status.signal(), Some(TERMINATION), "{output:?}");
}

/// As `head`: the reader of the output closes it, and the command ends without a word, although no message comes.
#[test]
fn a_closed_output_ends_quietly() {
    let _guard = guard();
    for verb in ["sub", "pull", "hz"] {
        let mut talker = Talker::start(&[verb, "--verbose", "--bind", &ipc("closed")]);
        talker.bound();
        let output = talker.close_output();
        assert_eq!(
            output.status.signal(),
            Some(BROKEN_PIPE),
            "{verb}: {output:?}"
        );
        assert_eq!(errors(&output), "", "{verb}");
    }
    // While messages come without end.
    let at = ipc("closed");
    let push = Talker::start(&["push", &at, "-D", "again", "-n", "1000000000"]);
    let mut pull = Talker::start(&["pull", &at]);
    pull.line();
    let output = pull.close_output();
    assert_eq!(output.status.signal(), Some(BROKEN_PIPE), "{output:?}");
    push.kill();
}

#[test]
fn a_full_output_is_an_error() {
    let _guard = guard();
    let at = ipc("full");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let pull = ringmq(&["pull", &at]).stdout(full).spawn().unwrap();
    runs(&["push", &at], "message\n");
    let output = pull.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("cannot write standard output"));
}

/// Messages come out at once, not when a buffer is full.
#[test]
fn a_message_is_printed_when_it_comes() {
    let _guard = guard();
    let at = ipc("flush");
    let mut pull = Talker::start(&["pull", &at]);
    let mut push = Talker::start(&["push", &at]);
    for number in 0..3 {
        push.say(format!("{number}\n"));
        assert_eq!(pull.line(), number.to_string());
    }
    push.rest();
    pull.kill();
}

#[test]
fn counts_and_intervals() {
    let _guard = guard();
    let at = ipc("count");
    let pull = Talker::start(&["pull", &at, "-n", "5"]);
    let push = [
        "push", &at, "-D", "tick", "-D", "tock", "-n", "5", "-i", "1ms",
    ];
    runs(&push, "");
    assert_eq!(pull.rest(), "tick\ntock\ntick\ntock\ntick\n");
    // Without a count, words are repeated for as long as it runs.
    let at = ipc("count");
    let push = Talker::start(&["push", &at, "-D", "tick", "--interval", "1ms"]);
    assert_eq!(runs(&["pull", &at, "-n", "20"], ""), "tick\n".repeat(20));
    push.kill();
    // Of a stream, only so many are sent.
    let at = ipc("count");
    let pull = Talker::start(&["pull", &at, "-n", "2"]);
    runs(&["push", &at, "-n", "2"], "a\nb\nc\n");
    assert_eq!(pull.rest(), "a\nb\n");
}

/// With nothing on any of the standard streams, the command does its work.
#[test]
fn closed_streams_are_no_harm() {
    let _guard = guard();
    let scratch = Scratch::new();
    let at = ipc("closed");
    let tool = env!("CARGO_BIN_EXE_ringmq");
    let to = scratch.path("out");
    let script = format!("'{tool}' pull '{at}' -n 1 <&- >'{to}' 2>&-");
    let mut pull = std::process::Command::new("sh")
        .args(["-c", &script])
        .spawn()
        .unwrap();
    let push = ringmq(&["push", &at, "-D", "x"])
        .stdin(Stdio::null())
        .output();
    assert!(push.unwrap().status.success());
    assert!(pull.wait().unwrap().success());
    assert_eq!(std::fs::read_to_string(to).unwrap(), "x\n");
}
