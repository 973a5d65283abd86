//! `ringmq run`: what it refuses, with which exit code, and what it says.

#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Output;

use ringmq_testing::{Scratch, built_library};

use crate::run::{compile, run};
use crate::{as_another_user, errors};

const EMPTY: &str = "int main (void) { return 0; }\n";

fn refused(scratch: &Scratch, arguments: &[&str], code: i32, says: &[&str]) -> Output {
    let output = run(scratch, arguments).output().unwrap();
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for part in says {
        assert!(said.contains(part), "{arguments:?}: {part}: {said}");
    }
    let lines: Vec<_> = said.lines().collect();
    if code != 2 {
        assert!(lines[0].starts_with("ringmq: "), "{said}");
        assert!(
            lines.len() == 2 && lines[1].starts_with("  "),
            "a remedy: {said}"
        );
    }
    output
}

fn write(scratch: &Scratch, name: &str, bytes: &[u8]) -> String {
    let path = scratch.path(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn what_is_not_there_or_no_program() {
    let scratch = Scratch::new();
    refused(
        &scratch,
        &["no-such-program-here"],
        127,
        &["no-such-program-here", "PATH"],
    );
    refused(
        &scratch,
        &[&scratch.path("none")],
        127,
        &["there is no such file"],
    );
    refused(&scratch, &[&scratch.path("")], 126, &["it is a folder"]);
    let plain = write(&scratch, "plain", b"#!/bin/sh\n");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    refused(
        &scratch,
        &[&plain],
        126,
        &["it is not executable", "chmod +x"],
    );
    let orphan = write(&scratch, "orphan", b"#!/nonexistent/python3 -u\n");
    refused(
        &scratch,
        &[&orphan],
        126,
        &["a script for /nonexistent/python3"],
    );
    let picture = write(&scratch, "picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    refused(
        &scratch,
        &[&picture],
        126,
        &["neither an ELF program nor a script"],
    );
}

#[test]
fn programs_whose_libraries_cannot_be_chosen() {
    let scratch = Scratch::new();
    let fixed = compile(&scratch, "fixed", EMPTY, &["-static"]);
    refused(&scratch, &[&fixed], 126, &["is linked statically", "-lzmq"]);
    let script = write(&scratch, "script", format!("#!{fixed}\n").as_bytes());
    refused(&scratch, &[&script], 126, &[&fixed, "is linked statically"]);
    let text = format!("void *zmq_ctx_new (void) {{ return 0; }}\n{EMPTY}");
    let carries = compile(&scratch, "carries", &text, &[]);
    let says = ["has a libzmq linked into it", "zmq.rustc-link-lib"];
    refused(&scratch, &[&carries], 126, &says);
    let loader = "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1";
    let musl = compile(&scratch, "musl", EMPTY, &[loader]);
    refused(&scratch, &[&musl], 126, &["musl", "glibc"]);
}

#[test]
fn programs_for_other_machines_and_damaged_ones() {
    let scratch = Scratch::new();
    let program = fs::read(compile(&scratch, "program", EMPTY, &[])).unwrap();
    let mut other = program.clone();
    other[18..20].copy_from_slice(&243_u16.to_le_bytes());
    let other = write(&scratch, "other", &other);
    refused(
        &scratch,
        &[&other],
        126,
        &["is for RISC-V (64 bits), and the library for"],
    );
    let mut narrow = program.clone();
    (narrow[4], narrow[18]) = (1, 3);
    let narrow = write(&scratch, "narrow", &narrow);
    refused(&scratch, &[&narrow], 126, &["is for x86 (32 bits)"]);
    // Cut anywhere, or with any byte of its header changed, it is refused or left to the kernel, which refuses it.
    for len in [20, 63, 64, 100, 600] {
        let cut = write(&scratch, &format!("cut{len}"), &program[..len]);
        refused(&scratch, &[&cut], 126, &["is a damaged ELF file"]);
    }
    for place in 32..64 {
        let mut changed = program.clone();
        changed[place] = !changed[place];
        let changed = write(&scratch, "changed", &changed);
        let output = run(&scratch, &[&changed]).output().unwrap();
        assert!(!errors(&output).contains("panicked"), "{place}: {output:?}");
    }
}

/// Only root can give a program to another user.
#[test]
fn programs_with_privileges() {
    let scratch = Scratch::new();
    let program = compile(&scratch, "program", EMPTY, &[]);
    if chown(&program, Some(65_534), Some(65_534)).is_err() {
        eprintln!("not run: this user cannot change the owner of a file");
        return;
    }
    for (mode, says) in [(0o4755, "setuid"), (0o2755, "setgid")] {
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        refused(&scratch, &[&program], 126, &[says, "sudo ringmq run"]);
    }
    // Without the permission to execute for the group it is no setgid.
    fs::set_permissions(&program, fs::Permissions::from_mode(0o2745)).unwrap();
    assert!(run(&scratch, &[&program]).status().unwrap().success());
}

/// `CAP_NET_RAW`, permitted or inheritable, in effect at once or not, as setcap writes it: `struct vfs_cap_data` of
/// linux/capability.h, version 2.
fn net_raw(permitted: bool, inheritable: bool, in_effect: bool) -> Vec<u8> {
    let bit = |is_set: bool| u32::from(is_set) << 13;
    let head = 0x0200_0000 | u32::from(in_effect);
    let words = [head, bit(permitted), bit(inheritable), 0, 0];
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Only root can give a program capabilities, and root has them without.
#[test]
fn programs_with_capabilities() {
    let scratch = Scratch::new();
    fs::set_permissions(scratch.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let program = compile(&scratch, "program", EMPTY, &[]);
    let script = write(&scratch, "script", format!("#!{program}\n").as_bytes());
    let as_other = |program: &str| {
        let mut command = as_another_user()?;
        let tool = env!("CARGO_BIN_EXE_ringmq");
        command.args([tool, "run", "--", program]);
        command.env("RINGMQ_LIBRARY", built_library());
        Some(command.output().unwrap())
    };
    let Some(plain) = as_other(&program) else {
        return;
    };
    assert!(plain.status.success(), "{plain:?}");
    let give = |attribute: &[u8]| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&program, "security.capability", attribute, flags)
    };
    for (permitted, in_effect) in [(true, true), (true, false), (false, true)] {
        if let Err(error) = give(&net_raw(permitted, false, in_effect)) {
            eprintln!("skipped: a file gets no capabilities here: {error}");
            return;
        }
        for named in [&program, &script] {
            let output = as_other(named).unwrap();
            let said = errors(&output);
            assert_eq!(output.status.code(), Some(126), "{named}: {said}");
            for part in [&program[..], "capabilities", "getcap", "sudo ringmq run"] {
                assert!(said.contains(part), "{named}: {part}: {said}");
            }
        }
        assert!(run(&scratch, &[&program]).status().unwrap().success());
    }
    // One that it does not get changes nothing.
    give(&net_raw(false, true, false)).unwrap();
    let output = as_other(&program).unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn libraries_that_are_none() {
    let scratch = Scratch::new();
    let nowhere = scratch.path("none.so");
    let named = ["--library", &nowhere, "true"];
    refused(&scratch, &named, 125, &["none.so", "RINGMQ_LIBRARY"]);
    let other = compile(
        &scratch,
        "other.so",
        "int zmq_has;\n",
        &["-shared", "-fPIC"],
    );
    let named = ["--library", &other, "true"];
    refused(&scratch, &named, 125, &["it is not the one of ringmq"]);
    let text = write(&scratch, "text.so", &[b'x'; 100]);
    let named = ["--library", &text, "true"];
    refused(&scratch, &named, 125, &["no library of 64 bits"]);
    let mut command = run(&scratch, &["true"]);
    let output = command.env("RINGMQ_LIBRARY", &nowhere).output().unwrap();
    assert_eq!(output.status.code(), Some(125), "{output:?}");
}

#[test]
fn wrong_arguments() {
    let scratch = Scratch::new();
    refused(&scratch, &[], 2, &["PROGRAM"]);
    refused(&scratch, &["--log"], 2, &["PROGRAM"]);
    refused(&scratch, &["--shm", "maybe", "true"], 2, &["require"]);
    refused(&scratch, &["--wait", "long", "true"], 2, &["adaptive"]);
}
