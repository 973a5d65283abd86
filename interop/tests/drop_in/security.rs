//! PLAIN, CURVE and NULL with a ZAP handler, between programs of stock libzmq and of ours: the same messages, properties,
//! requests to the handler and events, whichever of the two binds.

use interop::{Stock, Transport, begin, pattern};
use ringmq::{KeyPair, Kind, generate_key_pair};
use ringmq_testing::Scratch;

use crate::programs::{Library, library_folder};

/// The libraries of server and client. The first pair shows that stock libzmq does what is expected of ours.
const SIDES: [[Library; 2]; 4] = [
    [Library::Stock, Library::Stock],
    [Library::Ours, Library::Stock],
    [Library::Stock, Library::Ours],
    [Library::Ours, Library::Ours],
];

const TRANSPORTS: [Transport; 2] = [Transport::Tcp, Transport::Path];

const DOMAIN: &[u8] = b"domain";

/// `ZMQ_PROTOCOL_ERROR_*`.
const UNEXPECTED_COMMAND: u32 = 0x1000_0001;
const CRYPTOGRAPHIC: u32 = 0x1100_0001;
const MECHANISM_MISMATCH: u32 = 0x1100_0002;
const ZAP_MALFORMED_REPLY: u32 = 0x2000_0001;
const ZAP_BAD_REQUEST_ID: u32 = 0x2000_0002;
const ZAP_BAD_VERSION: u32 = 0x2000_0003;
const ZAP_INVALID_STATUS_CODE: u32 = 0x2000_0004;
const ZAP_INVALID_METADATA: u32 = 0x2000_0005;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mechanism {
    Null,
    Plain,
    Curve,
}

impl Mechanism {
    const ALL: [Mechanism; 3] = [Mechanism::Null, Mechanism::Plain, Mechanism::Curve];

    fn name(self) -> &'static str {
        match self {
            Mechanism::Null => "NULL",
            Mechanism::Plain => "PLAIN",
            Mechanism::Curve => "CURVE",
        }
    }
}

/// How a handshake ended for one side, as its monitor says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    /// The status of the ZAP handler.
    Denied(u16),
    /// A `ZMQ_PROTOCOL_ERROR_*`.
    Protocol(u32),
    /// The `errno` depends on who is the first to close.
    NoDetail,
}

/// A server, a client, and their keys.
struct Pair {
    libraries: [Library; 2],
    server: Stock,
    client: Stock,
    keys: [KeyPair; 2],
    scratch: Scratch,
}

impl Pair {
    fn start(libraries: [Library; 2]) -> Pair {
        let scratch = Scratch::new();
        let [server, client] = libraries.map(|library| match library {
            Library::Ours => Stock::with_library(&library_folder(&scratch)),
            Library::Stock => Stock::start(),
        });
        Pair {
            libraries,
            server,
            client,
            keys: [(); 2].map(|()| generate_key_pair().unwrap()),
            scratch,
        }
    }

    /// Opens a DEALER at each end, with these mechanisms and monitors.
    fn open(&mut self, server: Mechanism, client: Mechanism) {
        self.open_as([Kind::Dealer, Kind::Dealer], server, client);
    }

    /// Opens a socket of these types at each end, with these mechanisms and monitors.
    fn open_as(&mut self, [of_server, of_client]: [Kind; 2], server: Mechanism, client: Mechanism) {
        for (stock, kind) in [(&mut self.server, of_server), (&mut self.client, of_client)] {
            stock.open(kind);
            stock.ask("monitor");
        }
        match server {
            Mechanism::Null => {}
            Mechanism::Plain => self.server.set("PLAIN_SERVER", 1),
            Mechanism::Curve => {
                self.server.set("CURVE_SERVER", 1);
                let secret = self.keys[0].secret();
                self.server.set_bytes("CURVE_SECRETKEY", secret.as_bytes());
            }
        }
        match client {
            Mechanism::Null => {}
            Mechanism::Plain => {
                self.client.set_bytes("PLAIN_USERNAME", b"me");
                self.client.set_bytes("PLAIN_PASSWORD", b"secret");
            }
            Mechanism::Curve => {
                let [server, keys] = &self.keys;
                let server_key = server.public().as_bytes();
                self.client.set_bytes("CURVE_SERVERKEY", server_key);
                let public = keys.public().as_bytes();
                self.client.set_bytes("CURVE_PUBLICKEY", public);
                let secret = keys.secret().as_bytes();
                self.client.set_bytes("CURVE_SECRETKEY", secret);
            }
        }
    }

