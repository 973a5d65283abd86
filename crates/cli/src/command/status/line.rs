//! One line for each connection, and for each socket without one.

use std::collections::HashMap;

use ringmq::status::{Connection, Process, Snapshot, Socket, Waiting};
use ringmq::{Carrier, RefusalReason, ZmtpReason};

use crate::command::status::rates::{Rates, SocketRates};

/// A connection with its socket and process; or a socket that has no connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) key: Key,
    pub(crate) program: String,
    pub(crate) uid: u32,
    pub(crate) kind: String,
    pub(crate) wait: &'static str,
    /// The socket has connected, or is bound; empty if it is neither.
    pub(crate) side: &'static str,
    pub(crate) endpoint: String,
    pub(crate) peer: String,
    pub(crate) carrier: String,
    /// What is there to read about the carrier.
    pub(crate) reason: String,
    pub(crate) out: Direction,
    pub(crate) into: Direction,
    pub(crate) dropped: u64,
    pub(crate) memory: u64,
    pub(crate) sleeps: Option<f64>,
    pub(crate) wakes: Option<f64>,
}

/// Which line it is, also in later snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Key {
    pub(crate) pid: i32,
    pub(crate) socket: u64,
    /// 0 for a socket without a connection.
    pub(crate) connection: u64,
    /// When the socket or the connection was made: numbers are used again.
    pub(crate) since: u64,
}

/// One direction of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Direction {
    pub(crate) messages: u64,
    pub(crate) bytes: Option<u64>,
    /// Messages in a second; `None` before there are two looks.
    pub(crate) rate: Option<f64>,
    /// Bytes in a second.
    pub(crate) byte_rate: Option<f64>,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) mark: Option<u64>,
}

/// All lines of a snapshot, in the order of processes, sockets and connections.
pub(crate) fn lines(snapshot: &Snapshot, rates: &Rates) -> Vec<Line> {
    let names: HashMap<i32, &str> = snapshot
        .processes
        .iter()
        .map(|process| (process.pid, process.name.as_str()))
        .collect();
    let mut lines = Vec::new();
    for process in &snapshot.processes {
        for socket in &process.sockets {
            let sleeps = rates.socket(process, socket);
            for connection in &socket.connections {
                let mut line = line(process, socket, sleeps);
                line.connect(process, connection, &names);
                line.set_rates(rates, process, connection);
                lines.push(line);
            }
            if socket.connections.is_empty() {
                let mut line = line(process, socket, sleeps);
                line.listen(socket);
                lines.push(line);
            }
        }
    }
    lines
}

fn line(process: &Process, socket: &Socket, rates: Option<SocketRates>) -> Line {
    Line {
        key: Key {
            pid: process.pid,
            socket: socket.number,
            connection: 0,
            since: socket.since,
        },
        program: process.name.clone(),
        uid: process.uid,
        kind: socket.kind.to_string(),
        wait: socket.wait.map_or("?", wait_name),
        sleeps: rates.map(|rates| rates.sleeps),
        ..Line::default()
    }
}

impl Line {
    fn connect(&mut self, process: &Process, connection: &Connection, names: &HashMap<i32, &str>) {
        self.key.connection = connection.number;
        self.key.since = connection.since;
        self.side = if connection.connects {
            "connect"
        } else {
            "bind"
        };
        self.endpoint.clone_from(&connection.endpoint);
        self.peer = peer_name(process, connection, names);
        self.carrier = carrier_name(connection);
        self.reason = reason(connection);
        for (direction, flow) in [
            (&mut self.out, &connection.sent),
            (&mut self.into, &connection.received),
        ] {
            direction.messages = flow.messages;
            direction.bytes = flow.bytes;
            direction.waiting = flow.waiting;
            direction.mark = flow.mark;
        }
        self.dropped = connection.dropped;
        self.memory = connection.memory;
    }

    fn set_rates(&mut self, rates: &Rates, process: &Process, connection: &Connection) {
        let Some(now) = rates.connection(process, connection) else {
            return;
        };
        (self.out.rate, self.into.rate) = (Some(now.sent), Some(now.received));
        (self.out.byte_rate, self.into.byte_rate) = (now.sent_bytes, now.received_bytes);
        self.wakes = Some(now.wakes);
    }

