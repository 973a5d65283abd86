//! `cargo xtask unit`: the tests of every crate, but for doctests, which `docs` runs.

use crate::process::{self, Outcome};
use crate::tools;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut cargo = workspace.cargo();
    if tools::has("cargo-nextest") {
        // One process per test, so that a test may count its own descriptors and maps.
        cargo.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    } else {
        // One test at a time for the same reason: they share a process here.
        cargo.args(["test", "--workspace", "--tests", "--no-fail-fast"]);
        cargo.args(["--", "--test-threads=1"]);
    }
    process::run(&mut cargo)
}
