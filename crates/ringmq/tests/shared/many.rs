//! A thousand peers of one socket, and more: idle ones beside a busy one, and more than there are descriptors for.

use std::collections::HashSet;
use std::time::Duration;

use ringmq::{Carrier, Context, Kind, Socket, ZmtpReason};
use ringmq_testing::{
    Actor, Counters, limit_descriptors, listen, role, say, soon, spawn_role, watchdog,
};

use crate::parts::{arg, last, make, number, read, rings, shared_and_short, socket};
use crate::places::{OF_THREAD, Places};

/// Messages of the busy one; so many wait for an answer at a time, if there are any.
const COUNT: u64 = 20_000;
const WINDOW: u64 = 100;
/// Connections of one process.
const EACH: usize = 1000;
/// Descriptors of which these take less than half, also while they come.
const ROOMY: u64 = 16 * EACH as u64;

/// Begins a role that needs so many descriptors.
fn begin(descriptors: u64) -> Option<Context> {
    if limit_descriptors(descriptors) {
        Some(Context::new().unwrap())
    } else {
        say(&format!(
            "skipped: {descriptors} descriptors are not allowed here"
        ));
        None
    }
}

/// Connects often, and does nothing else.
fn idlers() {
    let Some(context) = begin(ROOMY) else {
        return;
    };
    let kind = if arg(1) == "pull" {
        Kind::Push
    } else {
        Kind::Router
    };
    let mut idle = socket(&context, kind);
    for _ in 0..number(2) {
        idle.connect(&arg(0)).unwrap();
    }
    while shared_and_short(&mut idle).0 < number(2) as usize {
        std::thread::yield_now();
    }
    say("connected");
    assert_eq!(listen(), "end");
}

/// Sends, and has its answers if the other side gives any.
fn busy() {
    let context = Context::new().unwrap();
    let answered = arg(1) == "router";
    let kind = if answered { Kind::Dealer } else { Kind::Push };
    let mut busy = socket(&context, kind);
    busy.connect(&arg(0)).unwrap();
    for number in 0..COUNT + WINDOW {
        if number < COUNT {
            busy.send_deadline(make(0, number), soon()).unwrap();
        }
        if answered && number >= WINDOW {
            let answer = busy.recv_deadline(soon()).unwrap();
            assert_eq!(read(last(&answer)), (0, number - WINDOW));
        }
    }
    say("done");
    assert_eq!(listen(), "end");
}

/// Binds a socket to which so many peers come at once.
fn bind_for(socket: &mut Socket, peers: usize) {
    // A tcp connection that finds the line full tries again after one second, and after two, four, eight more.
    socket
        .change_options(|options| options.backlog(peers as i32))
        .unwrap();
    socket.bind(&arg(0)).unwrap();
}

/// Has idle peers, and then a busy one.
fn hub() {
    let idle = number(2) as usize;
    let Some(context) = begin(ROOMY.max(10 * idle as u64)) else {
        return;
    };
    let kind = if arg(1) == "pull" {
        Kind::Pull
    } else {
        Kind::Router
    };
    let mut hub = socket(&context, kind);
    bind_for(&mut hub, idle + 1);
    let before = Counters::now();
    say("bound");
    while shared_and_short(&mut hub) != (idle, 0) {
        std::thread::yield_now();
    }
    say("all are here");
    for number in 0..COUNT {
        let message = hub.recv_deadline(soon()).unwrap();
        assert_eq!(read(last(&message)), (0, number));
        if kind == Kind::Router {
            hub.send(message).unwrap();
        }
    }
    assert_eq!(shared_and_short(&mut hub), (idle + 1, 0));
    say("all has come");
    // Everybody dies at once. The first page stays, with a spare descriptor, and another page of slots may be kept for
    // those who come next.
    while !hub.connections().is_empty()
        || rings() > 0
        || Counters::now().fds > before.fds + 4 + OF_THREAD
    {
        std::thread::yield_now();
    }
    say("all are gone");
    assert_eq!(listen(), "end");
}

fn one_among(test: &str, kind: &str, processes: usize) {
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let count = |count: usize| count.to_string();
    let start = |role: &str, count: &str| {
        Actor::start(&mut spawn_role(test, role, &[&endpoint, kind, count]))
    };
    let mut hub = start("hub", &count(processes * EACH));
    match &hub.hear()[..] {
        "bound" => {}
        skipped => return println!("{skipped}"),
    }
    let mut idlers: Vec<_> = (0..processes)
        .map(|_| start("idlers", &count(EACH)))
        .collect();
    for one in &mut idlers {
        assert_eq!(one.hear(), "connected");
    }
    assert_eq!(hub.hear(), "all are here");
    let mut busy = start("busy", "");
    assert_eq!(busy.hear(), "done");
    assert_eq!(hub.hear(), "all has come");
    for mut actor in idlers.into_iter().chain([busy]) {
        actor.kill();
        actor.wait();
    }
    assert_eq!(hub.hear(), "all are gone");
    hub.tell("end");
    hub.finish();
}

