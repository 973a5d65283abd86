//! `cargo xtask portable`: the ring's tests with the copy that other processors use.

use crate::process::{self, Outcome};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut cargo = workspace.cargo_with_flags("--cfg ringmq_portable_copy");
    cargo.args(["test", "--package", "ringmq-ring", "--target-dir"]);
    process::run_tests(cargo.arg(workspace.target("portable")))
}
