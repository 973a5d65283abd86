//! Programs that end by themselves, each in processes of its own, and what they print.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says why it is skipped"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ringmq_testing::{built_library, watchdog};

/// The program of an example. Cargo builds them beside the folder that tests are in, with all tests of a package but not
/// with one of them.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let program = profile.join("examples").join(name);
    if !program.is_file() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--package",
            "ringmq-examples",
            "--example",
            name,
        ]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "{name} is not built");
    }
    program
}

/// The lines that an example prints, in their order.
fn lines(name: &str, arguments: &[&str]) -> Vec<String> {
    let _guard = watchdog(Duration::from_secs(60));
    let program = built(name);
    let output = Command::new(&program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{name}: {}: {said}", output.status);
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.lines().map(str::to_owned).collect()
}

#[test]
fn requests_are_sent_again_until_a_reply_comes() {
    let lines = lines("request_reply", &[]);
    let squares = lines.iter().filter(|line| line.contains("squared"));
    assert_eq!(
        squares.collect::<Vec<_>>(),
        [
            "1 squared is 1",
            "2 squared is 4",
            "3 squared is 9",
            "4 squared is 16",
            "5 squared is 25",
            "6 squared is 36"
        ]
    );
    assert!(lines.iter().any(|line| line.contains("again")), "{lines:?}");
}

#[test]
fn each_subscriber_gets_its_topics() {
    let lines = lines("publish_subscribe", &[]);
    for total in [
        "to [\"weather\"]: 3 in all",
        "to [\"markets\", \"sports\"]: 3 in all",
        "to [\"\"]: 6 in all",
    ] {
        assert!(lines.iter().any(|line| line == total), "{total}: {lines:?}");
    }
}

#[test]
fn a_pipeline_counts_the_words_of_files() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("deeper");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..50 {
        let text = "word ".repeat(number);
        std::fs::write(folder.join(format!("{number:02}")), text).unwrap();
    }
    std::fs::write(scratch.path().join("large"), "ab\n".repeat(1_000_000)).unwrap();
    let lines = lines("pipeline", &[scratch.path().to_str().unwrap(), "3"]);
    assert_eq!(lines.last().unwrap().trim(), "1001225  words in 51 files");
    assert_eq!(lines.len(), 52);
}

/// The Python for which Debian packages pyzmq, whatever else is on the path.
const PYTHON: &str = "/usr/bin/python3";

/// Puts our library into a folder, under libzmq's name.
fn library_in(folder: &Path) -> PathBuf {
    let copy = folder.join("libzmq.so.5");
    std::fs::copy(built_library(), &copy).unwrap();
    copy
}

/// What a program prints with our library.
fn printed(program: &mut Command, folder: &Path) -> String {
    let _guard = watchdog(Duration::from_secs(60));
    let output = program.env("LD_LIBRARY_PATH", folder).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Compiles an example in C, linked with our library, into a folder.
fn in_c(name: &str, library: &Path, folder: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = folder.join(name);
    let mut compile = Command::new("cc");
    compile.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-I"]);
    compile.arg(here.join("../include"));
    compile.arg(here.join("c").join(name).with_extension("c"));
    compile.arg(library).arg("-o").arg(&program);
    assert!(compile.status().unwrap().success(), "{name}.c");
    program
}

#[test]
fn curve_in_rust() {
    assert_eq!(lines("curve", &[]), ["The server says: alice"]);
}

#[test]
fn examples_in_c() {
    let scratch = tempfile::tempdir().unwrap();
    let library = library_in(scratch.path());
    for (name, expected) in [("hello", "hello\n"), ("curve", "The server says: alice\n")] {
        let program = in_c(name, &library, scratch.path());
        let printed = printed(&mut Command::new(program), scratch.path());
        assert_eq!(printed, expected, "{name}.c");
    }
}

/// Where Debian has libzmq.
const STOCK: &str = "/usr/lib/x86_64-linux-gnu/libzmq.so.5";

#[test]
fn frames_are_streamed_with_each_library() {
    let scratch = tempfile::tempdir().unwrap();
    let ours = library_in(scratch.path());
    let program = in_c("frames", &ours, scratch.path());
    let ours = ours.to_str().unwrap();
    let (mut libraries, mut names) = (vec![ours], vec!["ringmq", "ringmq in place"]);
    if Path::new(STOCK).is_file() {
        libraries.insert(0, STOCK);
        names.insert(0, "libzmq");
    }
    let mut frames = Command::new(&program);
    let text = printed(frames.arg("0.2").args(libraries), scratch.path());
    let rows: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(rows.len(), names.len(), "{text}");
    for (row, name) in rows.into_iter().zip(names) {
        let figures = row.split_whitespace().rev().take(5);
        let figures: Vec<f64> = figures.map(|word| word.parse().unwrap()).collect();
        let [ratio, together, viewers, camera, frames] = figures[..] else {
            panic!("{text}");
        };
        assert!(row.starts_with(name) && frames == 12.0, "{text}");
        assert!(ratio > 0.0 && together > 0.0, "{text}");
        // Each figure is rounded, and the whole has the start of the program, too.
        assert!(together + 2.0 >= viewers + camera, "{text}");
    }
    // One run, with the library that the loader finds.
    let text = printed(Command::new(&program).arg("0.1"), scratch.path());
    assert!(
        text.lines().last().unwrap().starts_with("ringmq "),
        "{text}"
    );
    let nowhere = scratch.path().join("libnone.so");
    let mut frames = Command::new(&program);
    frames.arg("0.1").arg(nowhere);
    let output = frames.env("LD_LIBRARY_PATH", scratch.path()).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.stdout.is_empty() && said.contains("libnone.so"),
        "{said}"
    );
}

#[test]
fn curve_in_python() {
    let there = Command::new(PYTHON).args(["-c", "import zmq"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {PYTHON} has no zmq (`cargo xtask setup` installs it)");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    library_in(scratch.path());
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = here.join("python/curve.py");
    let mut python = Command::new(PYTHON);
    let printed = printed(python.arg("-B").arg(program), scratch.path());
    assert_eq!(printed, "The server says: alice\n");
}

#[test]
fn pictures_arrive_where_they_were_drawn() {
    let lines = lines("blocks", &[]);
    assert_eq!(
        lines,
        ["300 pictures of 6220800 bytes; the brightness changed by 1104"]
    );
}