fn play() -> bool {
    match role().as_deref() {
        Some("hub") => hub(),
        Some("idlers") => idlers(),
        Some("busy") => busy(),
        Some("crowd") => crowd(),
        Some("center") => center(),
        _ => return false,
    }
    true
}

#[test]
fn a_busy_peer_among_a_thousand_idle_ones_is_heard() {
    if play() {
        return;
    }
    const TEST: &str = "many::a_busy_peer_among_a_thousand_idle_ones_is_heard";
    let _guard = watchdog(Duration::from_secs(60));
    for kind in ["pull", "router"] {
        one_among(TEST, kind, 1);
    }
}

#[test]
#[ignore = "soak: two thousand idle peers"]
fn a_busy_peer_among_two_thousand_idle_ones_is_heard() {
    if play() {
        return;
    }
    const TEST: &str = "many::a_busy_peer_among_two_thousand_idle_ones_is_heard";
    let _guard = watchdog(Duration::from_secs(120));
    for kind in ["pull", "router"] {
        one_among(TEST, kind, 2);
    }
}

/// Sends one message by each of its connections.
fn crowd() {
    let Some(context) = begin(10 * EACH as u64) else {
        return;
    };
    let mut push = socket(&context, Kind::Push);
    push.set_linger(None);
    for _ in 0..EACH {
        push.connect(&arg(0)).unwrap();
    }
    for message in 0..EACH as u64 {
        push.send(make(number(1), message)).unwrap();
    }
    // A socket whose session has agreed goes over with its next call.
    let undecided = Carrier::Zmtp(ZmtpReason::Undecided);
    while push
        .connections()
        .iter()
        .any(|one| one.carrier == undecided)
    {
        std::thread::yield_now();
    }
    say("sent");
    assert_eq!(listen(), "end");
}

/// Has more peers than descriptors for all of them in shared memory.
fn center() {
    let all = number(1) as usize * EACH;
    // Two for each in shared memory, until half of them are in use, and then one for each.
    let Some(context) = begin(5 * all as u64 / 4) else {
        return;
    };
    let mut pull = socket(&context, Kind::Pull);
    bind_for(&mut pull, all);
    say("bound");
    let mut seen = HashSet::new();
    while seen.len() < all {
        let message = pull.recv_deadline(soon()).unwrap();
        assert!(seen.insert(read(last(&message))), "one has come twice");
    }
    let (shared, short) = loop {
        let (shared, short) = shared_and_short(&mut pull);
        if shared + short == all {
            break (shared, short);
        }
        std::thread::yield_now();
    };
    say(&format!("{shared} in shared memory, {short} not"));
    // Connections alone take more than three quarters of the descriptors.
    assert!(short > 0 && shared > 0);
    assert_eq!(listen(), "end");
}

fn more_than_descriptors(test: &str, processes: usize) {
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let start = |role: &str, number: usize| {
        let args = [&endpoint[..], &number.to_string()];
        Actor::start(&mut spawn_role(test, role, &args))
    };
    let mut center = start("center", processes);
    match &center.hear()[..] {
        "bound" => {}
        skipped => return println!("{skipped}"),
    }
    let mut crowds: Vec<_> = (0..processes)
        .map(|number| start("crowd", number))
        .collect();
    for crowd in &mut crowds {
        assert_eq!(crowd.hear(), "sent");
    }
    println!("{}", center.hear());
    for mut actor in crowds.into_iter().chain([center]) {
        actor.tell("end");
        actor.finish();
    }
}

#[test]
fn five_thousand_peers_are_served_by_shared_memory_or_not() {
    if play() {
        return;
    }
    const TEST: &str = "many::five_thousand_peers_are_served_by_shared_memory_or_not";
    let _guard = watchdog(Duration::from_secs(60));
    more_than_descriptors(TEST, 5);
}

#[test]
#[ignore = "soak: ten thousand connections"]
fn ten_thousand_peers_are_served_by_shared_memory_or_not() {
    if play() {
        return;
    }
    const TEST: &str = "many::ten_thousand_peers_are_served_by_shared_memory_or_not";
    let _guard = watchdog(Duration::from_secs(120));
    more_than_descriptors(TEST, 10);
}
