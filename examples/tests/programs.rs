//! Programs that end by themselves, each in processes of its own, and what they print.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use ringmq_testing::watchdog;

/// The program of an example. Cargo builds them beside the folder that tests are in, with all tests of a package but not
/// with one of them.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let program = profile.join("examples").join(name);
    if !program.is_file() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--package",
            "ringmq-examples",
            "--example",
            name,
        ]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "{name} is not built");
    }
    program
}

/// The lines that an example prints, in their order.
fn lines(name: &str, arguments: &[&str]) -> Vec<String> {
    let _guard = watchdog(Duration::from_secs(60));
    let program = built(name);
    let output = Command::new(&program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{name}: {}: {said}", output.status);
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.lines().map(str::to_owned).collect()
}

#[test]
fn requests_are_sent_again_until_a_reply_comes() {
    let lines = lines("request_reply", &[]);
    let squares = lines.iter().filter(|line| line.contains("squared"));
    assert_eq!(
        squares.collect::<Vec<_>>(),
        [
            "1 squared is 1",
            "2 squared is 4",
            "3 squared is 9",
            "4 squared is 16",
            "5 squared is 25",
            "6 squared is 36"
        ]
    );
    assert!(lines.iter().any(|line| line.contains("again")), "{lines:?}");
}

#[test]
fn each_subscriber_gets_its_topics() {
    let lines = lines("publish_subscribe", &[]);
    for total in [
        "to [\"weather\"]: 3 in all",
        "to [\"markets\", \"sports\"]: 3 in all",
        "to [\"\"]: 6 in all",
    ] {
        assert!(lines.iter().any(|line| line == total), "{total}: {lines:?}");
    }
}

#[test]
fn a_pipeline_counts_the_words_of_files() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("deeper");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..50 {
        let text = "word ".repeat(number);
        std::fs::write(folder.join(format!("{number:02}")), text).unwrap();
    }
    std::fs::write(scratch.path().join("large"), "ab\n".repeat(1_000_000)).unwrap();
    let lines = lines("pipeline", &[scratch.path().to_str().unwrap(), "3"]);
    assert_eq!(lines.last().unwrap().trim(), "1001225  words in 51 files");
    assert_eq!(lines.len(), 52);
}
