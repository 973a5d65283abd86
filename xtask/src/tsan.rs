//! `cargo xtask tsan`: the tests of ring and pipe, sockets that threads share, and contexts that end, under ThreadSanitizer.
//!
//! By hand, for its word counts only with its two blind spots in mind: it does not see a race through
//! two mappings of one memory, and it takes a publication that only a fence orders for a race.

use crate::asan::{RING_AND_PIPE, sanitized, without};
use crate::process::{self, Outcome};
use crate::workspace::Workspace;

/// The standard library is not instrumented, which rustc must be told to accept; the ring copies in
/// its portable form, for the sanitizer cannot see into the processor's.
const FLAGS: &str =
    "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg ringmq_portable_copy";

/// Tests of what the sanitizer itself does otherwise, and why.
const SKIPPED: [(&str, &str); 11] = [
    (
        "injected::",
        "its own system calls fail, too, and it gives up",
    ),
    ("cycles::", "its own memory is counted, too"),
    ("descriptors_are_born", "it opens descriptors of its own"),
    ("a_pair", "its own memory is counted, too"),
    (
        "a_peer_that_never_receives_costs_nothing",
        "its own memory is counted, too",
    ),
    (
        "a_pipe_that_was_connected",
        "its own memory is counted, too",
    ),
    (
        "commands_come_in_order",
        "a mailbox is protected by the standard library's mutex, which is not instrumented",
    ),
    (
        "the_last_message_of_a_conflating_pipe",
        "its place is protected by the standard library's mutex, which is not instrumented",
    ),
    ("stepped::", "a hundred times the instructions, each a step"),
    ("killed_in_a_jump", "the same"),
    (
        "messages_cost_no_system_calls",
        "a side that is ten times slower is waited for, and calls for that are counted",
    ),
];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let suppressions = workspace.root().join("xtask/tsan.supp");
    let options = format!("suppressions={}", suppressions.display());
    let cargo_of = |tests: &[&str]| {
        let mut cargo = sanitized(workspace, "tsan", FLAGS, tests)?;
        cargo.env("TSAN_OPTIONS", &options);
        Ok(cargo)
    };
    let mut cargo = cargo_of(&RING_AND_PIPE)?;
    process::run_tests(without(&mut cargo, &SKIPPED))?;
    let mut cargo = cargo_of(&["--package", "ringmq", "--test", "shared_by_threads"])?;
    process::run_tests(&mut cargo)?;
    let mut cargo = cargo_of(&["--package", "ringmq", "--test", "races"])?;
    process::run_tests(cargo.args(["--", "--include-ignored"]))
}
