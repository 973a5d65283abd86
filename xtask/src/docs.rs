//! `cargo xtask docs`: rustdoc without warnings, examples that run, links that lead somewhere.

use crate::links;
use crate::process::{self, Outcome};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    links::run(workspace)?;
    let mut doc = workspace.cargo();
    doc.env("RUSTDOCFLAGS", "-Dwarnings");
    process::run(doc.args(["doc", "--no-deps", "--workspace", "--all-features"]))?;
    process::run(
        workspace
            .cargo()
            .args(["test", "--doc", "--workspace", "--all-features"]),
    )
}
