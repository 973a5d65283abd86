//! The same bytes for a stock socket and for ours: what they take for messages, and whether they go on.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use interop::{Stock, begin, message, ours, parts};
use ringmq::{Kind, Socket};
use ringmq_testing::{Random, seed};

/// What one stranger says, in three steps, and what is unusual about it.
#[derive(Debug, Default)]
struct Said {
    greeting: Vec<u8>,
    ready: Vec<u8>,
    traffic: Vec<u8>,
    oddities: Vec<&'static str>,
    /// A part with more to follow was the last.
    in_midst: bool,
}

/// What becomes of a connection after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// A PING at the end is answered.
    Alive,
    /// It is closed.
    Closed,
    /// The other side waits.
    Silent,
}

type Messages = Vec<Vec<Vec<u8>>>;

/// Oddities of subscriptions, which a publisher knows.
const SUBSCRIPTION: &str = "a subscription";

/// Where ours does otherwise on purpose, and why. What else such a connection says is not compared.
const ON_PURPOSE: [(&str, &str); 12] = [
    (
        "another signature",
        "ZMTP 1.0 is refused, libzmq goes on with it",
    ),
    (
        "a signature without its last bit",
        "ZMTP 1.0 is refused, libzmq goes on with it",
    ),
    (
        "an older version",
        "ZMTP 1.0 and 2.0 are refused, libzmq goes on with them",
    ),
    (
        "a handshake with other flags",
        "a READY is a command, libzmq does not look",
    ),
    (
        "a socket type twice",
        "a peer has one socket type, libzmq takes the last",
    ),
    (
        "a cut in the properties",
        "a property has a value, libzmq lets the last one go without",
    ),
    (
        "a property without a name",
        "a property has a name, libzmq does without",
    ),
    (
        "a command without a name",
        "what is no command breaks the protocol, libzmq ignores it",
    ),
    (
        "a command that is shorter than its name",
        "what is no command breaks the protocol, libzmq ignores it",
    ),
    (
        "an ERROR afterwards",
        "an ERROR is the end whenever it comes, libzmq ignores it",
    ),
    (
        "a subscription within a message",
        "a message is received whole, libzmq puts the subscription in its midst",
    ),
    (
        SUBSCRIPTION,
        "only a publisher knows subscriptions, libzmq has them received as messages, command and all",
    ),
];

const PING: &[u8] = b"\x04\x09\x04PING\0\0zz";
const PONG: &[u8] = b"\x04\x07\x04PONGzz";

fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
    [&[flags, payload.len() as u8], payload].concat()
}

fn property(name: &[u8], value: &[u8]) -> Vec<u8> {
    let size = (value.len() as u32).to_be_bytes();
    [&[name.len() as u8], name, &size[..], value].concat()
}

fn long(flags: u8, payload: &[u8]) -> Vec<u8> {
    let size = (payload.len() as u64).to_be_bytes();
    [&[flags | 2], &size[..], payload].concat()
}

impl Said {
    /// Mostly what a peer of this type would say.
    fn new(random: &mut Random, kind: Kind) -> Said {
        let mut said = Said::default();
        said.greet(random);
        said.introduce(random, kind.name().as_bytes());
        for _ in 0..random.below(5) {
            said.talk(random, kind);
        }
        said
    }

    fn odd(&mut self, oddity: &'static str) {
        self.oddities.push(oddity);
    }

