//! The page of a process, read and checked.

use std::fs::File;
use std::os::unix::fs::FileExt;

use ringmq_pattern::Kind;
use ringmq_pipe::Wait;
use ringmq_pipe::status::layout::{self, ROW, ROWS};

use crate::mail::Carrier;
use crate::mail::row;
use crate::status::{Connection, Flow, Phase, Protection, Socket, Waiting};

/// Rows that are read together.
const BATCH: usize = 64;
/// How often a row is read that changes while it is read.
const TRIES: u32 = 4;

/// The first row of a page.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) pid: u64,
    pub(super) version: String,
    pub(super) wait: Option<Wait>,
    pub(super) shares: bool,
    pub(super) since: u64,
    pub(super) missing: u64,
    /// Rows that may be in use.
    pub(super) rows: usize,
}

/// The other rows of a page.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) sockets: Vec<Socket>,
    /// Rows that made no sense.
    pub(super) left_out: u64,
}

/// One row, as it was at one moment.
struct Row([u8; ROW]);

/// A row of a known role.
enum Found {
    Socket(Socket),
    Listener(u64, String),
    Connection(u64, Box<Connection>),
}

impl Row {
    fn word(&self, at: usize) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.0[at..at + 8]);
        u64::from_ne_bytes(word)
    }

    /// The text of `room` bytes at `at`, of which the length is in 16 bits.
    fn text(&self, at: usize, room: usize, length: u64) -> String {
        let length = (length & 0xffff) as usize;
        let bytes = &self.0[at..at + room.min(length)];
        let text = clean(&String::from_utf8_lossy(bytes));
        if length > room { text + "…" } else { text }
    }
}

/// A text without control characters, and without others that change how a terminal shows the line.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        // Marks of direction and joiners are no control characters of Unicode, and can hide what follows them.
        let hides = matches!(
            character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        );
        if character.is_control() || hides {
            clean.extend(character.escape_unicode());
        } else {
            clean.push(character);
        }
    }
    clean
}

/// The first row; `None` if this is no page of a layout that is known, or its process has not finished it.
pub(super) fn header(file: &File) -> Option<Header> {
    let mut row = Row([0; ROW]);
    file.read_exact_at(&mut row.0, 0).ok()?;
    if row.word(layout::IDENTITY) != layout::MAGIC {
        return None;
    }
    let room = ROW - layout::VERSION;
    let length = row.word(layout::VERSION_LENGTH).min(room as u64);
    let defaults = row.word(layout::DEFAULTS);
    Some(Header {
        pid: row.word(layout::PID),
        version: row.text(layout::VERSION, room.min(32), length),
        wait: row::wait_of(defaults),
        shares: defaults >> row::DEFAULT_SHARES & 1 == 1,
        since: row.word(layout::MADE),
        missing: row.word(layout::MISSING),
        rows: usize::try_from(row.word(layout::USED))
            .unwrap_or(ROWS)
            .min(ROWS),
    })
}

/// All rows of a page that are in use.
pub(super) fn contents(file: &File, rows: usize) -> Contents {
    let mut contents = Contents::default();
    let (mut listeners, mut connections) = (Vec::new(), Vec::new());
    let (mut before, mut after) = (vec![0; BATCH * ROW], vec![0; BATCH * ROW]);
    for first in (1..rows).step_by(BATCH) {
        let count = BATCH.min(rows - first);
        let (before, after) = (&mut before[..count * ROW], &mut after[..count * ROW]);
        let at = (first * ROW) as u64;
        // Rows that are the same before and after were not written meanwhile, as their sequence says.
        let read = file.read_exact_at(before, at).is_ok() && file.read_exact_at(after, at).is_ok();
        if !read {
            contents.left_out += (rows - first) as u64;
            break;
        }
        for (index, (before, after)) in before.chunks(ROW).zip(after.chunks(ROW)).enumerate() {
            let number = first + index;
            let Some(row) = whole(before, after).or_else(|| settled(file, number)) else {
                contents.left_out += 1;
                continue;
            };
            match found(&row, number as u64) {
                Ok(None) => {}
                Ok(Some(Found::Socket(socket))) => contents.sockets.push(socket),
                Ok(Some(Found::Listener(of, endpoint))) => listeners.push((of, endpoint)),
                Ok(Some(Found::Connection(of, connection))) => connections.push((of, connection)),
                Err(Nonsense) => contents.left_out += 1,
            }
        }
    }
    // Rows come in the order of their numbers, so the sockets are sorted.
    let sockets = &mut contents.sockets;
    let find = |sockets: &[Socket], of| sockets.binary_search_by_key(&of, |socket| socket.number);
    for (of, endpoint) in listeners {
        if let Ok(at) = find(sockets, of) {
            sockets[at].listeners.push(endpoint);
        }
    }
    for (of, connection) in connections {
        if let Ok(at) = find(sockets, of) {
            sockets[at].connections.push(*connection);
        }
    }
    contents
}

/// A row that was read twice, unless its description was written meanwhile.
fn whole(before: &[u8], after: &[u8]) -> Option<Row> {
    let (mut first, mut second) = (Row([0; ROW]), Row([0; ROW]));
    first.0.copy_from_slice(before);
    second.0.copy_from_slice(after);
    let sequence = first.word(layout::SEQUENCE);
    let settled = sequence.is_multiple_of(2) && second.word(layout::SEQUENCE) == sequence;
    settled.then_some(first)
}

/// A row by itself; `None` if it is written all the time.
fn settled(file: &File, number: usize) -> Option<Row> {
    let at = (number * ROW) as u64;
    (0..TRIES).find_map(|_| {
        let (mut before, mut after) = ([0; ROW], [0; ROW]);
        file.read_exact_at(&mut before, at).ok()?;
        file.read_exact_at(&mut after, at).ok()?;
        let row = whole(&before, &after);
        if row.is_none() {
            std::thread::yield_now();
        }
        row
    })
}

