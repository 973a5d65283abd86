//! Every legal pair of socket types, with either as ours, either bound, over each transport.

use interop::{Stock, Transport, begin, message, ours, pattern, recv};
use ringmq::{Kind, SetOption, Socket};
use ringmq_testing::Scratch;

/// Each pair once.
const PAIRS: [(Kind, Kind); 12] = [
    (Kind::Pair, Kind::Pair),
    (Kind::Req, Kind::Rep),
    (Kind::Req, Kind::Router),
    (Kind::Dealer, Kind::Rep),
    (Kind::Dealer, Kind::Router),
    (Kind::Dealer, Kind::Dealer),
    (Kind::Router, Kind::Router),
    (Kind::Pub, Kind::Sub),
    (Kind::Xpub, Kind::Sub),
    (Kind::Pub, Kind::Xsub),
    (Kind::Xpub, Kind::Xsub),
    (Kind::Push, Kind::Pull),
];

type Parts = Vec<Vec<u8>>;

#[test]
fn over_tcp() {
    all_over(Transport::Tcp);
}

#[test]
fn over_ipc() {
    all_over(Transport::Path);
}

#[test]
fn over_ipc_with_an_abstract_name() {
    all_over(Transport::Abstract);
}

fn all_over(transport: Transport) {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    let mut stock = Stock::start();
    for (one, other) in PAIRS {
        for (our_kind, stock_kind) in [(one, other), (other, one)] {
            for we_bind in [true, false] {
                let mut ours = ours(our_kind);
                prepare(&mut ours, stock_kind, &mut stock);
                let endpoint = transport.endpoint(&scratch);
                if we_bind {
                    ours.bind(&endpoint).unwrap();
                    stock.connect(ours.last_endpoint());
                } else {
                    ours.connect(&stock.bind(&endpoint)).unwrap();
                }
                talk(&mut ours, stock_kind, &mut stock);
                stock.close();
            }
        }
    }
}

/// What has to be said before they connect.
fn prepare(ours: &mut Socket, stock_kind: Kind, stock: &mut Stock) {
    stock.open(stock_kind);
    if matches!(stock_kind, Kind::Req | Kind::Dealer | Kind::Router) {
        stock.set_bytes("ROUTING_ID", b"stock");
    }
    match stock_kind {
        Kind::Router => stock.set("ROUTER_MANDATORY", 1),
        Kind::Sub => stock.set_bytes("SUBSCRIBE", b""),
        _ => {}
    }
    match ours.kind() {
        Kind::Req | Kind::Dealer => ours
            .change_options(|options| options.routing_id(b"ours"))
            .unwrap(),
        Kind::Router => {
            ours.change_options(|options| options.routing_id(b"ours"))
                .unwrap();
            ours.set(SetOption::RouterMandatory(true)).unwrap();
        }
        Kind::Sub => ours.subscribe(b"").unwrap(),
        _ => {}
    }
}

fn talk(ours: &mut Socket, stock_kind: Kind, stock: &mut Stock) {
    let kind = ours.kind();
    let told = format!("{kind} to a stock {stock_kind}");
    match (kind, stock_kind) {
        (Kind::Push, _) => to_stock(ours, stock_kind, stock, &told),
        (Kind::Pull, _) => from_stock(ours, stock_kind, stock, &told),
        (Kind::Pub | Kind::Xpub, _) => publish(ours, stock_kind, stock, &told),
        (Kind::Sub | Kind::Xsub, _) => subscribe(ours, stock_kind, stock, &told),
        // Who replies does not begin.
        (Kind::Rep, _) | (Kind::Router, Kind::Req) => {
            for _ in 0..3 {
                from_stock(ours, stock_kind, stock, &told);
                to_stock(ours, stock_kind, stock, &told);
            }
        }
        _ => {
            for _ in 0..3 {
                to_stock(ours, stock_kind, stock, &told);
                from_stock(ours, stock_kind, stock, &told);
            }
        }
    }
}

/// Parts of every kind of length.
fn body() -> Parts {
    let sizes = [5, 0, 255, 256, 0, 0, 9000, 1];
    sizes.into_iter().map(pattern).collect()
}

/// How `from` has to write it so that `to` gets the body.
fn written(from: Kind, to: Kind, to_id: &str) -> Parts {
    let mut parts = Parts::new();
    if from == Kind::Router {
        parts.push(to_id.into());
    }
    if (from, to) == (Kind::Dealer, Kind::Rep) || (from, to) == (Kind::Router, Kind::Req) {
        parts.push(Vec::new());
    }
    parts.extend(body());
    parts
}

/// What `to` reads.
fn read(from: Kind, to: Kind, from_id: &str) -> Parts {
    let mut parts = Parts::new();
    if to == Kind::Router {
        parts.push(from_id.into());
    }
    if (from, to) == (Kind::Req, Kind::Router) || (from, to) == (Kind::Rep, Kind::Dealer) {
        parts.push(Vec::new());
    }
    parts.extend(body());
    parts
}

fn to_stock(ours: &mut Socket, stock_kind: Kind, stock: &mut Stock, told: &str) {
    let parts = written(ours.kind(), stock_kind, "stock");
    stock.tell("recv");
    // A ROUTER does not know its peer before they have shaken hands.
    while ours.kind() == Kind::Router && ours.send(message(&parts)).is_err() {
        std::thread::yield_now();
    }
    if ours.kind() != Kind::Router {
        ours.send(message(&parts)).unwrap();
    }
    let heard = stock.hear_message();
    assert!(heard == read(ours.kind(), stock_kind, "ours"), "{told}");
}

fn from_stock(ours: &mut Socket, stock_kind: Kind, stock: &mut Stock, told: &str) {
    stock.send(&written(stock_kind, ours.kind(), "ours"));
    assert!(
        recv(ours) == read(stock_kind, ours.kind(), "stock"),
        "{told}"
    );
}

fn publish(ours: &mut Socket, stock_kind: Kind, stock: &mut Stock, told: &str) {
    if stock_kind == Kind::Xsub {
        // Kept until there is a peer.
        stock.send(&[b"\x01"]);
    }
    stock.tell("recv");
    let heard = if ours.kind() == Kind::Xpub {
        assert_eq!(recv(ours), [b"\x01"], "{told}");
        ours.send(message(&body())).unwrap();
        stock.hear_message()
    } else {
        stock.hear_message_while(|| ours.send(message(&body())).unwrap())
    };
    assert!(heard == body(), "{told}");
}

fn subscribe(ours: &mut Socket, stock_kind: Kind, stock: &mut Stock, told: &str) {
    if ours.kind() == Kind::Xsub {
        ours.send(b"\x01").unwrap();
    }
    if stock_kind == Kind::Xpub {
        stock.tell("recv");
        let subscription = stock.hear_message_while(|| {
            // Subscriptions of a bound socket leave when it is used.
            ours.events().unwrap();
        });
        assert_eq!(subscription, [b"\x01"], "{told}");
        stock.send(&body());
        assert!(recv(ours) == body(), "{told}");
    } else {
        let heard = stock.repeat_until(&body(), || recv(ours));
        assert!(heard == body(), "{told}");
    }
}
