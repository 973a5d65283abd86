//! Processes of few descriptors: shared memory takes none that a connection, a later one, or the program needs.

use std::fs::File;
use std::time::Duration;

use ringmq::{Carrier, Context, Kind, Socket, ZmtpReason};
use ringmq_testing::{
    Actor, Counters, limit_descriptors, listen, role, say, soon, spawn_role, until, watchdog,
};

use crate::parts::{arg, last, number, socket};
use crate::places::{OF_CONNECTION, Places};

/// Descriptors of the process in the middle, and of those around it.
const LIMIT: u64 = 1024;
/// What a process has beside its connections: its own files, contexts, sockets, pages of slots.
const BASE: usize = 24;

/// Answers each request, with what it was.
fn hub() {
    assert!(limit_descriptors(LIMIT));
    let context = Context::new().unwrap();
    let mut router = socket(&context, Kind::Router);
    router.bind(&arg(0)).unwrap();
    let before = Counters::now().fds;
    say("bound");
    let requests = number(1);
    for _ in 0..requests {
        let request = router.recv_deadline(soon()).unwrap();
        router.send(request).unwrap();
    }
    // A handoff that is under way holds descriptors that its connection does not keep, and the program's files take all
    // that is left beside the others.
    until(|| Counters::now().fds <= before + (1 + OF_CONNECTION) * requests as usize + BASE);
    // The program opens files of its own.
    let files: Vec<File> = (0..number(2))
        .map(|_| File::open("/dev/null").unwrap())
        .collect();
    say("opened");
    assert_eq!(listen(), "again");
    for _ in 0..requests {
        let request = router.recv_deadline(soon()).unwrap();
        router.send(request).unwrap();
    }
    drop(files);
    // Until all is settled.
    let undecided = Carrier::Zmtp(ZmtpReason::Undecided);
    let carriers = loop {
        let connections = router.connections().into_iter();
        let carriers: Vec<Carrier> = connections.map(|one| one.carrier).collect();
        if carriers.len() == requests as usize && !carriers.contains(&undecided) {
            break carriers;
        }
        std::thread::yield_now();
    };
    let shared = carriers.iter().filter(|one| **one == Carrier::SharedMemory);
    say(&format!("{} in shared memory", shared.count()));
    say(&format!("{} more", Counters::now().fds - before));
    assert_eq!(listen(), "end");
}

fn ask(clients: &mut [Socket], round: &str) {
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&format!("{round} {number}")[..]).unwrap();
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let reply = client.recv_deadline(soon()).unwrap();
        assert_eq!(last(&reply), format!("{round} {number}").as_bytes());
    }
}

/// Has many sockets, each with one connection.
fn clients() {
    assert!(limit_descriptors(LIMIT));
    let context = Context::new().unwrap();
    let mut clients: Vec<Socket> = (0..number(1))
        .map(|_| {
            let mut client = socket(&context, Kind::Dealer);
            client.connect(&arg(0)).unwrap();
            client
        })
        .collect();
    ask(&mut clients, "first");
    say("answered");
    assert_eq!(listen(), "again");
    // Twice, for what was sent first may have gone by ZMTP.
    ask(&mut clients, "second");
    say("answered");
    assert_eq!(listen(), "end");
}

/// Has so many clients in each of three processes served; gives how many more descriptors that took.
fn serve(test: &str, each: usize, files: usize) -> usize {
    const PROCESSES: usize = 3;
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let requests = (PROCESSES * each).to_string();
    let args = [&endpoint[..], &requests, &files.to_string()];
    let mut hub = Actor::start(&mut spawn_role(test, "hub", &args));
    assert_eq!(hub.hear(), "bound");
    let args = [&endpoint[..], &each.to_string()];
    let mut around: Vec<Actor> = (0..PROCESSES)
        .map(|_| Actor::start(&mut spawn_role(test, "clients", &args)))
        .collect();
    for clients in &mut around {
        assert_eq!(clients.hear(), "answered");
    }
    assert_eq!(hub.hear(), "opened");
    hub.tell("again");
    for clients in &mut around {
        clients.tell("again");
    }
    for clients in &mut around {
        assert_eq!(clients.hear(), "answered");
    }
    let carriers = hub.hear();
    let more = hub.hear();
    println!("{requests} clients: {more}, {carriers}");
    for mut actor in around.into_iter().chain([hub]) {
        actor.tell("end");
        actor.finish();
    }
    let more = more.strip_suffix(" more").unwrap();
    more.parse().unwrap()
}

fn play() -> bool {
    match role().as_deref() {
        Some("hub") => hub(),
        Some("clients") => clients(),
        _ => return false,
    }
    true
}

#[test]
fn a_connection_takes_two_descriptors_at_most() {
    if play() {
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    let test = "limits::a_connection_takes_two_descriptors_at_most";
    let taken = (1 + OF_CONNECTION) * 3 * 66 + BASE;
    // The process has others before that, and needs a few for a moment.
    let files = LIMIT as usize - taken - 2 * BASE;
    let more = serve(test, 66, files);
    assert!(more <= taken, "{more}");
}

#[test]
fn as_many_are_served_as_there_are_descriptors_for() {
    if play() {
        return;
    }
    let _guard = watchdog(Duration::from_secs(120));
    let test = "limits::as_many_are_served_as_there_are_descriptors_for";
    // As many as with libzmq 4.3.4, and a few files.
    let more = serve(test, 330, 10);
    assert!(more <= 3 * 330 + BASE, "{more}");
}
