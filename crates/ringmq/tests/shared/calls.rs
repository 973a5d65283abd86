//! What a message costs in system calls, as strace counts them: none while both sides are awake, and one wake and one
//! sleep where each message is slept for.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use ringmq::{Carrier, Context, Kind, Socket, Wait};
use ringmq_testing::{Actor, listen, pin_to, role, say, scope, spawn_role, under, watchdog};

use crate::parts::{arg, number, open, socket};
use crate::places::Places;

/// What is counted is by how much the calls for many messages are more than those for a few.
const FEW: u64 = 1_000;
const MANY: u64 = 11_000;
/// One call for a hundred messages.
const MOST: u64 = (MANY - FEW) / 100;
/// A busy machine takes a CPU away; then one side sleeps, and is woken. One quiet attempt is enough, and at a load of 18 one
/// in four is.
const ATTEMPTS: usize = 25;

/// System calls of a process from its start to its end, by name.
type Calls = BTreeMap<String, u64>;

/// The kind of socket that plays a role, and how: `binds req spin`, on a CPU of its own.
fn play() {
    let context = Context::new().unwrap();
    context.set_wait(match &arg(2)[..] {
        "park" => Wait::Park,
        _ => Wait::Spin,
    });
    let kind = match &arg(1)[..] {
        "req" => Kind::Req,
        "rep" => Kind::Rep,
        "push" => Kind::Push,
        _ => Kind::Pull,
    };
    let binds = matches!(kind, Kind::Rep | Kind::Pull);
    let mut socket = socket(&context, kind);
    // Attempts to connect to a peer that has not bound yet are system calls, too.
    socket
        .change_options(|options| options.reconnect_interval(Duration::from_millis(50)))
        .unwrap();
    open(&mut socket, binds, &arg(0));
    // Who shares a CPU with its peer does not spin.
    pin_to(usize::from(binds));
    go_over(&mut socket, kind);
    say("in shared memory");
    assert_eq!(listen(), "go");
    for count in 0..number(3) {
        let message = [count as u8; 64];
        let receives = |socket: &mut Socket| {
            assert_eq!(socket.recv().unwrap()[0].as_slice(), message);
        };
        match kind {
            Kind::Req => {
                socket.send(&message).unwrap();
                receives(&mut socket);
            }
            Kind::Rep => {
                receives(&mut socket);
                socket.send(&message).unwrap();
            }
            Kind::Push => socket.send(&message).unwrap(),
            _ => receives(&mut socket),
        }
    }
    say("done");
    assert_eq!(listen(), "end");
}

/// Exchanges messages until they go by shared memory both ways, if there are two. The last one says so.
fn go_over(socket: &mut Socket, kind: Kind) {
    let shares = |socket: &mut Socket| {
        let mut all = socket.connections().into_iter();
        all.any(|one| one.carrier == Carrier::SharedMemory)
    };
    let receive = |socket: &mut Socket| socket.recv().unwrap()[0].as_slice() == b"over";
    loop {
        let over = match kind {
            Kind::Push | Kind::Req => {
                let over = shares(socket);
                socket.send(if over { "over" } else { "not yet" }).unwrap();
                let agrees = kind == Kind::Push || receive(socket);
                over && agrees
            }
            Kind::Pull => receive(socket),
            _ => {
                let over = receive(socket) && shares(socket);
                socket.send(if over { "over" } else { "not yet" }).unwrap();
                over
            }
        };
        if over {
            return;
        }
    }
}

