//! Peers that speak ZMTP 2.0 and 1.0, as libzmq 3.2 and 2.2 do. They are written by hand here, and talk to a stock socket
//! and to one of ours: both say the same bytes, and receive the same messages.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use interop::{Stock, begin, message, ours, recv};
use ringmq::{Kind, Socket};

/// What an older peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// ZMTP 2.0.
    Second,
    /// ZMTP 1.0 with a greeting, as prereleases of libzmq 3 did.
    FirstGreeting,
    /// ZMTP 1.0 as libzmq 2 spoke it: the first byte is of a frame.
    First,
}

use Version::{First, FirstGreeting, Second};

const VERSIONS: [Version; 3] = [Second, FirstGreeting, First];

impl Version {
    /// A frame on the wire.
    fn frame(self, more: bool, body: &[u8]) -> Vec<u8> {
        let len = body.len() as u64;
        let more = u8::from(more);
        let head = match self {
            Second if len > 255 => [&[more | 2], &len.to_be_bytes()[..]].concat(),
            Second => vec![more, body.len() as u8],
            // The length counts the flags.
            _ if len + 1 > 254 => [&[0xff], &(len + 1).to_be_bytes()[..], &[more]].concat(),
            _ => vec![body.len() as u8 + 1, more],
        };
        [&head, body].concat()
    }

    /// A message on the wire.
    fn message(self, parts: &[&[u8]]) -> Vec<u8> {
        let last = parts.len() - 1;
        let parts = parts.iter().enumerate();
        parts
            .flat_map(|(at, part)| self.frame(at < last, part))
            .collect()
    }

    /// What such a peer says before its first message.
    fn hello(self, kind: Kind, id: &[u8]) -> Vec<u8> {
        let signature = [&[0xff], &(id.len() as u64 + 1).to_be_bytes()[..], &[0x7f]].concat();
        let id = self.frame(false, id);
        match self {
            Second => [&signature, &[1, u8::from(kind)][..], &id].concat(),
            FirstGreeting => [&signature, &[0, u8::from(kind)][..], &id].concat(),
            First => id,
        }
    }

    /// What a socket with this routing id answers.
    fn answer(self, kind: Kind, id: &[u8]) -> Vec<u8> {
        let signature = [&[0xff], &(id.len() as u64 + 1).to_be_bytes()[..], &[0x7f]].concat();
        match self {
            // The signature was the head of its frame.
            First => [&signature, id].concat(),
            _ => [&signature, &[3, u8::from(kind)][..], &self.frame(false, id)].concat(),
        }
    }
}

/// A socket of either library.
enum Side {
    Stock(Stock),
    Ours(Box<Socket>),
}

impl Side {
    fn both(kind: Kind) -> [Side; 2] {
        let mut socket = ours(kind);
        socket
            .change_options(|options| options.accept_older(true))
            .unwrap();
        [Side::Stock(Stock::new(kind)), Side::Ours(Box::new(socket))]
    }

    /// Sets an option whose value is bytes.
    fn prepare(&mut self, option: &str, value: &[u8]) {
        match self {
            Side::Stock(stock) => stock.set_bytes(option, value),
            Side::Ours(socket) if option == "SUBSCRIBE" => socket.subscribe(value).unwrap(),
            Side::Ours(socket) => socket
                .change_options(|options| options.routing_id(value))
                .unwrap(),
        }
    }

    fn bind(&mut self) -> String {
        match self {
            Side::Stock(stock) => stock.bind("tcp://127.0.0.1:*"),
            Side::Ours(socket) => {
                socket.bind("tcp://127.0.0.1:*").unwrap();
                socket.last_endpoint().to_owned()
            }
        }
    }

    fn connect(&mut self, endpoint: &str) {
        match self {
            Side::Stock(stock) => stock.connect(endpoint),
            Side::Ours(socket) => socket.connect(endpoint).unwrap(),
        }
    }

    fn send(&mut self, parts: &[&[u8]]) {
        match self {
            Side::Stock(stock) => stock.send(parts),
            Side::Ours(socket) => socket.send(message(parts)).unwrap(),
        }
    }

    /// Receives a message, and does something meanwhile: a SUB subscribes in its calls only.
    fn recv_while(&mut self, act: impl FnOnce()) -> Vec<Vec<u8>> {
        match self {
            Side::Stock(stock) => {
                stock.tell("recv");
                act();
                stock.hear_message()
            }
            Side::Ours(socket) => thread::scope(|scope| {
                let received = scope.spawn(|| recv(socket));
                act();
                received.join().unwrap()
            }),
        }
    }

    fn recv(&mut self) -> Vec<Vec<u8>> {
        self.recv_while(|| {})
    }
}

/// An older peer.
struct Peer {
    version: Version,
    stream: TcpStream,
}

impl Peer {
    fn new(version: Version, stream: TcpStream) -> Peer {
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Peer { version, stream }
    }

    fn connected(version: Version, endpoint: &str) -> Peer {
        let address = endpoint.strip_prefix("tcp://").unwrap();
        Peer::new(version, TcpStream::connect(address).unwrap())
    }

    fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn send(&mut self, parts: &[&[u8]]) {
        let bytes = self.version.message(parts);
        self.say(&bytes);
    }

    #[track_caller]
    fn hears(&mut self, bytes: &[u8]) {
        let mut heard = vec![0; bytes.len()];
        self.stream.read_exact(&mut heard).unwrap();
        assert_eq!(heard, bytes, "{:?}", self.version);
    }

    #[track_caller]
    fn receives(&mut self, parts: &[&[u8]]) {
        let bytes = self.version.message(parts);
        self.hears(&bytes);
    }
}

