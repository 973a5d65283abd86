//! `cargo xtask sizes`: files that can be read in one sitting.
//!
//! Counted are lines of code: no blank lines, no comments, no tests at the end of a file.

use crate::process::{Failure, Outcome};
use crate::source;
use crate::workspace::{self, Workspace};

/// What a file aims at.
const AIM: usize = 300;
/// What no file may exceed.
const LIMIT: usize = 500;
/// How many of the largest files are shown.
const SHOWN: usize = 10;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut sizes = Vec::new();
    for folder in ["crates", "xtask", "examples"] {
        for path in workspace::files_below(&workspace.root().join(folder), "rs")? {
            let name = path
                .strip_prefix(workspace.root())
                .unwrap_or(&path)
                .display()
                .to_string();
            sizes.push((lines_of_code(&workspace::read(&path)?), name));
        }
    }
    sizes.sort_by(|one, two| two.cmp(one));
    for (lines, name) in sizes.iter().take(SHOWN) {
        println!("{lines:>5}  {name}");
    }
    judge(&sizes)
}

/// Notes what is above the aim, fails for what is above the limit.
fn judge(sizes: &[(usize, String)]) -> Outcome {
    for (lines, name) in sizes.iter().filter(|size| size.0 > AIM && size.0 <= LIMIT) {
        println!("note: {name} has {lines} lines of code; a file aims at {AIM}");
    }
    let above = sizes.iter().filter(|size| size.0 > LIMIT);
    let problems: Vec<_> = above
        .map(|(lines, name)| format!("{name} has {lines}; the limit is {LIMIT}"))
        .collect();
    Failure::of("files with too many lines of code", &problems)
}

fn lines_of_code(text: &str) -> usize {
    let code = source::code(text);
    source::without_tests(&code)
        .lines()
        .filter(|line| !line.trim().is_empty())
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_comments_and_tests_are_not_counted() {
        let text = "//! Doc.\n\nfn f() { // why\n    /* so\n    long */\n    g(\"a\n    b\");\n}\n\
                    \n#[cfg(test)]\nmod tests {\n    fn h() {}\n}\n";
        assert_eq!(lines_of_code(text), 4);
        assert_eq!(lines_of_code(""), 0);
    }

    #[test]
    fn the_limit_is_inclusive_and_the_aim_only_a_note() {
        judge(&[(LIMIT, "a.rs".into()), (AIM + 1, "b.rs".into())]).unwrap();
        let failure = judge(&[(LIMIT + 1, "a.rs".into()), (1, "b.rs".into())]).unwrap_err();
        assert!(failure.to_string().contains("a.rs has 501"), "{failure}");
        assert!(!failure.to_string().contains("b.rs"), "{failure}");
    }
}
