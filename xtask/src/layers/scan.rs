//! The sources of the crates against the walls that a dependency does not show.

use super::table::{Table, Wall, What};
use crate::source;

/// A source file, by the name of its crate and its path from there: `ring`, `ring/src/atomics.rs`.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) package: String,
    pub(crate) name: String,
    pub(crate) text: String,
    /// Is it the root of a library or program?
    pub(crate) is_root: bool,
}

/// Everything in the sources that the table forbids. `exists` answers for files that a wall lets
/// through: one that is gone leaves a hole.
pub(crate) fn check(table: &Table, files: &[File], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut problems = Vec::new();
    for wall in &table.walls {
        let gone = wall.files_let_through().filter(|name| !exists(name));
        problems.extend(gone.map(|name| format!("{name} is let through, but is gone: {wall}")));
    }
    for file in files {
        let place = table.place(&file.package);
        let walls: Vec<_> = table
            .walls
            .iter()
            .filter(|wall| wall.stops(&file.package, place) && !wall.lets_through(&file.name))
            .collect();
        problems.extend(check_file(file, &walls));
    }
    problems
}

fn check_file(file: &File, walls: &[&Wall]) -> Vec<String> {
    let code = source::code(&file.text);
    let paths = source::paths(source::without_tests(&code));
    let mut problems = Vec::new();
    for wall in walls {
        for what in &wall.what {
            match what {
                What::Path(part) => {
                    for path in paths.iter().filter(|path| path.contains(part)) {
                        let (line, words) = (path.line, path.segments.join("::"));
                        let place = format!("{}:{line}: `{words}`", file.name);
                        problems.push(format!("{place}, which must never be: {wall}"));
                    }
                }
                What::UnsafeCode if file.is_root && !forbids_unsafe_code(&code) => {
                    let missing = "`#![forbid(unsafe_code)]` is missing";
                    problems.push(format!("{}: {missing}: {wall}", file.name));
                }
                _ => {}
            }
        }
    }
    problems
}

fn forbids_unsafe_code(code: &str) -> bool {
    let dense: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    dense.contains("#![forbid(unsafe_code)]")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "## Floors\n```text\n2: zmtp\n1: ring\nbeside: bench\n```\n\
                         ## Imports that must never exist\n\
                         - any floor, but for ring/src/atomics.rs -> `sync::atomic`\n\
                         - zmtp -> `std::thread`, unsafe code\n";

    fn problems(package: &str, name: &str, text: &str) -> Vec<String> {
        let file = File {
            package: package.to_owned(),
            name: format!("{package}/src/{name}"),
            text: text.to_owned(),
            is_root: name == "lib.rs",
        };
        check(&Table::parse(TABLE).unwrap(), &[file], |_| true)
    }

    #[test]
    fn atomics_have_one_door() {
        let text = "//! Doc.\nuse core::{ptr, sync::atomic::AtomicU64};\n";
        let found = problems("ring", "cursor.rs", text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("ring/src/cursor.rs:2: `core::sync::atomic::AtomicU64`"));
        assert_eq!(
            problems("ring", "cursor.rs", "std::sync::atomic::fence(order)").len(),
            1
        );
        assert!(problems("ring", "atomics.rs", text).is_empty());
        assert!(problems("bench", "main.rs", text).is_empty());
    }

    #[test]
    fn comments_literals_and_tests_are_passed_over() {
        let text = "// std::sync::atomic\nconst A: &str = \"std::sync::atomic\";\n\
                    #[cfg(test)]\nmod tests { use std::sync::atomic::AtomicU64; }\n";
        assert!(problems("ring", "cursor.rs", text).is_empty());
    }

    #[test]
    fn unsafe_code_must_be_forbidden_at_the_root() {
        let found = problems(
            "zmtp",
            "lib.rs",
            "//! #![forbid(unsafe_code)]\n#![deny(unsafe_code)]",
        );
        assert!(
            found[0].contains("`#![forbid(unsafe_code)]` is missing"),
            "{found:?}"
        );
        assert!(problems("zmtp", "lib.rs", "#![forbid( unsafe_code )]").is_empty());
        assert!(problems("zmtp", "frame.rs", "").is_empty());
        assert!(problems("ring", "lib.rs", "").is_empty());
    }

    #[test]
    fn a_hole_for_a_file_that_is_gone_is_an_error() {
        let found = check(&Table::parse(TABLE).unwrap(), &[], |_| false);
        assert!(found[0].starts_with("ring/src/atomics.rs is let through, but is gone"));
    }
}