    fn greet(&mut self, random: &mut Random) {
        let mut greeting = [0; 64];
        greeting[..12].copy_from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1]);
        greeting[12..16].copy_from_slice(b"NULL");
        match random.below(24) {
            0 => {
                self.odd("another signature");
                greeting[0] = random.next() as u8;
            }
            1 => {
                self.odd("a signature without its last bit");
                greeting[9] = 0x7e;
            }
            2 => {
                self.odd("an older version");
                greeting[10] = random.below(3) as u8;
            }
            3 => {
                self.odd("a later version");
                greeting[10] = 4 + random.below(252) as u8;
            }
            4 => {
                self.odd("another minor version");
                greeting[11] = random.next() as u8;
            }
            5 => {
                self.odd("another mechanism");
                greeting[12 + random.within(0..20)] ^= 1 + random.below(255) as u8;
            }
            6 => {
                self.odd("as a server");
                greeting[32] = 1;
            }
            7 => {
                self.odd("something in the filler");
                greeting[33 + random.within(0..31)] = random.next() as u8;
            }
            8 => {
                self.odd("something in the padding");
                greeting[1 + random.within(0..8)] = random.next() as u8;
            }
            _ => {}
        }
        self.greeting = greeting.to_vec();
    }

    fn introduce(&mut self, random: &mut Random, kind: &[u8]) {
        // A ROUTER would call one without a name by any.
        let id = property(b"Identity", b"stranger");
        let mut properties = [property(b"Socket-Type", kind), id].concat();
        let (mut name, mut flags) = (&b"\x05READY"[..], 4);
        match random.below(30) {
            0 => {
                self.odd("no socket type");
                properties = property(b"Identity", b"me");
            }
            1 => {
                self.odd("names in lower case");
                properties = property(b"socket-type", kind);
                properties.extend(property(b"Identity", b"stranger"));
            }
            2 => {
                let types = [
                    &b"ROUTER"[..],
                    b"REP",
                    b"PULL",
                    b"SUB",
                    b"dealer",
                    b"",
                    b"X",
                ];
                self.odd("another socket type");
                properties = property(b"Socket-Type", types[random.within(0..types.len())]);
                properties.extend(property(b"Identity", b"stranger"));
            }
            3 => {
                self.odd("more properties");
                let len = random.within(0..100);
                properties.extend(property(b"X-Key", &vec![b'v'; len]));
            }
            4 => {
                self.odd("a socket type twice");
                let other = [&b"PULL"[..], kind][random.within(0..2)];
                properties.extend(property(b"Socket-Type", other));
            }
            5 => {
                self.odd("a cut in the properties");
                properties.truncate(random.within(1..properties.len()));
            }
            6 => {
                self.odd("a byte behind the properties");
                properties.push(random.next() as u8);
            }
            7 => {
                self.odd("a property without a name");
                properties.extend(property(b"", b"value"));
            }
            8 => {
                self.odd("another command in the handshake");
                name = [&b"\x05HELLO"[..], b"\x04PING", b"\x05ready", b"\x06READY\0"]
                    [random.within(0..4)];
            }
            9 => {
                self.odd("an ERROR");
                (name, properties) = (b"\x05ERROR", b"\x03400".to_vec());
            }
            10 => {
                self.odd("a handshake with other flags");
                flags = random.below(256) as u8 & !2;
            }
            11 => {
                self.odd("a name that is longer than its command");
                name = b"\xffREADY";
            }
            _ => {}
        }
        let body = [name, &properties].concat();
        self.ready = if random.one_in(8) {
            long(flags, &body)
        } else {
            frame(flags, &body)
        };
    }

    fn talk(&mut self, random: &mut Random, kind: Kind) {
        let len = random.within(0..40);
        let text = vec![b'a' + random.below(26) as u8; len];
        let said = match random.below(24) {
            0 => {
                self.odd("undefined flags");
                frame((random.below(32) as u8) << 3 | random.below(2) as u8, &text)
            }
            1 => {
                self.odd("a short one in the long form");
                long(random.below(2) as u8, &text)
            }
            2 => {
                self.odd("a PING");
                let context = &text[..len.min(16)];
                frame(4, &[b"\x04PING\0\0", context].concat())
            }
            3 => {
                self.odd("a PING with a long context");
                frame(4, &[b"\x04PING\0\0", &text[..], &[b'x'; 17]].concat())
            }
            4 => {
                self.odd("a PONG");
                frame(4, &[b"\x04PONG", &text[..]].concat())
            }
            5 => {
                self.odd("an unknown command");
                frame(4, &[b"\x07UNKNOWN", &text[..]].concat())
            }
            6 => {
                self.odd("a command without a name");
                frame(4, &[b"\0", &text[..]].concat())
            }
            7 => {
                self.odd("a command that is shorter than its name");
                frame(4, b"\x09PING")
            }
            8 => {
                self.odd("a command with more to follow");
                frame(5, &[b"\x07UNKNOWN", &text[..]].concat())
            }
            9 => {
                self.odd("another READY");
                frame(
                    4,
                    &[
                        &b"\x05READY"[..],
                        &property(b"Socket-Type", kind.name().as_bytes()),
                    ]
                    .concat(),
                )
            }
            10 => {
                self.odd(SUBSCRIPTION);
                if self.in_midst {
                    self.odd("a subscription within a message");
                }
                let name = [&b"\x09SUBSCRIBE"[..], b"\x06CANCEL"][random.within(0..2)];
                frame(4, &[name, &text[..]].concat())
            }
            11 => {
                self.odd("an ERROR afterwards");
                frame(4, b"\x05ERROR\x03400")
            }
            12 => {
                self.odd("a part that is announced and does not come");
                frame(0, &text).into_iter().chain([0, 200]).collect()
            }
            // Subscriptions as older peers send them.
            13..=16 if matches!(kind, Kind::Sub | Kind::Xsub) => {
                frame(0, &[&[random.below(2) as u8], &text[..len.min(2)]].concat())
            }
            // The end of an envelope.
            13..=20 if matches!(kind, Kind::Req | Kind::Rep) => {
                [frame(1, b""), frame(u8::from(random.one_in(3)), &text)].concat()
            }
            _ => frame(u8::from(random.one_in(3)), &text),
        };
        if said[0] & 4 == 0 {
            self.in_midst = said[0] & 1 == 1;
        }
        self.traffic.extend(said);
    }
}

