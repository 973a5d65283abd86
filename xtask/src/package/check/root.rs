//! A clean Debian to try packages in: made once, with the network, and never changed by a check.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::broken;
use crate::process::{self, Failure, Outcome};
use crate::tools;
use crate::workspace::{self, Workspace};

/// What the checks build and run programs with. None of it brings libzmq.
const TOOLS: &str = "gcc libc6-dev make cmake pkg-config python3-venv";
/// What a check installs itself, without a network.
const LATER: &str = "python3-zmq";

/// The root and the wheels that checks need.
pub(super) struct Root {
    pub(super) folder: PathBuf,
    /// A folder with pyzmq's wheel.
    pub(super) wheels: PathBuf,
}

/// Makes the root unless it is there. A root that was made half is made anew.
pub(super) fn prepare(workspace: &Workspace) -> Outcome<Root> {
    let folder = workspace.target("package").join("root");
    let ready = folder.with_extension("ready");
    if !ready.exists() {
        make(&folder)?;
        fs::write(&ready, "").map_err(|error| broken(&ready, &error))?;
    }
    let wheels = workspace.target("package").join("wheels");
    if !wheels.exists() {
        download(&folder, &wheels)?;
    }
    Ok(Root { folder, wheels })
}

fn make(folder: &Path) -> Outcome {
    if !tools::has("debootstrap") {
        let mut install = Command::new("apt-get");
        // gpgv: debootstrap checks who has signed what it downloads.
        install.args(["install", "--yes", "--no-install-recommends"]);
        process::run(install.args(["debootstrap", "gpgv"]))?;
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| broken(folder, &error))?;
    }
    let release = codename(&workspace::read(Path::new("/etc/os-release"))?)?;
    let mut debootstrap = Command::new("debootstrap");
    debootstrap
        .args(["--variant=minbase", &release])
        .arg(folder);
    process::run(debootstrap.args(mirror()))?;
    let script = format!(
        "mount -t proc proc /proc\napt-get install --yes --no-install-recommends {TOOLS}\napt-get clean\n\
         apt-get install --yes --no-install-recommends --download-only {LATER}\n"
    );
    // The mount ends with the namespace.
    let mut chroot = Command::new("unshare");
    chroot.env("DEBIAN_FRONTEND", "noninteractive");
    chroot.env("LC_ALL", "C");
    chroot.args(["--mount", "chroot"]).arg(folder);
    process::run(chroot.args(["/bin/sh", "-euc", &script]))
}

/// Downloads pyzmq's wheel for the Python of the root.
fn download(root: &Path, wheels: &Path) -> Outcome {
    let mut python = Command::new("chroot");
    python.arg(root).args(["/usr/bin/python3", "-c"]);
    let version = "import sys; print('%d.%d' % sys.version_info[:2])";
    let version = process::answer(python.arg(version))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps"]);
    pip.args(["--only-binary", ":all:", "--python-version", version.trim()]);
    process::run(pip.arg("--dest").arg(wheels).arg("pyzmq"))
}

/// The mirror that apt uses on this machine: the one of debootstrap may be out of reach. None if apt has none.
fn mirror() -> Option<String> {
    let mut apt = Command::new("apt-get");
    apt.args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
        "Component: main",
    ]);
    let targets = process::answer(&mut apt).ok()?;
    targets.lines().next().map(str::to_owned)
}

/// The name of Debian's release, from /etc/os-release.
fn codename(text: &str) -> Outcome<String> {
    let value = |key: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| Some(line.strip_prefix(key)?.trim_matches('"').to_owned()))
    };
    match (value("ID="), value("VERSION_CODENAME=")) {
        (Some(system), Some(name)) if system == "debian" => Ok(name),
        _ => Err(Failure::new(
            "the packages are tried on Debian only: this machine has another system",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_that_of_the_machine() {
        let debian = "PRETTY_NAME=\"Debian\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(codename(debian).unwrap(), "bookworm");
        assert!(codename("ID=fedora\n").is_err());
        assert!(codename("ID=ubuntu\nVERSION_CODENAME=noble\n").is_err());
    }
}
