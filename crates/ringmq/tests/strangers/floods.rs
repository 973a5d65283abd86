//! More strangers than there are descriptors for: they say nothing, or a byte now and then.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use ringmq::{Carrier, Context, Kind, Socket, ZmtpReason};
use ringmq_testing::{
    Activity, Actor, Counters, Scratch, listen, role, role_args, say, soon, spawn_role, under,
    watchdog, zmtp_greeting,
};

use super::{Stream, answer_until_end, stranger};

/// Strangers, and descriptors of the process that they connect to.
const STRANGERS: usize = 2000;
const DESCRIPTORS: usize = 256;
/// How long each of them has.
const HANDSHAKE: Duration = Duration::from_secs(1);

/// Answers at one endpoint until the command to end.
fn serves() {
    let mut rep = Context::new().unwrap().socket(Kind::Rep).unwrap();
    rep.change_options(|options| options.handshake_timeout(HANDSHAKE))
        .unwrap();
    // They stand in line, rather than outside.
    rep.change_options(|options| options.backlog(4096)).unwrap();
    rep.bind(&role_args()[0]).unwrap();
    say(rep.last_endpoint());
    answer_until_end(&mut rep);
}

/// Opens many connections and keeps them. Half of the strangers send a byte at each command.
fn floods() {
    let endpoint = &role_args()[0];
    let mut strangers: Vec<Box<dyn Stream>> = (0..STRANGERS).map(|_| stranger(endpoint)).collect();
    say("connected");
    let said = zmtp_greeting(1);
    for byte in said.chunks(1) {
        if listen() != "speak" {
            return;
        }
        for stream in strangers.iter_mut().step_by(2) {
            // Its time may be over.
            let _ = stream.write_all(byte);
        }
        say("spoken");
    }
}

fn ask(req: &mut Socket, question: &str) {
    req.send(question).unwrap();
    let answer = req.recv_deadline(soon()).unwrap();
    assert_eq!(answer[0].as_slice(), question.as_bytes());
}

/// Time that all threads of a process have run, in nanoseconds.
fn run_time(process: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let threads = tasks.map(|task| task.unwrap().file_name().into_string().unwrap());
    let nanos = threads.map(|thread| Activity::of(process, thread.parse().unwrap()).nanos);
    nanos.sum()
}

/// A client in a context of its own.
fn client(endpoint: &str) -> Socket {
    let mut req = Context::new().unwrap().socket(Kind::Req).unwrap();
    // It stands in line for as long as it takes.
    req.change_options(|options| options.handshake_timeout(None))
        .unwrap();
    req.set_linger(Duration::ZERO);
    req.connect(endpoint).unwrap();
    req
}

/// Asks until both sides have made the memory that they share, if they share any.
fn settle(req: &mut Socket, server: u32) {
    ask(req, "before");
    let undecided = |carrier| carrier == Carrier::Zmtp(ZmtpReason::Undecided);
    while undecided(req.connections()[0].carrier) {
        ask(req, "before");
    }
    let maps = || std::fs::read_to_string(format!("/proc/{server}/maps")).unwrap();
    let is_shared = req.connections()[0].carrier == Carrier::SharedMemory;
    while is_shared && maps().matches("/memfd:ringmq-ring").count() < 2 {
        ask(req, "before");
    }
}

fn flood(test: &str, endpoint: &str, settles: bool) {
    match role().as_deref() {
        Some("serves") => return serves(),
        Some(_) => return floods(),
        None => {}
    }
    if !has_prlimit() {
        println!("skipped: there is no prlimit that may raise what it has to");
        return;
    }
    let _guard = watchdog(Duration::from_secs(120));
    let limited = |most: usize, role: &str, endpoint: &str| {
        let most = format!("--nofile={most}:{most}");
        let command = spawn_role(test, role, &[endpoint]);
        Actor::start(&mut under(&["prlimit", &most], &command))
    };
    let mut server = limited(DESCRIPTORS, "serves", endpoint);
    let endpoint = server.hear();
    let mut early = client(&endpoint);
    if settles {
        settle(&mut early, server.pid());
    } else {
        ask(&mut early, "before");
    }
    let mut crowd = limited(2 * STRANGERS, "floods", &endpoint);
    assert_eq!(crowd.hear(), "connected");
    while Counters::of(server.pid()).fds < DESCRIPTORS - 8 {
        std::thread::yield_now();
    }
    // The earlier peer is served as before. The shortage of descriptors costs a look now and then, and no more.
    let before = run_time(server.pid());
    let mut late = client(&endpoint);
    late.send("after").unwrap();
    for round in 0..20 {
        ask(&mut early, &format!("in between {round}"));
        crowd.tell("speak");
        assert_eq!(crowd.hear(), "spoken");
        // The time in which the processor time is measured: all of it together is a handshake's.
        std::thread::sleep(HANDSHAKE / 20);
    }
    let spent = Duration::from_nanos(run_time(server.pid()) - before);
    println!("{endpoint}: {spent:?} in {HANDSHAKE:?}");
    assert!(spent < HANDSHAKE / 4, "{spent:?}");
    // The late one is served when its turn comes, although the crowd is still there.
    let answer = late.recv_deadline(soon()).unwrap();
    assert_eq!(answer[0].as_slice(), b"after");
    crowd.tell("end");
    crowd.finish();
    ask(&mut early, "end");
    server.finish();
}

/// Whether limits may be what this needs.
fn has_prlimit() -> bool {
    let most = format!("--nofile={0}:{0}", 2 * STRANGERS);
    let mut command = Command::new("prlimit");
    command
        .args([&most, "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn a_crowd_at_a_tcp_listener_keeps_no_peer_out() {
    flood(
        "floods::a_crowd_at_a_tcp_listener_keeps_no_peer_out",
        "tcp://127.0.0.1:*",
        true,
    );
}

#[test]
fn a_crowd_at_an_ipc_listener_keeps_no_peer_out() {
    let scratch = Scratch::new();
    flood(
        "floods::a_crowd_at_an_ipc_listener_keeps_no_peer_out",
        &format!("ipc://{}", scratch.path("s")),
        true,
    );
}

/// The first message in shared memory needs a descriptor for a moment, on both sides.
#[test]
fn a_crowd_breaks_no_connection_that_has_just_gone_over() {
    let scratch = Scratch::new();
    flood(
        "floods::a_crowd_breaks_no_connection_that_has_just_gone_over",
        &format!("ipc://{}", scratch.path("s")),
        false,
    );
}
