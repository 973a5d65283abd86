//! The finished command, as a person runs it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
mod generate;
mod hostile;
mod keygen;
mod metrics;
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

/// What `top --once --json` says of a process; null if it does not know it.
fn status(pid: u32) -> Value {
    let output = ringmq(&["top", "--once", "--json", "--interval", "0.05"]);
    let output = { output }.output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1);
    let all: Value = serde_json::from_str(&text).unwrap();
    let processes = all["processes"].as_array().unwrap();
    let found = processes.iter().find(|one| one["pid"] == pid);
    found.unwrap_or(&Value::Null).clone()
}

/// A REP and a REQ at an endpoint of tcp, with one request received.
fn asked(context: &Context) -> (Socket, Socket, String) {
    let mut server = context.socket(Kind::Rep).unwrap();
    let mut client = context.socket(Kind::Req).unwrap();
    server.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = server.last_endpoint().to_owned();
    client.connect(&endpoint).unwrap();
    client.send("hello").unwrap();
    server.recv().unwrap();
    (server, client, endpoint)
}
