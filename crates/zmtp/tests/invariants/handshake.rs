//! A handshake succeeds when, and only when, all that the peer says is right.

use std::time::Duration;

use ringmq_zmtp::{BadMetadata, Connection, Error, Event, Kind};

use super::{Choices, command, frame, greeting, pieces, property, receive_all};

/// What is wrong with what the peer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    Version,
    Mechanism,
    Type,
    RoutingId,
    Metadata,
    Early,
    Command,
    Refused,
    Name,
}

const WRONGS: [Wrong; 10] = [
    Wrong::Nothing,
    Wrong::Version,
    Wrong::Mechanism,
    Wrong::Type,
    Wrong::RoutingId,
    Wrong::Metadata,
    Wrong::Early,
    Wrong::Command,
    Wrong::Refused,
    Wrong::Name,
];

/// One handshake, with at most one thing wrong.
pub(crate) fn check(choices: &mut impl Choices) {
    let wrong = choices.of(&WRONGS);
    let mut settings = pieces::settings(choices);
    if wrong == Wrong::Version {
        settings.accept_older = false;
    }
    let ours = settings.socket_type;
    let theirs = choices.of(&Kind::ALL);
    let right = match wrong {
        Wrong::Type => !ours.accepts(theirs),
        _ => ours.accepts(theirs),
    };
    if !right {
        return;
    }
    let bytes = [
        some_greeting(choices, wrong),
        some_command(choices, wrong, theirs),
    ]
    .concat();
    let mut connection = Connection::new(settings.clone(), Duration::ZERO);
    let (events, end) = receive_all(&mut connection, &bytes);
    if wrong == Wrong::Nothing {
        assert_eq!((events, end), (vec![Event::Ready], Ok(())));
        let peer = connection.peer().expect("ready");
        assert!(peer.socket_type().is_none_or(|known| known == theirs));
    } else {
        assert_eq!(events, []);
        assert!(connection.peer().is_none() && !connection.is_ready());
        let error = end.expect_err("something is wrong");
        assert!(is_it(wrong, &error), "{wrong:?}: {error}");
        let _ = error.detail();
    }
    pieces::check(&settings, &bytes, choices);
}

fn is_it(wrong: Wrong, error: &Error) -> bool {
    match wrong {
        Wrong::Nothing => false,
        Wrong::Version => matches!(error, Error::OldVersion { .. } | Error::Unversioned),
        Wrong::Mechanism => matches!(error, Error::Mechanism { .. }),
        Wrong::Type => matches!(error, Error::SocketType { .. }),
        Wrong::RoutingId => matches!(error, Error::RoutingId { .. }),
        Wrong::Metadata => matches!(
            error,
            Error::Metadata {
                wrong: BadMetadata::Short | BadMetadata::Name | BadMetadata::Twice,
                ..
            }
        ),
        Wrong::Early => matches!(error, Error::DataInHandshake { .. }),
        Wrong::Command => matches!(error, Error::UnexpectedCommand { .. }),
        Wrong::Refused => matches!(error, Error::Refused { .. }),
        Wrong::Name => matches!(error, Error::MalformedCommand { .. }),
    }
}

fn some_greeting(choices: &mut impl Choices, wrong: Wrong) -> Vec<u8> {
    let mut bytes = greeting();
    // Padding, the other bits of its end, the role and the filler mean nothing.
    for at in (1..9).chain(32..64) {
        bytes[at] = choices.below(256) as u8;
    }
    bytes[9] = choices.below(256) as u8 | 1;
    bytes[10] = 3 + choices.below(253) as u8;
    bytes[11] = choices.below(256) as u8;
    match wrong {
        Wrong::Version => match choices.below(3) {
            0 => bytes[0] = choices.below(255) as u8,
            1 => bytes[9] &= !1,
            _ => bytes[10] = choices.below(2) as u8,
        },
        Wrong::Mechanism => {
            let at = 12 + choices.below(20) as usize;
            bytes[at] ^= 1 + choices.below(255) as u8;
        }
        _ => (),
    }
    bytes
}

fn some_command(choices: &mut impl Choices, wrong: Wrong, theirs: Kind) -> Vec<u8> {
    let metadata = some_metadata(choices, wrong, theirs);
    match wrong {
        Wrong::Early => frame(choices.below(2) as u8, &metadata[..metadata.len().min(255)]),
        Wrong::Command => command(
            choices.of(&["PING", "HELLO", "SHMOPEN", "ready"]),
            &metadata,
        ),
        Wrong::Refused => command("ERROR", b"\x03400"),
        // Nothing at all would be the beginning of a long one.
        Wrong::Name => frame(4, choices.of(&[&b"\0"[..], b"\0READY", b"\x06READY"])),
        _ => command("READY", &metadata),
    }
}

fn some_metadata(choices: &mut impl Choices, wrong: Wrong, theirs: Kind) -> Vec<u8> {
    let mut all = Vec::new();
    for at in 0..choices.below(4) {
        let len = choices.below(300);
        let value = choices.bytes(len);
        all.push(property(format!("X-{at}").as_bytes(), &value));
    }
    let unnamed = wrong == Wrong::Nothing && choices.one_in(4);
    if !unnamed {
        let name = choices.of(&["Socket-Type", "SOCKET-TYPE", "socket-type"]);
        all.push(property(name.as_bytes(), theirs.name().as_bytes()));
    }
    match wrong {
        Wrong::RoutingId => {
            all.push(property(b"Identity", &vec![1; 256]));
        }
        Wrong::Metadata => match choices.below(3) {
            0 => all.push(property(b"socket-Type", theirs.name().as_bytes())),
            1 => all.push(property(b"", b"")),
            _ => all.push(property(b"X-cut", b"value")[..5].to_vec()),
        },
        _ => {
            let len = choices.below(256);
            let id = vec![choices.below(256) as u8; len as usize];
            all.push(property(b"Identity", &id));
        }
    }
    all.concat()
}
