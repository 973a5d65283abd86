//! The Markdown files of the repository.

use std::path::PathBuf;

use crate::process::Outcome;
use crate::workspace::{self, Workspace};

/// The documents at the root; the others are in docs/ and with each crate.
const AT_THE_ROOT: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
];

/// The Markdown files of the repository.
pub(crate) fn documents(workspace: &Workspace) -> Outcome<Vec<PathBuf>> {
    let root = workspace.root();
    let mut documents: Vec<_> = AT_THE_ROOT.iter().map(|name| root.join(name)).collect();
    documents.retain(|path| path.is_file());
    for folder in ["docs", "crates"] {
        documents.extend(workspace::files_below(&root.join(folder), "md")?);
    }
    Ok(documents)
}

/// The lines, each with its number from 1 on, that are not code between fences, without the fences.
pub(crate) fn outside_of_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let start = line.trim_start();
        if let Some(open) = fence {
            if start.starts_with(open) {
                fence = None;
            }
            return false;
        }
        fence = ["```", "~~~"]
            .into_iter()
            .find(|mark| start.starts_with(mark));
        fence.is_none()
    })
}
