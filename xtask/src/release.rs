//! `cargo xtask release --dry-run`: everything that a release needs, without publishing anything.
//!
//! ```text
//! versions agree -> CHANGELOG has them -> each public crate can be packed -> links -> book -> packages
//! ```

use std::collections::BTreeSet;

use ::clap::Args;
use cargo_metadata::{DependencyKind, Package};

use crate::process::{self, Failure, Outcome};
use crate::workspace::{self, Workspace};
use crate::{book, links, package};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Publish nothing. Publishing is done by hand, in the order that this prints.
    #[arg(long, required = true)]
    dry_run: bool,
    /// Leave out the packages, which take minutes to build.
    #[arg(long)]
    without_packages: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Outcome {
    let version = version(workspace)?;
    println!("release {version}");
    Failure::of("versions", &disagreements(workspace, &version)?)?;
    Failure::of(
        "CHANGELOG.md",
        &changelog_problems(&workspace.read("CHANGELOG.md")?, &version),
    )?;
    let order = order(&public(workspace))?;
    println!("publish in this order: {}", order.join(", "));
    // Their files are listed and their manifests checked; a build of each would need the ones before in the registry.
    let mut pack = workspace.cargo();
    pack.args(["package", "--no-verify", "--locked", "--allow-dirty"]);
    process::run(pack.args(order.iter().flat_map(|name| ["--package", name])))?;
    links::run(workspace)?;
    if book::can_be_made() {
        book::run(workspace)?;
    } else {
        println!("book: left out, for mdbook is not installed (`cargo install --locked mdbook`)");
    }
    if !arguments.without_packages {
        package::all(workspace)?;
    }
    println!("\n{version} can be released");
    Ok(())
}

/// The version in the workspace's manifest.
fn version(workspace: &Workspace) -> Outcome<String> {
    let manifest = workspace.read("Cargo.toml")?;
    let mut lines = manifest
        .lines()
        .skip_while(|line| *line != "[workspace.package]");
    let version = lines.find_map(|line| line.strip_prefix("version = "));
    match version {
        Some(version) => Ok(version.trim_matches('"').to_owned()),
        None => Err(Failure::new(
            "Cargo.toml has no version in [workspace.package]",
        )),
    }
}

/// Where another version than `version` stands.
fn disagreements(workspace: &Workspace, version: &str) -> Outcome<Vec<String>> {
    let mut problems = Vec::new();
    let packages = &workspace.metadata().packages;
    let ours: BTreeSet<_> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    for package in packages {
        let found = package.version.to_string();
        if found != version {
            problems.push(format!(
                "{} is {found}, not {version}",
                package.manifest_path
            ));
        }
        for dependency in &package.dependencies {
            let wanted = dependency.req.to_string();
            // Without a version: a test's own use of the package beside it.
            if ours.contains(dependency.name.as_str())
                && wanted != "*"
                && wanted.trim_start_matches(['^', '=']) != version
            {
                let manifest = &package.manifest_path;
                problems.push(format!("{manifest} asks for {} {wanted}", dependency.name));
            }
        }
    }
    for (name, text) in mentions(workspace)? {
        problems.extend(
            stale(&text, version)
                .into_iter()
                .map(|(line, found)| format!("{name}:{line} says {found}, not {version}")),
        );
    }
    Ok(problems)
}

/// The files that show the version to people: documents, and the Python package.
fn mentions(workspace: &Workspace) -> Outcome<Vec<(String, String)>> {
    let root = workspace.root();
    let mut files = vec![root.join("README.md")];
    for (folder, extension) in [("docs", "md"), ("python", "md"), ("python", "py")] {
        files.extend(workspace::files_below(&root.join(folder), extension)?);
    }
    let read = files.iter().map(|file| {
        let name = file.strip_prefix(root).unwrap_or(file).display();
        Ok((name.to_string(), workspace::read(file)?))
    });
    read.collect()
}

/// The lines of `text` with a version of ringmq other than `version`: behind its name or a package's, in the line that the
/// library prints, or as the value of a variable `version`.
fn stale(text: &str, version: &str) -> Vec<(usize, String)> {
    const BEFORE: [&str; 6] = [
        "ringmq ",
        "ringmq-",
        "ringmq_",
        "libringmq-zmq5_",
        "loaded version=",
        "version = \"",
    ];
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for before in BEFORE {
            for (at, _) in line.match_indices(before) {
                let rest = &line[at + before.len()..];
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
                let word = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
                if word.split('.').count() == 3 && word != version {
                    found.push((number + 1, word.to_owned()));
                }
            }
        }
    }
    found
}