/// What a row is about; `None` if it is not in use.
fn found(row: &Row, number: u64) -> Result<Option<Found>, Nonsense> {
    let of = row.word(layout::SOCKET);
    Ok(Some(match row.word(layout::ROLE) {
        0 => return Ok(None),
        row::SOCKET => Found::Socket(socket(row, number)?),
        row::LISTENER => {
            let length = row.word(layout::LENGTHS);
            let endpoint = row.text(layout::ENDPOINT, layout::ENDPOINT_MOST, length);
            Found::Listener(of, endpoint)
        }
        row::CONNECTION => Found::Connection(of, Box::new(connection(row, number)?)),
        _ => return Err(Nonsense),
    }))
}

fn kind(row: &Row) -> Result<Kind, Nonsense> {
    let number = row.word(layout::TYPE) as u8;
    Kind::try_from(number).map_err(|_| Nonsense)
}

fn socket(row: &Row, number: u64) -> Result<Socket, Nonsense> {
    let numbers = row.word(layout::TYPE);
    Ok(Socket {
        number,
        kind: kind(row)?,
        wait: row::wait_of(numbers >> row::WAIT),
        shares: numbers >> row::SHARES & 1 == 1,
        since: row.word(layout::SINCE),
        sleeps: row.word(layout::SLEEPS),
        listeners: Vec::new(),
        connections: Vec::new(),
    })
}

fn connection(row: &Row, number: u64) -> Result<Connection, Nonsense> {
    let (numbers, state) = (row.word(layout::TYPE), row.word(layout::STATE));
    kind(row)?;
    let carrier = row::carrier_of(state).ok_or(Nonsense)?;
    let lengths = row.word(layout::LENGTHS);
    let process = row.word(layout::PEER);
    let (pid, uid) = (process as u32, (process >> 32) as u32);
    let [sent, received] = flows(row, carrier);
    let local = (
        row.word(layout::LOCAL_SENT),
        row.word(layout::LOCAL_RECEIVED),
    );
    Ok(Connection {
        number,
        endpoint: row.text(layout::ENDPOINT, layout::ENDPOINT_MOST, lengths),
        connects: (state >> row::SIDE) as u8 == row::Side::Connected as u8,
        peer: row.text(layout::ADDRESS, layout::ADDRESS_MOST, lengths >> 16),
        peer_pid: (pid != 0).then_some(pid.cast_signed()),
        peer_uid: (process != 0).then_some(uid),
        phase: match state as u8 {
            1 => Phase::Connecting,
            2 => Phase::Handshake,
            3 => Phase::Ready,
            _ => return Err(Nonsense),
        },
        carrier,
        protection: match (numbers >> row::MECHANISM) as u8 {
            1 => Protection::Plain,
            2 => Protection::Curve,
            _ => Protection::Null,
        },
        shares: numbers >> row::SHARES & 1 == 1,
        since: row.word(layout::SINCE),
        sent,
        received,
        dropped: row.word(layout::DROPPED),
        memory: row.word(layout::MEMORY),
        wakes: row.word(layout::RINGS),
        ends: (row.word(layout::OWN_END), row.word(layout::PEER_END)),
        shared: (
            row.word(layout::SHARED_SENT),
            row.word(layout::SHARED_RECEIVED),
        ),
        local,
        queued: (
            local.0.saturating_sub(row.word(layout::STREAM_SENT)),
            row.word(layout::STREAM_RECEIVED).saturating_sub(local.1),
        ),
    })
}

/// What is sent and received, by this row alone.
fn flows(row: &Row, carrier: Carrier) -> [Flow; 2] {
    let word = |at| row.word(at);
    let marks = word(layout::MARKS);
    let mark = |mark: u64| (mark != 0).then_some(mark);
    let (send_mark, receive_mark) = (mark(marks & 0xffff_ffff), mark(marks >> 32));
    let [local_out, local_in] = [layout::LOCAL_SENT, layout::LOCAL_RECEIVED].map(word);
    if carrier == Carrier::Inproc {
        let flow = |messages, mark| Flow {
            messages,
            mark,
            ..Flow::default()
        };
        return [flow(local_out, send_mark), flow(local_in, receive_mark)];
    }
    let [stream_out, stream_in] = [layout::STREAM_SENT, layout::STREAM_RECEIVED].map(word);
    let shares = carrier == Carrier::SharedMemory;
    let reported = word(layout::SHARED_WAITING);
    // What was sent before the connection went over to shared memory leaves first.
    let queued = local_out.saturating_sub(stream_out);
    let unread = stream_in.saturating_sub(local_in);
    let bytes = |stream, shared| Some(word(stream).saturating_add(word(shared)));
    let out = Flow {
        messages: stream_out.saturating_add(word(layout::SHARED_SENT)),
        bytes: bytes(layout::STREAM_SENT_BYTES, layout::SHARED_SENT_BYTES),
        waiting: Some(match (shares, reported) {
            (true, 1..) => Waiting::AtMost(queued.saturating_add(reported)),
            _ => Waiting::Exactly(queued),
        }),
        mark: match shares {
            true => mark(word(layout::SHARED_MARK)),
            false => send_mark,
        },
    };
    let into = Flow {
        messages: stream_in.saturating_add(word(layout::SHARED_RECEIVED)),
        bytes: bytes(layout::STREAM_RECEIVED_BYTES, layout::SHARED_RECEIVED_BYTES),
        waiting: (!shares).then_some(Waiting::Exactly(unread)),
        mark: receive_mark,
    };
    [out, into]
}

/// A row that no ringmq has written.
struct Nonsense;