/// Has a bound socket, of this type and each library, talk to an older peer of another type, in each version.
fn meet(
    ours: Kind,
    theirs: Kind,
    prepare: impl Fn(&mut Side),
    talk: impl Fn(&mut Side, &mut Peer),
) {
    let Some(_guard) = begin() else { return };
    for version in VERSIONS {
        for mut side in Side::both(ours) {
            prepare(&mut side);
            let endpoint = side.bind();
            let mut peer = Peer::connected(version, &endpoint);
            peer.say(&version.hello(theirs, b"me"));
            peer.hears(&version.answer(ours, b""));
            talk(&mut side, &mut peer);
        }
    }
}

#[test]
fn an_older_push_is_received_from() {
    meet(
        Kind::Pull,
        Kind::Push,
        |_| {},
        |pull, push| {
            let long = [7; 300];
            for parts in [&[&b"one"[..]][..], &[b"", b"two"], &[&long, b"x", &long]] {
                push.send(parts);
                assert_eq!(pull.recv(), parts);
            }
            for size in [253, 254, 255, 256] {
                let part = vec![8; size];
                push.send(&[&part]);
                assert_eq!(pull.recv(), [part]);
            }
        },
    );
}

#[test]
fn an_older_pull_is_sent_to() {
    meet(
        Kind::Push,
        Kind::Pull,
        |_| {},
        |push, pull| {
            let long = [7; 300];
            for parts in [&[&b"one"[..]][..], &[b"", b"two"], &[&long, b"x", &long]] {
                push.send(parts);
                pull.receives(parts);
            }
            for size in [253, 254, 255, 256] {
                let part = vec![8; size];
                push.send(&[&part]);
                pull.receives(&[&part]);
            }
        },
    );
}

/// A subscriber of ZMTP 1.0 without a greeting filters by itself.
#[test]
fn an_older_subscriber_is_published_to() {
    meet(
        Kind::Xpub,
        Kind::Sub,
        |_| {},
        |xpub, sub| {
            if sub.version == First {
                assert_eq!(xpub.recv(), [[1]]);
            } else {
                sub.send(&[b"\x01a"]);
                assert_eq!(xpub.recv(), [b"\x01a"]);
            }
            xpub.send(&[b"a", b"news"]);
            sub.receives(&[b"a", b"news"]);
            sub.send(&[b"\x00a"]);
            if sub.version != First {
                assert_eq!(xpub.recv(), [b"\x00a"]);
            }
        },
    );
}

#[test]
fn an_older_publisher_is_subscribed_to() {
    meet(
        Kind::Sub,
        Kind::Pub,
        |sub| sub.prepare("SUBSCRIBE", b"a"),
        |sub, publisher| {
            let received = sub.recv_while(|| {
                publisher.receives(&[b"\x01a"]);
                publisher.send(&[b"b is not wanted"]);
                publisher.send(&[b"a", b"news"]);
            });
            assert_eq!(received, [&b"a"[..], b"news"]);
        },
    );
}

#[test]
fn an_older_dealer_has_its_routing_id() {
    meet(
        Kind::Router,
        Kind::Dealer,
        |_| {},
        |router, dealer| {
            dealer.send(&[b"", b"question"]);
            assert_eq!(router.recv(), [&b"me"[..], b"", b"question"]);
            router.send(&[b"me", b"", b"answer"]);
            dealer.receives(&[b"", b"answer"]);
        },
    );
}

#[test]
fn an_older_req_is_answered() {
    meet(
        Kind::Rep,
        Kind::Req,
        |_| {},
        |rep, req| {
            for _ in 0..3 {
                req.send(&[b"", b"question"]);
                assert_eq!(rep.recv(), [b"question"]);
                rep.send(&[b"answer"]);
                req.receives(&[b"", b"answer"]);
            }
        },
    );
}

/// A socket that connects says its routing id in the frame of the peer's version.
#[test]
fn an_older_listener_is_connected_to() {
    let Some(_guard) = begin() else { return };
    for version in VERSIONS {
        for id in [&b"worker"[..], b"", &[b'w'; 255]] {
            for mut side in Side::both(Kind::Dealer) {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                if !id.is_empty() {
                    side.prepare("IDENTITY", id);
                }
                side.connect(&format!("tcp://{}", listener.local_addr().unwrap()));
                let mut peer = Peer::new(version, listener.accept().unwrap().0);
                peer.say(&version.hello(Kind::Router, b""));
                peer.hears(&version.answer(Kind::Dealer, id));
                side.send(&[b"question"]);
                peer.receives(&[b"question"]);
                peer.send(&[b"answer"]);
                assert_eq!(side.recv(), [b"answer"]);
            }
        }
    }
}

/// Unless they are wanted, and with a mechanism, older peers are refused.
#[test]
fn an_older_peer_is_refused() {
    let Some(_guard) = begin() else { return };
    for version in VERSIONS {
        for secured in [false, true] {
            let mut pull = ours(Kind::Pull);
            if secured {
                let security = ringmq::Security::PlainServer;
                pull.change_options(|options| options.accept_older(true).security(security))
                    .unwrap();
            }
            pull.bind("tcp://127.0.0.1:*").unwrap();
            let mut peer = Peer::connected(version, pull.last_endpoint());
            peer.say(&version.hello(Kind::Push, b""));
            // Nothing but the greeting is said before the end.
            let mut heard = Vec::new();
            let _ = peer.stream.read_to_end(&mut heard);
            assert!(heard.len() <= 12, "{version:?}: {heard:?}");
        }
    }
}
