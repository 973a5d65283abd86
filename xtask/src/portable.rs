//! `cargo xtask portable`: tests with the copy that other processors use: those of ring, and of the pipes between sockets,
//! which are the only ones that put words into their records.

use crate::process::{self, Outcome};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let tests: [&[&str]; 2] = [
        &["--package", "ringmq-ring"],
        &["--package", "ringmq-pipe", "--test", "remote"],
    ];
    for which in tests {
        let mut cargo = workspace.cargo_with_flags("--cfg ringmq_portable_copy");
        cargo.arg("test").args(which).arg("--target-dir");
        process::run_tests(cargo.arg(workspace.target("portable")))?;
    }
    Ok(())
}
