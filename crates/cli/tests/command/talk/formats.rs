//! How messages are cut, written and read.

use std::fs::{self, File};

use ringmq_testing::{Random, ReservedPort, Scratch, seed};

use super::{Talker, guard, ipc, run, runs};
use crate::ringmq;

/// Sends with these arguments, and returns what a PULL with others prints.
fn through(push: &[&str], pull: &[&str], input: impl AsRef<[u8]>) -> Vec<u8> {
    let at = ipc("format");
    let receiver = Talker::start(&[&["pull", &at, "--timeout", "100"], pull].concat());
    runs(&[&["push", &at], push].concat(), input);
    let output = receiver.finish();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

#[test]
fn every_format_is_printed_and_read() {
    let _guard = guard();
    let parts = br#"["a b", "", {"hex": "00ff0a"}]"#;
    for (format, printed) in [
        ("raw", &b"a b\t\t\x00\xff\n\n"[..]),
        ("quoted", br#""a b" "" "\x00\xff\n""#),
        ("hex", b"612062,,00ff0a"),
        ("json", br#"["a b","",{"hex":"00ff0a"}]"#),
        ("msgpack", b"\x93\xc4\x03a b\xc4\x00\xc4\x03\x00\xff\n"),
    ] {
        let json = ["--input-format", "json"];
        let mut expected = printed.to_vec();
        if !matches!(format, "raw" | "msgpack") {
            expected.push(b'\n');
        }
        let read = through(&json, &["--format", format, "-n", "1"], parts);
        assert_eq!(read, expected, "{format}");
        if format != "raw" {
            let again = through(&["--format", format], &["--json", "-n", "1"], &read);
            assert_eq!(
                again,
                [&br#"["a b","",{"hex":"00ff0a"}]"#[..], b"\n"].concat()
            );
        }
    }
}

#[test]
fn delimiters_cut_and_join() {
    let _guard = guard();
    let read = through(&["-0"], &["-d", ";", "-n", "3"], b"a\nb\0\0c");
    assert_eq!(read, b"a\nb;;c;");
    let read = through(&["-d", "\\r\\n"], &["-0", "-n", "2"], b"a\nb\r\nc");
    assert_eq!(read, b"a\nb\0c\0");
    let read = through(&["-d", ""], &["-n", "1"], b"a\nb\n");
    assert_eq!(read, b"a\nb\n\n");
}

#[test]
fn parts_of_raw_messages_have_a_separator() {
    let _guard = guard();
    let separated = ["--part-separator", ":"];
    let read = through(&separated, &["--json", "-n", "2"], "a:b\n::\n");
    assert_eq!(read, b"[\"a\",\"b\"]\n[\"\",\"\",\"\"]\n");
    let read = through(&separated, &["--part-separator", "|", "-n", "1"], "a:b");
    assert_eq!(read, b"a|b\n");
    let read = through(&[], &["--json", "-n", "1"], "a\tb");
    assert_eq!(read, b"[\"a\\tb\"]\n");
}

#[test]
fn words_and_files_come_in_turn() {
    let _guard = guard();
    let scratch = Scratch::new();
    let file = scratch.path("lines");
    fs::write(&file, "one\ntwo\n").unwrap();
    let input = ["-D", "word", "-D", "-x", "-F", &file, "--file", "-"];
    let read = through(&input, &["-n", "5"], "stdin\n");
    assert_eq!(read, b"word\n-x\none\ntwo\nstdin\n");
    let whole = ["-F", &file, "--whole"];
    let read = through(&whole, &["--json", "-n", "1"], "");
    assert_eq!(read, b"[\"one\\ntwo\\n\"]\n");
    let hex = ["--format", "hex", "-D", "00ff,61"];
    let read = through(&hex, &["--json", "-n", "1"], "");
    assert_eq!(read, b"[{\"hex\":\"00ff\"},\"a\"]\n");
}

/// A binary file goes through as it is, in chunks, over shared memory and over tcp.
#[test]
fn a_file_is_the_same_behind_it() {
    let _guard = guard();
    let scratch = Scratch::new();
    let mut random = Random::new(seed());
    let bytes: Vec<u8> = (0..3_000_000)
        .flat_map(|_| random.next().to_le_bytes())
        .collect();
    let (from, to) = (scratch.path("from"), scratch.path("to"));
    fs::write(&from, &bytes).unwrap();
    let count = bytes.len().div_ceil(64 << 10).to_string();
    let port = ReservedPort::new();
    for at in [ipc("file"), format!("tcp://127.0.0.1:{}", port.number())] {
        let mut pull = ringmq(&["pull", &at, "-d", "", "-n", &count, "--format", "raw"]);
        let mut pull = pull.stdout(File::create(&to).unwrap()).spawn().unwrap();
        let mut push = ringmq(&["push", &at, "--chunk", "64K"]);
        let push = push.stdin(File::open(&from).unwrap()).output().unwrap();
        assert!(push.status.success(), "{push:?}");
        assert!(pull.wait().unwrap().success());
        assert!(fs::read(&to).unwrap() == bytes);
    }
}

#[test]
fn timestamps_are_times() {
    let _guard = guard();
    let read = through(&["-D", "x"], &["--timestamps", "-n", "1"], "");
    let read = String::from_utf8(read).unwrap();
    let (time, message) = read.split_once(' ').unwrap();
    assert_eq!(message, "x\n");
    assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
    let read = through(&["-D", "x"], &["--timestamps", "--json", "-n", "1"], "");
    let value: serde_json::Value = serde_json::from_slice(&read).unwrap();
    assert_eq!(value["parts"][0], "x");
    assert!(value["time"].as_f64().unwrap() > 1e9);
    // What is printed is read.
    let at = ipc("again");
    let pull = Talker::start(&["pull", &at, "-n", "1"]);
    runs(&["push", &at, "--format", "json"], &read);
    assert_eq!(pull.rest(), "x\n");
}

#[test]
fn input_that_is_no_message_is_an_error() {
    let _guard = guard();
    for (format, input) in [
        ("json", &b"[\"a\"]\n[1]\n"[..]),
        ("hex", b"0g\n"),
        ("quoted", b"\"open\n"),
        ("msgpack", b"\x91\xc4\x09short"),
        ("msgpack", b"\x2a"),
    ] {
        let at = ipc("wrong");
        let pull = Talker::start(&["pull", &at]);
        let output = run(&["push", &at, "--format", format], input);
        assert_eq!(output.status.code(), Some(1), "{format}: {output:?}");
        let errors = crate::errors(&output);
        assert!(errors.starts_with("ringmq: "), "{format}: {errors}");
        pull.kill();
    }
}
