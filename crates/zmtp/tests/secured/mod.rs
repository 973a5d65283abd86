//! Ends with mechanisms, and recorded sessions of libzmq (`tests/vectors/README.md`).

pub(crate) mod tampered;

use std::time::Duration;

use ringmq_message::Frame;
use ringmq_zmtp::{
    Connection, CurveClient, CurveServer, Error, Event, KeyPair, Kind, Login, Mechanism, NoRandom,
    SecretKey, Settings, User, Verdict,
};

use crate::invariants::{drain, receive_all};

/// What two ends of libzmq wrote, and of what types they were: client and server.
pub(crate) struct Recorded {
    pub(crate) client: &'static str,
    pub(crate) server: &'static str,
    pub(crate) types: [Kind; 2],
}

impl Recorded {
    /// Two DEALERs.
    pub(crate) fn dealer() -> Recorded {
        Recorded {
            client: include_str!("../vectors/dealer_client.hex"),
            server: include_str!("../vectors/dealer_server.hex"),
            types: [Kind::Dealer, Kind::Dealer],
        }
    }

    /// A SUB, and a PUB as the server.
    pub(crate) fn publisher() -> Recorded {
        Recorded {
            client: include_str!("../vectors/pub_client.hex"),
            server: include_str!("../vectors/pub_server.hex"),
            types: [Kind::Sub, Kind::Pub],
        }
    }

    pub(crate) fn client_said(&self) -> Vec<u8> {
        bytes(self.client)
    }

    pub(crate) fn server_said(&self) -> Vec<u8> {
        bytes(self.server)
    }

    /// What an end hears.
    pub(crate) fn said_to(&self, server: bool) -> Vec<u8> {
        bytes(if server { self.client } else { self.server })
    }

    /// The settings of an end whose keys and random bytes are those of the recording.
    pub(crate) fn settings(&self, server: bool) -> Settings {
        let [client_type, server_type] = self.types;
        let mut settings = settings(if server { server_type } else { client_type });
        settings.mechanism = if server {
            Mechanism::CurveServer(CurveServer {
                keys: keys(0x51),
                random: |bytes| {
                    bytes.fill(0x22);
                    Ok(())
                },
            })
        } else {
            Mechanism::CurveClient(CurveClient {
                keys: keys(0x52),
                server_key: *keys(0x51).public(),
                random: |bytes| {
                    bytes.fill(0x11);
                    Ok(())
                },
            })
        };
        settings
    }

    pub(crate) fn end(&self, server: bool) -> Connection {
        Connection::new(self.settings(server), Duration::ZERO)
    }

    pub(crate) fn client(&self) -> Connection {
        self.end(false)
    }

    pub(crate) fn server(&self) -> Connection {
        self.end(true)
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| str::from_utf8(pair).expect("digits"));
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).expect("two digits"))
        .collect()
}

fn keys(byte: u8) -> KeyPair {
    KeyPair::from_secret(SecretKey::from_bytes(&[byte; 32]))
}

/// The greeting, and all frames after it.
pub(crate) fn split(said: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let (greeting, mut rest) = said.split_at(64);
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let len = match rest[0] & 2 {
            0 => 2 + usize::from(rest[1]),
            _ => 9 + u64::from_be_bytes(rest[1..9].try_into().expect("eight")) as usize,
        };
        let (frame, behind) = rest.split_at(len);
        frames.push(frame);
        rest = behind;
    }
    (greeting, frames)
}

/// Events of these parts.
pub(crate) fn frames(parts: &[Vec<u8>], more: &[bool]) -> Vec<Event> {
    let parts = parts.iter().zip(more);
    let frames = parts.map(|(part, more)| Frame::from(part.clone()).with_more(*more));
    frames.map(Event::Frame).collect()
}

/// Settings without an end of the handshake.
pub(crate) fn settings(socket_type: Kind) -> Settings {
    let mut settings = Settings::new(socket_type);
    settings.handshake_timeout = None;
    settings
}

/// Bytes that differ from call to call, for keys that protect nothing.
fn differing(bytes: &mut [u8]) -> Result<(), NoRandom> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(1);
    for piece in bytes.chunks_mut(8) {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mixed = count.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        piece.copy_from_slice(&mixed[..piece.len()]);
    }
    Ok(())
}

pub(crate) fn curve_client(socket_type: Kind) -> Settings {
    let mut settings = settings(socket_type);
    settings.mechanism = Mechanism::CurveClient(CurveClient {
        keys: keys(2),
        server_key: *keys(1).public(),
        random: differing,
    });
    settings
}

pub(crate) fn curve_server(socket_type: Kind) -> Settings {
    let mut settings = settings(socket_type);
    settings.mechanism = Mechanism::CurveServer(CurveServer {
        keys: keys(1),
        random: differing,
    });
    settings
}

pub(crate) fn plain_client(socket_type: Kind) -> Settings {
    let mut settings = settings(socket_type);
    settings.mechanism = Mechanism::PlainClient(Login::new("me", "secret"));
    settings
}

pub(crate) fn plain_server(socket_type: Kind) -> Settings {
    let mut settings = settings(socket_type);
    settings.mechanism = Mechanism::PlainServer;
    settings
}

/// How a handshake ended at both ends, and what the server wrote after its error.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) client: Result<(), Error>,
    pub(crate) server: Result<(), Error>,
    pub(crate) last_of_server: Vec<u8>,
    pub(crate) ends: [Connection; 2],
    /// Of the client and of the server.
    pub(crate) events: [Vec<Event>; 2],
}

/// Lets two ends talk until neither has more to say. What comes after a WELCOME comes `late`. Each verdict
/// accepts.
pub(crate) fn exchange(client: Settings, server: Settings, late: Duration) -> Ended {
    judged(client, server, late, || Verdict::Accept(User::default()))
}

/// As [`exchange`], with a verdict.
pub(crate) fn judged(
    client: Settings,
    server: Settings,
    late: Duration,
    verdict: impl Fn() -> Verdict,
) -> Ended {
    let mut ends = [client, server].map(|settings| Connection::new(settings, Duration::ZERO));
    let mut results = [Ok(()), Ok(())];
    let mut all: [Vec<Event>; 2] = Default::default();
    let mut now = Duration::ZERO;
    let mut last_of_server = Vec::new();
    while ends.iter().any(|end| end.pending() > 0) {
        for from in [0, 1] {
            let said = drain(&mut ends[from]);
            if from == 1 && results[1].is_err() {
                last_of_server.extend(&said);
            }
            let to = 1 - from;
            if results[to].is_err() {
                continue;
            }
            let mut input = &said[..];
            loop {
                match ends[to].receive(&mut input, now) {
                    Ok(Some(event)) => {
                        let asked = matches!(event, Event::Authenticate(_));
                        all[to].push(event);
                        if asked && let Err(error) = ends[to].decide(verdict()) {
                            results[to] = Err(error);
                            break;
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        results[to] = Err(error);
                        break;
                    }
                }
            }
            if said.windows(8).any(|window| window == b"\x07WELCOME") {
                now = late;
            }
        }
    }
    let [client, server] = results;
    Ended {
        client,
        server,
        last_of_server,
        ends,
        events: all,
    }
}

/// What one end says to the other, as events.
pub(crate) fn pass(from: &mut Connection, to: &mut Connection) -> Vec<Event> {
    let said = drain(from);
    let (events, end) = receive_all(to, &said);
    assert_eq!(end, Ok(()));
    events
}
