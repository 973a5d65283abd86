//! `ringmq replay`: limits, topics, laps, speeds, and peers that are waited for.

use std::time::{Duration, Instant};

use ringmq::{Context, Kind};
use ringmq_testing::{Scratch, watchdog};

use crate::recordings::{made_elsewhere, replay};
use crate::{errors, ipc, ringmq};

const WORDS: [(u64, &str); 6] = [
    (0, "a1"),
    (100, "b2"),
    (200, "a3"),
    (300, "b4"),
    (400, "a5"),
    (500, "b6"),
];

#[test]
fn limits_and_topics_choose() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let file = scratch.path("a.mcap");
    made_elsewhere(&file, &WORDS);
    for (arguments, expected) in [
        (&["--from", "200ms"][..], "a3 b4 a5 b6"),
        (&["--to", "0.2"], "a1 b2 a3"),
        (&["--from", "150ms", "--to", "350ms"], "a3 b4"),
        (&["--from", "@1000.4"], "a5 b6"),
        (&["--topic", "b"], "b2 b4 b6"),
        (&["--topic", "b", "--topic", "a1"], "a1 b2 b4 b6"),
        (&["--loop=2", "--to", "100ms"], "a1 b2 a1 b2"),
        (&["--from", "1h"], ""),
        (&["--from", "1h", "--loop"], ""),
    ] {
        let expected: Vec<&[u8]> = expected.split_whitespace().map(str::as_bytes).collect();
        let (came, output) = replay(&file, arguments, expected.len());
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            errors(&output)
        );
        assert_eq!(came.concat(), expected, "{arguments:?}");
    }
}

/// A publisher waits for its first subscriber, binds by default, and keeps the time between messages.
#[test]
fn a_subscriber_misses_nothing() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (file, endpoint) = (scratch.path("a.mcap"), ipc("misses"));
    made_elsewhere(&file, &WORDS);
    let start = Instant::now();
    let child = ringmq(&["replay", &file, &endpoint, "--speed", "5", "--json"])
        .spawn()
        .unwrap();
    let context = Context::new().unwrap();
    let mut news = context.socket(Kind::Sub).unwrap();
    news.subscribe("").unwrap();
    news.connect(&endpoint).unwrap();
    let first = news.recv().unwrap()[0].to_vec();
    let mut came = vec![first];
    came.extend((1..6).map(|_| news.recv().unwrap()[0].to_vec()));
    // Half a second was recorded.
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(came, WORDS.map(|(_, word)| word.as_bytes().to_vec()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let numbers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(numbers["messages"], 6);
}

#[test]
fn no_peer_is_a_timeout() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let file = scratch.path("a.mcap");
    made_elsewhere(&file, &WORDS);
    for kind in ["pub", "push"] {
        let arguments = [
            "replay",
            &file,
            &ipc("no-peer"),
            "--type",
            kind,
            "--timeout",
            "0.05",
        ];
        let output = ringmq(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{kind}: {}", errors(&output));
    }
    let missing = ["replay", &scratch.path("none"), &ipc("no-peer")];
    assert_eq!(ringmq(&missing).output().unwrap().status.code(), Some(1));
}
