//! `ringmq record`: what comes is in the file, and the file is whole however the recording ends.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use ringmq::{Context, Kind};
use ringmq_testing::{Scratch, watchdog};

use crate::recordings::{look, message, record, recorder, replay, send};
use crate::{errors, ipc, ringmq, signal};

const SIGINT: i32 = 2;

#[test]
fn what_was_recorded_is_replayed() {
    let _guard = watchdog(Duration::from_secs(120));
    let scratch = Scratch::new();
    let file = scratch.path("a.mcap");
    for more in [
        &[][..],
        &["--zstd", "--force"],
        &["--zstd", "--force", "--flush", "0", "--fsync"],
    ] {
        let output = record(&file, 2000, more);
        assert!(output.status.success(), "{}", errors(&output));
        let (info, output) = look("info", &file);
        assert!(output.status.success());
        assert_eq!(
            (&info["messages"], &info["dropped"]),
            (&2000.into(), &0.into())
        );
        assert_eq!(info["channels"][0]["metadata"]["type"], "PULL");
        assert_eq!(
            info["compression"],
            if more.is_empty() { "none" } else { "zstd" }
        );
        let (came, output) = replay(&file, &[], 2000);
        assert!(output.status.success(), "{}", errors(&output));
        assert!(came.into_iter().eq((0..2000).map(message)));
        assert!(look("verify", &file).1.status.success());
    }
}

/// A SUB gets its topics, and nothing else.
#[test]
fn topics_are_subscribed_to() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (file, endpoint) = (scratch.path("a.mcap"), ipc("topics"));
    let context = Context::new().unwrap();
    let mut news = context.socket(Kind::Xpub).unwrap();
    news.bind(&endpoint).unwrap();
    let arguments = [
        "record", &file, &endpoint, "--topic", "wea", "--topic", "end", "--count", "3", "--json",
    ];
    let child = ringmq(&arguments).spawn().unwrap();
    let mut topics = [
        news.recv().unwrap()[0].to_vec(),
        news.recv().unwrap()[0].to_vec(),
    ];
    topics.sort();
    assert_eq!(topics, [b"\x01end".to_vec(), b"\x01wea".to_vec()]);
    for text in ["weather: rain", "sports: 2-1", "weather: sun", "end"] {
        news.send(text).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let numbers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(numbers["messages"], 3);
    let (came, _) = replay(&file, &[], 3);
    assert_eq!(
        came,
        ["weather: rain", "weather: sun", "end"].map(|text| vec![text.as_bytes().to_vec()])
    );
}

/// A file is not overwritten by accident, and goes on if it is asked to.
#[test]
fn existing_files_stay() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let file = scratch.path("a.mcap");
    assert!(record(&file, 10, &[]).status.success());
    let before = fs::read(&file).unwrap();
    let output = ringmq(&["record", &file, &ipc("stays")]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("--append"), "{}", errors(&output));
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(record(&file, 20, &["--append"]).status.success());
    let (info, _) = look("info", &file);
    assert_eq!(
        (
            &info["messages"],
            info["channels"].as_array().unwrap().len()
        ),
        (&30.into(), 2)
    );
    assert!(look("verify", &file).1.status.success());
    let (came, _) = replay(&file, &[], 30);
    assert!(came.into_iter().eq((0..10).chain(0..20).map(message)));
    assert!(record(&file, 5, &["--force"]).status.success());
    assert_eq!(look("info", &file).0["messages"], 5);
}

/// Ctrl-C ends a recording, and the file has all that has come.
#[test]
fn ctrl_c_leaves_a_whole_file() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let file = scratch.path("a.mcap");
    let (child, mut push) = recorder(&file, &["--flush", "0.01"]);
    send(&mut push, 0..100);
    // A recorder that is at work says nothing; its file does.
    while look_or_none(&file) < 100 {
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(SIGINT), "{}", errors(&output));
    assert_eq!(look("info", &file).0["messages"], 100);
    assert!(look("verify", &file).1.status.success());
}

/// Messages in a file that may be at its beginning.
fn look_or_none(file: &str) -> u64 {
    let output = ringmq(&["recording", "info", file, "--json"])
        .output()
        .unwrap();
    let info = serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap_or_default();
    info["messages"].as_u64().unwrap_or_default()
}

/// What was flushed outlives a recorder that is killed, and is replayed.
#[test]
fn what_was_flushed_outlives_a_kill() {
    let _guard = watchdog(Duration::from_secs(120));
    let scratch = Scratch::new();
    let file = scratch.path("a.mcap");
    let (mut child, mut push) = recorder(&file, &["--flush", "0.01"]);
    send(&mut push, 0..500);
    while look_or_none(&file) < 500 {
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let (came, output) = replay(&file, &[], 500);
    assert!(output.status.success(), "{}", errors(&output));
    assert!(
        errors(&output).contains("has no index"),
        "{}",
        errors(&output)
    );
    assert!(came.into_iter().eq((0..500).map(message)));
    assert_eq!(look("verify", &file).1.status.code(), Some(1));
    assert!(look("repair", &file).1.status.success());
    assert_eq!(look("verify", &file).0["messages"], 500);
}

#[test]
fn ends_have_codes() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = |name: &str| scratch.path(name);
    let endpoint = ipc("codes");
    let code = |arguments: &[&str]| {
        let output = ringmq(arguments).stdout(Stdio::null()).output().unwrap();
        (output.status.code(), errors(&output).to_owned())
    };
    assert_eq!(
        code(&["record", &path("a"), &endpoint, "--duration", "0.01"]).0,
        Some(0)
    );
    assert_eq!(look("info", &path("a")).0["messages"], 0);
    let (status, text) = code(&["record", &path("b"), &endpoint, "--timeout", "0.01"]);
    assert_eq!(status, Some(3), "{text}");
    assert!(look("verify", &path("b")).1.status.success());
    for wrong in [
        &["record", "FILE"][..],
        &["record", "FILE", "nonsense"],
        &["record", "FILE", "tcp://127.0.0.1:1", "--type", "req"],
        &["record", "FILE", "tcp://127.0.0.1:1", "--zstd=1"],
        &["record", "FILE", "tcp://127.0.0.1:1", "--type", "dish"],
        &["replay", "FILE", "tcp://127.0.0.1:1", "--speed", "0"],
    ] {
        let arguments: Vec<String> = wrong
            .iter()
            .map(|word| word.replace("FILE", &path("c")))
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if arguments[0] == "record" {
            assert_eq!(code(&arguments).0, Some(2), "{wrong:?}");
        }
        assert!(fs::metadata(path("c")).is_err(), "{wrong:?} made a file");
    }
    let missing = path("no/such/folder");
    let (status, text) = code(&["record", &missing, &endpoint]);
    assert_eq!(status, Some(1));
    assert!(text.contains("make the folder first"), "{text}");
}
