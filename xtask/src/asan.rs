//! `cargo xtask asan`: the tests of ring and pipe under AddressSanitizer, which brings LeakSanitizer.

use std::process::Command;

use crate::process::{self, Failure, Outcome};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    process::run_tests(&mut sanitized(workspace, "asan", "-Zsanitizer=address")?)
}

/// `cargo test` of ring and pipe with a sanitizer. The flag is unstable, but it needs nothing that a
/// stable toolchain lacks, so the stable compiler is told to take it. The explicit target keeps the
/// flags away from build scripts and procedural macros.
pub(crate) fn sanitized(workspace: &Workspace, name: &str, flags: &str) -> Outcome<Command> {
    let mut cargo = workspace.cargo_with_flags(flags);
    cargo.env("RUSTC_BOOTSTRAP", "1");
    // No doctests: rustdoc would need the flags as well, and `docs` runs them.
    cargo.args([
        "test",
        "--tests",
        "--package",
        "ringmq-ring",
        "--package",
        "ringmq-pipe",
    ]);
    cargo
        .args(["--target", &host()?, "--target-dir"])
        .arg(workspace.target(name));
    Ok(cargo)
}

/// The target triple of this machine.
fn host() -> Outcome<String> {
    let version = process::answer(Command::new("rustc").arg("-vV"))?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}
