//! Part of `cargo xtask docs`: relative links in the Markdown files point to files that exist.

use std::path::{Component, Path, PathBuf};

use crate::markdown;
use crate::process::{Failure, Outcome};
use crate::workspace::{self, Workspace};

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let root = workspace.root();
    let documents = markdown::documents(workspace)?;
    let mut problems = Vec::new();
    let mut checked = 0;
    for document in &documents {
        let text = workspace::read(document)?;
        let name = document.strip_prefix(root).unwrap_or(document);
        for (line, link) in links(&text) {
            checked += 1;
            if let Err(problem) = check(root, name, link) {
                problems.push(format!("{}:{line}: {problem}", name.display()));
            }
        }
    }
    println!(
        "links: {checked} relative links in {} documents",
        documents.len()
    );
    Failure::of("broken links", &problems)
}

/// Does `link`, written in `document` (named from `root`), lead to something within `root`?
fn check(root: &Path, document: &Path, link: &str) -> Result<(), String> {
    let target = link.split(['#', '?']).next().unwrap_or(link);
    let from = match target.strip_prefix('/') {
        Some(_) => Path::new(""),
        None => document.parent().unwrap_or(Path::new("")),
    };
    let Some(path) = normal(&from.join(target.trim_start_matches('/'))) else {
        return Err(format!("`{link}` leaves the repository"));
    };
    if root.join(path).exists() {
        Ok(())
    } else {
        Err(format!("`{link}` leads nowhere"))
    }
}

/// `path` without `.` and `..`, unless that would lead above where it starts.
pub(crate) fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            other => out.push(other),
        }
    }
    Some(out)
}

/// The relative links of a Markdown text, with their lines: `[text](target)`, `![text](target)` and
/// `[name]: target`, but not what stands in code, leads elsewhere or to a place in the same document.
pub(crate) fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line, text) in markdown::outside_of_code(text) {
        found.extend(targets(text).into_iter().map(|target| (line, target)));
    }
    found.retain(|(_, target)| is_relative(target));
    found
}

fn targets(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    // A definition: `[name]: target`.
    if let Some((name, target)) = line.trim_start().split_once("]: ")
        && name.starts_with('[')
        && !name.starts_with("[^")
    {
        found.extend(target_at(target));
    }
    for (at, _) in line.match_indices("](") {
        if line[..at].matches('`').count() % 2 == 1 {
            continue; // within code
        }
        found.extend(target_at(&line[at + 2..]));
    }
    found
}

/// The target that `rest` begins with, plain or in angle brackets; a title may follow it.
fn target_at(rest: &str) -> Option<&str> {
    match rest.strip_prefix('<') {
        Some(inner) => inner.split('>').next(),
        None => rest.split([')', ' ']).next(),
    }
}

fn is_relative(target: &str) -> bool {
    let scheme = target.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    !target.is_empty() && !target.starts_with('#') && !scheme
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_every_form_are_found() {
        let text = "See [a](docs/a.md) and ![b](b.svg \"Title\").\n\n[c]: <c d.md>\n[e]: e.md 'E'\n\
                    [f](<g h.md>), [i](/j.md#k)";
        assert_eq!(
            links(text),
            [
                (1, "docs/a.md"),
                (1, "b.svg"),
                (3, "c d.md"),
                (4, "e.md"),
                (5, "g h.md"),
                (5, "/j.md#k")
            ]
        );
    }

    #[test]
    fn code_and_other_places_are_passed_over() {
        let text = "[a](https://example.org/x) [b](#here) [c](mailto:a@b)\n`[d](d.md)`\n\
                    ```text\n[e](e.md)\n```\n~~~\n[f]: f.md\n~~~\n[^1]: note.md\n";
        assert!(links(text).is_empty(), "{:?}", links(text));
    }

    #[test]
    fn a_link_must_lead_to_a_file_of_the_repository() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let document = Path::new("src/main.rs");
        check(root, document, "links.rs#top").unwrap();
        check(root, document, "../Cargo.toml").unwrap();
        check(root, document, "/src").unwrap();
        assert!(
            check(root, document, "gone.rs")
                .unwrap_err()
                .contains("leads nowhere")
        );
        assert!(
            check(root, document, "../../xtask")
                .unwrap_err()
                .contains("leaves")
        );
    }
}
