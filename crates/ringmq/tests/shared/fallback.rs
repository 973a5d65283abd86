//! What keeps a connection from shared memory keeps no message from its peer.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ringmq::{Carrier, Context, Kind, Message, Socket, ZmtpReason};
use ringmq_testing::{Actor, Random, role, say, seed, soon, spawn_role, under, watchdog};

use crate::parts::{
    Held, arg, hello, is_shared, last, make, open, pages, read, rings, socket, until_shared,
};
use crate::places::Places;

const COUNT: u64 = 3000;

/// Echoes everything, or sends and sees it echoed.
fn other() {
    let context = Context::new().unwrap();
    let mut pair = socket(&context, Kind::Pair);
    // At the end everything is to arrive.
    pair.set_linger(None);
    if arg(1) == "binds" {
        pair.bind(&arg(0)).unwrap();
        say("bound");
    } else {
        pair.connect(&arg(0)).unwrap();
    }
    for number in 0..COUNT {
        let message = pair.recv_deadline(soon()).unwrap();
        assert_eq!(read(last(&message)), (0, number));
        pair.send(message).unwrap();
    }
    // A process without a free descriptor cannot check its memory, so it shares none.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    say(if maps.contains("/memfd:ringmq-ring") {
        "shared"
    } else {
        "zmtp"
    });
    assert_eq!(last(&pair.recv_deadline(soon()).unwrap()), b"goodbye");
}

/// Talks to a process that is meddled with. Says whether that used shared memory.
fn talk(endpoint: &str, other_binds: bool, command: &mut Command) -> bool {
    let context = Context::new().unwrap();
    let mut pair = socket(&context, Kind::Pair);
    pair.set_linger(None);
    let mut actor;
    if other_binds {
        actor = Actor::start(command);
        assert_eq!(actor.hear(), "bound");
        pair.connect(endpoint).unwrap();
    } else {
        pair.bind(endpoint).unwrap();
        actor = Actor::start(command);
    }
    let mut next = 0;
    for number in 0..COUNT {
        pair.send(make(0, number)).unwrap();
        // Some are under way at any time.
        while next + 10 < number || number + 1 == COUNT && next < COUNT {
            let message = pair.recv_deadline(soon()).unwrap();
            assert_eq!(read(last(&message)), (0, next));
            next += 1;
        }
    }
    let shared = actor.hear() == "shared";
    pair.send("goodbye").unwrap();
    actor.finish();
    shared
}

const SIDES: [bool; 2] = [true, false];

fn name(binds: bool) -> &'static str {
    if binds { "binds" } else { "connects" }
}

/// Runs both ways; `meddle` makes the other process's command another one.
fn both_ways(test: &str, meddle: impl Fn(Command) -> Command) -> [bool; 2] {
    SIDES.map(|binds| {
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let mut command = meddle(spawn_role(test, "other", &[&endpoint, name(binds)]));
        talk(&endpoint, binds, &mut command)
    })
}

#[test]
fn without_a_reason_against_it_memory_is_shared() {
    const TEST: &str = "fallback::without_a_reason_against_it_memory_is_shared";
    if role().is_some() {
        return other();
    }
    let _guard = watchdog(Duration::from_secs(60));
    assert_eq!(both_ways(TEST, |command| command), [true, true]);
}