/// Reads until the bytes that came satisfy `enough`.
fn hear(stream: &mut TcpStream, mut enough: impl FnMut(&[u8]) -> bool) -> Fate {
    let mut heard = Vec::new();
    let mut some = [0; 512];
    while !enough(&heard) {
        match stream.read(&mut some) {
            Ok(0) => return Fate::Closed,
            Ok(read) => heard.extend_from_slice(&some[..read]),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Fate::Silent,
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => return Fate::Closed,
                _ => panic!("{error}"),
            },
        }
    }
    Fate::Alive
}

/// Says it step by step: libzmq wants its own word out before it hears the next one. What it hears then may be what
/// `known` is about.
fn say(stream: &mut TcpStream, said: &Said, known: impl FnOnce()) -> Fate {
    let greeted = |heard: &[u8]| heard.len() >= 64;
    // A READY and its size, behind the greeting or at once.
    let ready = |heard: &[u8]| {
        heard
            .get(1)
            .is_some_and(|size| heard.len() >= 2 + usize::from(*size))
    };
    let answered = |heard: &[u8]| heard.windows(PONG.len()).any(|bytes| bytes == PONG);
    let last = [&said.traffic[..], PING].concat();
    // A peer that has closed may answer with a reset.
    let _ = stream.write_all(&said.greeting);
    let mut rest = Vec::new();
    let greeting = hear(stream, |heard| {
        rest = heard.get(64..).unwrap_or_default().to_vec();
        greeted(heard)
    });
    if greeting != Fate::Alive {
        return greeting;
    }
    let _ = stream.write_all(&said.ready);
    let introduced = hear(stream, |heard| ready(&[&rest[..], heard].concat()));
    if introduced != Fate::Alive {
        return introduced;
    }
    known();
    let _ = stream.write_all(&last);
    hear(stream, answered)
}

/// Sends all of it to the listener there, and returns when the connection has ended.
fn tell(endpoint: &str, said: &Said, patience: Duration, known: impl FnOnce()) -> Fate {
    let address = endpoint.strip_prefix("tcp://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    let fate = say(&mut stream, said, known);
    let _ = stream.shutdown(Shutdown::Write);
    stream.set_read_timeout(None).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    fate
}

/// Receives all messages that are there, or come before there was none for so long.
fn drain(socket: &mut Socket, patience: Duration) -> Messages {
    let mut received = Vec::new();
    while let Ok(message) = socket.recv_deadline(Instant::now() + patience) {
        received.push(parts(&message));
        if socket.kind() == Kind::Rep {
            socket.send("").unwrap();
        }
    }
    received
}

/// What this type of socket makes of what was said.
type Made = (Fate, Messages);

/// How long a first try waits for what may not come, and one that is to settle a difference.
const PATIENCE: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(3)];

