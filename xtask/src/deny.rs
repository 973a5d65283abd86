//! `cargo xtask deny`: licences, bans and sources of what we depend on, by the rules of deny.toml.
//!
//! Advisories are left out: their database is a download of its own.

use crate::process::{self, Outcome};
use crate::tools;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    tools::DENY.install(workspace)?;
    process::run(
        workspace
            .cargo()
            .args(["deny", "check", "bans", "licenses", "sources"]),
    )
}