    /// The server binds.
    fn meet(&mut self, transport: Transport) {
        let endpoint = self.server.bind(&transport.endpoint(&self.scratch));
        self.client.connect(&endpoint);
    }

    /// The client binds.
    fn meet_at_client(&mut self, transport: Transport) {
        let endpoint = self.client.bind(&transport.endpoint(&self.scratch));
        self.server.connect(&endpoint);
    }

    /// How the first handshake ended for the server.
    fn server_outcome(&mut self) -> Outcome {
        outcome(&self.server.ask("handshake"))
    }

    /// How the first handshake ended for the client.
    fn client_outcome(&mut self) -> Outcome {
        outcome(&self.client.ask("handshake"))
    }

    /// The server and the client, or the client first.
    fn in_order(&mut self, server_first: bool) -> [&mut Stock; 2] {
        if server_first {
            [&mut self.server, &mut self.client]
        } else {
            [&mut self.client, &mut self.server]
        }
    }

    fn close(&mut self) {
        for stock in [&mut self.server, &mut self.client] {
            stock.set("LINGER", 0);
            stock.close();
        }
    }

    fn are(&self, server: Library, client: Library) -> bool {
        self.libraries == [server, client]
    }
}

/// The last one of these events, before which come those of a connection.
fn outcome(events: &str) -> Outcome {
    let connections = [
        "LISTENING ACCEPTED ",
        "CONNECT_DELAYED CONNECTED ",
        "CONNECTED ",
    ];
    let connections = connections.iter();
    let mut ends = connections.filter_map(|connection| events.strip_prefix(connection));
    let event = ends.next().unwrap_or(events);
    let (name, value) = event.split_once(' ').unwrap_or((event, ""));
    let value = value.parse().unwrap_or(u32::MAX);
    match name {
        "HANDSHAKE_SUCCEEDED" => Outcome::Succeeded,
        "HANDSHAKE_FAILED_AUTH" => Outcome::Denied(value.try_into().unwrap()),
        "HANDSHAKE_FAILED_PROTOCOL" => Outcome::Protocol(value),
        "HANDSHAKE_FAILED_NO_DETAIL" => Outcome::NoDetail,
        _ => panic!("{events}"),
    }
}

/// The parts of a reply of a ZAP handler, as the line for it: version, request id, status, text, user, metadata.
fn zap(parts: [&[u8]; 5]) -> String {
    let [version, status, text, user, metadata] = parts.map(hex);
    format!("zap {version} id {status} {text} {user} {metadata}")
}