    fn listen(&mut self, socket: &Socket) {
        if socket.listeners.is_empty() {
            "idle".clone_into(&mut self.carrier);
            "neither bound nor connected".clone_into(&mut self.reason);
        } else {
            self.side = "bind";
            self.endpoint = socket.listeners.join(" ");
            "listening".clone_into(&mut self.carrier);
            "no peer has connected".clone_into(&mut self.reason);
        }
    }

    /// Messages in a second, both ways together.
    pub(crate) fn rate(&self) -> f64 {
        self.out.rate.unwrap_or(0.0) + self.into.rate.unwrap_or(0.0)
    }

    /// Messages that wait, both ways together.
    pub(crate) fn waiting(&self) -> u64 {
        let count = |direction: &Direction| direction.waiting.map_or(0, Waiting::count);
        count(&self.out).saturating_add(count(&self.into))
    }

    /// Whether a text is in one of its columns, without regard to case.
    pub(crate) fn contains(&self, lowercase: &str) -> bool {
        let columns = [
            &self.program,
            &self.kind,
            &self.endpoint,
            &self.peer,
            &self.carrier,
            &self.reason,
        ];
        let has = |text: &String| text.to_lowercase().contains(lowercase);
        columns.into_iter().any(has) || self.key.pid.to_string() == lowercase
    }
}

/// The name of a way to wait.
pub(crate) fn wait_name(wait: ringmq::Wait) -> &'static str {
    match wait {
        ringmq::Wait::Spin => "spin",
        ringmq::Wait::Park => "park",
        ringmq::Wait::Adaptive => "adaptive",
    }
}

/// The program and the number of the peer, or its address.
fn peer_name(process: &Process, connection: &Connection, names: &HashMap<i32, &str>) -> String {
    if connection.carrier == Carrier::Inproc {
        return "(itself)".to_owned();
    }
    match connection.peer_pid {
        Some(pid) if pid == process.pid => "(itself)".to_owned(),
        Some(pid) => match names.get(&pid) {
            Some(name) => format!("{name}[{pid}]"),
            None => format!("[{pid}]"),
        },
        None => connection.peer.clone(),
    }
}

/// The carrier in a word or two.
pub(crate) fn carrier_name(connection: &Connection) -> String {
    use ringmq::status::Phase;
    match (connection.phase, connection.carrier) {
        (Phase::Connecting, _) => return "connecting".to_owned(),
        (Phase::Handshake, _) => return "handshake".to_owned(),
        (_, Carrier::SharedMemory) => "shm",
        (_, Carrier::Inproc) => "inproc",
        (_, Carrier::Datagrams) => "udp",
        (_, Carrier::Zmtp(_)) if connection.endpoint.starts_with("tcp://") => "tcp",
        (_, Carrier::Zmtp(_)) => "ipc",
        _ => "?",
    }
    .to_owned()
}

/// Why the carrier is this one; empty if there is nothing to say, as where the peer has an address of another machine.
fn reason(connection: &Connection) -> String {
    match connection.carrier {
        Carrier::Zmtp(why) if why != ZmtpReason::NotIpc => why.to_string(),
        _ => String::new(),
    }
}

/// The reason for which a connection is not in shared memory, in one word for programs.
pub(crate) fn reason_code(carrier: Carrier) -> Option<&'static str> {
    let refusal = |ours, why| match (ours, why) {
        (true, RefusalReason::OtherUser) => "refused-other-user",
        (true, RefusalReason::Version) => "refused-version",
        (true, RefusalReason::Descriptor) => "refused-descriptor",
        (true, RefusalReason::Resources) => "refused-resources",
        (true, _) => "refused",
        (false, RefusalReason::OtherUser) => "refused-by-peer-other-user",
        (false, RefusalReason::Version) => "refused-by-peer-version",
        (false, RefusalReason::Descriptor) => "refused-by-peer-descriptor",
        (false, RefusalReason::Resources) => "refused-by-peer-resources",
        (false, _) => "refused-by-peer",
    };
    let Carrier::Zmtp(why) = carrier else {
        return None;
    };
    Some(match why {
        ZmtpReason::Undecided => "undecided",
        ZmtpReason::NotIpc => "not-ipc",
        ZmtpReason::TurnedOff => "turned-off",
        ZmtpReason::NotOffered => "not-offered",
        ZmtpReason::Resources => "resources",
        ZmtpReason::Refused(why) => refusal(true, why),
        ZmtpReason::RefusedByPeer(why) => refusal(false, why),
        ZmtpReason::PeerGone => "peer-gone",
        ZmtpReason::Unproven => "unproven",
        _ => "other",
    })
}
