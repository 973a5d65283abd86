//! Sockets in shared memory on which nothing happens.

use std::fs;
use std::time::Duration;

use ringmq::{Carrier, Context, Interest, Item, Kind, Poller, Wait};
use ringmq_testing::{Activity, Actor, listen, role, say, soon, spawn_role, watchdog};

use crate::parts::{arg, open, socket};
use crate::places::Places;

/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(1);
/// What has begun before is at its end by the second look.
const LOOKS: usize = 3;

/// Goes over to shared memory, says so, and then does what `arg(2)` says, in vain.
fn idler() {
    let context = Context::new().unwrap();
    context.set_wait(match &arg(1)[..] {
        "park" => Wait::Park,
        _ => Wait::Adaptive,
    });
    let mut pair = socket(&context, Kind::Pair);
    let binds = arg(3) == "binds";
    pair.set_send_hwm(10);
    pair.set_recv_hwm(10);
    open(&mut pair, binds, &arg(0));
    let in_memory = |one: &ringmq::Connection| one.carrier == Carrier::SharedMemory;
    // Each tells the other whether it has gone over, until both have, and then sends and receives something there.
    let mut rounds_in_memory = 0;
    while rounds_in_memory < 2 {
        let (mine, theirs);
        if binds {
            theirs = pair.recv_deadline(soon()).unwrap();
            mine = pair.connections().iter().all(in_memory);
            pair.send(vec![u8::from(mine)]).unwrap();
        } else {
            mine = pair.connections().iter().all(in_memory);
            pair.send(vec![u8::from(mine)]).unwrap();
            theirs = pair.recv_deadline(soon()).unwrap();
        }
        if mine && theirs[0].as_slice() == [1] {
            rounds_in_memory += 1;
        }
    }
    say("in shared memory");
    assert_eq!(listen(), "go");
    match &arg(2)[..] {
        "receives" => drop(pair.recv()),
        "sends" => while pair.send("more").is_ok() {},
        "polls" => {
            let mut items = [Item::socket(&mut pair, Interest::READABLE)];
            Poller::new().wait(&mut items, None).unwrap();
        }
        // Beside the application there is still the I/O thread.
        _ => drop(listen()),
    }
}

/// The threads of a process, and what each has done.
fn activity(process: u32) -> Vec<(u32, Activity)> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let threads = tasks.map(|task| task.unwrap().file_name().into_string().unwrap());
    threads
        .map(|thread| thread.parse().unwrap())
        .map(|thread| (thread, Activity::of(process, thread)))
        .collect()
}

/// No thread wakes up, and none takes time: neither those who wait, nor the I/O threads behind them.
#[test]
fn idle_sockets_cost_nothing() {
    const TEST: &str = "idle::idle_sockets_cost_nothing";
    if role().is_some() {
        return idler();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let mut actors = Vec::new();
    for wait in ["park", "adaptive"] {
        for (one, other) in [
            ("receives", "receives"),
            // The sender has a receiver that reads nothing.
            ("sends", "nothing"),
            ("polls", "polls"),
            ("nothing", "nothing"),
        ] {
            let endpoint = places.endpoint(&format!("{wait}-{one}"));
            for (does, opens) in [(one, "binds"), (other, "connects")] {
                let args = [&endpoint[..], wait, does, opens];
                actors.push(Actor::start(&mut spawn_role(TEST, "idler", &args)));
            }
        }
    }
    for actor in &mut actors {
        assert_eq!(actor.hear(), "in shared memory");
    }
    for actor in &mut actors {
        actor.tell("go");
    }
    let look = || -> Vec<_> { actors.iter().map(|one| activity(one.pid())).collect() };
    let mut before = look();
    for _ in 0..LOOKS {
        // The time in which nothing may run.
        std::thread::sleep(IDLE);
        let after = look();
        if before == after {
            return;
        }
        before = after;
    }
    panic!("a thread ran until the end: {before:#?}, {:#?}", look());
}
