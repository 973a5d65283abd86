//! What a connection in shared memory takes: memory, mappings, descriptors; and that nothing of it is left behind.

use std::fs;
use std::time::Duration;

use ringmq::{Context, Kind};
use ringmq_testing::{Actor, Counters, listen, role, say, scope, soon, spawn_role, watchdog};

use crate::parts::{arg, number, socket, until_shared};
use crate::places::{OF_CONNECTION, OF_THREAD, Places};

/// Connections that are compared with one.
const MANY: usize = 50;
/// Of a side and a peer: the bell of its socket, and its process.
const OF_PEER: usize = 2;
/// Connections that share a page.
const SLOTS: usize = 14;
const PAGE: usize = 4 << 10;
/// The most that a side has of its own for a connection with small messages.
const BUSY: usize = 128 << 10;

/// What a process has of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Taken {
    descriptors: usize,
    threads: usize,
    /// Bytes of shared memory that are its own: all that it may write.
    own: usize,
    /// The peers'.
    seen: usize,
}

impl Taken {
    fn by(process: u32) -> Taken {
        let Counters { fds, threads, .. } = Counters::of(process);
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
        let bytes = |rights: &str| -> usize {
            let lines = maps.lines().filter(|line| line.contains("/memfd:ringmq"));
            let lines = lines.filter(|line| !line.contains("ringmq-status"));
            let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
            lines
                .filter(|fields| fields[1] == rights)
                .map(|fields| {
                    let (from, to) = fields[0].split_once('-').unwrap();
                    let address = |text| usize::from_str_radix(text, 16).unwrap();
                    address(to) - address(from)
                })
                .sum()
        };
        Taken {
            descriptors: fds,
            threads,
            own: bytes("rw-s"),
            seen: bytes("r--s"),
        }
    }
}

/// A socket with a number of connections. Each command of the test begins the next step.
fn side() {
    let count = number(1) as usize;
    let context = Context::new().unwrap();
    // A socket has an I/O thread behind it, also when it has no connection yet.
    let mut first = socket(&context, Kind::Dealer);
    first.bind("ipc://*").unwrap();
    say("begun");
    assert_eq!(listen(), "open");
    // A DEALER connects to one place once only.
    let kind = if arg(2) == "binds" {
        Kind::Dealer
    } else {
        Kind::Router
    };
    let mut one = socket(&context, kind);
    if kind == Kind::Dealer {
        one.bind(&arg(0)).unwrap();
    }
    say("open");
    assert_eq!(listen(), "connect");
    if kind == Kind::Router {
        for _ in 0..count {
            one.connect(&arg(0)).unwrap();
        }
    }
    until_shared(&mut one, count);
    say("connected");
    assert_eq!(listen(), "talk");
    // In turn by each connection.
    for turn in 0..100 * count {
        if kind == Kind::Dealer {
            one.send(&turn.to_le_bytes()).unwrap();
        }
        let message = one.recv_deadline(soon()).unwrap();
        if kind == Kind::Router {
            one.send(message).unwrap();
        }
    }
    say("talked");
    assert_eq!(listen(), "close");
    drop(one);
    say("closed");
    assert_eq!(listen(), "end");
}

/// That an I/O thread keeps, to receive memory with when there is no other.
const RESERVE: usize = 1;
/// The socket's first page. Another one that is full has no descriptor, and one that is not has.
const PAGES: usize = 2;
/// The epoll instance in which it sleeps.
const SLEEPS: usize = 1;

/// What both sides had at each step.
struct Steps {
    open: [Taken; 2],
    connected: [Taken; 2],
    talked: [Taken; 2],
}

fn take_steps(test: &str, count: usize) -> Steps {
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let mut sides = ["binds", "connects"].map(|opens| {
        let args = [&endpoint[..], &count.to_string(), opens];
        Actor::start(&mut spawn_role(test, "side", &args))
    });
    let pids = [sides[0].pid(), sides[1].pid()];
    let mut step = |line: &str, answer: &str| {
        scope(|scope| {
            for side in &mut sides {
                if !line.is_empty() {
                    side.tell(line);
                }
                scope.spawn(move || assert_eq!(side.hear(), answer));
            }
        });
        pids.map(Taken::by)
    };
    let begun = step("", "begun");
    let steps = Steps {
        open: step("open", "open"),
        connected: step("connect", "connected"),
        talked: step("talk", "talked"),
    };
    step("close", "closed");
    // The I/O threads let go of the rest.
    let are_back = |now: [Taken; 2]| {
        let mut sides = now.into_iter().zip(begun);
        sides.all(|(now, begun)| {
            let own = now.descriptors.saturating_sub(begun.descriptors);
            let descriptors = begun.descriptors;
            (0..=OF_THREAD).contains(&own) && Taken { descriptors, ..now } == begun
        })
    };
    while !are_back(pids.map(Taken::by)) {
        std::thread::yield_now();
    }
    for mut side in sides {
        side.tell("end");
        side.finish();
    }
    println!("{count}, open: {:?}", steps.open);
    println!("{count}, connected: {:?}", steps.connected);
    println!("{count}, talked: {:?}", steps.talked);
    steps
}

#[test]
fn a_connection_takes_what_the_documentation_says() {
    const TEST: &str = "resources::a_connection_takes_what_the_documentation_says";
    if role().is_some() {
        return side();
    }
    let _guard = watchdog(Duration::from_secs(60));
    for count in [1, MANY] {
        let Steps {
            open,
            connected,
            talked,
        } = take_steps(TEST, count);
        for side in 0..2 {
            let (open, connected, talked) = (open[side], connected[side], talked[side]);
            assert_eq!(connected.threads, open.threads);
            let pages = count.div_ceil(SLOTS);
            let once = OF_PEER + PAGES + RESERVE + SLEEPS + OF_THREAD;
            assert!(connected.descriptors <= open.descriptors + count * OF_CONNECTION + once);
            assert!(connected.own <= open.own + pages * PAGE);
            assert_eq!(
                connected.seen,
                count * PAGE + (count - SLOTS.min(count)) * PAGE
            );
            assert_eq!(talked.descriptors, connected.descriptors);
            assert!(talked.own <= count * BUSY);
            assert!(talked.seen <= count * BUSY);
        }
    }
}
