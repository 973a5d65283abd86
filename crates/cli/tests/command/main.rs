//! The finished command, as a person runs it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says so if it is skipped"
)]

mod asking;
mod doctor;
mod drops;
mod few_descriptors;
mod generate;
mod hostile;
mod keygen;
mod metrics;
mod other_users;
mod perf;
mod perf_large;
mod perf_sockets;
mod pipe;
mod record;
mod record_full;
mod record_speed;
mod recording;
mod recordings;
mod replay;
mod run;
mod run_python;
mod run_refusals;
mod screen;
mod talk;
mod top;

use std::process::{Child, Command, Output, Stdio};

use ringmq_testing::abstract_name;

use ringmq::{Context, Kind, Socket};
use serde_json::Value;

/// The command with these arguments, with nothing to read and everything kept.
fn ringmq(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringmq"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What runs a program, which is to follow, as a user without rights; `None`, with the reason printed, if that cannot be.
fn as_another_user() -> Option<Command> {
    let command = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.stdin(Stdio::null());
        command
    };
    let tried = command()
        .args([env!("CARGO_BIN_EXE_ringmq"), "--version"])
        .output();
    match tried {
        Ok(tried) if tried.status.success() => Some(command()),
        Ok(tried) => {
            eprintln!("skipped: {}", errors(&tried));
            None
        }
        Err(error) => {
            eprintln!("skipped: setpriv: {error}");
            None
        }
    }
}

/// An ipc endpoint of its own.
fn ipc(tag: &str) -> String {
    format!("ipc://{}", abstract_name(tag))
}

/// Sends a process a signal, such as `INT`.
#[track_caller]
fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(sent.unwrap().success());
}

/// What it said on standard error.
fn errors(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Looks at all processes once, in JSON.
const LOOK: [&str; 5] = ["top", "--once", "--json", "--interval", "0.05"];

/// What `top --once --json` says of a process; null if it does not know it.
fn status(pid: u32) -> Value {
    process_in(&one_value(&ringmq(&LOOK).output().unwrap()), pid)
}

/// The value that [`LOOK`] has printed.
#[track_caller]
fn one_value(output: &Output) -> Value {
    assert!(output.status.success(), "{}", errors(output));
    let text = str::from_utf8(&output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1);
    serde_json::from_str(text).unwrap()
}

/// What such a value says of a process; null if it does not know it.
fn process_in(all: &Value, pid: u32) -> Value {
    let processes = all["processes"].as_array().unwrap();
    let found = processes.iter().find(|one| one["pid"] == pid);
    found.unwrap_or(&Value::Null).clone()
}

/// A REP and a REQ at an endpoint of tcp, with one request received.
fn asked(context: &Context) -> (Socket, Socket, String) {
    // Their connection stays on tcp.
    context.set_shared_memory(false);
    let mut server = context.socket(Kind::Rep).unwrap();
    let mut client = context.socket(Kind::Req).unwrap();
    server.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = server.last_endpoint().to_owned();
    client.connect(&endpoint).unwrap();
    client.send("hello").unwrap();
    server.recv().unwrap();
    (server, client, endpoint)
}
