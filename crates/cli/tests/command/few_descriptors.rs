//! `ringmq top` in a process that may have few descriptors.

use std::process::{Output, Stdio};
use std::time::Duration;

use ringmq_testing::watchdog;
use serde_json::Value;

use super::hostile::Liar;
use super::{LOOK, errors, one_value, process_in};

/// Runs the command with so many descriptors, of which it has the standard streams at first.
fn with_descriptors(most: u32, arguments: &[&str]) -> Output {
    let line = format!(
        "for open in /proc/$$/fd/*; do open=${{open##*/}}; [ $open -gt 2 ] && eval \"exec $open>&-\"; done; \
         ulimit -n {most}; exec \"$0\" \"$@\""
    );
    std::process::Command::new("bash")
        .args(["-c", &line, env!("CARGO_BIN_EXE_ringmq")])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn all_processes_are_seen_with_few_descriptors() {
    let _guard = watchdog(Duration::from_secs(100));
    // More of them than descriptors.
    let shown: Vec<Liar> = (0..16).map(|_| Liar::with_header()).collect();
    for most in [8, 12, 20] {
        let all = one_value(&with_descriptors(most, &LOOK));
        for liar in &shown {
            assert_ne!(
                process_in(&all, liar.child.id()),
                Value::Null,
                "{most}: {all}"
            );
        }
        assert_eq!(all["unread"], 0, "{most}");
    }
}

#[test]
fn what_cannot_be_looked_at_is_counted() {
    let _guard = watchdog(Duration::from_secs(100));
    let _shown = Liar::with_header();
    // The loader of the program needs one itself.
    for most in [4, 5, 6, 7] {
        for verb in [&["top", "--once", "--interval", "0.05"][..], &["ls"]] {
            let output = with_descriptors(most, verb);
            assert!(!errors(&output).contains("panicked"), "{}", errors(&output));
            assert!(output.status.success(), "{most}: {}", errors(&output));
        }
    }
    let all = one_value(&with_descriptors(4, &LOOK));
    assert!(all["unread"].as_u64() > Some(0), "{all}");
    let output = with_descriptors(4, &["top", "--once", "--interval", "0.05"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("no descriptors or memory left"), "{text}");
}
