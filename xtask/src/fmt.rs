//! `cargo xtask fmt`: is everything formatted? Does Markdown wrap?

use crate::process::{self, Outcome};
use crate::workspace::Workspace;
use crate::wrap;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    process::run(workspace.cargo().args(["fmt", "--all", "--check"]))?;
    wrap::run(workspace)
}
