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
    /// Whether it is installed.
    is_there: fn() -> bool,
    why: &'static str,
}

const PACKAGES: &[Package] = &[
    Package {
        name: "strace",
        is_there: || tools::has("strace"),
        why: "tests make system calls fail by its fault injection",
    },
    Package {
        name: "g++",
        is_there: || tools::has("c++"),
        why: "zmq.h has to compile as C++, too",
    },
    // It brings libzmq5.
    Package {
        name: "python3-zmq",
        is_there: || python_imports("zmq"),
        why: "tests talk to stock libzmq",
    },
    Package {
        name: "python3-numpy",
        is_there: || python_imports("numpy"),
        why: "a program of the guide computes on what it receives",
    },
];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    debian_packages()?;
    tools::DENY.install(workspace)?;
    println!("setup is done");
    Ok(())
}

fn debian_packages() -> Outcome {
    let missing: Vec<_> = PACKAGES.iter().filter(|one| !(one.is_there)()).collect();
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
    let mut install = apt_get();
    install.args(["install", "--yes", "--no-install-recommends"]);
    let installed =
        process::run(apt_get().arg("update")).and_then(|()| process::run(install.args(&names)));
    if let Err(failure) = installed {
        // A machine without a network still runs all other tests; those that need these say that they skip.
        println!(
            "not installed: {failure}; tests that need {} skip",
            names.join(", ")
        );
    }
    Ok(())
}

/// Has the Python for which Debian packages modules, whatever else is on the path, this one?
fn python_imports(module: &str) -> bool {
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", &format!("import {module}")]);
    process::answer(&mut python).is_ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_module_is_missing() {
        assert!(!python_imports("no_module_has_this_name"));
    }
}
