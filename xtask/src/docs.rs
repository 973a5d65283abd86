//! `cargo xtask docs`: rustdoc without warnings, examples that run, links that lead somewhere.

use std::collections::BTreeMap;

use cargo_metadata::{Metadata, Target};

use crate::links;
use crate::process::{self, Failure, Outcome};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let shared = shared_folders(workspace.metadata());
    if !shared.is_empty() {
        return Err(Failure::new(shared.join("\n")));
    }
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

/// The folders of `target/doc` that more than one target would write, each as an error message. Cargo runs rustdoc for
/// these targets at the same time, and a run fails when another one removes its files.
fn shared_folders(metadata: &Metadata) -> Vec<String> {
    let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in &metadata.packages {
        for target in package
            .targets
            .iter()
            .filter(|target| is_documented(target))
        {
            folders
                .entry(target.name.replace('-', "_"))
                .or_default()
                .push(format!("{} ({})", package.name, target.kind[0]));
        }
    }
    folders.retain(|_, targets| targets.len() > 1);
    folders
        .iter()
        .map(|(folder, targets)| {
            let targets = targets.join(" and ");
            format!(
                "rustdoc writes {targets} to target/doc/{folder}: set doc = false on one of them"
            )
        })
        .collect()
}

/// Returns true if `cargo doc` documents the target. It passes over binaries with the name of their own package's
/// library, but not over those with the name of another package's.
fn is_documented(target: &Target) -> bool {
    target.doc
        && (target.is_bin()
            || target.is_lib()
            || target.is_proc_macro()
            || target.is_rlib()
            || target.is_cdylib())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_targets_of_this_workspace_are_documented_in_one_folder() {
        let workspace = Workspace::find().unwrap();
        let documented = |target: &Target| is_documented(target) && target.name == "ringmq";
        let packages = workspace.metadata().packages.iter();
        // The library is there: the check has looked at something.
        assert_eq!(
            packages
                .flat_map(|package| &package.targets)
                .filter(|target| documented(target))
                .count(),
            1
        );
        assert_eq!(shared_folders(workspace.metadata()), Vec::<String>::new());
    }
}
