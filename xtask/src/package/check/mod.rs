//! `cargo xtask package --check`: each package is installed, used and removed in a clean Debian.
//!
//! ```text
//! root (debootstrap, once)  <- overlay -  a script of packaging/check  - chroot, mounts of its own -> ok or FAILED
//! ```

mod root;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::contents::Contents;
use crate::process::{self, Failure, Outcome};
use crate::workspace::Workspace;

/// The scripts, each with what it tries.
const SCRIPTS: [(&str, &str); 3] = [
    ("debs.sh", "the Debian packages"),
    ("wheel.sh", "the wheel"),
    ("tarball.sh", "the tarball"),
];

/// Fails unless the checks can run here.
pub(super) fn is_possible() -> Outcome {
    // The files of a process in /proc belong to its effective user.
    if fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0) {
        return Ok(());
    }
    Err(Failure::new(
        "--check installs packages in a root of their own: run it as root, in a container for one",
    ))
}

/// Makes the packages a second time, which must give the same bytes, and tries each one.
pub(super) fn run(workspace: &Workspace, contents: &Contents<'_>, made: &[PathBuf]) -> Outcome {
    let share = workspace.target("package").join("share");
    if share.exists() {
        fs::remove_dir_all(&share).map_err(|error| broken(&share, &error))?;
    }
    let again = super::make(contents, &share)?;
    if super::sums(&again)? != super::sums(made)? {
        return Err(Failure::new("the packages differ when they are made again"));
    }
    let root = root::prepare(workspace)?;
    let scripts = workspace.root().join("packaging/check");
    copy(&scripts, &share)?;
    let wheels = share.join("wheels");
    fs::create_dir_all(&wheels).map_err(|error| broken(&wheels, &error))?;
    copy(&root.wheels, &wheels)?;
    let mut failed = Vec::new();
    for (script, what) in SCRIPTS {
        println!("\n=== {what} ===");
        let work = workspace.target("package").join("check");
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--fork", "--kill-child", "/bin/sh"]);
        unshare.arg(scripts.join("enter.sh")).arg(&root.folder);
        let tried = process::run(unshare.arg(&work).arg(&share).arg(script));
        failed.extend(tried.err().map(|failure| format!("{what}: {failure}")));
        if work.exists() {
            fs::remove_dir_all(&work).map_err(|error| broken(&work, &error))?;
        }
    }
    Failure::of("checks failed", &failed)
}

/// Copies the files of a folder, not those of folders in it.
fn copy(from: &Path, to: &Path) -> Outcome {
    for entry in fs::read_dir(from).map_err(|error| broken(from, &error))? {
        let path = entry.map_err(|error| broken(from, &error))?.path();
        if let Some(name) = path.file_name()
            && path.is_file()
        {
            fs::copy(&path, to.join(name)).map_err(|error| broken(&path, &error))?;
        }
    }
    Ok(())
}

fn broken(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
