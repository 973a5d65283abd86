//! Subscriptions: before and after there is a peer, taken back, several times, long ones.

use interop::{Stock, Transport, begin, message, ours, recv};
use ringmq::{Kind, Socket};
use ringmq_testing::Scratch;

/// A subscription, or its end, as an XPUB reads it.
fn told(begin: bool, topic: &[u8]) -> Vec<Vec<u8>> {
    vec![[&[u8::from(begin)], topic].concat()]
}

/// Our XPUB, connected to or by a stock SUB that is subscribed to "early".
fn our_xpub(we_bind: bool) -> (Socket, Stock) {
    let scratch = Scratch::new();
    let endpoint = Transport::Tcp.endpoint(&scratch);
    let mut ours = ours(Kind::Xpub);
    let mut stock = Stock::new(Kind::Sub);
    stock.set_bytes("SUBSCRIBE", b"early");
    if we_bind {
        ours.bind(&endpoint).unwrap();
        stock.connect(ours.last_endpoint());
    } else {
        ours.connect(&stock.bind(&endpoint)).unwrap();
        // It takes a look at its socket, and subscribes.
        stock.tell("recv");
    }
    assert_eq!(recv(&mut ours), told(true, b"early"));
    if !we_bind {
        ours.send("early").unwrap();
        assert_eq!(stock.hear_message(), [b"early"]);
    }
    (ours, stock)
}

#[test]
fn of_a_stock_sub() {
    let Some(_guard) = begin() else { return };
    let long = [b'l'; 255];
    let longer = [b'm'; 300];
    for we_bind in [true, false] {
        let (mut ours, mut stock) = our_xpub(we_bind);
        for topic in [&b"late"[..], &long, &longer, b"\0\x01", b"lat"] {
            stock.set_bytes("SUBSCRIBE", topic);
            assert_eq!(recv(&mut ours), told(true, topic));
        }
        // Twice, and taken back once: still subscribed.
        stock.set_bytes("SUBSCRIBE", b"late");
        stock.set_bytes("UNSUBSCRIBE", b"late");
        stock.set_bytes("UNSUBSCRIBE", b"lat");
        assert_eq!(recv(&mut ours), told(false, b"lat"));
        for topic in [
            &b"la"[..],
            b"later",
            &longer,
            &long[1..],
            &long,
            b"\0\x01\x02",
        ] {
            ours.send(message(&[topic, b"", b"body"])).unwrap();
        }
        for topic in [&b"later"[..], &longer, &long, b"\0\x01\x02"] {
            assert_eq!(stock.recv(), [topic, b"", b"body"]);
        }
        stock.set_bytes("UNSUBSCRIBE", &long);
        assert_eq!(recv(&mut ours), told(false, &long));
        ours.send(&long).unwrap();
        ours.send("early end").unwrap();
        assert_eq!(stock.recv(), [b"early end"]);
        // It goes, and what it was subscribed to with it.
        stock.close();
        if !we_bind {
            // Whom we have connected to may come back.
            continue;
        }
        let mut left: Vec<_> = (0..4).map(|_| recv(&mut ours)).collect();
        left.sort();
        let mut expected = [b"early", &b"late"[..], &longer, b"\0\x01"].map(|t| told(false, t));
        expected.sort();
        assert_eq!(left, expected);
    }
}

#[test]
fn of_our_sub() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    let long = [b'l'; 255];
    let longer = [b'm'; 300];
    for transport in Transport::ALL {
        for we_bind in [true, false] {
            let mut ours = ours(Kind::Sub);
            let mut stock = Stock::new(Kind::Xpub);
            let endpoint = transport.endpoint(&scratch);
            ours.subscribe(b"early").unwrap();
            if we_bind {
                ours.bind(&endpoint).unwrap();
                stock.connect(ours.last_endpoint());
            } else {
                ours.connect(&stock.bind(&endpoint)).unwrap();
            }
            stock.tell("recv");
            let heard = stock.hear_message_while(|| {
                ours.events().unwrap();
            });
            assert_eq!(heard, told(true, b"early"));
            for topic in [&b"late"[..], &long, &longer, b"\0\x01", b"lat"] {
                ours.subscribe(topic).unwrap();
                assert_eq!(stock.recv(), told(true, topic));
            }
            ours.subscribe(b"late").unwrap();
            ours.unsubscribe(b"late").unwrap();
            ours.unsubscribe(b"lat").unwrap();
            assert_eq!(stock.recv(), told(false, b"lat"));
            for topic in [
                &b"la"[..],
                b"later",
                &longer,
                &long[1..],
                &long,
                b"\0\x01\x02",
            ] {
                stock.send(&[topic, b"", b"body"]);
            }
            for topic in [&b"later"[..], &longer, &long, b"\0\x01\x02"] {
                assert_eq!(recv(&mut ours), [topic, b"", b"body"]);
            }
            ours.unsubscribe(long).unwrap();
            assert_eq!(stock.recv(), told(false, &long));
            stock.send(&[&long]);
            stock.send(&[b"early end"]);
            assert_eq!(recv(&mut ours), [b"early end"]);
            drop(ours);
            if we_bind {
                // Whom it has connected to may come back.
                continue;
            }
            let mut left: Vec<_> = (0..4).map(|_| stock.recv()).collect();
            left.sort();
            let mut expected = [b"early", &b"late"[..], &longer, b"\0\x01"].map(|t| told(false, t));
            expected.sort();
            assert_eq!(left, expected);
        }
    }
}

/// What an XSUB sends that is no subscription is for the application of the XPUB.
#[test]
fn words_of_subscribers() {
    let Some(_guard) = begin() else { return };
    let mut xpub = ours(Kind::Xpub);
    xpub.bind("tcp://127.0.0.1:*").unwrap();
    let mut stock = Stock::new(Kind::Xsub);
    stock.connect(xpub.last_endpoint());
    stock.send(&[b"\x01topic"]);
    assert_eq!(recv(&mut xpub), told(true, b"topic"));
    stock.send(&[&b"hello"[..], b"", b"\x01more"]);
    assert_eq!(recv(&mut xpub), [&b"hello"[..], b"", b"\x01more"]);

    let mut stock = Stock::new(Kind::Xpub);
    let mut xsub = ours(Kind::Xsub);
    xsub.connect(&stock.bind("tcp://127.0.0.1:*")).unwrap();
    xsub.send(b"\x01topic").unwrap();
    assert_eq!(stock.recv(), told(true, b"topic"));
    xsub.send(message(&[&b"hello"[..], b""])).unwrap();
    assert_eq!(stock.recv(), [&b"hello"[..], b""]);
}