/// How long messages are waited for behind the end of their connection: what it had subscribed to ends with it.
fn behind(kind: Kind, patience: Duration) -> Duration {
    match kind {
        Kind::Xpub => patience / 20,
        _ => Duration::ZERO,
    }
}

fn stock(stock: &mut Stock, kind: Kind, said: &Said, patience: Duration) -> Made {
    stock.open(kind);
    stock.set("LINGER", 0);
    match kind {
        Kind::Sub => stock.set_bytes("SUBSCRIBE", b""),
        Kind::Xsub => stock.send(&[[1]]),
        _ => {}
    }
    let endpoint = stock.bind("tcp://127.0.0.1:*");
    let fate = tell(&endpoint, said, patience, || {
        if kind == Kind::Req {
            stock.try_send(&["request"], patience);
        }
    });
    let received = stock.drain(behind(kind, patience));
    stock.close();
    (fate, received)
}

fn own(kind: Kind, said: &Said, patience: Duration) -> Made {
    let mut socket = ours(kind);
    socket.set_linger(Duration::ZERO);
    match kind {
        Kind::Sub => socket.subscribe(b"").unwrap(),
        Kind::Xsub => socket.send(message(&[[1]])).unwrap(),
        _ => {}
    }
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = socket.last_endpoint().to_owned();
    let fate = tell(&endpoint, said, patience, || {
        if kind == Kind::Req {
            // There may be no peer.
            let _ = socket.send_deadline("request", Instant::now() + patience);
        }
    });
    (fate, drain(&mut socket, behind(kind, patience)))
}

/// Strangers of one type talk to a socket of another.
fn compare(kind: Kind, stranger: Kind, rounds: u32) {
    let Some(_guard) = begin() else { return };
    let mut random = Random::new(seed());
    let mut peer = Stock::start();
    let publishes = matches!(kind, Kind::Pub | Kind::Xpub);
    let mut fates = [0; 3];
    for _ in 0..rounds {
        let said = Said::new(&mut random, stranger);
        let known = |oddity: &&str| {
            let on_purpose = ON_PURPOSE.iter().any(|(known, _)| known == oddity);
            on_purpose && !(publishes && *oddity == SUBSCRIPTION)
        };
        let differs = said.oddities.iter().any(known);
        let mut made = PATIENCE.map(|_| None);
        for (made, patience) in made.iter_mut().zip(PATIENCE) {
            let both = (
                stock(&mut peer, kind, &said, patience),
                own(kind, &said, patience),
            );
            let same = both.0 == both.1;
            fates[both.1.0 as usize] += 1;
            *made = Some(both);
            // One of them may have been slow.
            if same || differs {
                break;
            }
        }
        let (their, own) = made.into_iter().flatten().next_back().unwrap();
        assert!(
            their == own || differs,
            "{kind:?}: {said:02x?}\nstock: {their:?}\nours: {own:?}"
        );
    }
    println!("{kind:?}: alive, closed, silent: {fates:?}");
    // The silent one may be one of hundreds.
    assert!(fates[0] > 0 && fates[1] > 0);
}

#[test]
fn the_same_bytes_mean_the_same_to_a_dealer_and_a_pair() {
    compare(Kind::Dealer, Kind::Dealer, 200);
    compare(Kind::Pair, Kind::Pair, 100);
}

#[test]
fn the_same_bytes_mean_the_same_to_a_router_and_a_rep() {
    compare(Kind::Router, Kind::Dealer, 100);
    compare(Kind::Rep, Kind::Req, 100);
}

#[test]
fn the_same_bytes_mean_the_same_to_a_req() {
    compare(Kind::Req, Kind::Rep, 100);
}

#[test]
fn the_same_bytes_mean_the_same_to_a_socket_that_only_receives() {
    compare(Kind::Pull, Kind::Push, 100);
    compare(Kind::Sub, Kind::Pub, 100);
    compare(Kind::Xsub, Kind::Xpub, 100);
}

#[test]
fn the_same_bytes_mean_the_same_to_a_socket_that_only_sends() {
    compare(Kind::Push, Kind::Pull, 100);
    compare(Kind::Pub, Kind::Sub, 100);
    compare(Kind::Xpub, Kind::Xsub, 100);
}
