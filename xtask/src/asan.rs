//! `cargo xtask asan`: the tests of ring and pipe, and those of blocks and hostile peers between sockets, under
//! AddressSanitizer, which brings LeakSanitizer.

use std::process::Command;

use crate::process::{self, Failure, Outcome};
use crate::workspace::Workspace;

/// Tests of what a sanitizer itself does otherwise, and why.
const SKIPPED: [(&str, &str); 11] = [
    (
        "injected::",
        "its own system calls fail, too, and it gives up",
    ),
    ("stepped::", "many times the instructions, each a step"),
    ("killed_in_a_jump", "the same"),
    ("cycles::", "it keeps memory that was freed"),
    (
        "descriptors_are_born",
        "its leak check traces, and only one can",
    ),
    ("a_pair", "its own memory is counted, too"),
    ("calls_bear_a_storm", "its own memory is counted, too"),
    (
        "segments_without_descriptors_end",
        "its own mappings are counted, too",
    ),
    ("a_cgroup_has_no_room", "its own memory is counted, too"),
    (
        "a_pipe_that_was_connected",
        "its own memory is counted, too",
    ),
    (
        "a_peer_that_never_receives_costs_nothing",
        "it keeps memory that was freed",
    ),
];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    for tests in [&RING_AND_PIPE[..], &SOCKETS] {
        let mut cargo = sanitized(workspace, "asan", "-Zsanitizer=address", tests)?;
        process::run_tests(without(&mut cargo, &SKIPPED))?;
    }
    Ok(())
}

/// The same run without these tests.
pub(crate) fn without<'a>(cargo: &'a mut Command, skipped: &[(&str, &str)]) -> &'a mut Command {
    cargo.args(["--no-fail-fast", "--"]);
    for (test, _reason) in skipped {
        cargo.args(["--skip", test]);
    }
    cargo
}

/// The tests of ring and pipe. No doctests: rustdoc would need the flags as well, and `docs` runs them.
pub(crate) const RING_AND_PIPE: [&str; 5] = [
    "--tests",
    "--package",
    "ringmq-ring",
    "--package",
    "ringmq-pipe",
];

/// The tests of sockets that lend each other memory, and of peers that lie about it.
const SOCKETS: [&str; 6] = [
    "--package",
    "ringmq",
    "--test",
    "blocks",
    "--test",
    "hostile",
];

/// `cargo test` of these tests with a sanitizer. The flag is unstable, but it needs nothing that a
/// stable toolchain lacks, so the stable compiler is told to take it. The explicit target keeps the
/// flags away from build scripts and procedural macros.
pub(crate) fn sanitized(
    workspace: &Workspace,
    name: &str,
    flags: &str,
    tests: &[&str],
) -> Outcome<Command> {
    let mut cargo = workspace.cargo_with_flags(flags);
    cargo.env("RUSTC_BOOTSTRAP", "1");
    // On a busy machine a limit that is ample without it is none.
    cargo.env("RINGMQ_TEST_PATIENCE", "5");
    cargo.arg("test").args(tests);
    cargo
        .args(["--target", &host()?, "--target-dir"])
        .arg(workspace.target(name));
    Ok(cargo)
}

/// The target triple of this machine.
fn host() -> Outcome<String> {
    let version = process::answer(Command::new("rustc").arg("-vV"))?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}