/// What is wrong with the CHANGELOG for a release of `version`.
fn changelog_problems(text: &str, version: &str) -> Vec<String> {
    let heads: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let mut problems = Vec::new();
    let start = format!("{version} - ");
    match heads.iter().find_map(|head| head.strip_prefix(&start)) {
        Some(date) if is_day(date) => {}
        Some(date) => problems.push(format!("`{date}` is no day such as 2026-11-30")),
        None => problems.push(format!("there is no `## {start}YEAR-MONTH-DAY`")),
    }
    if let Some((_, rest)) = text.split_once("## Unreleased\n") {
        let body = rest.split("\n## ").next().unwrap_or(rest);
        if body.lines().any(|line| line.starts_with("- ")) {
            problems.push(format!("Unreleased has entries: they belong to {version}"));
        }
    }
    problems
}

fn is_day(text: &str) -> bool {
    let parts: Vec<_> = text.trim().split('-').collect();
    let digits = |part: &&str| part.chars().all(|c| c.is_ascii_digit());
    parts.iter().map(|part| part.len()).eq([4, 2, 2]) && parts.iter().all(digits)
}

/// The packages that are published.
fn public(workspace: &Workspace) -> Vec<&Package> {
    let packages = workspace.metadata().packages.iter();
    packages
        .filter(|package| package.publish.is_none())
        .collect()
}

/// The names of `packages`, each after those that it needs.
fn order(packages: &[&Package]) -> Outcome<Vec<String>> {
    let known: BTreeSet<_> = packages.iter().map(|one| one.name.to_string()).collect();
    let mut open: Vec<_> = packages
        .iter()
        .map(|package| {
            let needed = package.dependencies.iter();
            let needed = needed.filter(|one| one.kind != DependencyKind::Development);
            let needed = needed.map(|one| one.name.clone());
            (
                package.name.to_string(),
                needed.filter(|name| known.contains(name)).collect(),
            )
        })
        .collect();
    open.sort();
    sorted(open)
}

fn sorted(mut open: Vec<(String, BTreeSet<String>)>) -> Outcome<Vec<String>> {
    let mut done: Vec<String> = Vec::new();
    while !open.is_empty() {
        let ready = open
            .iter()
            .position(|(_, needs)| needs.iter().all(|name| done.contains(name)));
        let Some(at) = ready else {
            let names: Vec<_> = open.into_iter().map(|(name, _)| name).collect();
            return Err(Failure::new(format!(
                "a circle of crates: {}",
                names.join(", ")
            )));
        };
        done.push(open.remove(at).0);
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_of_this_workspace_agree() {
        let workspace = Workspace::find().unwrap();
        let version = version(&workspace).unwrap();
        assert_eq!(
            disagreements(&workspace, &version).unwrap(),
            Vec::<String>::new()
        );
        let text = workspace.read("CHANGELOG.md").unwrap();
        let problems = changelog_problems(&text, &version);
        // Between releases there may be entries of the next one.
        let others = problems
            .iter()
            .filter(|problem| !problem.starts_with("Unreleased"));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new());
    }

    #[test]
    fn crates_come_after_what_they_need() {
        let of = |name: &str, needs: &[&str]| {
            (
                name.to_owned(),
                needs.iter().map(|&name| name.to_owned()).collect(),
            )
        };
        let open = vec![of("a", &["b", "c"]), of("b", &["c"]), of("c", &[])];
        assert_eq!(sorted(open).unwrap(), ["c", "b", "a"]);
        let circle = vec![of("a", &["b"]), of("b", &["a"])];
        assert!(sorted(circle).unwrap_err().to_string().contains("a, b"));
        let workspace = Workspace::find().unwrap();
        let order = order(&public(&workspace)).unwrap();
        let at = |name: &str| order.iter().position(|one| one == name).unwrap();
        assert!(at("ringmq-ring") < at("ringmq-pipe") && at("ringmq") < at("ringmq-cli"));
        assert!(
            !order
                .iter()
                .any(|name| name == "xtask" || name == "ringmq-testing")
        );
    }

    #[test]
    fn old_versions_in_documents_are_found() {
        let text = "ringmq 0.2.0 runs\nwith ringmq 0.1.0.\nlibzmq 4.3.4 and pyzmq 27.1.0\n\
                    loaded version=0.1.9 x\npip install ./ringmq-0.1.0-py3-none.whl";
        let found = [(2, "0.1.0"), (4, "0.1.9"), (5, "0.1.0")];
        let found = found.map(|(line, word)| (line, word.to_owned()));
        assert_eq!(stale(text, "0.2.0"), found);
    }

    #[test]
    fn a_changelog_names_the_version_and_its_day() {
        let good = "# Changelog\n\n## Unreleased\n\n## 1.0.0 - 2026-11-30\n\n### Added\n- a\n";
        assert!(changelog_problems(good, "1.0.0").is_empty());
        assert_eq!(changelog_problems(good, "1.1.0").len(), 1);
        let open = good.replace("Unreleased\n", "Unreleased\n\n### Fixed\n- b\n");
        assert_eq!(changelog_problems(&open, "1.0.0").len(), 1);
        assert_eq!(changelog_problems("## 1.0.0 - today\n", "1.0.0").len(), 1);
    }
}
