//! `cargo xtask soak`: the tests that are too long for every change, and the fuzz targets. By hand.

use ::clap::Args;

use crate::process::{self, Outcome};
use crate::tools;
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How long each fuzz target runs, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Outcome {
    let mut cargo = workspace.cargo();
    cargo.args([
        "test",
        "--profile",
        "soak",
        "--tests",
        "--package",
        "ringmq-pipe",
        "--package",
        "ringmq",
        "--package",
        "ringmq-libzmq",
        "--",
        "--ignored",
    ]);
    let passed = process::count_tests(&mut cargo)?;
    println!("{passed} long tests passed");
    if workspace.root().join("fuzz/Cargo.toml").is_file() {
        fuzz(workspace, arguments.seconds)
    } else {
        println!("no fuzz targets: there is no fuzz/Cargo.toml");
        Ok(())
    }
}

fn fuzz(workspace: &Workspace, seconds: u32) -> Outcome {
    tools::FUZZ.install(workspace)?;
    for target in process::answer(workspace.cargo().args(["fuzz", "list"]))?.lines() {
        let mut cargo = workspace.cargo();
        // The sanitizer's flag is unstable, but it needs nothing that a stable toolchain lacks.
        cargo
            .env("RUSTC_BOOTSTRAP", "1")
            .args(["fuzz", "run", target, "--"]);
        process::run(cargo.arg(format!("-max_total_time={seconds}")))?;
    }
    Ok(())
}
