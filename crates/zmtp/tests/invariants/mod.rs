//! What holds of a connection whatever comes, to be tried by seeds (`tests/seeded.rs`) and by the fuzzer
//! (`fuzz/fuzz_targets/zmtp_*.rs`): where the choices come from is the caller's affair.

pub(crate) mod frames;
pub(crate) mod handshake;
pub(crate) mod pieces;
pub(crate) mod raw;
pub(crate) mod world;

use std::time::Duration;

use ringmq_zmtp::{Connection, Error, Event, Kind, Settings};

/// A source of choices, each of which follows from what the source began with.
pub(crate) trait Choices {
    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: u64) -> u64;

    /// Whether there is nothing left to choose by.
    fn is_over(&self) -> bool;

    /// True once in `many` times.
    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    /// One of these.
    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// Some bytes.
    fn bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}

/// A greeting of version 3.1, with the mechanism NULL.
pub(crate) fn greeting() -> Vec<u8> {
    let mut greeting = vec![0; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10..12].copy_from_slice(&[3, 1]);
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// A frame with this flags byte, LONG among the flags or not.
pub(crate) fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flags];
    if flags & 2 == 0 {
        bytes.push(u8::try_from(payload.len()).expect("short"));
    } else {
        bytes.extend((payload.len() as u64).to_be_bytes());
    }
    bytes.extend(payload);
    bytes
}

/// A command; LONG if it has to be.
pub(crate) fn command(name: &str, data: &[u8]) -> Vec<u8> {
    let body = [&[name.len() as u8], name.as_bytes(), data].concat();
    frame(if body.len() > 255 { 6 } else { 4 }, &body)
}

/// One property.
pub(crate) fn property(name: &[u8], value: &[u8]) -> Vec<u8> {
    let size = (value.len() as u32).to_be_bytes();
    [&[name.len() as u8], name, &size, value].concat()
}

/// All that a peer of this type says until it is ready.
pub(crate) fn hello(socket_type: Kind) -> Vec<u8> {
    let metadata = property(b"Socket-Type", socket_type.name().as_bytes());
    [greeting(), command("READY", &metadata)].concat()
}

/// All events in these bytes, and how it ended.
pub(crate) fn receive_all(
    connection: &mut Connection,
    mut bytes: &[u8],
) -> (Vec<Event>, Result<(), Error>) {
    let mut events = Vec::new();
    loop {
        match connection.receive(&mut bytes, Duration::ZERO) {
            Ok(Some(event)) => events.push(event),
            Ok(None) => {
                assert!(bytes.is_empty(), "all bytes are taken");
                return (events, Ok(()));
            }
            Err(error) => return (events, Err(error)),
        }
    }
}

/// All that waits to be written.
pub(crate) fn drain(connection: &mut Connection) -> Vec<u8> {
    let bytes: Vec<u8> = connection.output().flatten().copied().collect();
    assert_eq!(bytes.len(), connection.pending());
    connection.sent(bytes.len());
    bytes
}

/// A connection whose peer, of any type that will do, is ready, and that has nothing to write.
pub(crate) fn ready(settings: Settings) -> Connection {
    let ours = settings.socket_type;
    let mut peers = Kind::ALL.iter();
    let theirs = peers.find(|theirs| ours.accepts(**theirs)).expect("one");
    let mut connection = Connection::new(settings, Duration::ZERO);
    let received = receive_all(&mut connection, &hello(*theirs));
    assert_eq!(received, (vec![Event::Ready], Ok(())));
    drain(&mut connection);
    connection
}
