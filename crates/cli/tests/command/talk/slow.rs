//! Peers that do not read, and peers that never pause.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::{Talker, guard, ipc};
use crate::{errors, ringmq};

/// A publisher whose subscriber stops behind the first message, and that has much more to say.
fn publish_to_a_stopped_subscriber(more: &[&str]) -> std::process::Output {
    let at = ipc("slow");
    let mut sub = Talker::start(&["sub", &at]);
    let mut publisher = Talker::start(&[&["pub", &at, "--timeout", "500ms"][..], more].concat());
    publisher.say("first\n");
    assert_eq!(sub.line(), "first");
    sub.signal("STOP");
    let mut stdin = publisher.child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let lines: String = (0..50_000).map(|number| format!("{number}\n")).collect();
        // The publisher may end before it has read everything.
        let _ = stdin.write_all(lines.as_bytes());
    });
    let output = publisher.finish();
    writer.join().unwrap();
    sub.kill();
    output
}

#[test]
fn it_is_waited_for() {
    let _guard = guard();
    let output = publish_to_a_stopped_subscriber(&[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(errors(&output).contains("no peer took a message within 500 ms"));
}

#[test]
fn it_loses_messages_if_that_is_wanted() {
    let _guard = guard();
    let output = publish_to_a_stopped_subscriber(&["--drop"]);
    assert!(
        !errors(&output).contains("no peer took a message"),
        "{output:?}"
    );
}

#[test]
fn a_flood_does_not_hold_up_the_other_direction() {
    let _guard = guard();
    let at = ipc("flood");
    let mut yes = Command::new("yes").stdout(Stdio::piped()).spawn().unwrap();
    let mut flooding = ringmq(&["pair", "--bind", &at])
        .stdin(yes.stdout.take().unwrap())
        .spawn()
        .unwrap();
    let mut flooded = ringmq(&["pair", &at])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(flooding.stdout.take().unwrap()).lines();
    let mut stdin = flooded.stdin.take().unwrap();
    for number in 0..5 {
        writeln!(stdin, "{number}").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), number.to_string());
    }
    for mut child in [yes, flooding, flooded] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
