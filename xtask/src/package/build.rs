//! Builds what is shipped: the command, the shared library, the static one and the helper, stripped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::contents::{HELPER, LIBRARY, TOOL};
use super::crates::TARGET;
use super::elf::Elf;
use crate::process::{self, Failure, Outcome};
use crate::workspace::Workspace;

/// Where Debian's libzmq5 has its library.
const STOCK: &str = "/usr/lib/x86_64-linux-gnu/libzmq.so.5";
const SONAME: &str = "libzmq.so.5";

/// The files that were built.
pub(crate) struct Built {
    pub(crate) tool: PathBuf,
    pub(crate) library: PathBuf,
    pub(crate) archive: PathBuf,
    /// What `ringmq run` preloads beside the library.
    pub(crate) helper: PathBuf,
    /// Folders with what the command itself has written.
    pub(crate) pages: PathBuf,
    pub(crate) completions: PathBuf,
}

/// Builds everything into `target/package`: the flags must not disturb other builds.
pub(crate) fn run(workspace: &Workspace) -> Outcome<Built> {
    let folder = workspace.target("package");
    let target = folder.join("build");
    let cargo = || {
        // Paths of this machine are replaced in messages and tables: two machines build the same bytes.
        let mut cargo = workspace.cargo_with_flags(&remapped(workspace.root()));
        cargo.env("CARGO_TARGET_DIR", &target);
        cargo
    };
    let release = ["--release", "--locked", "--target", TARGET];
    process::run(
        cargo()
            .arg("build")
            .args(release)
            .args(["-p", TOOL, "-p", HELPER]),
    )?;
    // Not in the manifest: every build would make an archive of 20 MB. Both kinds at once: they have their crates in common.
    let library = ["-p", LIBRARY, "--lib", "--crate-type", "cdylib,staticlib"];
    process::run(cargo().arg("rustc").args(release).args(library))?;

    let made = target.join(TARGET).join("release");
    let built = Built {
        tool: folder.join("ringmq"),
        library: folder.join(SONAME),
        archive: folder.join("libzmq.a"),
        helper: folder.join("libringmq_preload.so"),
        pages: folder.join("pages"),
        completions: folder.join("completions"),
    };
    strip("--strip-all", &made.join("ringmq"), &built.tool)?;
    strip("--strip-unneeded", &made.join("libzmq.so"), &built.library)?;
    let helper = made.join("libringmq_preload.so");
    strip("--strip-unneeded", &helper, &built.helper)?;
    let functions = check_library(&built.library)?;
    join(&made.join("libzmq.a"), &built.archive, &functions)?;
    for (what, to) in [("man", &built.pages), ("completions", &built.completions)] {
        if to.exists() {
            fs::remove_dir_all(to)
                .map_err(|error| Failure::new(format!("{}: {error}", to.display())))?;
        }
        process::run(Command::new(&built.tool).args(["generate", what]).arg(to))?;
    }
    Ok(built)
}

fn remapped(root: &Path) -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let root = format!("--remap-path-prefix={}=ringmq", root.display());
    match home {
        Some(home) => format!("{root} --remap-path-prefix={}=cargo", home.display()),
        None => root,
    }
}

fn strip(how: &str, from: &Path, to: &Path) -> Outcome {
    let mut strip = Command::new("strip");
    strip
        .args([how, "--remove-section=.comment", "-o"])
        .args([to, from]);
    process::run(&mut strip)
}

/// Checks that the library has libzmq's name, its functions and no others, and returns these.
fn check_library(library: &Path) -> Outcome<Vec<String>> {
    let ours = Elf::read(library)?;
    let mut problems = Vec::new();
    if ours.soname.as_deref() != Some(SONAME) {
        problems.push(format!("its name is {:?}, not {SONAME}", ours.soname));
    }
    let others = ours
        .exported
        .iter()
        .filter(|name| !name.starts_with("zmq_"));
    problems.extend(others.map(|name| format!("{name} is exported and is no function of libzmq")));
    if Path::new(STOCK).exists() {
        let stock = Elf::read(Path::new(STOCK))?;
        let missing = stock
            .exported
            .iter()
            .filter(|name| name.starts_with("zmq_"));
        let missing: Vec<_> = missing
            .filter(|name| !ours.exported.contains(*name))
            .collect();
        problems.extend(
            missing
                .iter()
                .map(|name| format!("{name} of libzmq is missing")),
        );
    }
    Failure::of("the library is not libzmq's", &problems)?;
    Ok(ours.exported.into_iter().collect())
}

/// Joins the archive's objects to one that has libzmq's functions only. A Rust program that is linked with it has a
/// standard library of its own, and both have functions of the same names.
fn join(from: &Path, to: &Path, functions: &[String]) -> Outcome {
    let object = to.with_extension("o");
    let mut ld = Command::new("ld");
    ld.args(["--relocatable", "--gc-sections", "-o"])
        .arg(&object);
    ld.args(functions.iter().map(|name| format!("--undefined={name}")));
    process::run(ld.arg(from))?;
    let mut objcopy = Command::new("objcopy");
    objcopy.args(["--strip-debug", "--wildcard", "--keep-global-symbol=zmq_*"]);
    // The standard library has bitcode for LLVM beside its code: joined, it is none any more, and `ar` refuses it.
    for section in [".comment", ".llvmbc", ".llvmcmd"] {
        objcopy.arg(format!("--remove-section={section}"));
    }
    process::run(objcopy.arg(&object))?;
    if to.exists() {
        fs::remove_file(to).map_err(|error| Failure::new(format!("{}: {error}", to.display())))?;
    }
    // D: without times and owners.
    process::run(Command::new("ar").arg("rcsD").args([to, object.as_path()]))
}
