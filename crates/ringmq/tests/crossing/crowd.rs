//! Many connections at the same time, and two that cross each other.

use std::time::Duration;

use ringmq::{Carrier, Context, Kind};
use ringmq_testing::{
    Actor, ReservedPort, in_own_process, limit_descriptors, listen, role, role_args, say, soon,
    spawn_role, until, watchdog,
};

use super::{bound, passes, socket, until_carrier};

const CONNECTIONS: usize = 1000;

/// Connects so many, and asks by each of them again and again. Says how many are in shared memory.
fn clients() {
    limit_descriptors(1 << 14);
    let context = Context::new().unwrap();
    context.set_max_sockets(CONNECTIONS + 1);
    let endpoint = role_args().remove(0);
    let mut clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let mut client = context.socket(Kind::Req).unwrap();
            client.connect(&endpoint).unwrap();
            client
        })
        .collect();
    for round in 0..5 {
        for client in &mut clients {
            client.send_deadline(format!("{round}"), soon()).unwrap();
        }
        for client in &mut clients {
            let answer = client.recv_deadline(soon()).unwrap();
            assert_eq!(answer[0].as_slice(), format!("{round}").as_bytes());
        }
    }
    let mut shared = || {
        let all = clients.iter_mut().flat_map(|one| one.connections());
        all.filter(|one| one.carrier == Carrier::SharedMemory)
            .count()
    };
    until(|| shared() >= 100);
    say(&format!("{}", shared()));
    assert_eq!(listen(), "end");
}

#[test]
fn a_thousand_connections_are_served_and_go_over_at_once() {
    const TEST: &str = "crowd::a_thousand_connections_are_served_and_go_over_at_once";
    if role().as_deref() == Some("clients") {
        return clients();
    }
    in_own_process(TEST, || serve(TEST));
}

/// Answers all that the clients ask.
fn serve(test: &str) {
    let _guard = watchdog(Duration::from_secs(120));
    limit_descriptors(1 << 14);
    let mut rep = bound(Kind::Rep);
    let endpoint = rep.last_endpoint().to_owned();
    let mut clients = Actor::start(&mut spawn_role(test, "clients", &[&endpoint]));
    for _ in 0..5 * CONNECTIONS {
        let question = rep.recv_deadline(soon()).unwrap();
        rep.send_deadline(question, soon()).unwrap();
    }
    println!("{} of {CONNECTIONS} in shared memory", clients.hear());
    clients.tell("end");
    clients.finish();
}

#[test]
fn two_sides_that_connect_to_each_other_at_once_both_go_over() {
    let _guard = watchdog(Duration::from_secs(60));
    for _ in 0..20 {
        let ports = [ReservedPort::new(), ReservedPort::new()];
        let places = ports.map(|port| (format!("tcp://127.0.0.1:{}", port.number()), port));
        let mut sides = [socket(Kind::Dealer), socket(Kind::Dealer)];
        std::thread::scope(|scope| {
            for (number, side) in sides.iter_mut().enumerate() {
                let places = &places;
                scope.spawn(move || {
                    side.bind(&places[number].0).unwrap();
                    side.connect(&places[1 - number].0).unwrap();
                });
            }
        });
        let [one, other] = &mut sides;
        let shared = |side: &mut ringmq::Socket| {
            let connections = side.connections();
            let all = connections.iter();
            all.filter(|one| one.carrier == Carrier::SharedMemory)
                .count()
                == 2
        };
        until(|| shared(one) && shared(other));
        for _ in 0..4 {
            passes(one, other, "there");
            passes(other, one, "back");
        }
    }
}

#[test]
fn each_address_of_this_machine_leads_to_shared_memory() {
    let _guard = watchdog(Duration::from_secs(60));
    for place in [
        "tcp://127.0.0.1:*",
        "tcp://localhost:*",
        "tcp://127.8.8.8:*",
        "tcp://*:*",
    ] {
        let mut far = socket(Kind::Pair);
        far.bind(place).unwrap();
        let port = far.last_endpoint().rsplit(':').next().unwrap().to_owned();
        let host = match place {
            "tcp://*:*" => "127.0.0.1",
            place => place
                .strip_prefix("tcp://")
                .unwrap()
                .strip_suffix(":*")
                .unwrap(),
        };
        let mut near = socket(Kind::Pair);
        near.connect(&format!("tcp://{host}:{port}")).unwrap();
        until_carrier(&mut near, Carrier::SharedMemory);
        until_carrier(&mut far, Carrier::SharedMemory);
        passes(&mut near, &mut far, "there");
        passes(&mut far, &mut near, "back");
    }
    let options = ringmq::SocketOptions::new().ipv6(true);
    let context = Context::new().unwrap();
    let mut far = context.socket_with(Kind::Pair, &options).unwrap();
    if let Err(error) = far.bind("tcp://[::1]:*") {
        println!("skipped: no IPv6 here: {error}");
        return;
    }
    let mut near = context.socket_with(Kind::Pair, &options).unwrap();
    near.connect(far.last_endpoint()).unwrap();
    until_carrier(&mut near, Carrier::SharedMemory);
    passes(&mut near, &mut far, "there");
}
