//! `zmq.h` compiles without a warning in every language that includes it, and declares what the library exports.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

use std::collections::BTreeSet;
use std::env;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What turns on the drafts.
const DRAFTS: &str = "-DZMQ_BUILD_DRAFT_API";

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include")
}

/// What a compiler writes, given a program on standard input; `None` if there is no such compiler.
fn compile(compiler: &str, arguments: &[&str], program: &str) -> Option<String> {
    let child = Command::new(compiler)
        .args(arguments)
        .arg("-I")
        .arg(include())
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("{compiler}: {error}"),
    };
    let mut input = child.stdin.take().unwrap();
    input.write_all(program.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{compiler} {arguments:?}: {said}\n{program}"
    );
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The functions that the header declares.
fn declared(drafts: &[&str]) -> BTreeSet<String> {
    let arguments = [&["-E", "-P", "-x", "c"], drafts].concat();
    let text = compile("cc", &arguments, "#include <zmq.h>\n").unwrap();
    // A declaration begins with the attribute that exports it; its name stands before the first parenthesis of its own.
    let declarations = text.split("__attribute__ ((visibility (\"default\")))");
    let names = declarations.skip(1).map(|declaration| {
        let (before, _) = declaration.split_once('(').unwrap();
        let name = before
            .rsplit([' ', '*', '\n'])
            .find(|word| !word.is_empty());
        name.unwrap().to_owned()
    });
    names.collect()
}

/// The symbols that the library exports.
fn exported() -> BTreeSet<String> {
    let test = env::current_exe().unwrap();
    let folders = test.ancestors().skip(1).take(2);
    let mut libraries = folders.map(|folder| folder.join("libzmq.so"));
    let library = libraries.find(|library| library.exists()).unwrap();
    let output = Command::new("nm")
        .args(["--dynamic", "--defined-only", "--format=posix"])
        .arg(library)
        .output()
        .unwrap();
    assert!(output.status.success(), "nm: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn the_headers_compile_without_a_warning() {
    let includes = [
        "#include <zmq.h>\n",
        "#include <zmq.h>\n#include <zmq_utils.h>\n",
        "#include <zmq_utils.h>\n#include <zmq.h>\n",
    ];
    let languages = [
        ("cc", "-xc", "-std=c11"),
        ("cc", "-xc", "-std=c17"),
        ("c++", "-xc++", "-std=c++11"),
        ("c++", "-xc++", "-std=c++17"),
    ];
    for (compiler, language, standard) in languages {
        for drafts in [&[][..], &[DRAFTS]] {
            for include in includes {
                let fixed = [
                    language,
                    standard,
                    "-fsyntax-only",
                    "-pedantic",
                    "-Wall",
                    "-Wextra",
                    "-Werror",
                ];
                let program = format!("{include}int main (void) {{ return zmq_errno (); }}\n");
                if compile(compiler, &[&fixed, drafts].concat(), &program).is_none() {
                    eprintln!("not compiled as {standard}: there is no {compiler}");
                }
            }
        }
    }
}

/// What is exported beside can be taken for another library's by a program that has both.
#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let (stable, all, exported) = (declared(&[]), declared(&[DRAFTS]), exported());
    assert_eq!(stable.len(), 70);
    assert_eq!(all.len(), 97);
    let missing: BTreeSet<_> = &all - &exported;
    assert_eq!(missing, BTreeSet::new(), "declared and not exported");
    let beside: BTreeSet<_> = &exported - &all;
    assert_eq!(beside, BTreeSet::new(), "exported and not declared");
}

/// A stable program may use the names of drafts.
#[test]
fn drafts_are_declared_on_request_only() {
    let names = ["ZMQ_SERVER", "ZMQ_HAVE_POLLER", "ZMQ_ZERO_COPY_RECV"];
    let program: String = names
        .iter()
        .map(|name| format!("#ifdef {name}\n#error {name}\n#endif\n"))
        .collect();
    let program = format!("#include <zmq.h>\n{program}typedef int zmq_poller_event_t;\n");
    compile("cc", &["-xc", "-fsyntax-only"], &program).unwrap();
}
