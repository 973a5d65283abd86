//! `cargo xtask interop`: ringmq and stock libzmq, as Debian packages it, against each other.

use crate::process::{self, Outcome};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--package", "interop", "--no-fail-fast"]);
    process::run_tests(&mut cargo)
}
