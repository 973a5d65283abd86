//! The same messages, sent by a stock socket and by ours: the bytes behind the handshake are the same.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use interop::{Stock, begin, message, ours, parts, pattern, recv};
use ringmq::{Kind, Socket};

type Parts = Vec<Vec<u8>>;

/// One of the two.
enum Side {
    Stock(Stock),
    Ours(Box<Socket>),
}

impl Side {
    fn both(kind: Kind) -> [Side; 2] {
        [
            Side::Stock(Stock::new(kind)),
            Side::Ours(Box::new(ours(kind))),
        ]
    }

    fn bind(&mut self) -> String {
        let endpoint = "tcp://127.0.0.1:*";
        match self {
            Side::Stock(stock) => stock.bind(endpoint),
            Side::Ours(socket) => {
                socket.bind(endpoint).unwrap();
                socket.last_endpoint().to_owned()
            }
        }
    }

    fn send(&mut self, sent: &[Vec<u8>]) {
        match self {
            Side::Stock(stock) => stock.send(sent),
            Side::Ours(socket) => socket.send(message(sent)).unwrap(),
        }
    }

    fn recv(&mut self) -> Parts {
        match self {
            Side::Stock(stock) => stock.recv(),
            Side::Ours(socket) => recv(socket),
        }
    }

    /// Receives what is there.
    fn drain(&mut self) {
        match self {
            Side::Stock(stock) => drop(stock.drain(Duration::ZERO)),
            Side::Ours(socket) => while socket.try_recv().map(|got| parts(&got)).is_ok() {},
        }
    }
}

