//! What messages tell of their peer, over a stream, where short ones travel as bytes within the process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ringmq::{Context, Kind, Message, SharedMemory, Socket};
use ringmq_testing::{soon, until, watchdog};

fn socket(kind: Kind) -> Socket {
    let context = Context::new().unwrap();
    context.set_shared_memory(SharedMemory::Off);
    context.socket(kind).unwrap()
}

/// A user id of the connecting side that the messages of that side tell.
fn named(socket: &mut Socket, name: &str) {
    let change = socket.change_options(|options| options.property("X-Name", name));
    change.unwrap();
}

fn name(message: &Message) -> String {
    let properties = message[0].properties().unwrap();
    let address = properties.get("Peer-Address").unwrap();
    assert_eq!(address.to_bytes(), b"127.0.0.1");
    let name = properties.get("X-Name").unwrap();
    name.to_str().unwrap().to_owned()
}

/// Messages of all lengths that come at once, so that many of them are not the first of a read.
#[test]
fn each_message_of_a_burst_tells_of_its_peer_also_of_the_next_one() {
    const MESSAGES: usize = 500;
    let _guard = watchdog(Duration::from_secs(60));
    let mut pull = socket(Kind::Pull);
    pull.bind("tcp://127.0.0.1:*").unwrap();
    for round in 0..10 {
        let mut pushes: Vec<Socket> = (0..2)
            .map(|number| {
                let mut push = socket(Kind::Push);
                named(&mut push, &format!("{round} {number}"));
                push.connect(pull.last_endpoint()).unwrap();
                push
            })
            .collect();
        for len in 0..MESSAGES {
            for (number, push) in pushes.iter_mut().enumerate() {
                let mut body = format!("{round} {number} ").into_bytes();
                body.resize(body.len() + len, b'.');
                push.send_deadline(&body[..], soon()).unwrap();
            }
        }
        let mut counts = [0; 2];
        while counts != [MESSAGES; 2] {
            let message = pull.recv_deadline(soon()).unwrap();
            let name = name(&message);
            let body = message[0].as_slice();
            assert!(body.starts_with(format!("{name} ").as_bytes()), "{name}");
            let number: usize = name.split_once(' ').unwrap().1.parse().unwrap();
            assert_eq!(body.len(), name.len() + 1 + counts[number]);
            counts[number] += 1;
        }
        drop(pushes);
    }
}

/// A socket whose peer goes and is followed by another one at the same address: the pipe within the process is the same.
#[test]
fn messages_of_a_new_connection_tell_of_the_new_peer() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut pull = socket(Kind::Pull);
    let mut address = "tcp://127.0.0.1:*".to_owned();
    for round in 0..3 {
        let mut push = socket(Kind::Push);
        push.set_linger(None);
        named(&mut push, &format!("{round}"));
        until(|| push.bind(&address).is_ok());
        if round == 0 {
            push.last_endpoint().clone_into(&mut address);
            pull.connect(&address).unwrap();
        }
        for _ in 0..200 {
            push.send_deadline("short", soon()).unwrap();
        }
        for _ in 0..200 {
            let message = pull.recv_deadline(soon()).unwrap();
            assert_eq!(name(&message), format!("{round}"));
        }
    }
}
