//! `cargo xtask setup`: installs what the tests need and the machine lacks.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::process::{self, Failure, Outcome};
use crate::tools;
use crate::workspace::Workspace;

/// A Debian package that tests need.
struct Package {
    name: &'static str,
    /// A program of the package, by which we see that it is installed.
    program: &'static str,
    why: &'static str,
}

const PACKAGES: &[Package] = &[Package {
    name: "strace",
    program: "strace",
    why: "tests make system calls fail by its fault injection",
}];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    debian_packages()?;
    tools::DENY.install(workspace)?;
    println!("everything that the tests need is installed");
    Ok(())
}

fn debian_packages() -> Outcome {
    let missing: Vec<_> = PACKAGES
        .iter()
        .filter(|one| !tools::has(one.program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|one| one.name).collect();
    for one in &missing {
        println!("{} is missing: {}", one.name, one.why);
    }
    if !tools::has("apt-get") || !is_root() {
        let advice = "install by hand, or run `cargo xtask setup` as root on Debian";
        return Err(Failure::new(format!(
            "missing: {}; {advice}",
            names.join(", ")
        )));
    }
    process::run(apt_get().arg("update"))?;
    process::run(
        apt_get()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(names),
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// The files of a process in /proc belong to its effective user.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}
