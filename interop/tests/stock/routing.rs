//! Routing ids, as they go over the wire. How a ROUTER uses them are rules of crates/ringmq/tests/conformance.

use interop::{Stock, Transport, begin, message, ours, recv};
use ringmq::Kind;
use ringmq_testing::Scratch;

/// Ids of peers: none, and those that an application may give. A number, the highest byte first, begins with a zero.
const IDS: [&[u8]; 5] = [b"", b"i", b"\x01\0\xff", b"\0\0\0\x07", &[b'i'; 255]];

#[test]
fn given_by_our_router() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    // One process for all: to start Python takes longer than all that it does here.
    let mut stock = Stock::start();
    for transport in Transport::ALL {
        for kind in [Kind::Dealer, Kind::Req, Kind::Router] {
            for id in IDS {
                // A ROUTER needs the routing id of the peer that it sends to.
                if kind == Kind::Router && id.is_empty() {
                    continue;
                }
                let mut router = ours(Kind::Router);
                router
                    .change_options(|options| options.routing_id(b"router"))
                    .unwrap();
                router.bind(&transport.endpoint(&scratch)).unwrap();
                stock.open(kind);
                if !id.is_empty() {
                    stock.set_bytes("ROUTING_ID", id);
                }
                if kind == Kind::Router {
                    stock.set("ROUTER_MANDATORY", 1);
                }
                stock.connect(router.last_endpoint());
                match kind {
                    Kind::Router => stock.send(&[&b"router"[..], b"hello"]),
                    _ => stock.send(&[b"hello"]),
                }
                let mut heard = recv(&mut router);
                if id.is_empty() {
                    assert!(heard[0].len() == 5 && heard[0][0] == 0, "{heard:?}");
                } else {
                    assert_eq!(heard[0], id);
                }
                *heard.last_mut().unwrap() = b"back".to_vec();
                router.send(message(&heard)).unwrap();
                assert_eq!(stock.recv().last().unwrap(), b"back");
                stock.close();
            }
        }
    }
}

#[test]
fn given_by_a_stock_router() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    for transport in Transport::ALL {
        let mut stock = Stock::new(Kind::Router);
        let endpoint = stock.bind(&transport.endpoint(&scratch));
        for kind in [Kind::Dealer, Kind::Req] {
            for id in IDS {
                let mut ours = ours(kind);
                // The peer before is not to have the same id.
                let mut id = id.to_vec();
                if !id.is_empty() {
                    id.extend_from_slice(kind.name().as_bytes());
                    id.truncate(255);
                    ours.change_options(|options| options.routing_id(&id))
                        .unwrap();
                }
                ours.connect(&endpoint).unwrap();
                ours.send("hello").unwrap();
                let mut heard = stock.recv();
                if id.is_empty() {
                    assert!(heard[0].len() == 5 && heard[0][0] == 0, "{heard:?}");
                } else {
                    assert_eq!(heard[0], id);
                }
                *heard.last_mut().unwrap() = b"back".to_vec();
                stock.send(&heard);
                assert_eq!(recv(&mut ours).last().unwrap(), b"back");
            }
        }
    }
}

/// A ROUTER that connects may call its peer as it likes.
#[test]
fn assigned_to_whom_we_connect() {
    let Some(_guard) = begin() else { return };
    let mut stock = Stock::new(Kind::Dealer);
    stock.set_bytes("ROUTING_ID", b"its own");
    let endpoint = stock.bind("tcp://127.0.0.1:*");
    let mut router = ours(Kind::Router);
    router.set_connect_routing_id(b"peer").unwrap();
    router.connect(&endpoint).unwrap();
    // There is no need to wait: it is known by this name before they have met.
    router.send(message(&["peer", "hello"])).unwrap();
    assert_eq!(stock.recv(), [b"hello"]);
    stock.send(&[b"back"]);
    assert_eq!(recv(&mut router), [&b"peer"[..], b"back"]);
}