fn hex(bytes: &[u8]) -> String {
    match bytes {
        [] => "-".to_owned(),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

fn accepting() -> String {
    zap([b"1.0", b"200", b"OK", b"me", b"\x04Role\0\0\0\x05admin"])
}

fn status(status: &str) -> String {
    zap([b"1.0", status.as_bytes(), b"text", b"", b""])
}

/// Messages of all sizes pass; the server's carry what the handler said of the user, and the client's do not.
fn talk(mechanism: Mechanism) {
    let Some(_guard) = begin() else { return };
    for sides in SIDES {
        let mut pair = Pair::start(sides);
        for (transport, server_binds) in [
            (Transport::Tcp, true),
            (Transport::Tcp, false),
            (Transport::Path, true),
            (Transport::Path, false),
        ] {
            let told = format!(
                "{mechanism:?} over {transport:?}, {sides:?}, server binds: {server_binds}"
            );
            pair.open(mechanism, mechanism);
            pair.server.set_bytes("ZAP_DOMAIN", DOMAIN);
            pair.server.ask(&accepting());
            if server_binds {
                pair.meet(transport);
            } else {
                pair.meet_at_client(transport);
            }
            assert_eq!(pair.server_outcome(), Outcome::Succeeded, "{told}");
            assert_eq!(pair.client_outcome(), Outcome::Succeeded, "{told}");

            let names = "recv_properties User-Id Role Socket-Type Peer-Address X-None";
            pair.client.send(&[b"first"]);
            let properties = pair.server.ask(names);
            let words: Vec<&str> = properties.split(' ').collect();
            let [user, role, kind, address, none] = words[..] else {
                panic!("{told}: {properties}");
            };
            let expected = [hex(b"me"), hex(b"admin"), hex(b"DEALER"), "none".to_owned()];
            assert_eq!([user, role, kind, none], expected, "{told}");
            pair.server.send(&[b"second"]);
            let properties = pair.client.ask(names);
            let expected = format!("none none {} ", hex(b"DEALER"));
            assert!(properties.starts_with(&expected), "{told}: {properties}");

            let credentials = match mechanism {
                Mechanism::Null => String::new(),
                Mechanism::Plain => format!(" {} {}", hex(b"me"), hex(b"secret")),
                Mechanism::Curve => format!(" {}", hex(pair.keys[1].public().as_bytes())),
            };
            let [version, domain, name] = [b"1.0", DOMAIN, mechanism.name().as_bytes()].map(hex);
            let request = format!("{version} {domain} {address} - {name}{credentials}");
            assert_eq!(pair.server.ask("zap_request"), request, "{told}");

            let bodies = [0, 1, 255, 256, 9000, 0].map(pattern);
            pair.client.send(&bodies);
            assert!(pair.server.recv() == bodies, "{told}");
            pair.server.send(&bodies);
            assert!(pair.client.recv() == bodies, "{told}");
            for size in [0, 200, 9000, 1 << 18] {
                pair.client.tell(&format!("send_pattern {size} 3"));
                pair.server.ask(&format!("recv_pattern {size} 3"));
                pair.client.hear();
                pair.server.tell(&format!("send_pattern {size} 3"));
                pair.client.ask(&format!("recv_pattern {size} 3"));
                pair.server.hear();
            }

            let share = mechanism != Mechanism::Curve && pair.are(Library::Ours, Library::Ours);
            carriers(&mut pair, share, &told);
            pair.close();
        }
    }
}

/// The two sides have gone to shared memory, or not. They may need a few messages for it.
fn carriers(pair: &mut Pair, share: bool, told: &str) {
    let libraries = pair.libraries;
    loop {
        pair.client.send(&[b"ping"]);
        assert_eq!(pair.server.recv(), [b"ping"], "{told}");
        pair.server.send(&[b"pong"]);
        assert_eq!(pair.client.recv(), [b"pong"], "{told}");
        let heard = [&mut pair.server, &mut pair.client].map(|stock| stock.ask("carrier"));
        let shared = heard.iter().zip(libraries).map(|(heard, library)| {
            let (path, carrier) = heard.split_once(' ').unwrap();
            let ours = path.ends_with("/library/libzmq.so.5");
            assert_eq!(ours, library == Library::Ours, "{path}");
            carrier == "shared"
        });
        let shared: Vec<bool> = shared.collect();
        if !share {
            assert_eq!(shared, [false, false], "{told}");
        }
        if shared == [share, share] {
            return;
        }
    }
}

#[test]
fn null_with_a_domain() {
    talk(Mechanism::Null);
}

#[test]
fn plain() {
    talk(Mechanism::Plain);
}

#[test]
fn curve() {
    talk(Mechanism::Curve);
}

/// A socket of each of these types, the first of which sends first: as the server and as the client of each mechanism,
/// binding and connecting.
fn talk_as(kinds: [Kind; 2], prepare: fn([&mut Stock; 2]), converse: fn([&mut Stock; 2])) {
    let Some(_guard) = begin() else { return };
    for sides in SIDES {
        let mut pair = Pair::start(sides);
        for mechanism in Mechanism::ALL {
            for first_serves in [true, false] {
                // libzmq's REQ takes the user of a ZAP reply for a part of what it waits for, and ends the connection.
                if first_serves && kinds[0] == Kind::Req && sides[0] == Library::Stock {
                    continue;
                }
                for (transport, server_binds) in [
                    (Transport::Tcp, true),
                    (Transport::Tcp, false),
                    (Transport::Path, first_serves),
                ] {
                    let [first, second] = kinds;
                    let kinds = if first_serves {
                        [first, second]
                    } else {
                        [second, first]
                    };
                    pair.open_as(kinds, mechanism, mechanism);
                    pair.server.set_bytes("ZAP_DOMAIN", DOMAIN);
                    pair.server.ask(&accepting());
                    prepare(pair.in_order(first_serves));
                    if server_binds {
                        pair.meet(transport);
                    } else {
                        pair.meet_at_client(transport);
                    }
                    let outcomes = [pair.server_outcome(), pair.client_outcome()];
                    let told = format!(
                        "{mechanism:?} over {transport:?}, {sides:?}, {kinds:?}, server binds: {server_binds}"
                    );
                    assert_eq!(outcomes, [Outcome::Succeeded, Outcome::Succeeded], "{told}");
                    converse(pair.in_order(first_serves));
                    pair.close();
                }
            }
        }
    }
}

fn bodies() -> Vec<Vec<u8>> {
    [0, 1, 255, 256, 9000, 0].map(pattern).to_vec()
}

#[test]
fn requests_and_replies() {
    talk_as(
        [Kind::Req, Kind::Rep],
        |_| {},
        |[req, rep]| {
            for _ in 0..3 {
                req.send(&bodies());
                assert!(rep.recv() == bodies());
                rep.send(&[b"answer"]);
                assert_eq!(req.recv(), [b"answer"]);
            }
        },
    );
}

#[test]
fn publications() {
    talk_as(
        [Kind::Pub, Kind::Sub],
        |[_, sub]| sub.set_bytes("SUBSCRIBE", b"topic"),
        |[publisher, sub]| {
            let mut long = bodies();
            long[0] = b"topic of many".to_vec();
            let received = publisher.repeat_until(&long, || sub.recv());
            assert!(received == long);
            publisher.send(&[b"of no topic"]);
            publisher.send(&[b"topic of one"]);
            loop {
                let received = sub.recv();
                if received == [b"topic of one"] {
                    break;
                }
                assert!(received == long);
            }
        },
    );
}

#[test]
fn pipelines() {
    talk_as(
        [Kind::Push, Kind::Pull],
        |_| {},
        |[push, pull]| {
            push.send(&bodies());
            assert!(pull.recv() == bodies());
            for size in [0, 200, 9000, 1 << 18] {
                push.tell(&format!("send_pattern {size} 3"));
                pull.ask(&format!("recv_pattern {size} 3"));
                push.hear();
            }
        },
    );
}

#[test]
fn routers() {
    talk_as(
        [Kind::Dealer, Kind::Router],
        |[dealer, _]| dealer.set_bytes("ROUTING_ID", b"dealer"),
        |[dealer, router]| {
            let envelope = [vec![b"dealer".to_vec()], bodies()].concat();
            dealer.send(&bodies());
            assert!(router.recv() == envelope);
            router.send(&envelope);
            assert!(dealer.recv() == bodies());
        },
    );
}

/// The server's and the client's events after a reply that does not accept.
fn refused(mechanism: Mechanism) {
    let Some(_guard) = begin() else { return };
    let malformed = |reply: String, code| (reply, Outcome::Protocol(code), Outcome::NoDetail);
    let short = format!("zap {} id {}", hex(b"1.0"), hex(b"200"));
    let strange = accepting().replace(" id ", &format!(" {} ", hex(b"strange")));
    let cases = [
        (status("300"), Outcome::Denied(300), Outcome::NoDetail),
        (status("400"), Outcome::Denied(400), Outcome::Denied(400)),
        (status("500"), Outcome::Denied(500), Outcome::Denied(500)),
        malformed(status("201"), ZAP_INVALID_STATUS_CODE),
        malformed(status(""), ZAP_INVALID_STATUS_CODE),
        malformed(short, ZAP_MALFORMED_REPLY),
        malformed(accepting() + " 00", ZAP_MALFORMED_REPLY),
        malformed(strange, ZAP_BAD_REQUEST_ID),
        malformed(zap([b"9.9", b"200", b"", b"", b""]), ZAP_BAD_VERSION),
        malformed(
            zap([b"1.0", b"200", b"", b"", b"\xff"]),
            ZAP_INVALID_METADATA,
        ),
    ];
    for sides in SIDES {
        let mut pair = Pair::start(sides);
        for transport in TRANSPORTS {
            for (reply, of_server, of_client) in &cases {
                let told = format!("{reply}: {mechanism:?} over {transport:?}, {sides:?}");
                pair.open(mechanism, mechanism);
                pair.server.set_bytes("ZAP_DOMAIN", DOMAIN);
                pair.server.ask(reply);
                pair.meet(transport);
                assert_eq!(pair.server_outcome(), *of_server, "{told}");
                // A server of libzmq may leave the connection open until the handshake has taken too long.
                let closes = sides[0] == Library::Ours;
                if closes || matches!(of_client, Outcome::Denied(_)) {
                    // libzmq's PLAIN misspells ERROR, and does not know the one of RFC 24.
                    let of_client = match of_client {
                        Outcome::Denied(_)
                            if mechanism == Mechanism::Plain
                                && pair.are(Library::Ours, Library::Stock) =>
                        {
                            &Outcome::Protocol(UNEXPECTED_COMMAND)
                        }
                        of_client => of_client,
                    };
                    assert_eq!(pair.client_outcome(), *of_client, "{told}");
                }
                pair.close();
            }
        }
    }
}

#[test]
fn null_is_refused() {
    refused(Mechanism::Null);
}

#[test]
fn plain_is_refused() {
    refused(Mechanism::Plain);
}

#[test]
fn curve_is_refused() {
    refused(Mechanism::Curve);
}

/// Without a handler libzmq, and ours in its place, refuses PLAIN only. What was accepted has no user.
#[test]
fn without_a_handler() {
    let Some(_guard) = begin() else { return };
    for sides in SIDES {
        let mut pair = Pair::start(sides);
        for mechanism in Mechanism::ALL {
            for domain in [None, Some(DOMAIN)] {
                let told = format!("{mechanism:?}, {domain:?}, {sides:?}");
                pair.open(mechanism, mechanism);
                if let Some(domain) = domain {
                    pair.server.set_bytes("ZAP_DOMAIN", domain);
                }
                pair.meet(Transport::Tcp);
                if mechanism == Mechanism::Plain {
                    assert_eq!(pair.server_outcome(), Outcome::NoDetail, "{told}");
                } else {
                    assert_eq!(pair.server_outcome(), Outcome::Succeeded, "{told}");
                    pair.client.send(&[b"message"]);
                    let user = pair.server.ask("recv_properties User-Id");
                    assert_eq!(user, "none", "{told}");
                }
                pair.close();
            }
        }
    }
}

/// A handler that dies with the request in its hands refuses the peer, once the handshake has taken too long.
#[test]
fn a_handler_that_dies() {
    let Some(_guard) = begin() else { return };
    for sides in SIDES {
        let mut pair = Pair::start(sides);
        for mechanism in Mechanism::ALL {
            pair.open(mechanism, mechanism);
            pair.server.set_bytes("ZAP_DOMAIN", DOMAIN);
            pair.server.set("HANDSHAKE_IVL", 300);
            pair.server.ask("zap");
            pair.meet(Transport::Tcp);
            let told = format!("{mechanism:?}, {sides:?}");
            assert_eq!(pair.server_outcome(), Outcome::NoDetail, "{told}");
            pair.close();
        }
    }
}

#[test]
fn a_server_with_another_key() {
    let Some(_guard) = begin() else { return };
    for sides in SIDES {
        let mut pair = Pair::start(sides);
        for transport in TRANSPORTS {
            pair.open(Mechanism::Curve, Mechanism::Curve);
            let other = generate_key_pair().unwrap();
            let other = other.public().as_bytes();
            pair.client.set_bytes("CURVE_SERVERKEY", other);
            pair.meet(transport);
            let told = format!("{transport:?}, {sides:?}");
            let expected = Outcome::Protocol(CRYPTOGRAPHIC);
            assert_eq!(pair.server_outcome(), expected, "{told}");
            if sides[0] == Library::Ours {
                assert_eq!(pair.client_outcome(), Outcome::NoDetail, "{told}");
            }
            pair.close();
        }
    }
}

/// The first side that sees the other's greeting closes. The other one sees that, or the greeting.
#[test]
fn mechanisms_that_differ() {
    let Some(_guard) = begin() else { return };
    for sides in SIDES {
        let mut pair = Pair::start(sides);
        for server in Mechanism::ALL {
            for client in Mechanism::ALL {
                if server == client {
                    continue;
                }
                pair.open(server, client);
                pair.server.ask(&accepting());
                pair.meet(Transport::Tcp);
                let outcomes = [pair.server_outcome(), pair.client_outcome()];
                let told = format!("{server:?} and {client:?}, {sides:?}: {outcomes:?}");
                let mismatch = Outcome::Protocol(MECHANISM_MISMATCH);
                assert!(outcomes.contains(&mismatch), "{told}");
                let known = [mismatch, Outcome::NoDetail];
                assert!(outcomes.iter().all(|end| known.contains(end)), "{told}");
                pair.close();
            }
        }
    }
}
