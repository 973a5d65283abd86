//! `ringmq top`: what the ringmq processes of this machine are doing.

mod looks;
mod prometheus;
mod screen;

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use ringmq::status::Snapshot;

use crate::command::outcome::{self, Failure};
use crate::command::status::json;
use crate::command::status::line::lines;
use crate::command::status::rates::Rates;
use crate::command::status::table;
use crate::command::status::text;
use crate::command::status::users::Users;
use crate::command::top::looks::{Looks, notes};

/// What the long help says.
const HELP: &str = "\
Columns: a line is a connection, or a socket without one. OUT and IN are messages in a second, OUT B and IN B bytes.
OUT WAIT and IN WAIT are messages that wait, and how many may. CARRIER is shm (shared memory), ipc or tcp (ZMTP), inproc,
udp, connecting, handshake, listening or idle; REASON says why an ipc connection is not in shared memory. MEMORY is shared
memory for messages to the peer. WAITS is the wait strategy, SLEEP/s how often threads slept until something happened at the
socket, WAKE/s how often this side woke the peer by a system call.

--json prints one value a line, for each look: {time, denied, unread, left_out, processes: [{pid, uid, name, command,
version, wait, shared_memory, since, missing, sockets: [{number, type, wait, shared_memory, since, sleeps, sleeps_per_second,
listeners, connections: [{number, endpoint, connects, peer, peer_pid, peer_uid, phase, carrier, reason, reason_text,
protection, shared_memory, since, sent, received, dropped, memory, wakes, wakes_per_second}]}]}]}; sent and received are
{messages, bytes, messages_per_second, bytes_per_second, waiting, waiting_is_exact, mark}. What is not known is null.

On a terminal the table is live: ? shows the keys. --prometheus answers GET /metrics.

Processes of other users are shown to root only. A process with RINGMQ_STATUS=off in its environment shows nothing.";

/// The arguments of `ringmq top`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Top {
    /// Print one table of what happens during one interval, and end.
    #[arg(long)]
    once: bool,
    /// Print JSON, one value a line for each interval.
    #[arg(long)]
    json: bool,
    /// Time between two looks, in seconds.
    #[arg(long, short, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// Serve metrics for Prometheus over http, at loopback and port 9470 unless said otherwise.
    #[arg(
        long,
        value_name = "[ADDRESS][:PORT]",
        num_args = 0..=1,
        default_missing_value = "",
        value_parser = prometheus::address,
        conflicts_with_all = ["once", "json"]
    )]
    prometheus: Option<SocketAddr>,
}

/// An interval between 10 milliseconds and an hour.
fn seconds(text: &str) -> Result<Duration, String> {
    text::seconds(text, 0.01)
}

/// Runs it.
pub(crate) fn run(arguments: &Top) -> ExitCode {
    outcome::end(work(arguments))
}

fn work(arguments: &Top) -> Result<(), Failure> {
    let mut looks = Looks::new()?;
    match (arguments.once, arguments.json, arguments.prometheus) {
        (_, _, Some(address)) => prometheus::serve(looks, address),
        (true, ..) => once(&mut looks, arguments),
        (false, true, _) => stream(&mut looks, arguments.interval),
        (false, false, _) => screen::run(looks, arguments.interval),
    }
}

fn once(looks: &mut Looks, arguments: &Top) -> Result<(), Failure> {
    looks.look();
    std::thread::sleep(arguments.interval);
    let snapshot = looks.look();
    let mut out = io::stdout().lock();
    let printed = if arguments.json {
        print_json(&mut out, &snapshot, &looks.rates)
    } else {
        print_table(&mut out, &snapshot, &looks.rates)
    };
    printed.map_err(Failure::output)
}

fn stream(looks: &mut Looks, interval: Duration) -> Result<(), Failure> {
    let mut next = Instant::now();
    loop {
        let snapshot = looks.look();
        let mut out = io::stdout().lock();
        print_json(&mut out, &snapshot, &looks.rates).map_err(Failure::output)?;
        drop(out);
        next += interval;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        // A machine that slept does not make up for it.
        next = next.max(Instant::now());
    }
}

fn print_json(out: &mut impl Write, snapshot: &Snapshot, rates: &Rates) -> io::Result<()> {
    writeln!(out, "{}", json::snapshot(snapshot, rates))?;
    out.flush()
}

fn print_table(out: &mut impl Write, snapshot: &Snapshot, rates: &Rates) -> io::Result<()> {
    let users = Users::read();
    let lines = lines(snapshot, rates);
    let width = io::stdout().is_terminal().then(terminal_width).flatten();
    let columns = match width {
        Some(width) => table::columns(width, &lines, &users),
        None => table::all_columns(&lines, &users),
    };
    writeln!(out, "{}", table::headings(&columns))?;
    for line in &lines {
        writeln!(out, "{}", table::row(line, &columns, &users))?;
    }
    for note in notes(snapshot) {
        writeln!(out, "{note}")?;
    }
    out.flush()
}

/// The columns of the terminal.
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}