#[test]
fn a_side_that_does_not_want_it_is_left_alone() {
    const TEST: &str = "fallback::a_side_that_does_not_want_it_is_left_alone";
    if role().is_some() {
        return other();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let off = |mut command: Command| {
        command.env("RINGMQ_SHM", "off");
        command
    };
    assert_eq!(both_ways(TEST, off), [false, false]);
}

/// Whether a program can be run at all.
fn is_there(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let there = command.status().is_ok_and(|status| status.success());
    if !there {
        eprintln!("skipped: {program} {args:?} does not work here");
    }
    there
}

#[test]
fn a_process_with_few_descriptors_stays_on_zmtp() {
    const TEST: &str = "fallback::a_process_with_few_descriptors_stays_on_zmtp";
    if role().is_some() {
        return other();
    }
    let _guard = watchdog(Duration::from_secs(60));
    if !is_there("prlimit", &["--version"]) {
        return;
    }
    // The next free number is beyond three quarters, or the last few run out in the midst of it.
    for limit in 14..24 {
        let wrapper = format!("--nofile={limit}:{limit}");
        let few = |command: Command| under(&["prlimit", &wrapper], &command);
        let shared = both_ways(TEST, few);
        println!("{limit}: {shared:?}");
        if limit == 14 {
            assert!(
                !shared[0],
                "a connection was accepted beyond three quarters, and shared"
            );
        }
    }
}

/// Sends, and stays until everything was received.
fn pusher() {
    let context = Context::new().unwrap();
    let mut push = socket(&context, Kind::Push);
    push.set_linger(None);
    open(&mut push, arg(1) == "binds", &arg(0));
    for number in 0..COUNT {
        push.send(make(0, number)).unwrap();
    }
}

/// Calls that fail from the first, the second, ... on: for the socket's page, for the first memory, for more of it.
#[test]
fn a_process_without_memory_to_share_sends_all_the_same() {
    const TEST: &str = "fallback::a_process_without_memory_to_share_sends_all_the_same";
    if role().is_some() {
        return pusher();
    }
    let _guard = watchdog(Duration::from_secs(120));
    if !is_there("strace", &["-o", "/dev/null", "true"]) {
        return;
    }
    let faults = [("memfd_create", "EMFILE"), ("fallocate", "ENOSPC")];
    for (call, error) in faults {
        for (first, binds) in (1..=4).flat_map(|first| SIDES.map(|binds| (first, binds))) {
            let side = name(binds);
            println!("{call}: {error} from call {first} on, of the side that {side}");
            let trace = format!("trace={call}");
            let inject = format!("inject={call}:error={error}:when={first}+");
            let wrapper = [
                "strace",
                "-f",
                "-o",
                "/dev/null",
                "-e",
                &trace,
                "-e",
                &inject,
            ];
            let places = Places::new();
            let endpoint = places.endpoint("s");
            let mut pull = socket(&Context::new().unwrap(), Kind::Pull);
            open(&mut pull, !binds, &endpoint);
            let pusher = spawn_role(TEST, "pusher", &[&endpoint, side]);
            let pusher = Actor::start(&mut under(&wrapper, &pusher));
            for number in 0..COUNT {
                let message = pull.recv_deadline(soon()).unwrap();
                assert_eq!(read(last(&message)), (0, number));
            }
            pusher.finish();
        }
    }
}

/// Sends a message that has to wait, and has no descriptor left when there would be room.
fn waiter() {
    let context = Context::new().unwrap();
    let mut push = socket(&context, Kind::Push);
    push.set_linger(None);
    push.change_options(|options| options.shared_limit(256 << 10))
        .unwrap();
    push.connect(&arg(0)).unwrap();
    until_shared(&mut push, 1);
    // They fill the first memory and begin a second, and the last one needs more than what is left.
    for _ in 0..100 {
        push.try_send(vec![1; 1000]).unwrap();
    }
    push.try_send(vec![2; 70_000]).unwrap();
    push.try_send("refused").unwrap_err();
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    say("full");
    // The send fails until the connection has fallen back to ZMTP.
    while push.try_send("goodbye").is_err() {}
    drop(files);
}

#[test]
fn a_message_that_waits_for_room_and_finds_none_goes_by_zmtp() {
    const TEST: &str = "fallback::a_message_that_waits_for_room_and_finds_none_goes_by_zmtp";
    if role().is_some() {
        return waiter();
    }
    let _guard = watchdog(Duration::from_secs(60));
    if !is_there("prlimit", &["--version"]) {
        return;
    }
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let mut pull = socket(&Context::new().unwrap(), Kind::Pull);
    pull.bind(&endpoint).unwrap();
    let waiter = spawn_role(TEST, "waiter", &[&endpoint]);
    let mut waiter = Actor::start(&mut under(&["prlimit", "--nofile=100:100"], &waiter));
    assert_eq!(waiter.hear(), "full");
    for _ in 0..100 {
        assert_eq!(last(&pull.recv_deadline(soon()).unwrap()), [1; 1000]);
    }
    assert!(last(&pull.recv_deadline(soon()).unwrap()) == [2; 70_000]);
    assert_eq!(last(&pull.recv_deadline(soon()).unwrap()), b"goodbye");
    waiter.finish();
}

#[test]
fn a_process_of_another_user_stays_on_zmtp() {
    const TEST: &str = "fallback::a_process_of_another_user_stays_on_zmtp";
    if role().is_some() {
        return other();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let wrapper = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let program = std::env::current_exe().unwrap();
    let mut tried = wrapper[1..].to_vec();
    tried.extend([program.to_str().unwrap(), "--list"]);
    if !is_there(wrapper[0], &tried) {
        return;
    }
    let places = Places::new();
    for binds in SIDES {
        let endpoint = places.public("user");
        let command = spawn_role(TEST, "other", &[&endpoint, name(binds)]);
        assert!(!talk(&endpoint, binds, &mut under(&wrapper, &command)));
    }
}

const STOCK: &str = "
import sys, zmq
pair = zmq.Context().socket(zmq.PAIR)
(pair.bind if sys.argv[2] == 'binds' else pair.connect)(sys.argv[1])
if sys.argv[2] == 'binds': print('\\n@ringmq bound', flush=True)
for _ in range(int(sys.argv[3])): pair.send_multipart(pair.recv_multipart())
print('\\n@ringmq zmtp', flush=True)
assert pair.recv() == b'goodbye'
";

#[test]
fn a_stock_peer_stays_on_zmtp() {
    const PYTHON: &str = "/usr/bin/python3";
    let _guard = watchdog(Duration::from_secs(60));
    if !is_there(PYTHON, &["-c", "import zmq"]) {
        return;
    }
    for binds in SIDES {
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let mut command = Command::new(PYTHON);
        command.args(["-c", STOCK, &endpoint, name(binds), &COUNT.to_string()]);
        assert!(!talk(&endpoint, binds, &mut command));
        assert_eq!(rings(), 0);
    }
}

#[test]
fn a_page_is_made_for_the_first_peer_that_has_a_use_for_it() {
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let contexts = [(); 3].map(|()| Context::new().unwrap());
    contexts[1].set_shared_memory(false);
    let mut far = socket(&contexts[0], Kind::Dealer);
    far.bind(&endpoint).unwrap();
    let mut connect = |context: &Context, is_settled: fn(&mut Socket) -> bool| {
        let mut near = socket(context, Kind::Dealer);
        near.connect(&endpoint).unwrap();
        while !is_settled(&mut far) {
            near.send("hello").unwrap();
            far.recv_deadline(soon()).unwrap();
        }
        near
    };
    let _stays = connect(&contexts[1], |far| {
        let connections = far.connections();
        let mut carriers = connections.iter().map(|one| one.carrier);
        carriers.any(|carrier| carrier == Carrier::Zmtp(ZmtpReason::NotOffered))
    });
    assert_eq!(pages(), 0);
    let _goes_over = connect(&contexts[2], is_shared);
    // Each side has its own, and maps the other's.
    assert!((1..=4).contains(&pages()));
}

/// A frame of the handoff, as it should not be.
fn nonsense(random: &mut Random) -> Vec<u8> {
    let mut data = vec![
        0;
        if random.one_in(4) {
            random.within(0..60)
        } else {
            32
        }
    ];
    if random.one_in(3) {
        data.iter_mut().for_each(|byte| *byte = random.next() as u8);
    }
    if data.len() > 20 {
        data[0] = random.below(6) as u8;
        data[1] = u8::from(!random.one_in(8));
        let slot = 0x200 + 128 * random.below(30) as u32;
        data[16..20].copy_from_slice(&slot.to_le_bytes());
        if random.one_in(2) {
            data[20..].fill(0);
            data[20] = random.below(4) as u8;
        }
    }
    let mut body = b"\x0cX-RINGMQ-SHM".to_vec();
    body.extend_from_slice(&data);
    let mut frame = vec![4, body.len() as u8];
    frame.extend_from_slice(&body);
    frame
}

fn assail(rounds: u32) {
    let mut random = Random::new(seed());
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut pair = socket(&context, Kind::Pair);
    pair.bind(&endpoint).unwrap();
    let before = Held::now();
    for _ in 0..rounds {
        let mut hostile = places.dial("s");
        // A side that refuses may close before it has read all.
        let _ = hostile.write_all(&hello("PAIR", 0));
        for _ in 0..=random.below(4) {
            let _ = hostile.write_all(&nonsense(&mut random));
            if random.one_in(4) {
                let _ = hostile.write_all(&[0, 1, b'x']);
            }
        }
        if random.one_in(2) {
            let mut bytes = [0; 256];
            // The greeting at least.
            let _ = hostile.read(&mut bytes);
        }
        drop(hostile);
        before.wait(|| while pair.try_recv().is_ok() {});
    }
    // The socket serves others as before.
    let mut other = socket(&Context::new().unwrap(), Kind::Pair);
    other.connect(&endpoint).unwrap();
    // The last of the others may be noticed only now, and is the peer until it was read and has gone.
    let mut hear = |limit| pair.recv_deadline(limit);
    let moment = || Instant::now() + Duration::from_millis(10);
    let is_hello = |message: &Message| last(message) == b"hello";
    while !hear(moment()).is_ok_and(|message| is_hello(&message)) {
        let _ = other.try_send("hello");
    }
    for number in 0.. {
        other.send(make(0, number)).unwrap();
        let mut message = hear(soon()).unwrap();
        while is_hello(&message) {
            message = hear(soon()).unwrap();
        }
        assert_eq!(read(last(&message)), (0, number));
        if number > 100 && rings() > 0 {
            break;
        }
    }
}

#[test]
fn nonsense_in_the_handoff_ends_nothing_but_its_connection() {
    let _guard = watchdog(Duration::from_secs(60));
    assail(300);
}

#[test]
#[ignore = "soak: 20,000 connections"]
fn nonsense_in_the_handoff_ends_nothing_for_long() {
    let _guard = watchdog(Duration::from_secs(600));
    assail(20_000);
}
