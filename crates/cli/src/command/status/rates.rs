//! How much happened between two looks.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ringmq::status::{Connection, Process, Snapshot, Socket};

/// Names a socket or a connection in all snapshots: the process, the number of the row, and when it was made.
type Name = (i32, u64, u64, u64);

/// Counts of the last look, and what happened in a second before it.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    looked: Option<Instant>,
    counts: HashMap<Name, Counts>,
    connections: HashMap<Name, ConnectionRates>,
    sockets: HashMap<Name, SocketRates>,
}

/// What was counted at one look.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    sent: u64,
    received: u64,
    sent_bytes: Option<u64>,
    received_bytes: Option<u64>,
    wakes: u64,
    sleeps: u64,
}

/// What a connection did in a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionRates {
    pub(crate) sent: f64,
    pub(crate) received: f64,
    pub(crate) sent_bytes: Option<f64>,
    pub(crate) received_bytes: Option<f64>,
    pub(crate) wakes: f64,
}

/// What a socket did in a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketRates {
    pub(crate) sleeps: f64,
}

impl Rates {
    /// Takes the counts of a look at this time.
    pub(crate) fn take(&mut self, snapshot: &Snapshot, now: Instant) {
        let passed = self.looked.map(|before| now - before);
        let mut counts = HashMap::new();
        self.connections.clear();
        self.sockets.clear();
        for process in &snapshot.processes {
            for socket in &process.sockets {
                let name = socket_name(process, socket);
                let now = Counts {
                    sleeps: socket.sleeps,
                    ..Counts::default()
                };
                if let (Some(before), Some(passed)) = (self.counts.get(&name), passed) {
                    let sleeps = rate(before.sleeps, now.sleeps, passed);
                    self.sockets.insert(name, SocketRates { sleeps });
                }
                counts.insert(name, now);
                for connection in &socket.connections {
                    let name = connection_name(process, connection);
                    let now = Counts::of(connection);
                    if let (Some(before), Some(passed)) = (self.counts.get(&name), passed) {
                        self.connections.insert(name, now.since(before, passed));
                    }
                    counts.insert(name, now);
                }
            }
        }
        (self.counts, self.looked) = (counts, Some(now));
    }

    /// What a connection did; `None` if it is seen for the first time.
    pub(crate) fn connection(
        &self,
        process: &Process,
        connection: &Connection,
    ) -> Option<ConnectionRates> {
        let name = connection_name(process, connection);
        self.connections.get(&name).copied()
    }

    /// What a socket did; `None` if it is seen for the first time.
    pub(crate) fn socket(&self, process: &Process, socket: &Socket) -> Option<SocketRates> {
        self.sockets.get(&socket_name(process, socket)).copied()
    }
}

impl Counts {
    fn of(connection: &Connection) -> Counts {
        Counts {
            sent: connection.sent.messages,
            received: connection.received.messages,
            sent_bytes: connection.sent.bytes,
            received_bytes: connection.received.bytes,
            wakes: connection.wakes,
            sleeps: 0,
        }
    }

    fn since(&self, before: &Counts, passed: Duration) -> ConnectionRates {
        let bytes = |before: Option<u64>, now: Option<u64>| Some(rate(before?, now?, passed));
        ConnectionRates {
            sent: rate(before.sent, self.sent, passed),
            received: rate(before.received, self.received, passed),
            sent_bytes: bytes(before.sent_bytes, self.sent_bytes),
            received_bytes: bytes(before.received_bytes, self.received_bytes),
            wakes: rate(before.wakes, self.wakes, passed),
        }
    }
}

fn rate(before: u64, now: u64, passed: Duration) -> f64 {
    now.saturating_sub(before) as f64 / passed.as_secs_f64().max(1e-9)
}

fn socket_name(process: &Process, socket: &Socket) -> Name {
    (process.pid, process.since, socket.number, socket.since)
}

fn connection_name(process: &Process, connection: &Connection) -> Name {
    let (number, since) = (connection.number, connection.since);
    (process.pid, process.since, number, since)
}
