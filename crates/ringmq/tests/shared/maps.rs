//! Connections that come when shared memory has a quarter of the mappings that the process may have stay on ZMTP.

use std::process::Command;
use std::time::Duration;

use ringmq::{Context, Kind, Socket};
use ringmq_testing::{Actor, Scratch, listen, role, say, spawn_role, under, watchdog};

use crate::parts::{arg, last, make, read, shared_and_short, socket, soon};

/// What the kernel seems to allow: a file is mounted where it says so.
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
        for place in 0..COUNT {
            pull.connect(&format!("{}{place}", arg(0))).unwrap();
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

/// Who connects to it, or is connected to.
fn others(endpoint: &str, limited_binds: bool) -> Vec<Socket> {
    let context = Context::new().unwrap();
    let open = |place: usize| {
        let mut push = socket(&context, Kind::Push);
        push.set_linger(None);
        if limited_binds {
            push.connect(endpoint).unwrap();
        } else {
            push.bind(&format!("{endpoint}{place}")).unwrap();
        }
        push
    };
    (0..COUNT).map(open).collect()
}

#[test]
fn connections_beyond_a_quarter_of_the_mappings_stay_on_zmtp() {
    const TEST: &str = "maps::connections_beyond_a_quarter_of_the_mappings_stay_on_zmtp";
    if role().is_some() {
        return limited();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let file = scratch.path("most");
    std::fs::write(&file, MOST.to_string()).unwrap();
    let wrapper = [&LIMITED[..], &[&file]].concat();
    let tried = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("true")
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        println!("skipped: no namespaces can be made here");
        return;
    }
    for binds in ["binds", "connects"] {
        let endpoint = format!("ipc://{}", scratch.path(binds));
        let again = format!("ipc://{}", scratch.path(&format!("{binds}-again")));
        let limited = spawn_role(TEST, "limited", &[&endpoint, binds, &again]);
        let mut limited = under(&wrapper, &limited);
        let (mut actor, mut pushes);
        if binds == "binds" {
            actor = Actor::start(&mut limited);
            assert_eq!(actor.hear(), "ready");
            pushes = others(&endpoint, true);
        } else {
            pushes = others(&endpoint, false);
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
