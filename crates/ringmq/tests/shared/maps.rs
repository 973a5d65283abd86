//! What happens when mappings run short (`vm.max_map_count`): connections that come when shared memory has a quarter of
//! those that the process may have stay on ZMTP, rings grow to three eighths at most, and connections go back to ZMTP when
//! the program has taken all that are left.

use std::process::Command;
use std::time::Duration;

use ringmq::{Context, Kind, Message, Socket};
use ringmq_testing::{
    Actor, listen, role, say, soon, spawn_role, under, use_up_mappings, watchdog,
};

use crate::parts::{
    arg, is_shared, last, make, open, pages, read, rings, shared_and_short, socket, until_shared,
};
use crate::places::Places;

/// What the kernel seems to allow: a file is mounted where the kernel says so.
const MOST: usize = 100;
const LIMITED: [&str; 6] = [
    "unshare",
    "-Urm",
    "sh",
    "-c",
    r#"mount --bind "$1" /proc/sys/vm/max_map_count && shift && exec "$@""#,
    "limited",
];
/// More connections than there are mappings for, at one for each at least.
const COUNT: usize = 40;

/// Has few mappings, and is connected to, or connects.
fn limited() {
    let mut pull = socket(&Context::new().unwrap(), Kind::Pull);
    if arg(1) == "binds" {
        pull.bind(&arg(0)).unwrap();
        say("ready");
    } else {
        for endpoint in arg(0).split(' ') {
            pull.connect(endpoint).unwrap();
        }
    }
    for _ in 0..COUNT {
        read(last(&pull.recv_deadline(soon()).unwrap()));
    }
    let (shared, short) = loop {
        let (shared, short) = shared_and_short(&mut pull);
        if shared + short == COUNT {
            break (shared, short);
        }
        std::thread::yield_now();
    };
    say(&format!("{shared} in shared memory, {short} not"));
    // Of its own it has a page, and of each peer a page and a ring.
    assert!(shared > 0 && short > 0);
    assert!(shared <= MOST / 4 + 1);
    assert_eq!(listen(), "end");
    drop(pull);
    // What was let go counts no more.
    let mut pull = socket(&Context::new().unwrap(), Kind::Pull);
    pull.bind(&arg(2)).unwrap();
    say("again");
    while shared_and_short(&mut pull) != (1, 0) {
        std::thread::yield_now();
    }
}

/// What to run a command with, so that it may have so many mappings by what the kernel says; `None` if this machine makes
/// no namespaces.
fn limiting(file: &str, most: usize) -> Option<Vec<&str>> {
    std::fs::write(file, most.to_string()).unwrap();
    let wrapper = [&LIMITED[..], &[file]].concat();
    let mut tried = Command::new(wrapper[0]);
    let tried = tried.args(&wrapper[1..]).arg("true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        println!("skipped: no namespaces can be made here");
        return None;
    }
    Some(wrapper)
}

/// Who connects to it, or is connected to, each at one of these endpoints.
fn others(endpoints: &[String], limited_binds: bool) -> Vec<Socket> {
    let context = Context::new().unwrap();
    let others = endpoints.iter().map(|endpoint| {
        let mut push = socket(&context, Kind::Push);
        push.set_linger(None);
        open(&mut push, !limited_binds, endpoint);
        push
    });
    others.collect()
}

