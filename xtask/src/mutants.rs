//! `cargo xtask mutants`: does a test notice when the ring is changed? By hand; it takes hours.

use ::clap::Args;

use crate::process::{self, Outcome};
use crate::tools;
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Passed on to `cargo mutants`, for instance `-f crates/ring/src/copy.rs`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Outcome {
    tools::MUTANTS.install(workspace)?;
    let mut cargo = workspace.cargo();
    // A mutant of a waiting loop may never end; the ring's own tests take seconds.
    cargo.args([
        "mutants",
        "-j1",
        "--timeout",
        "20",
        "--package",
        "ringmq-ring",
        "--output",
    ]);
    process::run(cargo.arg(workspace.target("mutants")).args(&arguments.rest))
}
