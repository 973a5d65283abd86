//! `cargo xtask portable`: the tests of ring, and of the pipes between sockets, with the copy that other processors use.

use crate::process::{self, Outcome};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut cargo = workspace.cargo_with_flags("--cfg ringmq_portable_copy");
    cargo.args(["test", "--tests", "--package", "ringmq-ring"]);
    // What sockets put into their rings begins at whole words, which nothing else asks for.
    cargo.args(["--package", "ringmq-pipe", "--test", "remote"]);
    cargo.arg("--target-dir");
    process::run_tests(cargo.arg(workspace.target("portable")))
}
