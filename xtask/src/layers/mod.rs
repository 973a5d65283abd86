//! `cargo xtask layers`: the crates and their sources against the floors, walls and rooms of
//! ARCHITECTURE.md, and the files of each crate against circles.
//!
//! The tables are data: a wall is moved by editing ARCHITECTURE.md, in the open, and nowhere else.

mod circles;
mod graph;
mod imports;
mod rooms;
mod scan;
mod table;

use std::path::Path;

use cargo_metadata::DependencyKind;

use crate::process::{Failure, Outcome};
use crate::workspace::{self, Workspace};
use graph::{Dependency, Package};
use imports::Imports;
use rooms::Rooms;
use scan::File;
use table::Table;

const DOCUMENT: &str = "ARCHITECTURE.md";

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let (table, rooms) = tables(workspace)?;
    let packages = packages(workspace);
    let files = files(workspace)?;
    let mut problems = misplaced(workspace);
    problems.extend(graph::check(&table, &packages));
    problems.extend(scan::check(&table, &files, |name| {
        file_exists(workspace, name)
    }));
    for package in &packages {
        let imports = Imports::of(&package.name, &files);
        problems.extend(rooms.check(&package.name, &imports, &table));
    }
    let (crates, walls) = (packages.len(), table.walls.len());
    let with_rooms: Vec<_> = rooms.crates().collect();
    println!(
        "layers: {crates} crates, {} source files, {walls} walls, rooms of {}",
        files.len(),
        with_rooms.join(" ")
    );
    Failure::of("walls crossed", &problems)
}

/// What ARCHITECTURE.md says.
fn tables(workspace: &Workspace) -> Outcome<(Table, Rooms)> {
    let document = workspace.read(DOCUMENT)?;
    let wrong = |why| Failure::new(format!("{DOCUMENT}: {why}"));
    let table = Table::parse(&document).map_err(wrong)?;
    let rooms = Rooms::parse(&document, &table).map_err(wrong)?;
    Ok((table, rooms))
}

/// The name of a package in the table: its folder's name.
fn short(package: &str) -> &str {
    package.strip_prefix("ringmq-").unwrap_or(package)
}

fn packages(workspace: &Workspace) -> Vec<Package> {
    let members = workspace.metadata().workspace_packages();
    let ours: Vec<_> = members
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let dependency = |name: &str| {
        if ours.contains(&name) {
            Dependency::Ours(short(name).to_owned())
        } else {
            Dependency::External(name.to_owned())
        }
    };
    members
        .iter()
        .map(|package| Package {
            name: short(&package.name).to_owned(),
            dependencies: package
                .dependencies
                .iter()
                .filter(|one| one.kind != DependencyKind::Development)
                .map(|one| dependency(&one.name))
                .collect(),
        })
        .collect()
}

/// Everything below `src` and the build scripts, but for files that hold tests only.
fn files(workspace: &Workspace) -> Outcome<Vec<File>> {
    let mut files = Vec::new();
    for package in workspace.metadata().workspace_packages() {
        let Some(folder) = package.manifest_path.parent() else {
            continue;
        };
        let mut paths = workspace::files_below(folder.join("src").as_std_path(), "rs")?;
        paths.extend(
            Some(folder.join("build.rs").into_std_path_buf()).filter(|path| path.is_file()),
        );
        for path in paths {
            let within = path.strip_prefix(folder).unwrap_or(&path);
            if is_for_tests(within) {
                continue;
            }
            files.push(File {
                package: short(&package.name).to_owned(),
                name: format!("{}/{}", short(&package.name), within.display()),
                text: workspace::read(&path)?,
                is_root: package.targets.iter().any(|one| {
                    (one.is_lib() || one.is_cdylib() || one.is_bin()) && one.src_path == path
                }),
            });
        }
    }
    Ok(files)
}

/// `src/tests.rs`, `src/record/tests.rs` and what is in `src/tests/`.
fn is_for_tests(within: &Path) -> bool {
    within
        .components()
        .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

/// Crates whose folder is not named as they are.
fn misplaced(workspace: &Workspace) -> Vec<String> {
    let members = workspace.metadata().workspace_packages();
    let named_otherwise = members.iter().filter(|package| {
        let folder = package
            .manifest_path
            .parent()
            .and_then(|folder| folder.file_name());
        folder != Some(short(&package.name))
    });
    named_otherwise
        .map(|package| {
            format!(
                "{} must be in a folder `{}`",
                package.name,
                short(&package.name)
            )
        })
        .collect()
}

/// Is there a file of this name, `ring/src/atomics.rs`? One of a crate that is yet to come counts.
fn file_exists(workspace: &Workspace, name: &str) -> bool {
    let crates = workspace.root().join("crates");
    let package = name.split('/').next().unwrap_or(name);
    !crates.join(package).is_dir() || crates.join(name).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architecture_md_can_be_read() {
        tables(&Workspace::find().unwrap()).unwrap();
    }

    /// The check finds an import that is planted in the sources as they are.
    #[test]
    fn an_import_against_the_table_is_found_in_pattern() {
        let workspace = Workspace::find().unwrap();
        let (table, rooms) = tables(&workspace).unwrap();
        let mut files = files(&workspace).unwrap();
        let problems =
            |files: &[File]| rooms.check("pattern", &Imports::of("pattern", files), &table);
        assert_eq!(problems(&files), [""; 0]);
        let low = files
            .iter_mut()
            .find(|file| file.name == "pattern/src/route/probe.rs");
        let low = low.expect("a file of the lowest room");
        low.text.push_str("use crate::types::Dealer;");
        let found = problems(&files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].ends_with("`route` must not import `types`"),
            "{found:?}"
        );
        assert!(found[1].contains("circle"), "{found:?}");
    }

    #[test]
    fn test_files_are_known_by_their_names() {
        assert!(is_for_tests(Path::new("src/tests.rs")));
        assert!(is_for_tests(Path::new("src/record/tests/torn.rs")));
        assert!(!is_for_tests(Path::new("src/testsuite.rs")));
    }

    #[test]
    fn names_are_those_of_the_table() {
        assert_eq!(short("ringmq-ring"), "ring");
        assert_eq!(short("ringmq"), "ringmq");
        assert_eq!(short("xtask"), "xtask");
    }
}
