//! It makes no difference in what pieces bytes come.

use std::time::Duration;

use ringmq_zmtp::{Connection, Error, Event, Kind, Settings};

use super::{Choices, receive_all};

/// Settings of any kind.
pub(crate) fn settings(choices: &mut impl Choices) -> Settings {
    let mut settings = Settings::new(choices.of(&Kind::ALL));
    settings.accept_older = choices.one_in(2);
    settings.extensions = vec!["SHMOPEN".into()];
    if choices.one_in(2) {
        settings.routing_id = vec![b'r'; choices.below(256) as usize];
    }
    if choices.one_in(4) {
        settings.max_message = Some(choices.below(1000));
    }
    settings
}

/// Receives the bytes at once, one by one, and in pieces of any length: events, errors and answers are the same.
pub(crate) fn check(settings: &Settings, bytes: &[u8], choices: &mut impl Choices) {
    let mut whole = Connection::new(settings.clone(), Duration::ZERO);
    let want = receive_all(&mut whole, bytes);
    let (mut single, mut pieces) = (
        Connection::new(settings.clone(), Duration::ZERO),
        Connection::new(settings.clone(), Duration::ZERO),
    );
    assert!(in_pieces(&mut single, bytes, || 1) == want);
    assert!(in_pieces(&mut pieces, bytes, || 1 + choices.below(40) as usize) == want);
    for other in [&mut single, &mut pieces] {
        assert_eq!(other.is_ready(), whole.is_ready());
        assert_eq!(other.peer(), whole.peer());
        assert!(other.output().flatten().eq(whole.output().flatten()));
    }
    if let Err(error) = want.1 {
        // The end is the end.
        let again = whole.receive(&mut &b"more"[..], Duration::ZERO);
        assert_eq!(again, Err(error.clone()));
        assert_eq!(whole.tick(Duration::ZERO), Err(error));
        assert!(whole.deadline().is_none() && whole.large_target().is_none());
    }
}

/// Receives the bytes in pieces of these lengths; long payloads, when they may be, straight into their frame.
pub(crate) fn in_pieces(
    connection: &mut Connection,
    mut bytes: &[u8],
    mut length: impl FnMut() -> usize,
) -> (Vec<Event>, Result<(), Error>) {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let length = length().clamp(1, bytes.len());
        let (mut piece, rest) = bytes.split_at(length);
        if let Some((target, room)) = connection.large_target()
            && !length.is_multiple_of(3)
        {
            let n = piece.len().min(room);
            target.extend_from_slice(&piece[..n]);
            connection.large_filled(n);
            piece = &piece[n..];
        }
        bytes = rest;
        let (some, end) = receive_all(connection, piece);
        events.extend(some);
        if end.is_err() {
            return (events, end);
        }
    }
    (events, Ok(()))
}
