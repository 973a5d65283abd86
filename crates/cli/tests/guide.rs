//! The programs of the guide, as a reader would copy and run them.
//!
//! In the pages below `docs/guide`, a block of code whose fence names a file is that file (`python service.py`). A block
//! of `sh` is run in a folder with these files, and the next block of `text` is what it prints. Rust is tested by the
//! doctests of `ringmq-examples`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ringmq_testing::{Scratch, built_library, watchdog};

/// The Python for which Debian packages pyzmq, whatever else is on the path.
const PYTHON: &str = "/usr/bin/python3";

const FENCE: &str = "```";

/// Pages with blocks of `sh`.
const PAGES: [&str; 3] = ["start", "patterns", "large-payloads"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A block of code: what stands behind its fence, and its text.
struct Block<'a> {
    language: &'a str,
    file: Option<&'a str>,
    text: String,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix(FENCE) else {
            continue;
        };
        let mut words = info.split_whitespace();
        let (language, file) = (words.next().unwrap_or_default(), words.next());
        let text = lines.by_ref().take_while(|line| *line != FENCE);
        let text = text.map(|line| format!("{line}\n")).collect();
        blocks.push(Block {
            language,
            file,
            text,
        });
    }
    blocks
}

/// A folder with `ringmq` and `python3` for the path, and our library under the names that compilers and loaders look
/// for.
fn tools(scratch: &Scratch) -> PathBuf {
    let folder = PathBuf::from(scratch.path("tools"));
    fs::create_dir(&folder).unwrap();
    symlink(env!("CARGO_BIN_EXE_ringmq"), folder.join("ringmq")).unwrap();
    symlink(PYTHON, folder.join("python3")).unwrap();
    for name in ["libzmq.so", "libzmq.so.5"] {
        fs::copy(built_library(), folder.join(name)).unwrap();
    }
    folder
}

/// Runs the blocks of `sh` of a page, and compares what each prints.
fn run(name: &str) {
    let _guard = watchdog(Duration::from_secs(120));
    let page = fs::read_to_string(root().join(format!("docs/guide/{name}.md"))).unwrap();
    let blocks = blocks(&page);
    let scratch = Scratch::new();
    let tools = tools(&scratch);
    let folder = PathBuf::from(scratch.path("programs"));
    fs::create_dir(&folder).unwrap();
    for block in &blocks {
        if let Some(file) = block.file {
            fs::write(folder.join(file), &block.text).unwrap();
        }
    }
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut ran = 0;
    for (number, block) in blocks.iter().enumerate() {
        if block.language != "sh" {
            continue;
        }
        let expected = &blocks[number + 1];
        assert_eq!(expected.language, "text", "what it prints: {}", block.text);
        let mut shell = Command::new("sh");
        // A background program ends before the next block binds to its endpoint.
        shell.args(["-ec", &format!("{}\nwait", block.text)]);
        shell.current_dir(&folder).env("PATH", &path);
        shell.env("CPATH", root().join("include"));
        shell.env("LIBRARY_PATH", &tools);
        shell.env("RINGMQ_LIBRARY", tools.join("libzmq.so.5"));
        let output = shell.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {}\n{said}", block.text);
        assert_eq!(printed, expected.text, "{name}: {}\n{said}", block.text);
        ran += 1;
    }
    assert!(ran > 0, "{name} has nothing to run");
}

#[test]
fn first_programs() {
    run(PAGES[0]);
}

#[test]
fn patterns() {
    run(PAGES[1]);
}

#[test]
fn large_payloads() {
    run(PAGES[2]);
}

#[test]
fn no_page_is_forgotten() {
    for entry in fs::read_dir(root().join("docs/guide")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let runs = blocks(&text).iter().any(|block| block.language == "sh");
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert_eq!(runs, PAGES.contains(&name), "{name}");
    }
}