/// A peer without a library.
struct Bare {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Bare {
    /// Shakes hands, as a socket of this type, called `id`.
    fn meet(endpoint: &str, kind: Kind) -> Bare {
        let stream = TcpStream::connect(endpoint.strip_prefix("tcp://").unwrap()).unwrap();
        let heard = Vec::new();
        let mut bare = Bare { stream, heard };
        let patience = Some(Duration::from_secs(20));
        bare.stream.set_read_timeout(patience).unwrap();
        let mut greeting = [0; 64];
        greeting[..12].copy_from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1]);
        greeting[12..16].copy_from_slice(b"NULL");
        bare.say(&greeting);
        let mut theirs = [0; 64];
        bare.stream.read_exact(&mut theirs).unwrap();
        let mut ready = b"\x05READY".to_vec();
        for (property, value) in [("Socket-Type", kind.name()), ("Identity", "id")] {
            ready.push(property.len() as u8);
            ready.extend_from_slice(property.as_bytes());
            ready.extend_from_slice(&(value.len() as u32).to_be_bytes());
            ready.extend_from_slice(value.as_bytes());
        }
        bare.say(&[&[4, ready.len() as u8], &ready[..]].concat());
        let mut head = [0; 2];
        bare.stream.read_exact(&mut head).unwrap();
        assert_eq!(head[0], 4);
        // Properties are each one's own.
        bare.stream
            .read_exact(&mut vec![0; usize::from(head[1])])
            .unwrap();
        bare
    }

    fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Everything up to and with these bytes.
    fn hear(&mut self, end: &[u8]) -> Vec<u8> {
        let mut some = [0; 4096];
        loop {
            if let Some(at) = self.heard.windows(end.len()).position(|bytes| bytes == end) {
                return self.heard.drain(..at + end.len()).collect();
            }
            match self.stream.read(&mut some) {
                Ok(read) if read > 0 => self.heard.extend_from_slice(&some[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => panic!("{other:?} after {:02x?}", self.heard),
            }
        }
    }
}

const PING: &[u8] = b"\x04\x09\x04PING\0\0zz";
const PONG: &[u8] = b"\x04\x07\x04PONGzz";
/// The last message, and as a frame.
const LAST: &[u8] = b"the last one";
const LAST_FRAME: &[u8] = b"\0\x0cthe last one";

const SUBSCRIBE: &[u8] = b"\x09SUBSCRIBE";
const CANCEL: &[u8] = b"\x06CANCEL";

fn command(name: &[u8], data: &[u8]) -> Vec<u8> {
    let body = [name, data].concat();
    [&[4, body.len() as u8], &body[..]].concat()
}

/// Messages of every form that frames can have, and a last one.
fn messages() -> Vec<Parts> {
    let mut all: Vec<Parts> = [0, 1, 8, 255, 256, 70_000]
        .map(|len| vec![pattern(len)])
        .into();
    all.push(vec![vec![], vec![]]);
    all.push(vec![pattern(3), vec![], pattern(256), pattern(255)]);
    all.push(vec![b"\0topic".to_vec(), b"\x01topic".to_vec()]);
    all.push(vec![LAST.to_vec()]);
    all
}

/// What a bare peer hears of both, who do the same.
fn compare(kind: Kind, peer: Kind, mut act: impl FnMut(&mut Side, &mut Bare) -> Vec<u8>) {
    let [stock, own] = Side::both(kind).map(|mut side| {
        let mut bare = Bare::meet(&side.bind(), peer);
        act(&mut side, &mut bare)
    });
    assert!(!stock.is_empty());
    assert!(
        stock == own,
        "{kind:?}\nstock: {stock:02x?}\nours: {own:02x?}"
    );
}

#[test]
fn a_socket_that_only_sends_sends_the_same_bytes() {
    let Some(_guard) = begin() else { return };
    let pairs = [
        (Kind::Push, Kind::Pull),
        (Kind::Pair, Kind::Pair),
        (Kind::Dealer, Kind::Router),
        (Kind::Dealer, Kind::Rep),
    ];
    for (kind, peer) in pairs {
        compare(kind, peer, |side, bare| {
            messages().iter().for_each(|message| side.send(message));
            bare.hear(LAST_FRAME)
        });
    }
}

#[test]
fn a_publisher_sends_the_same_bytes() {
    let Some(_guard) = begin() else { return };
    for old in [false, true] {
        compare(Kind::Xpub, Kind::Sub, |side, bare| {
            // As of ZMTP 3.1, and as before.
            bare.say(&if old {
                b"\0\x01\x01".to_vec()
            } else {
                command(SUBSCRIBE, b"")
            });
            assert_eq!(side.recv(), [[1]]);
            messages().iter().for_each(|message| side.send(message));
            bare.hear(LAST_FRAME)
        });
    }
    compare(Kind::Xpub, Kind::Sub, |side, bare| {
        bare.say(&command(SUBSCRIBE, b"the"));
        bare.say(&command(SUBSCRIBE, b"\0to"));
        bare.say(&command(CANCEL, b"the"));
        bare.say(&command(SUBSCRIBE, b"the last"));
        for _ in 0..4 {
            side.recv();
        }
        messages().iter().for_each(|message| side.send(message));
        bare.hear(LAST_FRAME)
    });
    // A PUB does not say when it has heard of a subscription.
    compare(Kind::Pub, Kind::Xsub, |side, bare| {
        bare.say(&command(SUBSCRIBE, b""));
        bare.stream
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        while bare.heard.is_empty() {
            side.send(&[b"begin".to_vec()]);
            let mut some = [0; 64];
            if let Ok(read) = bare.stream.read(&mut some) {
                bare.heard.extend_from_slice(&some[..read]);
            }
        }
        bare.stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        messages().iter().for_each(|message| side.send(message));
        let mut heard = bare.hear(LAST_FRAME);
        while heard.starts_with(b"\0\x05begin") {
            heard.drain(..7);
        }
        heard
    });
}

fn subscribe(side: &mut Side, topic: &[u8], on: bool) {
    match side {
        Side::Stock(stock) if on => stock.set_bytes("SUBSCRIBE", topic),
        Side::Stock(stock) => stock.set_bytes("UNSUBSCRIBE", topic),
        Side::Ours(socket) if on => socket.subscribe(topic).unwrap(),
        Side::Ours(socket) => socket.unsubscribe(topic).unwrap(),
    }
}

/// Has the socket know its peer.
fn begin_with(side: &mut Side, bare: &mut Bare) {
    bare.say(b"\0\x05begin");
    assert_eq!(side.recv(), [b"begin"]);
}

/// Frames, of which all subscriptions are commands. libzmq has commands for those of a SUB, and those that an XSUB had
/// before it had a peer; what an XSUB sends then it passes on as messages, which mean the same.
fn as_commands(mut frames: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let [flags, size, rest @ ..] = frames {
        let (body, rest) = rest.split_at(usize::from(*size));
        match body {
            [1, topic @ ..] if *flags == 0 => all.extend(command(SUBSCRIBE, topic)),
            [0, topic @ ..] if *flags == 0 => all.extend(command(CANCEL, topic)),
            _ => all.extend([&[*flags, *size], body].concat()),
        }
        frames = rest;
    }
    all
}

#[test]
fn a_subscriber_sends_the_same_bytes() {
    let Some(_guard) = begin() else { return };
    compare(Kind::Sub, Kind::Pub, |side, bare| {
        subscribe(side, b"begin", true);
        begin_with(side, bare);
        let steps = [("a", true), ("", true), ("a", false), ("long topic", true)];
        for (topic, on) in steps {
            subscribe(side, topic.as_bytes(), on);
        }
        bare.hear(b"long topic")
    });
    compare(Kind::Xsub, Kind::Xpub, |side, bare| {
        side.send(&[b"\x01begin".to_vec()]);
        begin_with(side, bare);
        for sent in [
            &b"\x01a"[..],
            b"\x01",
            b"\x01a",
            b"\0a",
            b"\0a",
            b"message",
            b"\x01long",
        ] {
            side.send(&[sent.to_vec()]);
        }
        as_commands(&bare.hear(b"long"))
    });
}

#[test]
fn requests_and_replies_are_the_same_bytes() {
    let Some(_guard) = begin() else { return };
    compare(Kind::Req, Kind::Rep, |side, bare| {
        let mut heard = Vec::new();
        for mut request in messages() {
            request.push(LAST.to_vec());
            side.send(&request);
            heard.extend(bare.hear(LAST_FRAME));
            bare.say(b"\x01\0\0\x05reply");
            assert_eq!(side.recv(), [b"reply"]);
        }
        heard
    });
    // Envelopes of one part, of several, and of an empty one only.
    for envelope in [&b"\x01\0"[..], b"\x01\x01a\x01\x02bc\x01\0"] {
        compare(Kind::Rep, Kind::Req, |side, bare| {
            let mut heard = Vec::new();
            for mut reply in messages() {
                bare.say(&[envelope, b"\x01\x01x\0\x07request"].concat());
                assert_eq!(side.recv(), [&b"x"[..], b"request"]);
                reply.push(LAST.to_vec());
                side.send(&reply);
                heard.extend(bare.hear(LAST_FRAME));
            }
            heard
        });
    }
    compare(Kind::Router, Kind::Dealer, |side, bare| {
        bare.say(b"\0\x05hello");
        assert_eq!(side.recv(), [&b"id"[..], b"hello"]);
        for sent in messages() {
            side.send(&[&[b"id".to_vec()], &sent[..]].concat());
            side.send(&[b"unknown peer".to_vec(), b"lost".to_vec()]);
        }
        bare.hear(LAST_FRAME)
    });
}

#[test]
fn a_socket_that_only_receives_answers_with_the_same_bytes() {
    let Some(_guard) = begin() else { return };
    for (kind, peer) in [(Kind::Pull, Kind::Push), (Kind::Sub, Kind::Pub)] {
        compare(kind, peer, |side, bare| {
            for _ in 0..3 {
                bare.say(b"\x01\x01a\0\x01b");
                bare.say(PING);
            }
            let heard = [(); 3].map(|()| bare.hear(PONG)).concat();
            side.drain();
            heard
        });
    }
}
