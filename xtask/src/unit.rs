//! `cargo xtask unit`: the tests of every crate, but for doctests, which `docs` runs, and for `interop`, which is a check of its own.

use crate::process::{self, Outcome};
use crate::tools;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut cargo = workspace.cargo();
    if tools::has("cargo-nextest") {
        // One process per test, so that a test may count its own descriptors and maps.
        cargo.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        cargo.args(["--exclude", "interop"]);
    } else {
        // One test at a time for the same reason: they share a process here.
        cargo.args(["test", "--workspace", "--tests", "--no-fail-fast"]);
        cargo.args(["--exclude", "interop"]);
        cargo.args(["--", "--test-threads=1"]);
    }
    process::run(&mut cargo)
}
