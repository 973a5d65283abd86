//! `cargo xtask package`: what people install, from one build.
//!
//! ```text
//!            ringmq, libzmq.so.5, libzmq.a  (build)      man pages, completions
//!                          |                                     |
//!                          +--------------- contents ------------+---- licences, SBOM (crates)
//!                          |                  |                  |
//!   ringmq_V_amd64.deb, libringmq-zmq5_V_amd64.deb   ringmq-V-…whl   ringmq-V-….tar.gz
//! ```
//!
//! The same commit gives the same bytes: files have one time (`SOURCE_DATE_EPOCH`, or the commit's), belong to root, and
//! stand in one order; paths of the machine are not in them.

mod build;
mod check;
mod contents;
mod crates;
mod date;
mod deb;
mod elf;
mod licences;
mod sbom;
mod tarball;
mod tree;
mod wheel;
mod zip;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ::clap::Args;

use self::contents::Contents;
use crate::process::{self, Failure, Outcome};
use crate::workspace::Workspace;

/// Debian's name for this kind of machine, in folders.
const TRIPLET: &str = "x86_64-linux-gnu";

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder for the packages [default: target/packages].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Install, use and remove each package in a clean Debian, too. The first time, this is made with the network.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Outcome {
    let out = arguments.out.clone();
    let out = out.unwrap_or_else(|| workspace.target("packages"));
    if arguments.check {
        check::is_possible()?;
    }
    let built = build::run(workspace)?;
    let contents = Contents::new(workspace, built, date::epoch(workspace)?)?;
    let made = make(&contents, &out)?;
    if arguments.check {
        check::run(workspace, &contents, &made)?;
    }
    println!("\n{}:\n{}", out.display(), sums(&made)?.trim_end());
    Ok(())
}

/// Makes all packages in their usual place.
pub(crate) fn all(workspace: &Workspace) -> Outcome {
    let usual = Arguments {
        out: None,
        check: false,
    };
    run(workspace, &usual)
}

/// Makes all packages in `out`, and a file with their checksums. Returns their paths.
fn make(contents: &Contents<'_>, out: &Path) -> Outcome<Vec<PathBuf>> {
    fs::create_dir_all(out).map_err(|error| Failure::new(format!("{}: {error}", out.display())))?;
    // dpkg-deb and tar run elsewhere.
    let out = &out
        .canonicalize()
        .map_err(|error| Failure::new(format!("{}: {error}", out.display())))?;
    let made = vec![
        deb::tool(contents, out)?,
        deb::library(contents, out)?,
        wheel::make(contents, out)?,
        tarball::make(contents, out)?,
    ];
    let list = out.join("SHA256SUMS");
    fs::write(&list, sums(&made)?)
        .map_err(|error| Failure::new(format!("{}: {error}", list.display())))?;
    Ok(made)
}

/// A line for each file, as `sha256sum` prints it.
fn sums(files: &[PathBuf]) -> Outcome<String> {
    let names = files.iter().filter_map(|file| file.file_name());
    let folder = files.first().and_then(|file| file.parent());
    let mut sha256sum = Command::new("sha256sum");
    sha256sum
        .current_dir(folder.unwrap_or(Path::new(".")))
        .args(names);
    process::answer(&mut sha256sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::files_below;

    #[test]
    fn the_shell_takes_each_script() {
        let workspace = Workspace::find().unwrap();
        let packaging = workspace.root().join("packaging");
        let mut scripts = vec![packaging.join("debian/ringmq-libzmq")];
        for extension in ["sh", "postinst", "prerm"] {
            scripts.extend(files_below(&packaging, extension).unwrap());
        }
        assert!(scripts.len() >= 8, "{scripts:?}");
        for script in scripts {
            process::answer(Command::new("sh").arg("-n").arg(&script)).unwrap();
        }
    }
}
