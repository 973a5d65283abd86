//! What a row of the status page says of a socket, a listener or a connection, in numbers.

use std::sync::Arc;

use ringmq_pattern::Kind;
use ringmq_pipe::Wait;
use ringmq_pipe::local::{Receiver, Sender};
use ringmq_pipe::remote::RefusalReason;
use ringmq_pipe::status::{Row, Shown, Writing, layout};
use ringmq_zmtp::Mechanism;

use crate::mail::carrier::{Carrier, ZmtpReason};
use crate::mail::connection::Identity;
use crate::mail::marks::Marks;

/// A row, where there is a page and room in it.
pub(crate) type RowOrNone = Option<Arc<Row>>;

/// What a row is about.
pub(crate) const SOCKET: u64 = 1;
pub(crate) const LISTENER: u64 = 2;
pub(crate) const CONNECTION: u64 = 3;

/// How far a connection is. The two numbers below are in the first and the second byte of the word of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is not made, or made again later.
    Connecting = 1,
    /// The stream is there.
    Handshake = 2,
    /// Messages can go.
    Ready = 3,
}

/// Which end of a connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Bound = 1,
    Connected = 2,
}

// Shifts in the words.
pub(crate) const SIDE: u32 = 8;
pub(crate) const CARRIER: u32 = 16;
pub(crate) const REASON: u32 = 24;
pub(crate) const REFUSAL: u32 = 32;
pub(crate) const WAIT: u32 = 8;
pub(crate) const MECHANISM: u32 = 16;
pub(crate) const SHARES: u32 = 24;
pub(crate) const DEFAULT_SHARES: u32 = 8;

/// What sockets do that were not told, for the row of the process.
pub(crate) fn defaults_code(wait: Wait, share: bool) -> u64 {
    wait_code(wait) | u64::from(share) << DEFAULT_SHARES
}

/// The number of a strategy.
fn wait_code(wait: Wait) -> u64 {
    match wait {
        Wait::Spin => 1,
        Wait::Park => 2,
        Wait::Adaptive => 3,
    }
}

/// The strategy of this number, in the first byte; `None` if it is that of none.
pub(crate) fn wait_of(code: u64) -> Option<Wait> {
    match code as u8 {
        1 => Some(Wait::Spin),
        2 => Some(Wait::Park),
        3 => Some(Wait::Adaptive),
        _ => None,
    }
}

/// The number of a mechanism: that of its name, and whether this side is the server.
fn mechanism_code(mechanism: &Mechanism) -> u64 {
    match mechanism {
        Mechanism::Null => 0,
        Mechanism::PlainClient(_) | Mechanism::PlainServer => 1,
        Mechanism::CurveClient(_) | Mechanism::CurveServer(_) => 2,
        _ => 3,
    }
}

/// The part of the state that is about the carrier.
pub(crate) fn carrier_code(carrier: Carrier) -> u64 {
    let (code, reason, refusal) = match carrier {
        Carrier::Inproc => (1, 0, None),
        Carrier::SharedMemory => (3, 0, None),
        Carrier::Datagrams => (4, 0, None),
        Carrier::Zmtp(why) => match why {
            ZmtpReason::Undecided => (2, 0, None),
            ZmtpReason::NotIpc => (2, 1, None),
            ZmtpReason::TurnedOff => (2, 2, None),
            ZmtpReason::NotOffered => (2, 3, None),
            ZmtpReason::Resources => (2, 4, None),
            ZmtpReason::Refused(why) => (2, 5, Some(why)),
            ZmtpReason::RefusedByPeer(why) => (2, 6, Some(why)),
            ZmtpReason::PeerGone => (2, 7, None),
            ZmtpReason::Unproven => (2, 8, None),
        },
    };
    let refusal = refusal.map_or(0, RefusalReason::code);
    code << CARRIER | reason << REASON | u64::from(refusal) << REFUSAL
}

/// The carrier that a state names; `None` if it names none.
pub(crate) fn carrier_of(state: u64) -> Option<Carrier> {
    let refusal = RefusalReason::from_code((state >> REFUSAL) as u32);
    Some(match (state >> CARRIER) as u8 {
        1 => Carrier::Inproc,
        2 => Carrier::Zmtp(match (state >> REASON) as u8 {
            0 => ZmtpReason::Undecided,
            1 => ZmtpReason::NotIpc,
            2 => ZmtpReason::TurnedOff,
            3 => ZmtpReason::NotOffered,
            4 => ZmtpReason::Resources,
            5 => ZmtpReason::Refused(refusal),
            6 => ZmtpReason::RefusedByPeer(refusal),
            7 => ZmtpReason::PeerGone,
            8 => ZmtpReason::Unproven,
            _ => return None,
        }),
        3 => Carrier::SharedMemory,
        4 => Carrier::Datagrams,
        _ => return None,
    })
}

fn marks_code(marks: Marks) -> u64 {
    let half = |mark: u64| mark.min(u32::MAX.into());
    half(marks.sending) | half(marks.receiving) << 32
}

/// A row for a socket.
pub(crate) fn socket_row(row: &Row, kind: Kind, wait: Wait, share: bool) {
    row.describe(|row| {
        row.set(layout::ROLE, SOCKET);
        set_type(row, kind, wait, 0, share);
        row.set_since();
    });
}

/// The strategy of a socket has changed.
pub(crate) fn set_wait(row: &Row, kind: Kind, wait: Wait, share: bool) {
    row.describe(|row| set_type(row, kind, wait, 0, share));
}

fn set_type(row: &Writing<'_>, kind: Kind, wait: Wait, mechanism: u64, share: bool) {
    let (mechanism, share) = (mechanism << MECHANISM, u64::from(share) << SHARES);
    let numbers = u64::from(u8::from(kind)) | wait_code(wait) << WAIT;
    row.set(layout::TYPE, numbers | mechanism | share);
}

