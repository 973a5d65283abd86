//! A message that was accepted when shared memory was full goes on its way with whatever its socket does next.

use std::os::fd::AsFd;
use std::time::Duration;

use ringmq::{Context, Interest, Item, Kind, Poller, Socket};
use ringmq_testing::{scope, soon, watchdog};

use crate::parts::{is_shared, last, socket};
use crate::places::Places;

/// Messages that fill the memory, and their bytes. One more, larger than what is free, has to wait.
const FILL: usize = 100;
const SMALL: usize = 1000;
const LARGE: usize = 70_000;

/// How the sender waits for the answer.
type Waiting = fn(&mut Socket);

fn polled(socket: &mut Socket) {
    let mut items = [Item::socket(socket, Interest::READABLE)];
    let limit = Some(Duration::from_secs(20));
    assert_eq!(Poller::new().wait(&mut items, limit).unwrap(), 1);
}

const WAYS: [(&str, Waiting); 4] = [
    ("in a call", |_| {}),
    ("in a poller", polled),
    ("by calls that do not wait", |socket| {
        while !socket.events().unwrap().readable {
            std::thread::yield_now();
        }
    }),
    ("by the descriptor", |socket| {
        let watched = socket.watch();
        while !socket.events().unwrap().readable {
            let descriptor = Item::descriptor(watched.as_fd(), Interest::READABLE);
            let limit = Some(Duration::from_secs(20));
            assert_eq!(Poller::new().wait(&mut [descriptor], limit).unwrap(), 1);
        }
    }),
];

#[test]
fn a_message_that_waits_for_room_goes_while_its_socket_only_receives() {
    let _guard = watchdog(Duration::from_secs(60));
    for (way, wait) in WAYS {
        println!("{way}");
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let mut far = socket(&Context::new().unwrap(), Kind::Pair);
        far.bind(&endpoint).unwrap();
        let mut near = socket(&Context::new().unwrap(), Kind::Pair);
        near.change_options(|options| options.shared_limit(256 << 10))
            .unwrap();
        near.connect(&endpoint).unwrap();
        while !is_shared(&mut near) || !is_shared(&mut far) {
            std::thread::yield_now();
        }
        for _ in 0..FILL {
            near.try_send(vec![1; SMALL]).unwrap();
        }
        near.try_send(vec![2; LARGE]).unwrap();
        near.try_send("refused").unwrap_err();
        scope(|scope| {
            scope.spawn(|| {
                for _ in 0..FILL {
                    assert_eq!(last(&far.recv_deadline(soon()).unwrap()), [1; SMALL]);
                }
                assert!(last(&far.recv_deadline(soon()).unwrap()) == [2; LARGE]);
                far.send("answer").unwrap();
            });
            wait(&mut near);
            assert_eq!(last(&near.recv_deadline(soon()).unwrap()), b"answer");
        });
    }
}
