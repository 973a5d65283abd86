//! Faults 18 and 34: strace makes one system call after the other fail. Each failure is a typed error of the call
//! that was made; nothing leaks, no process gets a signal, and the next attempt succeeds.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ringmq_pipe::{Listener, Options, Pipe};
use ringmq_testing::{Actor, abstract_name, listen, role, role_args, say, spawn_role, watchdog};

use crate::peers::{Held, hear};
use crate::raw::later;

/// Calls, and how they fail, in every place where set-up makes them.
const FATAL: [(&str, &str); 14] = [
    ("memfd_create", "EMFILE"),
    ("memfd_create", "ENOMEM"),
    ("ftruncate", "ENOMEM"),
    ("fallocate", "ENOSPC"),
    ("fallocate", "ENOMEM"),
    ("mmap", "ENOMEM"),
    ("madvise", "EINVAL"),
    ("pipe2", "EMFILE"),
    ("pipe2", "ENFILE"),
    ("fchmod", "EPERM"),
    ("epoll_create1", "EMFILE"),
    ("epoll_ctl", "ENOSPC"),
    ("sendmsg", "ETOOMANYREFS"),
    ("recvmsg", "ENOMEM"),
];

/// Failures that make no difference.
const HARMLESS: [(&str, &str); 5] = [
    ("fallocate", "EINTR"),
    ("sendmsg", "EINTR"),
    ("recvmsg", "EINTR"),
    ("membarrier", "EPERM"),
    ("epoll_pwait2", "ENOSYS"),
];

/// What is tried.
const WAYS: [&str; 3] = ["pair", "connect", "accept"];

fn options() -> Options {
    Options::new().capacity(65536)
}

/// In the process that strace meddles with.
fn meddled_with() {
    let args = role_args();
    let (way, address) = (&args[0][..], &args[1][..]);
    let mut listener = (way == "accept").then(|| Listener::bind(address, &options()).unwrap());
    let mut attempt = || -> Result<(Pipe, Option<Pipe>), String> {
        let outcome = match (way, &mut listener) {
            ("pair", _) => options().pair().map(|(left, right)| (left, Some(right))),
            (_, None) => options().connect(address).map(|pipe| (pipe, None)),
            (_, Some(listener)) => listener.attempt(later()).map(|pipe| (pipe, None)),
        };
        outcome.map_err(|error| error.to_string())
    };
    // What is made once for each process is made now.
    say("first");
    drop(attempt().unwrap());
    let before = Held::now();
    say("ready");
    assert_eq!(listen(), "go");
    let outcome = attempt();
    let Err(error) = outcome else {
        // If the failure is still to come, it would hit the next attempt.
        say("outcome ok");
        return say("done");
    };
    say(&format!("outcome {error}"));
    assert_eq!(Held::now(), before);
    say("again");
    let (mut pipe, other) = attempt().unwrap();
    // The other end of any other way may be gone already.
    if let Some(mut other) = other {
        pipe.sender().send(b"it works").unwrap();
        assert_eq!(hear(&mut other), b"it works");
    }
    say("done");
}

/// Attaches strace to a process; `None` if that is not possible here.
fn attach(pid: u32, call: &str, error: &str, when: u32) -> Option<Child> {
    let inject = format!("inject={call}:error={error}:when={when}");
    let mut strace = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-p", &pid.to_string()])
        .args(["-e", &format!("trace={call}"), "-e", &inject])
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| eprintln!("skipped: strace: {error}"))
        .ok()?;
    let mut line = String::new();
    BufReader::new(strace.stderr.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    if line.contains("attached") {
        return Some(strace);
    }
    strace.wait().unwrap();
    eprintln!("skipped: strace cannot attach here: {line}");
    None
}

/// Accepts connectors until `stop` is set. Ignores the outcome.
fn serve(mut listener: Listener, stop: &AtomicBool) {
    // ORDERING: a flag only; it publishes nothing else.
    while !stop.load(Ordering::Relaxed) {
        drop(listener.attempt(Some(Instant::now() + Duration::from_millis(20))));
    }
}

/// One run, in which the call fails at its `when`th time: the outcome, or nothing if it cannot be had.
fn run(test: &str, way: &str, (call, error): (&str, &str), when: u32) -> Option<String> {
    let address = abstract_name("injected");
    let listener = (way == "connect").then(|| Listener::bind(&address, &options()).unwrap());
    let stop = AtomicBool::new(false);
    let mut outcome = None;
    let strace = ringmq_testing::scope(|scope| {
        if let Some(listener) = listener {
            scope.spawn(|| serve(listener, &stop));
        }
        let stopping = StopOnDrop(&stop);
        let mut command = spawn_role(test, "meddled", &[way, &address]);
        // LeakSanitizer traces, and only one can.
        command.env("ASAN_OPTIONS", "detect_leaks=0");
        let mut other = Actor::start(&mut command);
        let mut strace = None;
        loop {
            let said = other.hear();
            match &said[..] {
                "done" => break,
                "ready" => {
                    strace = Some(attach(other.pid(), call, error, when)?);
                    other.tell("go");
                }
                "first" | "again" => {}
                _ => {
                    outcome = Some(said.strip_prefix("outcome ").unwrap().to_owned());
                    continue;
                }
            }
            // Each attempt to accept needs a connector. Its outcome is checked at the accepting side.
            if way == "accept" {
                drop(Options::new().connect(&address));
            }
        }
        other.finish();
        drop(stopping);
        strace
    });
    strace?.wait().unwrap();
    outcome
}

/// Also when a test fails: a thread that goes on would keep it from ending.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        // ORDERING: a flag only; it publishes nothing else.
        self.0.store(true, Ordering::Relaxed);
    }
}

fn run_all(test: &str, way: &str) {
    if role().is_some() {
        return meddled_with();
    }
    let _guard = watchdog(Duration::from_secs(120));
    for fault in FATAL {
        for when in 1.. {
            let Some(outcome) = run(test, way, fault, when) else {
                return;
            };
            if outcome == "ok" {
                assert!(when > 1, "{way}: {fault:?} made no difference");
                break;
            }
            let says_why = outcome.contains("os error") || outcome.contains("refused");
            assert!(says_why, "{way}: {fault:?}, {when}: {outcome}");
            assert!(when < 30, "{way}: {fault:?} without end");
        }
    }
    for fault in HARMLESS {
        for when in 1..3 {
            let outcome = run(test, way, fault, when).unwrap();
            assert_eq!(outcome, "ok", "{way}: {fault:?}");
        }
    }
}

#[test]
fn every_call_of_pair_fails_once() {
    run_all("injected::every_call_of_pair_fails_once", WAYS[0]);
}

#[test]
fn every_call_of_connect_fails_once() {
    run_all("injected::every_call_of_connect_fails_once", WAYS[1]);
}

#[test]
fn every_call_of_accept_fails_once() {
    run_all("injected::every_call_of_accept_fails_once", WAYS[2]);
}