/// Has two processes exchange so many messages, and counts their calls.
fn count(test: &str, kinds: [&str; 2], wait: &str, messages: u64) -> [Calls; 2] {
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let summaries = ["one", "other"].map(|name| places.path(name));
    let actors = [0, 1].map(|which| {
        let args = [&endpoint[..], kinds[which], wait, &messages.to_string()];
        let strace = ["strace", "-f", "-c", "-o", &summaries[which], "--"];
        Actor::start(&mut under(&strace, &spawn_role(test, "counted", &args)))
    });
    let [mut connects, mut binds] = actors;
    let mut both = |line: &str, answer: &str| {
        scope(|scope| {
            for actor in [&mut connects, &mut binds] {
                if !line.is_empty() {
                    actor.tell(line);
                }
                scope.spawn(move || assert_eq!(actor.hear(), answer));
            }
        });
    };
    both("", "in shared memory");
    both("go", "done");
    // The connecting side ends first, so that it does not connect again.
    for mut actor in [connects, binds] {
        actor.tell("end");
        actor.finish();
    }
    summaries.map(|summary| calls_of(&std::fs::read_to_string(summary).unwrap()))
}

/// Reads lines of: share, seconds, time of one, calls, perhaps errors, name.
fn calls_of(summary: &str) -> Calls {
    let lines = summary.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let calls = fields.nth(3)?.parse().ok()?;
        Some((fields.last()?.to_owned(), calls))
    });
    lines.collect()
}

/// By how much the calls of `name` are more for many messages.
fn growth(few: &Calls, many: &Calls, name: &str) -> u64 {
    let of = |calls: &Calls| calls.get(name).copied().unwrap_or(0);
    of(many).saturating_sub(of(few))
}

fn has_strace() -> bool {
    let there = Command::new("strace").arg("-V").output().is_ok();
    if !there {
        println!("skipped: strace is not installed; `cargo xtask setup` does that");
    }
    there
}

#[test]
fn messages_to_a_peer_that_is_awake_cost_no_system_calls() {
    const TEST: &str = "calls::messages_to_a_peer_that_is_awake_cost_no_system_calls";
    if role().is_some() {
        return play();
    }
    let _guard = watchdog(Duration::from_secs(300));
    if !has_strace() {
        return;
    }
    for kinds in [["req", "rep"], ["push", "pull"]] {
        let mut seen = Vec::new();
        let quiet = |grown: &[u64; 2]| grown.iter().all(|grown| *grown <= MOST);
        while seen.len() < ATTEMPTS && !seen.iter().any(quiet) {
            let few = count(TEST, kinds, "spin", FEW);
            let many = count(TEST, kinds, "spin", MANY);
            seen.push([0, 1].map(|which| growth(&few[which], &many[which], "total")));
        }
        println!(
            "{kinds:?}: {seen:?} more calls for {} more messages",
            MANY - FEW
        );
        assert!(seen.iter().any(quiet), "{kinds:?}: {seen:?}");
    }
}

#[test]
fn a_message_that_is_slept_for_costs_one_wake_and_one_sleep() {
    const TEST: &str = "calls::a_message_that_is_slept_for_costs_one_wake_and_one_sleep";
    if role().is_some() {
        return play();
    }
    let _guard = watchdog(Duration::from_secs(120));
    if !has_strace() {
        return;
    }
    let few = count(TEST, ["req", "rep"], "park", FEW);
    let many = count(TEST, ["req", "rep"], "park", MANY);
    for (few, many) in few.iter().zip(&many) {
        let tells_once = growth(few, many, "epoll_pwait2") > MOST;
        for name in many.keys().filter(|name| *name != "total") {
            // Of few messages some may have found the other side awake.
            let grown = growth(few, many, name).min(many[name].saturating_sub(FEW));
            let most = match &name[..] {
                // The wake, the order before the sleep, and the sleep.
                "write" | "membarrier" | "epoll_pwait2" => MANY - FEW + MOST,
                // What empties the bell now and then.
                "read" if tells_once => (MANY - FEW) / 128 + MOST,
                // Before Linux 5.14: the sleep, and what empties the bell after it.
                "ppoll" | "read" if !tells_once => MANY - FEW + MOST,
                _ => MOST,
            };
            if grown > MOST {
                println!("{grown} more of {name} for {} more messages", MANY - FEW);
            }
            assert!(grown <= most, "{grown} more of {name}");
        }
    }
}
