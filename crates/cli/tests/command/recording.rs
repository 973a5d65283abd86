//! `ringmq recording`: info, verify and repair, of sound and of damaged files.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use ringmq_testing::{Scratch, watchdog};

use crate::recordings::{look, made_elsewhere, replay};
use crate::{errors, ringmq};

const SIGPIPE: i32 = 13;

const WORDS: [(u64, &str); 6] = [
    (0, "a1"),
    (10, "b2"),
    (20, "a3"),
    (30, "b4"),
    (40, "a5"),
    (50, "b6"),
];

#[test]
fn info_tells_what_is_there() {
    let scratch = Scratch::new();
    let file = scratch.path("a.mcap");
    made_elsewhere(&file, &WORDS);
    let (info, _) = look("info", &file);
    assert_eq!(info["messages"], 6);
    assert_eq!(info["start_ns"], 1_000_000_000_000_u64);
    assert_eq!(info["end_ns"], 1_000_050_000_000_u64);
    assert_eq!(info["channels"][0]["endpoint"], "tcp://127.0.0.1:5555");
    let output = ringmq(&["recording", "info", &file]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("duration  0.050000 s") && text.contains("messages  6"),
        "{text}"
    );
}

#[test]
fn a_damaged_file_is_repaired() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (file, saved) = (scratch.path("a.mcap"), scratch.path("b.mcap"));
    made_elsewhere(&file, &WORDS);
    assert!(look("verify", &file).1.status.success());
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes
        .windows(3)
        .position(|bytes| bytes == b"\x42a3")
        .unwrap();
    bytes[at + 1] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let (verified, output) = look("verify", &file);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        verified["damages"][0]["what"]
            .as_str()
            .unwrap()
            .contains("checksum"),
        "{verified}"
    );
    let (came, output) = replay(&file, &[], 1);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("recording repair"),
        "{}",
        errors(&output)
    );
    assert_eq!(came.concat(), [b"a1"]);
    // What is behind the damage is kept, too, and the file itself stays as it is.
    let output = ringmq(&["recording", "repair", &file, "--output", &saved])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert!(look("verify", &saved).1.status.success());
    let (came, _) = replay(&saved, &[], 4);
    assert_eq!(came.concat(), [b"a1", b"b4", b"a5", b"b6"]);
    let output = ringmq(&["recording", "repair", &file, "--output", &saved])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "an existing file is kept");
    assert!(look("repair", &file).1.status.success());
    assert!(look("verify", &file).1.status.success());
    assert_eq!(
        fs::read_dir(scratch.path("")).unwrap().count(),
        2,
        "nothing is left behind"
    );
}

/// The command as a whole, cut at some bytes. Each byte is tried in the unit tests.
#[test]
fn a_cut_file_is_repaired() {
    let _guard = watchdog(Duration::from_secs(120));
    let scratch = Scratch::new();
    let file = scratch.path("a.mcap");
    made_elsewhere(&file, &WORDS);
    let whole = fs::read(&file).unwrap();
    for len in (60..whole.len()).step_by(whole.len() / 12) {
        fs::write(&file, &whole[..len]).unwrap();
        assert_eq!(
            ringmq(&["recording", "verify", &file])
                .output()
                .unwrap()
                .status
                .code(),
            Some(1)
        );
        let (repaired, output) = look("repair", &file);
        assert!(output.status.success(), "{len}: {}", errors(&output));
        let (verified, output) = look("verify", &file);
        assert!(output.status.success(), "{len}: {}", errors(&output));
        assert_eq!(verified["messages"], repaired["messages"]);
    }
}

#[test]
fn other_files_are_refused() {
    let scratch = Scratch::new();
    let file = scratch.path("a.mcap");
    made_elsewhere(&file, &WORDS);
    let whole = fs::read(&file).unwrap();
    let at = whole
        .windows(8)
        .position(|bytes| bytes == b"ringmq/1")
        .unwrap();
    let change = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    for (bytes, expected) in [
        (change(5, b'1'), "version 1"),
        (change(at + 7, b'2'), "a later version"),
        (change(at, b'R'), "no recording of ringmq"),
        (change(0, 0), "does not begin as an MCAP file"),
        (whole[..5].to_vec(), "does not begin as an MCAP file"),
        (whole[..20].to_vec(), "within its header"),
        (Vec::new(), "does not begin as an MCAP file"),
    ] {
        fs::write(&file, bytes).unwrap();
        for verb in [
            &["recording", "info"][..],
            &["recording", "verify"],
            &["recording", "repair"],
        ] {
            let output = ringmq(verb).arg(&file).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{expected}");
            assert!(
                errors(&output).contains(expected),
                "{expected}: {}",
                errors(&output)
            );
        }
    }
    let output = ringmq(&["recording", "info", &scratch.path("none")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

/// A reader of the output that has gone ends the command without a word.
#[test]
fn a_closed_output_is_no_error() {
    let scratch = Scratch::new();
    let file = scratch.path("a.mcap");
    made_elsewhere(&file, &WORDS);
    for verb in ["info", "verify"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = ringmq(&["recording", verb, &file, "--json"]);
        let child = command.stdout(Stdio::from(writer)).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(SIGPIPE), "{output:?}");
        assert!(output.stderr.is_empty(), "{}", errors(&output));
    }
}
