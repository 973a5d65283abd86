//! `ringmq info`: what the peer at an endpoint says of itself.

pub(crate) mod dial;
pub(crate) mod hello;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::command::info::dial::Reached;
use crate::command::info::hello::Hello;
use crate::command::outcome::{self, Failure};
use crate::command::status::text;
use crate::command::status::users::Users;

/// What the long help says.
const HELP: &str = "\
It connects, reads what a ZMTP peer says before the first message, and goes away without becoming a peer: no message is
sent or received. A monitor of the peer hears of a handshake that failed. Behind PLAIN and CURVE a peer does not tell its
socket type to strangers.

--json prints one value: {endpoint, address, milliseconds, process: {pid, uid, gid, program}, zmtp, mechanism, server,
type, routing_id, shared_memory, properties, error}. What is not known is null.";

/// The arguments of `ringmq info`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Info {
    /// Where the peer listens: tcp://HOST:PORT, ipc://PATH or ipc://@NAME.
    endpoint: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// How long it may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    timeout: Duration,
}

/// A time between a millisecond and an hour.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    text::seconds(text, 0.001)
}

/// Runs it.
pub(crate) fn run(arguments: &Info) -> ExitCode {
    outcome::end(work(arguments))
}

fn work(arguments: &Info) -> Result<(), Failure> {
    let mut reached = dial::dial(&arguments.endpoint, arguments.timeout)?;
    let hello = hello::listen(&mut reached, &arguments.endpoint)?;
    let mut out = io::stdout().lock();
    let printed = if arguments.json {
        writeln!(out, "{}", as_json(&arguments.endpoint, &reached, &hello))
    } else {
        print(&mut out, &arguments.endpoint, &reached, &hello)
    };
    printed.and_then(|()| out.flush()).map_err(Failure::output)
}

fn as_json(endpoint: &str, reached: &Reached, hello: &Hello) -> Value {
    let properties: serde_json::Map<String, Value> = hello
        .properties
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    json!({
        "endpoint": endpoint,
        "address": reached.address,
        "milliseconds": reached.took.as_secs_f64() * 1e3,
        "process": reached.process.as_ref().map(|process| json!({
            "pid": process.pid,
            "uid": process.uid,
            "gid": process.gid,
            "program": process.program,
        })),
        "zmtp": hello.version,
        "mechanism": hello.mechanism,
        "server": hello.server,
        "type": hello.property("Socket-Type"),
        "routing_id": hello.property("Identity").filter(|id| !id.is_empty()),
        "shared_memory": hello.property("X-Ringmq-Shm"),
        "properties": properties,
        "error": hello.refused,
    })
}

fn print(out: &mut impl Write, endpoint: &str, reached: &Reached, hello: &Hello) -> io::Result<()> {
    let mut say = |name: &str, value: &str| writeln!(out, "{name:>13}  {value}");
    say("endpoint", endpoint)?;
    say("address", &reached.address)?;
    let took = format!("{} ms", text::short(reached.took.as_secs_f64() * 1e3));
    say("connected in", &took)?;
    if let Some(process) = &reached.process {
        let user = Users::read().name(process.uid);
        let program = process.program.as_deref().unwrap_or("?");
        say("process", &format!("{program}[{}] of {user}", process.pid))?;
    }
    say("ZMTP", hello.version.as_deref().unwrap_or("?"))?;
    if let Some(mechanism) = &hello.mechanism {
        let role = if hello.server == Some(true) {
            ", as server"
        } else {
            ""
        };
        say("mechanism", &format!("{mechanism}{role}"))?;
    }
    if let Some(refused) = &hello.refused {
        say("it refuses", refused)?;
    }
    match hello.property("Socket-Type") {
        Some(kind) => say("socket type", &kind)?,
        None => say("socket type", "not told to strangers")?,
    }
    match hello.property("X-Ringmq-Shm") {
        Some(version) => say("shared memory", &format!("offered, version {version}"))?,
        None if reached.process.is_some() && hello.property("Socket-Type").is_some() => {
            say(
                "shared memory",
                "not offered: `ringmq doctor` with this endpoint says why",
            )?;
        }
        None => {}
    }
    for (name, value) in &hello.properties {
        if !matches!(
            name.as_str(),
            "Socket-Type" | "X-Ringmq-Shm" | "X-Ringmq-Tcp"
        ) && !value.is_empty()
        {
            say("property", &format!("{name}: {value}"))?;
        }
    }
    Ok(())
}
