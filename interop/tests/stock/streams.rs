//! Many messages, and great ones: nothing is lost, doubled, reordered or cut.

use interop::{
    Stock, Transport, begin, message, number, ours, pattern, recv, recv_numbers, send_numbers,
};
use ringmq::{Kind, Socket};
use ringmq_testing::Scratch;

const MANY: u64 = 100_000;
const GREAT: usize = 64 << 20;

/// A PUSH of ours and a stock PULL; marks of 0 are the default ones.
fn to_stock(transport: Transport, scratch: &Scratch, we_bind: bool, mark: u32) -> (Socket, Stock) {
    meet(Kind::Push, Kind::Pull, transport, scratch, we_bind, mark)
}

fn from_stock(
    transport: Transport,
    scratch: &Scratch,
    we_bind: bool,
    mark: u32,
) -> (Socket, Stock) {
    meet(Kind::Pull, Kind::Push, transport, scratch, we_bind, mark)
}

fn meet(
    our_kind: Kind,
    stock_kind: Kind,
    transport: Transport,
    scratch: &Scratch,
    we_bind: bool,
    mark: u32,
) -> (Socket, Stock) {
    let mut ours = ours(our_kind);
    let mut stock = Stock::new(stock_kind);
    if mark != 0 {
        ours.set_send_hwm(mark);
        ours.set_recv_hwm(mark);
        stock.set("SNDHWM", mark.try_into().unwrap());
        stock.set("RCVHWM", mark.try_into().unwrap());
    }
    let endpoint = transport.endpoint(scratch);
    if we_bind {
        ours.bind(&endpoint).unwrap();
        stock.connect(ours.last_endpoint());
    } else {
        ours.connect(&stock.bind(&endpoint)).unwrap();
    }
    (ours, stock)
}

#[test]
fn many_to_stock() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    for transport in [Transport::Tcp, Transport::Path] {
        for mark in [0, 1, 7] {
            let (mut push, mut stock) = to_stock(transport, &scratch, mark != 1, mark);
            stock.tell(&format!("recv_numbers 0 {MANY}"));
            send_numbers(&mut push, 0, MANY);
            assert_eq!(stock.hear(), "received");
        }
    }
}

#[test]
fn many_from_stock() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    for transport in [Transport::Tcp, Transport::Path] {
        for mark in [0, 1, 7] {
            let (mut pull, mut stock) = from_stock(transport, &scratch, mark != 1, mark);
            stock.tell(&format!("send_numbers 0 {MANY}"));
            recv_numbers(&mut pull, 0, MANY);
            assert_eq!(stock.hear(), "sent");
        }
    }
}

/// Both at a time over one connection.
#[test]
fn many_both_ways_at_once() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    let (mut ours, mut stock) = meet(Kind::Pair, Kind::Pair, Transport::Path, &scratch, true, 0);
    // It sends before it receives, so its words have to be taken while ours wait.
    stock.tell("send_numbers 0 20000");
    let (mut sent, mut received) = (0, 0);
    while sent < 2_000 || received < 20_000 {
        if sent < 2_000 && ours.try_send(&number(sent)).is_ok() {
            sent += 1;
        } else if let Ok(message) = ours.try_recv() {
            assert_eq!(message[0].as_slice(), number(received));
            received += 1;
        } else {
            std::thread::yield_now();
        }
    }
    assert_eq!(stock.hear(), "sent");
    assert_eq!(stock.ask("recv_numbers 0 2000"), "received");
}

#[test]
fn great_messages() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    let pattern = pattern(GREAT);
    for transport in [Transport::Tcp, Transport::Path] {
        let (mut pull, mut stock) = from_stock(transport, &scratch, true, 0);
        stock.tell(&format!("send_pattern {GREAT} 2"));
        for i in 0..2 {
            let message = recv(&mut pull);
            assert_eq!(
                (&message[0][..], &message[2][..]),
                (&number(i)[..], &number(i)[..])
            );
            assert!(message[1] == pattern && message.len() == 3);
        }
        stock.hear();
        let (mut push, mut stock) = to_stock(transport, &scratch, false, 0);
        stock.tell(&format!("recv_pattern {GREAT} 2"));
        for i in 0..2 {
            push.send(message(&[&number(i)[..], &pattern, &number(i)]))
                .unwrap();
        }
        assert_eq!(stock.hear(), "received");
    }
}

/// Lengths around every limit of the framing and of buffers.
#[test]
fn messages_of_many_sizes() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    let limits = [
        0, 254, 255, 8190, 8191, 8192, 16_383, 65_535, 65_536, 131_072, 300_000,
    ];
    let sizes = limits.into_iter().flat_map(|size| [size, size + 1]);
    let (mut push, mut puller) = to_stock(Transport::Path, &scratch, false, 0);
    let (mut pull, mut pusher) = from_stock(Transport::Tcp, &scratch, true, 0);
    for size in sizes {
        let pattern = pattern(size);
        puller.tell(&format!("recv_pattern {size} 20"));
        pusher.tell(&format!("send_pattern {size} 20"));
        for i in 0..20 {
            let message = message(&[&number(i)[..], &pattern, &number(i)]);
            push.send(message).unwrap();
            assert!(recv(&mut pull) == [&number(i)[..], &pattern, &number(i)]);
        }
        assert_eq!(puller.hear(), "received");
        assert_eq!(pusher.hear(), "sent");
    }
}

/// A socket that closes right after sending loses nothing.
#[test]
fn a_clean_close_of_ours() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    for we_bind in [true, false] {
        for (transport, many) in [(Transport::Path, 200_000), (Transport::Tcp, 50_000)] {
            // Over ipc libzmq itself forgets what is in the kernel when it finds its own queue full and us gone, so it
            // gets no limit of its own (libzmq#4660).
            let (mut push, mut stock) = {
                let mut push = ours(Kind::Push);
                let mut stock = Stock::new(Kind::Pull);
                stock.set("RCVHWM", 0);
                let endpoint = transport.endpoint(&scratch);
                if we_bind {
                    push.bind(&endpoint).unwrap();
                    stock.connect(push.last_endpoint());
                } else {
                    push.connect(&stock.bind(&endpoint)).unwrap();
                }
                (push, stock)
            };
            stock.tell(&format!("recv_numbers 0 {many}"));
            send_numbers(&mut push, 0, many);
            drop(push);
            assert_eq!(stock.hear(), "received");
        }
    }
}

/// A stock peer that closes right after sending, while ours is slow, loses nothing either.
#[test]
fn a_clean_close_of_stock() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    for we_bind in [true, false] {
        for transport in [Transport::Path, Transport::Tcp] {
            for mark in [0, 10] {
                let (mut pull, mut stock) = from_stock(transport, &scratch, we_bind, mark);
                stock.tell("send_numbers 0 50000");
                recv_numbers(&mut pull, 0, 40_000);
                stock.tell("close");
                recv_numbers(&mut pull, 40_000, 50_000);
                assert_eq!(stock.hear(), "sent");
                assert_eq!(stock.hear(), "closed");
            }
        }
    }
}
