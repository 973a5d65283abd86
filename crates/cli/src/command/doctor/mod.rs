//! `ringmq doctor`: why a connection is not in shared memory, and what helps.

mod connections;
mod finding;
mod limits;
mod machine;
mod maps;
mod namespaces;
mod processes;
mod variables;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::command::info;
use crate::command::outcome::{self, Failure};
use crate::command::status;
use finding::Finding;

/// What the long help says.
const HELP: &str = "\
Without an argument it checks this machine: the kernel, limits, the CPU quota of the cgroup, variables, a connection of its
own, and which processes of this user have another libzmq. With a process it checks that one, its namespaces, and each
connection of it. With an endpoint it asks the peer there, and checks all connections of this endpoint that can be seen.

A line begins with ok, note (it works, but less well), or PROBLEM. What helps stands below. --json prints one value a line:
{level, what, remedy}. The exit code is 0, whatever is found.";

/// The arguments of `ringmq doctor`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Doctor {
    /// An endpoint, or the number of a process.
    #[arg(value_name = "ENDPOINT|PID")]
    about: Option<String>,
    /// Print JSON, one value a line.
    #[arg(long)]
    json: bool,
    /// How long the peer at an endpoint may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = info::seconds)]
    timeout: Duration,
}

/// Runs it.
pub(crate) fn run(arguments: &Doctor) -> ExitCode {
    outcome::end(work(arguments))
}

fn work(arguments: &Doctor) -> Result<(), Failure> {
    let findings = match arguments.about.as_deref() {
        None => machine::check(),
        Some(about) => match about.parse::<i32>() {
            Ok(pid) if pid > 0 => {
                let snapshot = status::watcher()?.look();
                processes::check(pid, &snapshot)?
            }
            Ok(_) => return Err(Failure::usage(format_args!("{about} is no process"))),
            Err(_) => {
                info::dial::parse(about)?;
                let snapshot = status::watcher()?.look();
                connections::check_endpoint(about, arguments.timeout, &snapshot)
            }
        },
    };
    let mut out = io::stdout().lock();
    print(&mut out, &findings, arguments.json).map_err(Failure::output)
}

fn print(out: &mut impl Write, findings: &[Finding], json: bool) -> io::Result<()> {
    for finding in findings {
        if json {
            writeln!(out, "{}", finding.as_json())?;
        } else {
            writeln!(out, "{finding}")?;
        }
    }
    out.flush()
}
