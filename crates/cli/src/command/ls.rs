//! `ringmq ls`: who listens where.

use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::process::ExitCode;

use clap::Args;
use ringmq::status::{Phase, Process, Snapshot, Socket};
use serde_json::json;

use crate::command::outcome::{self, Failure};
use crate::command::status::{self, users::Users};

/// What the long help says.
const HELP: &str = "\
A line is an endpoint that a socket is bound to: its type, its process, and how many peers are connected there. Endpoints
that sockets try in vain to connect to follow, with NOTE.

--json prints one value a line: {endpoint, type, pid, program, uid, peers, note}; note is null for one that listens.

Processes of other users are listed to root only. A process with RINGMQ_STATUS=off in its environment is not listed.";

/// The arguments of `ringmq ls`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Ls {
    /// Print JSON, one value a line.
    #[arg(long)]
    json: bool,
}

/// An endpoint, and the socket that is bound to it or wants a peer there.
#[derive(Debug)]
struct Place {
    endpoint: String,
    kind: String,
    pid: i32,
    program: String,
    uid: u32,
    peers: usize,
    note: Option<&'static str>,
}

/// Runs it.
pub(crate) fn run(arguments: &Ls) -> ExitCode {
    outcome::end(work(arguments))
}

fn work(arguments: &Ls) -> Result<(), Failure> {
    let snapshot = status::watcher()?.look();
    let places = places(&snapshot);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let printed = if arguments.json {
        print_json(&mut out, &places)
    } else {
        print_table(&mut out, &places, &status::unseen(&snapshot))
    };
    printed.and_then(|()| out.flush()).map_err(Failure::output)
}

/// Those that listen, and then those that are wanted.
fn places(snapshot: &Snapshot) -> Vec<Place> {
    let mut places = Vec::new();
    for (process, socket) in sockets(snapshot) {
        for endpoint in &socket.listeners {
            let connections = socket.connections.iter();
            let peers = connections.filter(|one| !one.connects && one.endpoint == *endpoint);
            places.push(Place::of(process, socket, endpoint, peers.count(), None));
        }
    }
    places.sort_by(|one, other| one.endpoint.cmp(&other.endpoint));
    let listening = places.len();
    for (process, socket) in sockets(snapshot) {
        let connections = socket.connections.iter();
        let wanting = connections.filter(|one| one.connects && one.phase == Phase::Connecting);
        for connection in wanting {
            let note = Some(missing(&connection.endpoint));
            places.push(Place::of(process, socket, &connection.endpoint, 0, note));
        }
    }
    places[listening..].sort_by(|one, other| one.endpoint.cmp(&other.endpoint));
    places
}

fn sockets(snapshot: &Snapshot) -> impl Iterator<Item = (&Process, &Socket)> {
    let processes = snapshot.processes.iter();
    processes.flat_map(|process| process.sockets.iter().map(move |socket| (process, socket)))
}

/// Why there is no peer at an endpoint that a socket connects to.
fn missing(endpoint: &str) -> &'static str {
    let Some(path) = endpoint.strip_prefix("ipc://") else {
        return "wanted: no answer";
    };
    if path.starts_with('@') {
        return "wanted: no process listens";
    }
    match std::fs::metadata(path) {
        Ok(file) if file.file_type().is_socket() => {
            "wanted: no process listens, its socket file is stale"
        }
        Ok(_) => "wanted: the file is no socket",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "wanted: there is no such file",
        Err(_) => "wanted: the file cannot be looked at",
    }
}

impl Place {
    fn of(
        process: &Process,
        socket: &Socket,
        endpoint: &str,
        peers: usize,
        note: Option<&'static str>,
    ) -> Place {
        Place {
            endpoint: endpoint.to_owned(),
            kind: socket.kind.to_string(),
            pid: process.pid,
            program: process.name.clone(),
            uid: process.uid,
            peers,
            note,
        }
    }
}

fn print_json(out: &mut impl Write, places: &[Place]) -> io::Result<()> {
    for place in places {
        let value = json!({
            "endpoint": place.endpoint,
            "type": place.kind,
            "pid": place.pid,
            "program": place.program,
            "uid": place.uid,
            "peers": place.peers,
            "note": place.note,
        });
        writeln!(out, "{value}")?;
    }
    Ok(())
}

fn print_table(out: &mut impl Write, places: &[Place], notes: &[String]) -> io::Result<()> {
    let users = Users::read();
    let endpoints = places.iter().map(|place| place.endpoint.chars().count());
    let width = endpoints.max().unwrap_or(0).max("ENDPOINT".len());
    let title = ("ENDPOINT", "SOCKET", "PID", "PROGRAM", "USER", "PEERS");
    let (endpoint, socket, pid, program, user, peers) = title;
    writeln!(
        out,
        "{endpoint:width$} {socket:7} {pid:>7} {program:15} {user:10} {peers:>5} NOTE"
    )?;
    for place in places {
        let Place {
            endpoint,
            kind,
            pid,
            program,
            peers,
            ..
        } = place;
        let (user, note) = (users.name(place.uid), place.note.unwrap_or_default());
        let line =
            format!("{endpoint:width$} {kind:7} {pid:>7} {program:15} {user:10} {peers:>5} {note}");
        writeln!(out, "{}", line.trim_end())?;
    }
    for note in notes {
        writeln!(out, "{note}")?;
    }
    Ok(())
}
