//! The licences of the crates in a package, with their texts: `THIRD-PARTY.txt`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use cargo_metadata::Package;

use super::crates::Shipped;
use super::sbom::spdx;
use crate::process::{Failure, Outcome};

/// Beginnings of the names of files that hold a licence or what a licence asks to be shipped with it.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];

/// The texts that crates have in common, for those that name the licence and do not ship its text.
pub(crate) struct Common {
    pub(crate) mit: String,
    pub(crate) apache: String,
}

/// The list of the crates that are not ours, and the texts of their licences. Each text is printed once, with the crates
/// that it is of.
pub(crate) fn third_party(shipped: &[Shipped<'_>], common: &Common) -> Outcome<String> {
    let others = shipped.iter().map(|one| one.package);
    let others: Vec<_> = others.filter(|package| package.source.is_some()).collect();
    let mut out = String::from(
        "ringmq is linked with the following crates, and with the standard library of Rust\n\
         (MIT OR Apache-2.0, the Rust project developers). Where a crate lets you choose a licence,\n\
         the texts of all are below.\n\n",
    );
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut missing = Vec::new();
    for package in others {
        let licence = package.license.as_deref().unwrap_or("see the text");
        let name = format!("{} {}", package.name, package.version);
        let place = package.repository.as_deref().unwrap_or_default();
        let line = format!("  {name}: {} {place}", spdx(licence));
        writeln!(out, "{}", line.trim_end()).map_err(|error| Failure::new(error.to_string()))?;
        let mut found = files(package)?;
        if found.is_empty() {
            found.extend(by_name(package, common));
        }
        if found.is_empty() {
            missing.push(format!("{name} has no text for {licence}"));
        }
        for text in found {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    Failure::of("licences without a text", &missing)?;
    for (text, of) in texts {
        out.push_str(&format!(
            "\n{}\n{}\n\n{text}",
            "-".repeat(78),
            of.join(", ")
        ));
    }
    Ok(out)
}

/// The texts in the folder of a crate, with the same line ends and no blanks around.
fn files(package: &Package) -> Outcome<Vec<String>> {
    let Some(folder) = package.manifest_path.parent() else {
        return Ok(Vec::new());
    };
    let broken = |error| Failure::new(format!("{folder}: {error}"));
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if NAMES.iter().any(|start| name.starts_with(start)) && entry.path().is_file() {
            names.push(entry.path());
        }
    }
    names.sort();
    let read = names.iter().map(|name| fs::read(name).map_err(broken));
    let texts = read.map(|bytes| Ok(plain(&String::from_utf8_lossy(&bytes?))));
    texts.collect()
}

/// The texts of the licences that a crate names.
fn by_name(package: &Package, common: &Common) -> Vec<String> {
    let licence = package.license.as_deref().unwrap_or_default();
    let authors = package.authors.join(", ");
    let mut texts = Vec::new();
    if licence.contains("MIT") {
        // The text of ours without the line of our copyright.
        let rest = common.mit.split_once("Permission is hereby granted");
        let rest = rest.map_or(common.mit.as_str(), |(_, rest)| rest);
        texts.push(plain(&format!(
            "MIT License\n\nCopyright (c) {authors}\n\nPermission is hereby granted{rest}"
        )));
    }
    if licence.contains("Apache-2.0") {
        texts.push(plain(&common.apache));
    }
    texts
}

fn plain(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n").trim_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::crates::Crates;
    use crate::workspace::Workspace;

    #[test]
    fn each_crate_that_is_not_ours_has_a_text() {
        let workspace = Workspace::find().unwrap();
        let crates = Crates::find(&workspace).unwrap();
        let shipped = crates.shipped(&["ringmq-libzmq", "ringmq-cli"]).unwrap();
        let common = Common {
            mit: workspace.read("LICENSE-MIT").unwrap(),
            apache: workspace.read("LICENSE-APACHE").unwrap(),
        };
        let text = third_party(&shipped, &common).unwrap();
        for part in [
            "  dryoc ",
            "  clap ",
            "Apache License",
            "Redistribution and use",
        ] {
            assert!(text.contains(part), "{part} is missing");
        }
        assert!(
            !text.contains("  ringmq-ring "),
            "ours are not third parties"
        );
    }

    #[test]
    fn line_ends_and_blanks_do_not_make_another_text() {
        assert_eq!(plain("a \r\n b\r\n\r\n"), plain("\na\n b\n"));
    }
}
