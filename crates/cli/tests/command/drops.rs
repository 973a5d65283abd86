//! `ringmq top`: messages that a PUB dropped for a SUB of another process that does not read.

use std::time::Duration;

use ringmq::{Carrier, Context, Kind, SharedMemory, SocketOptions};
use ringmq_testing::{Actor, listen, role, role_args, say, soon, spawn_role, until, watchdog};
use serde_json::Value;

use crate::{ipc, status};

const TEST: &str = "drops::what_a_slow_subscriber_loses_is_counted";
/// Over tcp, the buffers of the kernel have no room for all of these.
const COUNT: u64 = 30_000;
const SIZE: usize = 1000;

/// Publishes when it is asked to.
fn publisher() {
    let args = role_args();
    let (endpoint, is_shared) = (&args[0], args[1] == "shm");
    let context = Context::new().unwrap();
    context.set_shared_memory(SharedMemory::Ipc);
    let options = SocketOptions::new().send_hwm(10);
    let mut publisher = context.socket_with(Kind::Pub, &options).unwrap();
    publisher.connect(endpoint).unwrap();
    // A publisher learns of subscriptions when it sends.
    until(|| {
        publisher.send("greeting").unwrap();
        publisher.topics() == Some(1)
    });
    // None of those before need have had a subscriber.
    publisher.send("greeting").unwrap();
    while is_shared && publisher.connections()[0].carrier != Carrier::SharedMemory {
        publisher.send("greeting").unwrap();
        say("greets");
        listen();
    }
    publisher.send("the count begins").unwrap();
    say("begins");
    listen();
    for _ in 0..COUNT {
        publisher.send(vec![7; SIZE]).unwrap();
    }
    say("has sent all");
    listen();
    publisher.send("the last").unwrap();
    listen();
}

#[test]
fn what_a_slow_subscriber_loses_is_counted() {
    if role().is_some() {
        return publisher();
    }
    let _guard = watchdog(Duration::from_secs(100));
    for (endpoint, carrier) in [
        (ipc("drops"), "shm"),
        ("tcp://127.0.0.1:*".to_owned(), "tcp"),
    ] {
        let context = Context::new().unwrap();
        let options = SocketOptions::new().recv_hwm(10);
        let mut subscriber = context.socket_with(Kind::Sub, &options).unwrap();
        subscriber.subscribe("").unwrap();
        subscriber.bind(&endpoint).unwrap();
        let endpoint = subscriber.last_endpoint().to_owned();
        let mut actor = Actor::start(&mut spawn_role(TEST, "publisher", &[&endpoint, carrier]));
        let mut next = || subscriber.recv_deadline(soon()).unwrap()[0].to_vec();
        // A subscriber greets new peers, with its topics, in its calls.
        assert_eq!(next(), b"greeting");
        while actor.hear() == "greets" {
            assert_eq!(next(), b"greeting");
            actor.tell("go on");
        }
        while next() != b"the count begins" {}
        actor.tell("begin");
        assert_eq!(actor.hear(), "has sent all");
        // The I/O thread shows the carrier when it has the time.
        let mut connection = Value::Null;
        until(|| {
            connection = status(actor.pid())["sockets"][0]["connections"][0].clone();
            connection["carrier"] == carrier
        });
        let dropped = connection["dropped"].as_u64().unwrap();
        assert!(0 < dropped && dropped < COUNT, "{connection}");
        // What was not dropped arrives, and nothing else.
        for _ in dropped..COUNT {
            assert_eq!(next().len(), SIZE);
        }
        actor.tell("end");
        assert_eq!(next(), b"the last");
        actor.tell("");
        actor.finish();
    }
}
