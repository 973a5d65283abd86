//! What the pages of both ends tell together of the messages that wait between them.

use std::collections::HashMap;

use crate::mail::Carrier;
use crate::status::{Connection, Process, Waiting};

/// What one end tells of itself.
#[derive(Clone, Copy)]
struct End {
    uid: u32,
    /// For a connection within a process.
    pid: i32,
    carrier: Carrier,
    ends: (u64, u64),
    sent: u64,
    received: u64,
    /// Messages that may wait in what this end sends.
    mark: Option<u64>,
}

impl End {
    fn of((pid, uid): (i32, u32), connection: &Connection) -> Option<End> {
        let (sent, received) = match connection.carrier {
            Carrier::Inproc => connection.local,
            Carrier::SharedMemory => connection.shared,
            _ => return None,
        };
        let is_named = connection.ends.0 != 0 && connection.ends.1 != 0;
        is_named.then_some(End {
            uid,
            pid,
            carrier: connection.carrier,
            ends: connection.ends,
            sent,
            received,
            mark: connection.sent.mark,
        })
    }

    /// Returns true if each of the two ends says that the other is its peer, and can be.
    fn fits(&self, other: &End) -> bool {
        let within = self.carrier == Carrier::Inproc;
        self.ends == (other.ends.1, other.ends.0)
            && self.carrier == other.carrier
            && self.uid == other.uid
            && (!within || self.pid == other.pid)
    }
}

/// Sets the messages that wait, where both ends are known.
pub(super) fn join(processes: &mut [Process]) {
    let mut ends: HashMap<(i32, u64), End> = HashMap::new();
    let key = |end: &End, name| match end.carrier {
        Carrier::Inproc => (end.pid, name),
        _ => (0, name),
    };
    for process in processes.iter() {
        let owner = (process.pid, process.uid);
        for connection in process.sockets.iter().flat_map(|one| &one.connections) {
            if let Some(end) = End::of(owner, connection) {
                ends.insert(key(&end, end.ends.0), end);
            }
        }
    }
    for process in processes.iter_mut() {
        let owner = (process.pid, process.uid);
        let connections = process.sockets.iter_mut();
        for connection in connections.flat_map(|one| &mut one.connections) {
            let Some(end) = End::of(owner, connection) else {
                continue;
            };
            let Some(peer) = ends
                .get(&key(&end, end.ends.1))
                .filter(|peer| end.fits(peer))
            else {
                continue;
            };
            connection.waits_with(&end, peer);
        }
    }
}

impl Connection {
    fn waits_with(&mut self, end: &End, peer: &End) {
        let out = end.sent.saturating_sub(peer.received);
        let into = peer.sent.saturating_sub(end.received);
        // What was sent by the stream before.
        let (queued, unread) = match self.carrier {
            Carrier::SharedMemory => self.queued,
            _ => (0, 0),
        };
        self.sent.waiting = Some(Waiting::Exactly(out.saturating_add(queued)));
        self.received.waiting = Some(Waiting::Exactly(into.saturating_add(unread)));
        self.received.mark = peer.mark;
    }
}
