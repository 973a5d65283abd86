//! Part of `cargo xtask fmt`: lines of Markdown wrap at 120 columns.

use crate::markdown;
use crate::process::{Failure, Outcome};
use crate::workspace::{self, Workspace};

/// Columns that a line of prose has at most.
const COLUMNS: usize = 120;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut problems = Vec::new();
    for document in markdown::documents(workspace)? {
        let text = workspace::read(&document)?;
        let name = document
            .strip_prefix(workspace.root())
            .unwrap_or(&document)
            .display();
        let long = too_long(&text).into_iter();
        problems.extend(long.map(|(line, columns)| format!("{name}:{line}: {columns} columns")));
    }
    Failure::of("lines of Markdown beyond 120 columns", &problems)
}

/// The lines, and their columns, that are too long and could be wrapped: code, tables, headings and definitions of links
/// stay as they are, and so does a line of one word.
fn too_long(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (number, line) in markdown::outside_of_code(text) {
        let start = line.trim_start();
        let stays = start.starts_with(['|', '#'])
            || (start.starts_with('[') && start.contains("]: "))
            || !start.trim_start_matches(['-', '*', '>', ' ']).contains(' ');
        let columns = line.chars().count();
        if !stays && columns > COLUMNS {
            found.push((number, columns));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_wraps_and_what_cannot_stays() {
        let long = "word ".repeat(30);
        let text = format!(
            "short\n{long}\n- {long}\n> {long}\n| {long} |\n# {long}\n```text\n{long}\n```\n[a]: {long}\n{}\n{long}",
            "x".repeat(200)
        );
        let lines: Vec<_> = too_long(&text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [2, 3, 4, 12]);
    }

    #[test]
    fn columns_are_characters() {
        assert!(too_long(&"µs ".repeat(40)).is_empty());
        assert_eq!(too_long(&"µs ".repeat(41)), [(1, 123)]);
    }
}