#[test]
fn connections_beyond_a_quarter_of_the_mappings_stay_on_zmtp() {
    const TEST: &str = "maps::connections_beyond_a_quarter_of_the_mappings_stay_on_zmtp";
    if role().is_some() {
        return limited();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let file = places.path("most");
    let Some(wrapper) = limiting(&file, MOST) else {
        return;
    };
    for binds in ["binds", "connects"] {
        let name = |place: usize| match binds {
            "binds" => binds.to_owned(),
            _ => format!("{binds}{place}"),
        };
        let endpoints: Vec<String> = (0..COUNT).map(|one| places.endpoint(&name(one))).collect();
        let again = places.endpoint(&format!("{binds}-again"));
        let to = match binds {
            "binds" => endpoints[0].clone(),
            _ => endpoints.join(" "),
        };
        let limited = spawn_role(TEST, "limited", &[&to, binds, &again]);
        let mut limited = under(&wrapper, &limited);
        let (mut actor, mut pushes);
        if binds == "binds" {
            actor = Actor::start(&mut limited);
            assert_eq!(actor.hear(), "ready");
            pushes = others(&endpoints, true);
        } else {
            pushes = others(&endpoints, false);
            actor = Actor::start(&mut limited);
        }
        for (from, push) in pushes.iter_mut().enumerate() {
            push.send(make(from as u64, 0)).unwrap();
        }
        println!("{binds}: {}", actor.hear());
        drop(pushes);
        actor.tell("end");
        assert_eq!(actor.hear(), "again");
        let mut push = socket(&Context::new().unwrap(), Kind::Push);
        push.connect(&again).unwrap();
        actor.finish();
    }
}

/// Mappings that allow one connection, and no ring to grow.
const FEW: usize = 8;
/// Messages of a burst, some of which need a segment of their own.
const BURST: u64 = 20_000;

/// Sends or receives a burst, with few mappings.
fn one_that_does_not_grow() {
    let sends = arg(1) == "sends";
    let kind = if sends { Kind::Push } else { Kind::Pull };
    let mut socket = socket(&Context::new().unwrap(), kind);
    socket.set_linger(None);
    open(&mut socket, true, &arg(0));
    until_shared(&mut socket, 1);
    say("shared");
    if sends {
        burst(&mut socket);
    } else {
        // The sender is far ahead by then, and its ring has grown.
        assert_eq!(listen(), "receive");
        take_burst(&mut socket);
    }
    // A page of its own and one of the peer, and a segment of each that it has had at one time.
    assert!(pages() <= 2 && rings() <= 2);
    assert_eq!(shared_and_short(&mut socket), (0, 1));
    say("done");
    assert_eq!(listen(), "end");
}

fn burst(push: &mut Socket) {
    for number in 0..BURST {
        push.send(make(7, number)).unwrap();
    }
}

fn take_burst(pull: &mut Socket) {
    for number in 0..BURST {
        let message = pull.recv_deadline(soon()).unwrap();
        assert_eq!(read(last(&message)), (7, number));
    }
}

#[test]
fn a_ring_that_may_not_grow_loses_nothing() {
    const TEST: &str = "maps::a_ring_that_may_not_grow_loses_nothing";
    if role().is_some() {
        return one_that_does_not_grow();
    }
    let _guard = watchdog(Duration::from_secs(120));
    let places = Places::new();
    let file = places.path("most");
    let Some(wrapper) = limiting(&file, FEW) else {
        return;
    };
    for what in ["sends", "receives"] {
        println!("{what}");
        let endpoint = places.endpoint(what);
        let few = spawn_role(TEST, "few", &[&endpoint, what]);
        let mut actor = Actor::start(&mut under(&wrapper, &few));
        let kind = if what == "sends" {
            Kind::Pull
        } else {
            Kind::Push
        };
        let mut other = socket(&Context::new().unwrap(), kind);
        other.set_send_hwm(None);
        other.connect(&endpoint).unwrap();
        assert_eq!(actor.hear(), "shared");
        if what == "sends" {
            take_burst(&mut other);
        } else {
            burst(&mut other);
            actor.tell("receive");
        }
        assert_eq!(actor.hear(), "done");
        actor.tell("end");
        actor.finish();
    }
}

/// Clients whose connections go over to shared memory and back.
const CLIENTS: usize = 20;
/// Connections that may stay in shared memory, or come to it.
const FEW_LEFT: usize = 5;

/// Echoes each message. On command it takes all mappings of its process, until all connections have fallen back.
fn server() {
    let mut router = socket(&Context::new().unwrap(), Kind::Router);
    router.bind(&arg(0)).unwrap();
    say("ready");
    let mut taken = None;
    loop {
        let message = router.recv_deadline(soon()).unwrap();
        let word = message[1].as_slice().to_vec();
        match &word[..] {
            b"take" => taken = Some(use_up_mappings().unwrap()),
            b"end" => break,
            _ => {}
        }
        router.send(message).unwrap();
        // Connections that were being agreed upon at that moment may stay: there are mappings again by then.
        if taken.is_some() && shared_and_short(&mut router).0 < FEW_LEFT {
            taken = None;
            // The socket has two pages for its slots. The peers drop their ends with their next calls.
            while rings() > 2 * FEW_LEFT || pages() > 2 + FEW_LEFT {
                let message = router.recv_deadline(soon()).unwrap();
                router.send(message).unwrap();
            }
            say("given back");
        }
    }
}

/// Sends a word and a number, and gets both back.
fn ask(client: &mut Socket, word: &str, number: u64) {
    let number = number.to_le_bytes();
    client
        .send(Message::from_iter([word.as_bytes(), &number]))
        .unwrap();
    let back = client.recv_deadline(soon()).unwrap();
    assert_eq!((&back[0][..], &back[1][..]), (word.as_bytes(), &number[..]));
}

#[test]
fn mappings_are_given_back_to_a_program_that_has_none_left() {
    const TEST: &str = "maps::mappings_are_given_back_to_a_program_that_has_none_left";
    if role().is_some() {
        return server();
    }
    let _guard = watchdog(Duration::from_secs(120));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let mut server = Actor::start(&mut spawn_role(TEST, "server", &[&endpoint]));
    assert_eq!(server.hear(), "ready");
    let context = Context::new().unwrap();
    let client = || {
        let mut client = socket(&context, Kind::Dealer);
        client.connect(&endpoint).unwrap();
        client
    };
    let mut clients: Vec<Socket> = (0..CLIENTS).map(|_| client()).collect();
    let mut number = 0;
    let mut all = |clients: &mut [Socket], word: &str| {
        number += 1;
        clients
            .iter_mut()
            .for_each(|client| ask(client, word, number));
    };
    while !clients.iter_mut().all(is_shared) {
        all(&mut clients, "go");
    }
    all(&mut clients[..1], "take");
    // A connection that finds no mapping is what the library notices it by.
    while clients[..CLIENTS].iter_mut().any(is_shared) {
        clients.push(client());
        all(&mut clients, "go");
    }
    // The server unmaps with the calls that its clients cause.
    let rounds = std::thread::scope(|scope| {
        let heard = scope.spawn(|| server.hear());
        while !heard.is_finished() {
            all(&mut clients, "go");
        }
        heard.join().unwrap()
    });
    assert_eq!(rounds, "given back");
    let last = clients.len() - 1;
    clients[last]
        .send(Message::from_iter([&b"end"[..]]))
        .unwrap();
    server.finish();
}
