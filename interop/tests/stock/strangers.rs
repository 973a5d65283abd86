//! Peers that do not fit, do not speak, or speak nonsense, next to one that is served.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use interop::{Stock, begin, message, number, ours, recv};
use ringmq::{Kind, Socket};
use ringmq_testing::{zmtp_greeting, zmtp_ready};

/// The events of a stock socket for a failed handshake, whichever side gave up first.
const REFUSED: &str = "event HANDSHAKE_FAILED DISCONNECTED";

fn address(socket: &Socket) -> &str {
    socket.last_endpoint().strip_prefix("tcp://").unwrap()
}

/// The stock peer works as before.
fn still_served(socket: &mut Socket, stock: &mut Stock, i: u64) {
    stock.send(&[number(i)]);
    assert_eq!(recv(socket), [number(i)]);
    socket.send(&number(i)).unwrap();
    assert_eq!(stock.recv(), [number(i)]);
}

/// A DEALER of ours with a stock peer.
fn served() -> (Socket, Stock) {
    let mut dealer = ours(Kind::Dealer);
    dealer.bind("tcp://127.0.0.1:*").unwrap();
    let mut stock = Stock::new(Kind::Dealer);
    stock.connect(dealer.last_endpoint());
    (dealer, stock)
}

/// Returns once we have closed.
fn until_closed(mut stream: TcpStream) {
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[test]
fn nonsense_is_shown_the_door() {
    let Some(_guard) = begin() else { return };
    let (mut dealer, mut stock) = served();
    let good = [zmtp_greeting(1), zmtp_ready("DEALER", &[])].concat();
    let after = |bytes: &[u8]| [&good, bytes].concat();
    let nonsense = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        vec![0xff; 4096],
        [&zmtp_greeting(1)[..], &[0xff; 100]].concat(),
        [
            &zmtp_greeting(1)[..12],
            b"WRONG",
            &[0; 47],
            &zmtp_ready("DEALER", &[]),
        ]
        .concat(),
        // No mechanism has a command of this name.
        [zmtp_greeting(1), b"\x04\x06\x05HELLO".to_vec()].concat(),
        // A length that no memory holds.
        after(&[2, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        // A length that no length is.
        after(&[2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        // A command whose name is longer than it.
        after(&[4, 2, 200, b'x']),
    ];
    for (i, bytes) in (0..).zip(nonsense) {
        let mut stream = TcpStream::connect(address(&dealer)).unwrap();
        // It may be refused before it has said all.
        let _ = stream.write_all(&bytes);
        still_served(&mut dealer, &mut stock, i);
        // The library may wait for the rest of an announced frame, so this end closes its half of the stream.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        until_closed(stream);
        still_served(&mut dealer, &mut stock, i + 100);
    }
    assert!(dealer.try_recv().is_err());
}

/// One byte at a time, between which others are served.
#[test]
fn a_peer_that_speaks_slowly() {
    let Some(_guard) = begin() else { return };
    let (mut dealer, mut stock) = served();
    let mut slow = TcpStream::connect(address(&dealer)).unwrap();
    slow.set_nodelay(true).unwrap();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(address(&dealer)).unwrap());
    }
    let said = [zmtp_greeting(1), zmtp_ready("DEALER", &[])].concat();
    for (i, byte) in (0..).zip(&said) {
        slow.write_all(&[*byte]).unwrap();
        still_served(&mut dealer, &mut stock, i);
    }
    drop(silent);
    // It is a peer now; what it says is heard when it is complete.
    for byte in [1, 1, b'a', 0, 2, b'b'] {
        slow.write_all(&[byte]).unwrap();
        stock.send(&[b"between"]);
        assert_eq!(recv(&mut dealer), [b"between"]);
    }
    slow.write_all(b"c").unwrap();
    assert_eq!(recv(&mut dealer), [&b"a"[..], b"bc"]);
    // And half a message is never heard of.
    slow.write_all(&[1, 1, b'x', 0, 9, b'y']).unwrap();
    drop(slow);
    still_served(&mut dealer, &mut stock, 1);
    assert!(dealer.try_recv().is_err());
}

#[test]
fn stock_peers_of_the_wrong_type() {
    let Some(_guard) = begin() else { return };
    let wrong = [
        (Kind::Pull, Kind::Pull),
        (Kind::Pull, Kind::Sub),
        (Kind::Rep, Kind::Rep),
        (Kind::Rep, Kind::Router),
        (Kind::Xpub, Kind::Push),
        (Kind::Pair, Kind::Dealer),
        (Kind::Router, Kind::Rep),
    ];
    for (our_kind, stock_kind) in wrong {
        let mut socket = ours(our_kind);
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let mut stock = Stock::new(stock_kind);
        stock.ask("monitor");
        stock.connect(socket.last_endpoint());
        stock.ask(REFUSED);
        assert!(socket.try_recv().is_err());
        // A fitting one is welcome.
        stock.close();
        let (kind, word): (Kind, &[u8]) = match our_kind {
            Kind::Pull => (Kind::Push, b"word"),
            Kind::Rep => (Kind::Req, b"word"),
            Kind::Xpub => (Kind::Xsub, b"\x01word"),
            Kind::Pair => (Kind::Pair, b"word"),
            _ => (Kind::Dealer, b"word"),
        };
        stock.open(kind);
        stock.connect(socket.last_endpoint());
        stock.send(&[word]);
        assert_eq!(recv(&mut socket).last().unwrap(), word);
    }
}

/// The same, where we come to a stock socket.
#[test]
fn we_of_the_wrong_type() {
    let Some(_guard) = begin() else { return };
    let mut stock = Stock::new(Kind::Pull);
    stock.ask("monitor");
    let endpoint = stock.bind("tcp://127.0.0.1:*");
    let mut wrong = ours(Kind::Req);
    // No peer takes its question.
    wrong.set_linger(Duration::ZERO);
    wrong.connect(&endpoint).unwrap();
    wrong.send("question").unwrap();
    stock.ask(REFUSED);
    let mut push = ours(Kind::Push);
    push.connect(&endpoint).unwrap();
    push.send(message(&["word"])).unwrap();
    assert_eq!(stock.recv(), [b"word"]);
    assert!(wrong.try_recv().is_err());
}

/// A stock peer that asks for signs of life gets them while nothing is sent, whether or not we are used.
#[test]
fn a_peer_that_sends_pings() {
    let Some(_guard) = begin() else { return };
    for we_bind in [true, false] {
        let mut dealer = ours(Kind::Dealer);
        let mut stock = Stock::new(Kind::Dealer);
        stock.set("HEARTBEAT_IVL", 20);
        stock.set("HEARTBEAT_TIMEOUT", 200);
        stock.set("HEARTBEAT_TTL", 300);
        stock.ask("monitor");
        if we_bind {
            dealer.bind("tcp://127.0.0.1:*").unwrap();
            stock.connect(dealer.last_endpoint());
        } else {
            dealer.connect(&stock.bind("tcp://127.0.0.1:*")).unwrap();
        }
        still_served(&mut dealer, &mut stock, 1);
        assert_eq!(stock.ask("no_event_within DISCONNECTED 700"), "none");
        still_served(&mut dealer, &mut stock, 2);
    }
}

/// A stock peer that was promised a sign of life, and is stopped, is given up after the time it has named.
#[test]
fn a_peer_that_stops_its_heartbeats() {
    let Some(_guard) = begin() else { return };
    let mut router = ours(Kind::Router);
    router
        .set(ringmq::SetOption::RouterMandatory(true))
        .unwrap();
    router.bind("tcp://127.0.0.1:*").unwrap();
    let mut stock = Stock::new(Kind::Dealer);
    stock.set_bytes("ROUTING_ID", b"stock");
    stock.set("HEARTBEAT_IVL", 20);
    stock.set("HEARTBEAT_TTL", 300);
    stock.connect(router.last_endpoint());
    stock.send(&[b"here"]);
    assert_eq!(recv(&mut router), [&b"stock"[..], b"here"]);
    // Its next words are a promise.
    assert_eq!(stock.ask("nothing_within 100"), "nothing");
    stock.stop();
    while router.send(message(&["stock", "there?"])).is_ok() {
        std::thread::yield_now();
    }
    // libzmq 4.3.4 aborts if it goes on now.
    stock.kill();
    let mut stock = Stock::new(Kind::Dealer);
    stock.set_bytes("ROUTING_ID", b"stock");
    stock.connect(router.last_endpoint());
    stock.send(&[b"back"]);
    assert_eq!(recv(&mut router), [&b"stock"[..], b"back"]);
}
