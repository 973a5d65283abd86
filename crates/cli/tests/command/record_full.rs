//! `ringmq record` when the disk is full, or a file may not grow: what was recorded is whole.

use std::process::{Command, Stdio};
use std::time::Duration;

use ringmq::{Context, Kind, Message};
use ringmq_testing::{Scratch, watchdog};

use crate::recordings::{look, message, replay};
use crate::{errors, ipc, ringmq};

/// Sends to a recorder until it has ended, and returns how it ended.
fn record_until_full(mut command: Command, endpoint: &str) -> std::process::Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let context = Context::new().unwrap();
    let mut push = context.socket(Kind::Push).unwrap();
    push.set_send_timeout(Duration::from_millis(20));
    push.set_linger(Duration::ZERO);
    push.connect(endpoint).unwrap();
    let mut number = 0;
    while child.try_wait().unwrap().is_none() {
        if push.send(Message::from_iter(message(number))).is_ok() {
            number += 1;
        }
    }
    child.wait_with_output().unwrap()
}

#[test]
fn a_file_that_may_not_grow_is_whole() {
    let _guard = watchdog(Duration::from_secs(120));
    let scratch = Scratch::new();
    let (file, endpoint) = (scratch.path("a.mcap"), ipc("limit"));
    let mut command = Command::new("bash");
    let script = "ulimit -f 3000; exec \"$0\" record \"$1\" \"$2\" --type pull";
    command.args(["-c", script, env!("CARGO_BIN_EXE_ringmq"), &file, &endpoint]);
    let output = record_until_full(command, &endpoint);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(errors(&output).contains("make room"), "{}", errors(&output));
    let (found, _) = look("info", &file);
    let messages = found["messages"].as_u64().unwrap();
    assert!(messages > 100, "{found}");
    let (came, output) = replay(&file, &[], messages as usize);
    assert!(output.status.success(), "{}", errors(&output));
    assert!(came.into_iter().eq((0..messages).map(message)));
}

/// A small file system of its own, where this user may mount one.
#[test]
fn a_full_disk_leaves_a_whole_file() {
    let _guard = watchdog(Duration::from_secs(120));
    let scratch = Scratch::new();
    let (folder, endpoint) = (scratch.path(""), ipc("full"));
    let mounted = "mount -t tmpfs -o size=3m tmpfs \"$1\"";
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        let arguments = [
            "--mount",
            "bash",
            "-c",
            script,
            env!("CARGO_BIN_EXE_ringmq"),
            &folder,
            &endpoint,
        ];
        command.args(arguments);
        command
    };
    if !unshare(mounted)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("skipped: this user may not mount");
        return;
    }
    let script = format!(
        "{mounted} && \"$0\" record \"$1/a\" \"$2\" --type pull >&2; echo $?; \"$0\" recording verify --json \"$1/a\""
    );
    let output = record_until_full(unshare(&script), &endpoint);
    let text = String::from_utf8(output.stdout).unwrap();
    let (code, verified) = text.split_once('\n').unwrap();
    assert_eq!(code, "1", "{text}");
    let verified: serde_json::Value = serde_json::from_str(verified).unwrap();
    let messages = verified["messages"].as_u64().unwrap();
    assert!(messages > 100, "{verified}");
    let only_unfinished =
        |damage: &serde_json::Value| damage["what"].as_str().unwrap().contains("no summary");
    assert!(
        verified["damages"]
            .as_array()
            .unwrap()
            .iter()
            .all(only_unfinished),
        "{verified}"
    );
}

/// A place that is full from the beginning.
#[test]
fn a_device_without_room_is_an_error() {
    let _guard = watchdog(Duration::from_secs(60));
    let output = ringmq(&["record", "/dev/full", &ipc("device"), "--force"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("/dev/full: "),
        "{}",
        errors(&output)
    );
}
