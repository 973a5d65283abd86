//! The crates whose code is in a program or library that a package ships.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

use crate::process::{Failure, Outcome};
use crate::workspace::Workspace;

/// The packages are for this kind of machine.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// All crates of the workspace and below it, as cargo has chosen them.
pub(crate) struct Crates {
    metadata: Metadata,
    /// SHA-256 of the crates that come from the registry, by name and version.
    checksums: BTreeMap<(String, String), String>,
}

/// A crate that is shipped, and those of the shipped ones that it uses.
pub(crate) struct Shipped<'a> {
    pub(crate) package: &'a Package,
    pub(crate) uses: Vec<&'a Package>,
    pub(crate) checksum: Option<&'a str>,
}

impl Crates {
    pub(crate) fn find(workspace: &Workspace) -> Outcome<Crates> {
        let mut command = MetadataCommand::new();
        let options = ["--locked", "--filter-platform", TARGET].map(str::to_owned);
        let metadata = command
            .current_dir(workspace.root())
            .other_options(options)
            .exec()
            .map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
        let checksums = checksums(&workspace.read("Cargo.lock")?);
        Ok(Crates {
            metadata,
            checksums,
        })
    }

    /// The crates in what the packages named `roots` build, these included, by name and version. Left out is what only
    /// tests, build scripts and macros of the compiler use: none of its code is shipped.
    pub(crate) fn shipped(&self, roots: &[&str]) -> Outcome<Vec<Shipped<'_>>> {
        let Some(resolve) = &self.metadata.resolve else {
            return Err(Failure::new("cargo metadata has no graph of dependencies"));
        };
        let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
        let packages = self.metadata.packages.iter();
        let packages: BTreeMap<_, _> = packages.map(|package| (&package.id, package)).collect();
        let used = |id: &PackageId| -> Vec<&PackageId> {
            let Some(node) = nodes.get(id) else {
                return Vec::new();
            };
            let normal = node.deps.iter().filter(|dependency| {
                let mut kinds = dependency.dep_kinds.iter();
                kinds.any(|kind| kind.kind == DependencyKind::Normal)
            });
            let linked = normal.filter(|dependency| !is_macro(packages[&dependency.pkg]));
            linked.map(|dependency| &dependency.pkg).collect()
        };
        let mut found = BTreeSet::new();
        let mut open: Vec<_> = self
            .metadata
            .workspace_packages()
            .into_iter()
            .filter(|package| roots.contains(&package.name.as_str()))
            .map(|package| &package.id)
            .collect();
        if open.len() != roots.len() {
            let roots = roots.join(", ");
            return Err(Failure::new(format!("not all of {roots} are packages")));
        }
        while let Some(id) = open.pop() {
            if found.insert(id) {
                open.extend(used(id));
            }
        }
        let mut shipped: Vec<_> = found
            .into_iter()
            .map(|id| {
                let package = packages[id];
                let key = (package.name.to_string(), package.version.to_string());
                Shipped {
                    package,
                    uses: used(id).into_iter().map(|id| packages[id]).collect(),
                    checksum: self.checksums.get(&key).map(String::as_str),
                }
            })
            .collect();
        shipped.sort_by(|a, b| {
            (&a.package.name, &a.package.version).cmp(&(&b.package.name, &b.package.version))
        });
        Ok(shipped)
    }
}

fn is_macro(package: &Package) -> bool {
    package.targets.iter().any(|target| target.is_proc_macro())
}

/// The checksums in a Cargo.lock.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let mut lines = block.lines();
        let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(value.trim_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]").skip(1);
    let known = blocks.filter_map(|block| {
        let key = (value(block, "name")?, value(block, "version")?);
        Some((key, value(block, "checksum")?))
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_shipped_and_nothing_else() {
        let workspace = Workspace::find().unwrap();
        let crates = Crates::find(&workspace).unwrap();
        let shipped = crates.shipped(&["ringmq-libzmq"]).unwrap();
        let names: BTreeSet<_> = shipped
            .iter()
            .map(|one| one.package.name.as_str())
            .collect();
        for linked in [
            "ringmq-libzmq",
            "ringmq",
            "ringmq-ring",
            "dryoc",
            "libc",
            "thiserror",
        ] {
            assert!(names.contains(linked), "{linked} is not in {names:?}");
        }
        for other in [
            "ringmq-testing",
            "tempfile",
            "thiserror-impl",
            "clap",
            "syn",
        ] {
            assert!(!names.contains(other), "{other} is in {names:?}");
        }
        for one in &shipped {
            let ours = one.package.source.is_none();
            assert_eq!(one.checksum.is_none(), ours, "{}", one.package.name);
        }
        assert!(crates.shipped(&["no-package-has-this-name"]).is_err());
    }

    #[test]
    fn checksums_are_read_from_the_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"00ff\"\n\n\
                    [[package]]\nname = \"b\"\nversion = \"2.0.0\"\ndependencies = [\n \"a\",\n]\n";
        let found = checksums(lock);
        assert_eq!(found.len(), 1);
        assert_eq!(found[&("a".to_owned(), "1.0.0".to_owned())], "00ff");
    }
}