/// A row for a listener of a socket.
pub(crate) fn listener_row(socket: &RowOrNone, kind: Kind, endpoint: &str) -> RowOrNone {
    let socket = socket.as_ref()?;
    let listener = socket.beside()?;
    listener.describe(|row| {
        row.set(layout::ROLE, LISTENER);
        row.set(layout::SOCKET, socket.number());
        row.set(layout::TYPE, u64::from(u8::from(kind)));
        row.set(layout::STATE, (Side::Bound as u64) << SIDE);
        row.set_endpoint(endpoint);
        row.set_since();
    });
    Some(listener)
}

/// What is known of a connection when its row is made.
#[derive(Debug)]
pub(crate) struct Newcomer<'a> {
    pub(crate) kind: Kind,
    pub(crate) phase: Phase,
    pub(crate) side: Side,
    pub(crate) carrier: Carrier,
    pub(crate) marks: Marks,
    pub(crate) mechanism: Option<&'a Mechanism>,
    pub(crate) shares: bool,
    pub(crate) endpoint: &'a str,
}

/// A row for a connection of a socket.
pub(crate) fn connection_row(socket: &RowOrNone, new: &Newcomer<'_>) -> RowOrNone {
    let socket = socket.as_ref()?;
    let connection = socket.beside()?;
    connection.describe(|row| {
        row.set(layout::ROLE, CONNECTION);
        row.set(layout::SOCKET, socket.number());
        let mechanism = new.mechanism.map_or(0, mechanism_code);
        set_type(row, new.kind, Wait::Adaptive, mechanism, new.shares);
        let place = new.phase as u64 | (new.side as u64) << SIDE;
        row.set(layout::STATE, place | carrier_code(new.carrier));
        row.set(layout::MARKS, marks_code(new.marks));
        row.set_endpoint(new.endpoint);
        row.set_since();
    });
    Some(connection)
}

/// How far a connection is, and what is known of its peer.
pub(crate) fn set_phase(row: &RowOrNone, phase: Phase, carrier: Carrier, identity: &Identity) {
    let Some(row) = row else {
        return;
    };
    row.describe(|row| {
        let side = row.get(layout::STATE) & 0xff << SIDE;
        row.set(layout::STATE, phase as u64 | side | carrier_code(carrier));
        let process = identity.credentials.map_or(0, |peer| {
            u64::from(peer.pid.cast_unsigned()) | u64::from(peer.uid) << 32
        });
        row.set(layout::PEER, process);
        row.set_endpoint(&identity.endpoint);
        row.set_address(&identity.peer);
        if phase != Phase::Ready {
            row.set(layout::OWN_END, 0);
            row.set(layout::PEER_END, 0);
        }
    });
}

/// What carries the messages from now on.
pub(crate) fn set_carrier(row: &RowOrNone, carrier: Carrier) {
    let Some(row) = row else {
        return;
    };
    row.describe(|row| {
        let place = row.get(layout::STATE) & 0xffff;
        row.set(layout::STATE, place | carrier_code(carrier));
    });
}

/// The names of both ends, by which a reader of both rows knows that they are of one connection.
pub(crate) fn set_ends(row: &RowOrNone, own: u64, peer: u64) {
    let Some(row) = row else {
        return;
    };
    row.describe(|row| {
        row.set(layout::OWN_END, own);
        row.set(layout::PEER_END, peer);
    });
}

/// Descriptors run short: gives up that of the page.
pub(crate) fn shed_page(row: &RowOrNone) {
    if let Some(row) = row {
        row.page().shed();
    }
}

/// Other marks.
pub(crate) fn set_marks(row: &RowOrNone, marks: Marks) {
    if let Some(row) = row {
        row.set(layout::MARKS, marks_code(marks));
    }
}

/// Shows in a row what a socket puts into the pipe, and what it takes out.
pub(crate) fn show_socket_ends<T>(
    row: &RowOrNone,
    sender: &mut Sender<T>,
    receiver: &mut Receiver<T>,
) {
    sender.show_in(shown(row, layout::LOCAL_SENT));
    receiver.show_in(shown(row, layout::LOCAL_RECEIVED));
}

/// The way of a count to a row.
pub(crate) fn shown(row: &RowOrNone, word: usize) -> Option<Shown> {
    row.as_ref().map(|row| Shown::new(row, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_carrier_has_a_code() {
        let refusal = RefusalReason::Other(4711);
        for carrier in [
            Carrier::Inproc,
            Carrier::SharedMemory,
            Carrier::Datagrams,
            Carrier::Zmtp(ZmtpReason::Undecided),
            Carrier::Zmtp(ZmtpReason::NotIpc),
            Carrier::Zmtp(ZmtpReason::TurnedOff),
            Carrier::Zmtp(ZmtpReason::NotOffered),
            Carrier::Zmtp(ZmtpReason::Resources),
            Carrier::Zmtp(ZmtpReason::Refused(RefusalReason::OtherUser)),
            Carrier::Zmtp(ZmtpReason::RefusedByPeer(refusal)),
            Carrier::Zmtp(ZmtpReason::PeerGone),
            Carrier::Zmtp(ZmtpReason::Unproven),
        ] {
            let place = Phase::Ready as u64 | (Side::Bound as u64) << SIDE;
            assert_eq!(carrier_of(place | carrier_code(carrier)), Some(carrier));
        }
        assert_eq!(carrier_of(0), None);
        assert_eq!(carrier_of(u64::MAX), None);
        assert_eq!(carrier_of(2 << CARRIER | 9 << REASON), None);
    }
}
