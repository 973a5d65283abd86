//! `cargo xtask loom`: the ring's interleaving tests, on the very code that runs over mapped memory.

use crate::process::{self, Outcome};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut cargo = workspace.cargo_with_flags("--cfg loom");
    cargo.args([
        "test",
        "--release",
        "--package",
        "ringmq-ring",
        "--test",
        "loom*",
    ]);
    process::run_tests(cargo.arg("--target-dir").arg(workspace.target("loom")))
}
