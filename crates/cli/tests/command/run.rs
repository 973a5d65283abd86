//! `ringmq run`: programs that run on the library, however they look for a libzmq.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use ringmq_testing::{Scratch, built_library};

use crate::{errors, ringmq};

/// `ringmq run` with these arguments and our library, whose links are made in `scratch`.
pub(crate) fn run(scratch: &Scratch, arguments: &[&str]) -> Command {
    let mut command = ringmq(&["run"]);
    command
        .args(arguments)
        .env("RINGMQ_LIBRARY", built_library())
        .env("XDG_RUNTIME_DIR", scratch.path(""))
        .env_remove("LD_PRELOAD")
        .env_remove("LD_LIBRARY_PATH");
    for variable in ["RINGMQ_SHM", "RINGMQ_WAIT", "RINGMQ_LOG", "RINGMQ_IN_PLACE"] {
        command.env_remove(variable);
    }
    command
}

/// What it said on standard output.
pub(crate) fn said(output: &Output) -> &str {
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        errors(output)
    );
    std::str::from_utf8(&output.stdout).unwrap()
}

/// Compiles a program, or a library, with these options.
pub(crate) fn compile(scratch: &Scratch, name: &str, text: &str, options: &[&str]) -> String {
    let (source, made) = (scratch.path(&format!("{name}.c")), scratch.path(name));
    fs::write(&source, text).unwrap();
    let mut compiler = Command::new("cc");
    let status = compiler.args(["-o", &made, &source]).args(options).status();
    assert!(status.unwrap().success(), "{name} does not compile");
    made
}

/// A library with the interface of a libzmq, as a program carries it: it says that it is not ringmq's.
const CARRIED: &str = "int zmq_has (const char *name) { return 0 * *name; }\n";
/// Asks the library that it is linked with.
const ASKS: &str = "#include <stdio.h>\nint zmq_has (const char *name);\n\
    int main (void) { printf (\"%d\\n\", zmq_has (\"ringmq\")); return 0; }\n";
/// Opens a library while it runs, and asks it.
const OPENS: &str = "#include <dlfcn.h>\n#include <stdio.h>\n\
    int main (int count, char **names) {\n\
    void *library = dlopen (names[count - 1], RTLD_NOW);\n\
    int (*has) (const char *) = library ? dlsym (library, \"zmq_has\") : 0;\n\
    printf (\"%d\\n\", has ? has (\"ringmq\") : -1); return 0; }\n";

/// A program that asks the libzmq which it carries beside itself.
fn carrier(scratch: &Scratch, soname: &str) -> String {
    let option = format!("-Wl,-soname,{soname}");
    let carried = compile(scratch, soname, CARRIED, &["-shared", "-fPIC", &option]);
    let place = format!("-Wl,-rpath,{}", scratch.path(""));
    compile(scratch, "asks", ASKS, &[&carried, &place])
}

#[test]
fn a_program_that_is_linked_with_libzmq_or_carries_one_gets_the_library() {
    for soname in ["libzmq.so.5", "libzmq-2f02442c.so.5.2.5"] {
        let scratch = Scratch::new();
        let program = carrier(&scratch, soname);
        let alone = Command::new(&program).output().unwrap();
        assert_eq!(said(&alone), "0\n", "{soname}");
        let output = run(&scratch, &["--", &program]).output().unwrap();
        assert_eq!(said(&output), "1\n", "{soname}");
    }
}

#[test]
fn a_program_that_opens_libzmq_by_name_gets_the_library() {
    let scratch = Scratch::new();
    let program = compile(&scratch, "opens", OPENS, &["-ldl"]);
    // With the helper, and without.
    let alone = scratch.path("alone.so");
    fs::copy(built_library(), &alone).unwrap();
    for library in [built_library().to_str().unwrap(), &alone] {
        for name in ["libzmq.so.5", "libzmq.so"] {
            let arguments = ["--library", library, &program, name];
            let output = run(&scratch, &arguments).output().unwrap();
            assert_eq!(said(&output), "1\n", "{name} {library}");
        }
    }
}

/// The functions of the file that it names would call those of the library, which is preloaded: a mixture.
#[test]
fn a_program_that_opens_a_libzmq_by_its_path_gets_the_library() {
    let scratch = Scratch::new();
    let program = compile(&scratch, "opens", OPENS, &["-ldl"]);
    for name in ["libzmq.so", "libzmq-2f02442c.so.5.2.5"] {
        let path = compile(&scratch, name, CARRIED, &["-shared", "-fPIC"]);
        let alone = Command::new(&program).arg(&path).output().unwrap();
        assert_eq!(said(&alone), "0\n", "{name}");
        let output = run(&scratch, &[&program, &path]).output().unwrap();
        assert_eq!(said(&output), "1\n", "{name}");
    }
    // Other libraries are those that they were, found by the folder that the program names.
    let other = compile(&scratch, "libother.so", CARRIED, &["-shared", "-fPIC"]);
    let place = format!("-Wl,-rpath,{}", scratch.path(""));
    let program = compile(&scratch, "finds", OPENS, &["-ldl", &place]);
    for name in ["libother.so", &other] {
        let output = run(&scratch, &[&program, name]).output().unwrap();
        assert_eq!(said(&output), "0\n", "{name}");
    }
}

