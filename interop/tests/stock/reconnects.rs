//! Peers that go and come back.

use interop::{
    Stock, Transport, begin, message, number, ours, pattern, recv, recv_numbers, send_numbers,
};
use ringmq::{Kind, Message};
use ringmq_testing::Scratch;

/// Killed at any moment, and started again: what arrives is whole, and in order.
#[test]
fn a_stock_peer_that_is_killed_while_it_sends() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    let size = 300_000;
    let pattern = pattern(size);
    for transport in Transport::ALL {
        for round in 0..3 {
            let mut pull = ours(Kind::Pull);
            pull.bind(&transport.endpoint(&scratch)).unwrap();
            let endpoint = pull.last_endpoint().to_owned();
            let mut stock = Stock::new(Kind::Push);
            stock.connect(&endpoint);
            stock.tell(&format!("send_pattern {size} 1000"));
            let whole = |message: &[Vec<u8>], i| {
                assert!(message == [&number(i)[..], &pattern, &number(i)], "{i}");
            };
            for i in 0..5 + round {
                whole(&recv(&mut pull), i);
            }
            stock.kill();
            let mut last = Stock::new(Kind::Push);
            last.connect(&endpoint);
            last.send(&[b"last"]);
            let mut i = 5 + round;
            loop {
                let message = recv(&mut pull);
                if message == [b"last"] {
                    break;
                }
                whole(&message, i);
                i += 1;
            }
            // The new peer may overtake messages of the old one. The messages of each peer keep their order.
            while let Ok(message) = pull.try_recv() {
                whole(&interop::parts(&message), i);
                i += 1;
            }
        }
    }
}

/// The same, where the stock peer is bound and ours has to find it again.
#[test]
fn a_bound_stock_peer_that_is_killed() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    for transport in Transport::ALL {
        let mut stock = Stock::new(Kind::Rep);
        let endpoint = stock.bind(&transport.endpoint(&scratch));
        let mut dealer = ours(Kind::Dealer);
        dealer.connect(&endpoint).unwrap();
        for round in 0..4_u64 {
            dealer.send(message(&[&b""[..], &number(round)])).unwrap();
            assert_eq!(stock.recv(), [number(round)]);
            stock.send(&[number(round)]);
            assert_eq!(recv(&mut dealer), [&b""[..], &number(round)]);
            stock.kill();
            stock = Stock::new(Kind::Rep);
            assert_eq!(stock.bind(&endpoint), endpoint);
        }
    }
}

/// What waits for a peer that is gone is sent when it is back, each message whole.
#[test]
fn messages_wait_for_a_killed_peer() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    let pattern = pattern(200_000);
    for transport in Transport::ALL {
        let mut stock = Stock::new(Kind::Pull);
        let endpoint = stock.bind(&transport.endpoint(&scratch));
        let mut push = ours(Kind::Push);
        push.connect(&endpoint).unwrap();
        // More than what the kernel and the peer take.
        let mut sent = 0;
        let whole = |i| message(&[&number(i)[..], &pattern, &number(i)]);
        stock.set("RCVHWM", 1);
        while sent < 300 {
            push.send(whole(sent)).unwrap();
            sent += 1;
        }
        assert_eq!(stock.recv()[0], number(0));
        stock.kill();
        let mut stock = Stock::new(Kind::Pull);
        assert_eq!(stock.bind(&endpoint), endpoint);
        push.send(whole(sent)).unwrap();
        let mut before = 0;
        while before < sent {
            let message = stock.recv();
            let i = u64::from_le_bytes(message[0][..].try_into().unwrap());
            assert!(i > before, "{i} after {before}");
            assert!(message == [&number(i)[..], &pattern, &number(i)]);
            before = i;
        }
    }
}

/// Subscriptions are made again with the connection.
#[test]
fn our_subscriptions_outlive_a_stock_publisher() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    for transport in Transport::ALL {
        let mut stock = Stock::new(Kind::Xpub);
        let endpoint = stock.bind(&transport.endpoint(&scratch));
        let mut sub = ours(Kind::Sub);
        sub.connect(&endpoint).unwrap();
        sub.subscribe(b"a").unwrap();
        sub.subscribe(b"b").unwrap();
        sub.unsubscribe(b"a").unwrap();
        sub.subscribe(b"c").unwrap();
        for _ in 0..3 {
            let mut topics = Vec::new();
            while !(topics.contains(&b"\x01b".to_vec()) && topics.contains(&b"\x01c".to_vec())) {
                stock.tell("recv");
                topics.extend(stock.hear_message_while(|| {
                    sub.events().unwrap();
                }));
            }
            for topic in ["a", "b", "c"] {
                stock.send(&[topic]);
            }
            assert_eq!(recv(&mut sub), [b"b"]);
            assert_eq!(recv(&mut sub), [b"c"]);
            stock.kill();
            stock = Stock::new(Kind::Xpub);
            stock.bind(&endpoint);
        }
    }
}

/// A stock subscriber finds our publisher again, which was bound anew.
#[test]
fn stock_subscriptions_outlive_our_publisher() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    for transport in Transport::ALL {
        let mut xpub = ours(Kind::Xpub);
        xpub.bind(&transport.endpoint(&scratch)).unwrap();
        let endpoint = xpub.last_endpoint().to_owned();
        let mut stock = Stock::new(Kind::Sub);
        stock.set_bytes("SUBSCRIBE", b"t");
        stock.connect(&endpoint);
        for _ in 0..3 {
            // It subscribes again when it is used.
            stock.tell("recv");
            assert_eq!(recv(&mut xpub), [b"\x01t"]);
            xpub.send("topic").unwrap();
            assert_eq!(stock.hear_message(), [b"topic"]);
            drop(xpub);
            xpub = ours(Kind::Xpub);
            xpub.bind(&endpoint).unwrap();
        }
    }
}

/// Our sockets come and go at a stock one that stays.
#[test]
fn our_peers_come_and_go() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    for transport in Transport::ALL {
        let mut stock = Stock::new(Kind::Pull);
        let endpoint = stock.bind(&transport.endpoint(&scratch));
        for round in 0..10_u64 {
            let mut push = ours(Kind::Push);
            push.connect(&endpoint).unwrap();
            send_numbers(&mut push, round * 100, round * 100 + 100);
            drop(push);
            let end = round * 100 + 100;
            stock.ask(&format!("recv_numbers {} {end}", round * 100));
        }
        stock.close();

        stock.open(Kind::Push);
        let endpoint = stock.bind(&transport.endpoint(&scratch));
        for round in 0..10_u64 {
            let mut pull = ours(Kind::Pull);
            pull.connect(&endpoint).unwrap();
            let first = round * 100;
            stock.tell(&format!("send_numbers {first} {}", first + 100));
            recv_numbers(&mut pull, first, first + 100);
            stock.hear();
            drop(pull);
            // What is sent before it knows is lost.
            stock.ask("mute");
        }
    }
}

/// The socket that is bound at the time answers our REQ.
#[test]
fn disconnect_and_connect_again() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    let mut req = ours(Kind::Req);
    for transport in Transport::ALL {
        for _ in 0..3 {
            let mut stock = Stock::new(Kind::Rep);
            let endpoint = stock.bind(&transport.endpoint(&scratch));
            req.connect(&endpoint).unwrap();
            req.send(Message::from("question")).unwrap();
            assert_eq!(stock.recv(), [b"question"]);
            stock.send(&[b"answer"]);
            assert_eq!(recv(&mut req), [b"answer"]);
            req.disconnect(&endpoint).unwrap();
        }
    }
}
