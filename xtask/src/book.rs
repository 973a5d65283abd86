//! `cargo xtask book`: `docs` as a book in HTML, by mdBook, with each of its links checked.
//!
//! ```text
//! docs -> copy whose links out of docs lead to the repository -> mdbook build -> links and pictures of the pages
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::links;
use crate::process::{self, Failure, Outcome};
use crate::tools;
use crate::workspace::{self, Workspace};

const MDBOOK: &str = "mdbook";

/// Whether the book can be made here.
pub(crate) fn can_be_made() -> bool {
    tools::has(MDBOOK)
}

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    if !can_be_made() {
        return Err(Failure::new(
            "mdbook is missing: `cargo install --locked mdbook`",
        ));
    }
    let (source, book) = (workspace.target("book-source"), workspace.target("book"));
    copy(workspace, &source)?;
    let mut command = Command::new(MDBOOK);
    command.arg("build").arg("--dest-dir").arg(&book);
    process::run(command.arg(&source))?;
    let pages = pages(&book)?;
    Failure::of("broken links of the book", &broken(&book, &pages))?;
    println!("book: {} pages in {}", pages.len(), book.display());
    Ok(())
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::new(format!("{}: {error}", path.display()))
}

/// Copies the sources of the book. A link out of `docs` leads to the repository then: the book has no such files.
fn copy(workspace: &Workspace, to: &Path) -> Outcome {
    let manifest = workspace.read("book.toml")?;
    let repository = manifest
        .lines()
        .find_map(|line| line.strip_prefix("git-repository-url = "));
    let Some(repository) = repository else {
        return Err(Failure::new("book.toml has no git-repository-url"));
    };
    let repository = repository.trim_matches('"');
    if to.exists() {
        fs::remove_dir_all(to).map_err(failed(to))?;
    }
    let mut files = Vec::new();
    for extension in ["md", "svg", "css"] {
        files.extend(workspace::files_below(
            &workspace.root().join("docs"),
            extension,
        )?);
    }
    for file in files {
        let name = file.strip_prefix(workspace.root()).unwrap_or(&file);
        let mut text = workspace::read(&file)?;
        // The summary names the files of the chapters.
        let is_page = name.extension().is_some_and(|extension| extension == "md");
        if is_page && !name.ends_with("SUMMARY.md") {
            text = with_links_to(repository, name, &text);
        }
        let copy = to.join(name);
        let folder = copy.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(failed(folder))?;
        fs::write(&copy, text).map_err(failed(&copy))?;
    }
    let copy = to.join("book.toml");
    fs::write(&copy, manifest).map_err(failed(&copy))
}

/// The text of the document `name` with its links out of `docs` leading to `repository`. mdBook makes `index.html` of a
/// `README.md`, but leaves links to that as they are; they lead to the page then, too.
fn with_links_to(repository: &str, name: &Path, text: &str) -> String {
    let folder = name.parent().unwrap_or(Path::new(""));
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for (number, link) in links::links(text) {
        let Some(path) = links::normal(&folder.join(link)) else {
            continue;
        };
        let target = if !path.starts_with("docs") {
            format!("{repository}/blob/main/{}", path.display())
        } else if let Some(folder) = link.strip_suffix("README.md") {
            format!("{folder}index.md")
        } else {
            continue;
        };
        let line = &mut lines[number - 1];
        for (before, after) in [("](", ")"), ("]: ", "")] {
            *line = line.replace(
                &format!("{before}{link}{after}"),
                &format!("{before}{target}{after}"),
            );
        }
    }
    lines.join("\n")
}

/// The pages of a book, by their paths in it.
fn pages(book: &Path) -> Outcome<BTreeMap<PathBuf, String>> {
    let mut pages = BTreeMap::new();
    for file in workspace::files_below(book, "html")? {
        let name = file.strip_prefix(book).unwrap_or(&file).to_owned();
        // This one is shown at any path, so its links are those of the site; the other is for a frame.
        if name != Path::new("404.html") && name != Path::new("toc.html") {
            pages.insert(name, workspace::read(&file)?);
        }
    }
    Ok(pages)
}

/// The links and pictures of pages that lead nowhere.
fn broken(book: &Path, pages: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, page) in pages {
        for target in targets(page) {
            if let Err(why) = check(book, pages, name, target) {
                problems.push(format!("{}: `{target}` {why}", name.display()));
            }
        }
    }
    problems.sort();
    problems.dedup();
    problems
}

/// What stands in the attributes `href` and `src`, but for what leads out of the book.
fn targets(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for attribute in [" href=\"", " src=\""] {
        for (at, _) in page.match_indices(attribute) {
            let rest = &page[at + attribute.len()..];
            let target = rest.split('"').next().unwrap_or(rest);
            let leaves = target.contains("://") || target.starts_with("data:");
            if !leaves && !target.is_empty() && !target.starts_with("mailto:") {
                found.push(target);
            }
        }
    }
    found
}

/// Does a target of the page `name` exist, with the place in it?
fn check(
    book: &Path,
    pages: &BTreeMap<PathBuf, String>,
    name: &Path,
    target: &str,
) -> Result<(), &'static str> {
    let (file, place) = target.split_once('#').unwrap_or((target, ""));
    let file = file.split('?').next().unwrap_or(file);
    let path = match file {
        "" => name.to_owned(),
        file => {
            let folder = name.parent().unwrap_or(Path::new(""));
            links::normal(&folder.join(file)).ok_or("leaves the book")?
        }
    };
    if !book.join(&path).exists() {
        return Err("leads nowhere");
    }
    let Some(page) = pages.get(&path).filter(|_| !place.is_empty()) else {
        return Ok(());
    };
    match page.contains(&format!("id=\"{place}\"")) {
        true => Ok(()),
        false => Err("names a place that the page does not have"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_documents_lead_to_the_repository() {
        let text = "[a](../../examples/a.rs#b), [c](start.md), [d](../README.md)\n`[e](../../e)`\n[f]: ../../f.md";
        let name = Path::new("docs/guide/x.md");
        assert_eq!(
            with_links_to("https://host/it", name, text),
            "[a](https://host/it/blob/main/examples/a.rs#b), [c](start.md), [d](../index.md)\n\
             `[e](../../e)`\n[f]: https://host/it/blob/main/f.md"
        );
    }

    #[test]
    fn a_link_of_a_page_must_lead_to_a_page_and_a_place() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = "<h2 id=\"top\"></h2> <a href=\"main.rs\"> <img src=\"gone.svg\"> <a href=\"https://x/y\">\
                    <a href=\"#top\"> <a href=\"#none\"> <a href=\"../../../../etc\">";
        let pages = BTreeMap::from([(PathBuf::from("src/page.html"), page.to_owned())]);
        let book = root;
        // The page itself is not in the folder; a place in it is looked for in its text only.
        let of = |target| check(book, &pages, Path::new("src/page.html"), target);
        assert_eq!(targets(page).len(), 5);
        assert_eq!(of("main.rs"), Ok(()));
        assert_eq!(of("gone.svg"), Err("leads nowhere"));
        assert_eq!(of("../../../x"), Err("leaves the book"));
        let name = Path::new("src/main.rs");
        let pages = BTreeMap::from([(name.to_owned(), page.to_owned())]);
        let of = |target| check(book, &pages, name, target);
        assert_eq!(of("#top"), Ok(()));
        assert!(of("#none").is_err() && of("main.rs#none").is_err());
    }
}
