//! The status of all processes as JSON. `ringmq top --help` documents the members.

use std::time::{SystemTime, UNIX_EPOCH};

use ringmq::status::{Connection, Flow, Phase, Process, Protection, Snapshot, Socket, Waiting};
use serde_json::{Value, json};

use crate::command::status::line::{carrier_name, reason_code, wait_name};
use crate::command::status::rates::Rates;

/// A snapshot as one value.
pub(crate) fn snapshot(snapshot: &Snapshot, rates: &Rates) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let processes = snapshot.processes.iter();
    let processes: Vec<Value> = processes.map(|one| process(one, rates)).collect();
    json!({
        "time": now.map_or(0.0, |now| now.as_secs_f64()),
        "processes": processes,
        "denied": snapshot.denied,
        "unread": snapshot.unread,
        "left_out": snapshot.left_out,
    })
}

fn process(process: &Process, rates: &Rates) -> Value {
    let sockets = process.sockets.iter();
    let sockets: Vec<Value> = sockets.map(|one| socket(process, one, rates)).collect();
    json!({
        "pid": process.pid,
        "uid": process.uid,
        "name": process.name,
        "command": process.command,
        "version": process.version,
        "wait": process.wait.map(wait_name),
        "shared_memory": process.shares,
        "since": seconds(process.since),
        "missing": process.missing,
        "sockets": sockets,
    })
}

fn socket(process: &Process, socket: &Socket, rates: &Rates) -> Value {
    let connections = socket.connections.iter();
    let connections: Vec<Value> = connections
        .map(|one| connection(process, one, rates))
        .collect();
    let now = rates.socket(process, socket);
    json!({
        "number": socket.number,
        "type": socket.kind.to_string(),
        "wait": socket.wait.map(wait_name),
        "shared_memory": socket.shares,
        "since": seconds(socket.since),
        "sleeps": socket.sleeps,
        "sleeps_per_second": now.map(|now| now.sleeps),
        "listeners": socket.listeners,
        "connections": connections,
    })
}

fn connection(process: &Process, connection: &Connection, rates: &Rates) -> Value {
    let now = rates.connection(process, connection);
    let sent = now.map(|now| (now.sent, now.sent_bytes));
    let received = now.map(|now| (now.received, now.received_bytes));
    json!({
        "number": connection.number,
        "endpoint": connection.endpoint,
        "connects": connection.connects,
        "peer": connection.peer,
        "peer_pid": connection.peer_pid,
        "peer_uid": connection.peer_uid,
        "phase": match connection.phase {
            Phase::Connecting => "connecting",
            Phase::Handshake => "handshake",
            Phase::Ready => "ready",
            _ => "other",
        },
        "carrier": carrier_name(connection),
        "reason": reason_code(connection.carrier),
        "reason_text": connection.carrier.to_string(),
        "protection": match connection.protection {
            Protection::Null => "null",
            Protection::Plain => "plain",
            Protection::Curve => "curve",
            _ => "other",
        },
        "shared_memory": connection.shares,
        "since": seconds(connection.since),
        "sent": flow(&connection.sent, sent),
        "received": flow(&connection.received, received),
        "dropped": connection.dropped,
        "memory": connection.memory,
        "wakes": connection.wakes,
        "wakes_per_second": now.map(|now| now.wakes),
    })
}

fn flow(flow: &Flow, rates: Option<(f64, Option<f64>)>) -> Value {
    json!({
        "messages": flow.messages,
        "bytes": flow.bytes,
        "messages_per_second": rates.map(|rates| rates.0),
        "bytes_per_second": rates.and_then(|rates| rates.1),
        "waiting": flow.waiting.map(Waiting::count),
        "waiting_is_exact": flow.waiting.map(|waiting| matches!(waiting, Waiting::Exactly(_))),
        "mark": flow.mark,
    })
}

/// Seconds since 1970, of microseconds.
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
