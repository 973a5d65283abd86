//! `cargo xtask test`: everything that must hold before a change is merged.

use std::time::{Duration, Instant};

use ::clap::Args;

use crate::process::{Failure, Outcome};
use crate::workspace::Workspace;
use crate::{asan, clippy, deny, docs, fmt, interop, layers, loom, portable, setup, sizes, unit};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Run the remaining checks after one has failed.
    #[arg(long)]
    keep_going: bool,
}

type Check = (&'static str, fn(&Workspace) -> Outcome);

/// In this order: what reads the sources, then what runs them, then what others wrote.
const CHECKS: &[Check] = &[
    ("setup", setup::run),
    ("fmt", fmt::run),
    ("clippy", clippy::run),
    ("layers", layers::run),
    ("sizes", sizes::run),
    ("docs", docs::run),
    ("unit", unit::run),
    ("portable", portable::run),
    ("interop", interop::run),
    ("loom", loom::run),
    ("asan", asan::run),
    ("deny", deny::run),
];

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Outcome {
    run_checks(CHECKS, workspace, arguments.keep_going)
}

fn run_checks(checks: &[Check], workspace: &Workspace, keep_going: bool) -> Outcome {
    let start = Instant::now();
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for &(name, check) in checks {
        if !failed.is_empty() && !keep_going {
            rows.push(format!("{name:<10}  not run"));
            continue;
        }
        println!("\n=== {name} ===");
        let begin = Instant::now();
        let outcome = check(workspace);
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        rows.push(format!("{name:<10} {}  {word}", seconds(begin.elapsed())));
        if let Err(failure) = outcome {
            eprintln!("{name}: {failure}");
            failed.push(name);
        }
    }
    println!("\n=== summary ===\n{}", rows.join("\n"));
    println!("{:<10} {}", "all", seconds(start.elapsed()));
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("failed: {}", failed.join(", "))))
    }
}

fn seconds(time: Duration) -> String {
    format!("{:>8.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(_: &Workspace) -> Outcome {
        Ok(())
    }

    fn bad(_: &Workspace) -> Outcome {
        Err(Failure::new("for a test"))
    }

    fn never(_: &Workspace) -> Outcome {
        panic!("must not run after a failure")
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        let workspace = Workspace::find().unwrap();
        let checks: &[Check] = &[("good", good), ("bad", bad), ("never", never)];
        let failure = run_checks(checks, &workspace, false).unwrap_err();
        assert_eq!(failure.to_string(), "failed: bad");
    }

    #[test]
    fn keep_going_reports_every_failure() {
        let workspace = Workspace::find().unwrap();
        let checks: &[Check] = &[("one", bad), ("good", good), ("two", bad)];
        let failure = run_checks(checks, &workspace, true).unwrap_err();
        assert_eq!(failure.to_string(), "failed: one, two");
        run_checks(&[("good", good)], &workspace, false).unwrap();
    }
}