#[test]
fn what_a_script_starts_gets_the_library() {
    let scratch = Scratch::new();
    let program = carrier(&scratch, "libzmq.so.5");
    for (name, first) in [
        ("env", "#!/usr/bin/env sh\n"),
        ("sh", "#!/bin/sh -e\n"),
        ("none", ""),
    ] {
        let script = scratch.path(name);
        fs::write(
            &script,
            format!("{first}# A script.\n{program}\n{program}\n"),
        )
        .unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let output = run(&scratch, &["--", &script]).output().unwrap();
        assert_eq!(said(&output), "1\n1\n", "{name}");
    }
}

#[test]
fn pid_arguments_name_and_status_are_the_programs() {
    let scratch = Scratch::new();
    let script = "echo $$ \"$0\" \"$@\"; exit 7";
    let arguments = ["--", "sh", "-c", script, "name", "--log", "-x", ""];
    let child = run(&scratch, &arguments).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{pid} name --log -x \n")
    );
    let output = run(&scratch, &["sh", "-c", "kill -TERM $$"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), None, "a signal ends it: {output:?}");
}

#[test]
fn options_are_the_variables_of_the_library() {
    let scratch = Scratch::new();
    let variable = |text: &str, name: &str| -> Option<String> {
        let mut lines = text.lines();
        lines.find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix('=')
                .map(str::to_owned)
        })
    };
    let arguments = "--shm require --wait park --in-place --log -- env";
    let arguments: Vec<_> = arguments.split(' ').collect();
    let output = run(&scratch, &arguments).output().unwrap();
    let text = said(&output);
    for (name, value) in [
        ("RINGMQ_SHM", "require"),
        ("RINGMQ_WAIT", "park"),
        ("RINGMQ_IN_PLACE", "1"),
        ("RINGMQ_LOG", "1"),
    ] {
        assert_eq!(variable(text, name).as_deref(), Some(value), "{text}");
    }
    let log = errors(&output);
    assert!(
        log.contains("] run program=") && log.contains("/env library="),
        "{log}"
    );

    // What is not asked for stays as it is.
    let mut command = run(&scratch, &["env"]);
    command
        .env("RINGMQ_WAIT", "spin")
        .env("LD_PRELOAD", "/nonexistent/other.so")
        .env("LD_LIBRARY_PATH", "/nonexistent");
    let output = command.output().unwrap();
    let text = said(&output);
    assert_eq!(variable(text, "RINGMQ_WAIT").as_deref(), Some("spin"));
    assert_eq!(variable(text, "RINGMQ_SHM"), None);
    let preload = variable(text, "LD_PRELOAD").unwrap();
    assert!(preload.ends_with(":/nonexistent/other.so"), "{preload}");
    let helper = preload.split(':').next().unwrap();
    assert!(helper.ends_with("/libringmq_preload.so"), "{preload}");
    let folders = variable(text, "LD_LIBRARY_PATH");
    assert_eq!(folders.as_deref(), Some("/nonexistent"));
}

#[test]
fn a_run_within_a_run_adds_nothing() {
    let scratch = Scratch::new();
    let tool = env!("CARGO_BIN_EXE_ringmq");
    let print = "echo $LD_PRELOAD $LD_LIBRARY_PATH";
    let once = run(&scratch, &["sh", "-c", print]).output().unwrap();
    let twice = run(&scratch, &[tool, "run", "sh", "-c", print])
        .output()
        .unwrap();
    assert_eq!(said(&once), said(&twice));
}

#[test]
fn the_library_may_be_anywhere() {
    let scratch = Scratch::new();
    let program = carrier(&scratch, "libzmq.so.5");
    // The loader takes no blank in its variables, and a folder of its own needs no links.
    for folder in ["a folder", "$folder", "ringmq"] {
        let folder = scratch.path(folder);
        let file = Path::new(&folder).join("libzmq.so.5");
        fs::create_dir(&folder).unwrap();
        fs::copy(built_library(), &file).unwrap();
        symlink("libzmq.so.5", Path::new(&folder).join("libzmq.so")).unwrap();
        for named in [&folder, file.to_str().unwrap()] {
            let output = run(&scratch, &["--library", named, &program])
                .output()
                .unwrap();
            assert_eq!(said(&output), "1\n", "{named}");
        }
    }
    let print = [
        "--library",
        &scratch.path("ringmq"),
        "sh",
        "-c",
        "echo $LD_PRELOAD",
    ];
    let output = run(&scratch, &print).output().unwrap();
    let own = fs::canonicalize(scratch.path("ringmq/libzmq.so.5")).unwrap();
    assert_eq!(said(&output).trim_end(), own.to_str().unwrap());
}

/// What another user can change may lead to another library.
#[test]
fn links_are_made_only_where_others_cannot_change_them() {
    let scratch = Scratch::new();
    // Alone, it needs links.
    let alone = scratch.path("alone.so");
    fs::copy(built_library(), &alone).unwrap();
    let open = scratch.path("ringmq-run");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let print = ["sh", "-c", "echo $LD_LIBRARY_PATH"];
    let mut command = run(&scratch, &[&["--library", &alone][..], &print].concat());
    let output = command
        .env("TMPDIR", scratch.path("none"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(
        errors(&output).contains("cannot make links in"),
        "{output:?}"
    );
    let output = command.env("TMPDIR", scratch.path("")).output().unwrap();
    let folder = said(&output).trim_end().to_owned();
    assert!(folder.starts_with(&scratch.path("ringmq-run-")), "{folder}");
    assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
    assert_eq!(
        fs::metadata(folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
}
