//! Fault 19: no descriptors left. A typed error with every number of them, no spinning, no leak, and
//! all is well again when there are some.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use ringmq_pipe::{ConnectError, Listener, Options, Pipe, Reason};
use ringmq_sys::RecvError;
use ringmq_testing::{
    Activity, Actor, abstract_name, listen, role, role_args, say, spawn_role, thread_id, watchdog,
};

use crate::limits::limit;
use crate::peers::{Held, hear};
use crate::raw::later;

/// Free descriptors to try: up to more than an end needs.
const MOST: usize = 24;

/// Takes all descriptors but `leave`.
fn exhaust(leave: usize) -> Vec<OwnedFd> {
    limit(libc::RLIMIT_NOFILE, 100);
    let mut taken = Vec::with_capacity(100);
    let stdin = std::io::stdin();
    let stdin = std::os::fd::AsFd::as_fd(&stdin);
    while let Ok(fd) = stdin.try_clone_to_owned() {
        taken.push(fd);
    }
    taken.truncate(taken.len() - leave);
    taken
}

/// Whether it is an error that says that descriptors are short.
#[track_caller]
fn is_shortage(error: &ConnectError) -> bool {
    match error {
        ConnectError::Exchange(RecvError::DescriptorsLost { got, max: 4 | 5 }) => *got <= 4,
        other => other.to_string().contains("Too many open files"),
    }
}

/// In the process with the limit: `attempt` with 0, 1, 2... free descriptors.
fn limited(mut attempt: impl FnMut() -> Result<Pipe, ConnectError>) {
    drop(attempt().unwrap());
    let before = Held::now();
    let mut enough = 0;
    for free in 0..MOST {
        let taken = exhaust(free);
        say("exhausted");
        let outcome = attempt();
        drop(taken);
        match &outcome {
            Ok(_) => enough += 1,
            Err(error) => {
                assert!(is_shortage(error), "{free} free: {error}");
                assert_eq!(
                    enough, 0,
                    "{free} free are too few, but fewer were enough: {error}"
                );
            }
        }
        drop(outcome);
        assert_eq!(Held::now(), before, "{free}");
        say("recovered");
        drop(attempt().unwrap());
        assert_eq!(Held::now(), before, "{free}");
    }
    assert!(enough > 0 && enough < MOST, "{enough}");
    say("done");
}

#[test]
fn a_listener_without_descriptors() {
    const TEST: &str = "exhausted::a_listener_without_descriptors";
    if role().is_some() {
        let mut listener = Listener::bind(&role_args()[0], &Options::new()).unwrap();
        say("recovered");
        limited(|| listener.attempt(later()));
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    let address = abstract_name("exhausted");
    let mut other = Actor::start(&mut spawn_role(TEST, "limited", &[&address]));
    loop {
        match &other.hear()[..] {
            "recovered" => drop(Options::new().connect(&address).unwrap()),
            "exhausted" => match Options::new().connect(&address) {
                // Turned away at the door, told why, or let in.
                Err(ConnectError::Exchange(RecvError::Closed { .. })) => {}
                Err(ConnectError::Refused(Reason::Resources)) => {}
                Err(error) => panic!("{error}"),
                Ok(_) => {}
            },
            _ => break,
        }
    }
    other.finish();
}

#[test]
fn a_connector_without_descriptors() {
    const TEST: &str = "exhausted::a_connector_without_descriptors";
    if role().is_some() {
        limited(|| Options::new().connect(&role_args()[0]));
        let mut last = Options::new().connect(&role_args()[0]).unwrap();
        last.sender().send(b"that is all").unwrap();
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    let address = abstract_name("exhausted");
    let mut listener = Listener::bind(&address, &Options::new()).unwrap();
    let mut other = Actor::start(&mut spawn_role(TEST, "limited", &[&address]));
    // Whatever it does is no error of ours.
    while let Ok(mut pipe) = listener.accept() {
        let mut message = Vec::new();
        if pipe.receiver().recv(&mut message).is_ok() {
            assert_eq!(message, b"that is all");
            break;
        }
    }
    while other.hear() != "done" {}
    other.finish();
}

/// A listener without descriptors sleeps until a peer connects, and turns it away.
#[test]
fn a_listener_without_descriptors_does_not_spin() {
    const TEST: &str = "exhausted::a_listener_without_descriptors_does_not_spin";
    if role().is_some() {
        let mut listener = Listener::bind(&role_args()[0], &Options::new()).unwrap();
        let taken = exhaust(0);
        say("exhausted");
        for _ in 0..20 {
            let error = listener.attempt(later()).unwrap_err();
            assert!(is_shortage(&error), "{error}");
        }
        say("all were turned away");
        let start = Instant::now();
        // Counting needs a descriptor of its own.
        let activity = || {
            limit(libc::RLIMIT_NOFILE, 110);
            let now = Activity::of(std::process::id(), thread_id());
            limit(libc::RLIMIT_NOFILE, 100);
            now
        };
        let before = activity();
        for wait in 1..=4 {
            let until = start + Duration::from_millis(50) * wait;
            let outcome = listener.attempt(Some(until));
            assert!(
                matches!(outcome, Err(ConnectError::TimedOut)),
                "{outcome:?}"
            );
        }
        let busy = Duration::from_nanos(activity().nanos - before.nanos);
        assert!(
            busy < start.elapsed() / 2,
            "{busy:?} of {:?}",
            start.elapsed()
        );
        drop(taken);
        say("recovered");
        assert_eq!(hear(&mut listener.accept().unwrap()), b"good");
        listen();
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    let address = abstract_name("exhausted");
    let mut other = Actor::start(&mut spawn_role(TEST, "limited", &[&address]));
    assert_eq!(other.hear(), "exhausted");
    for _ in 0..20 {
        let error = Options::new().connect(&address).unwrap_err();
        let turned_away = matches!(error, ConnectError::Exchange(RecvError::Closed { .. }));
        assert!(turned_away, "{error}");
    }
    assert_eq!(other.hear(), "all were turned away");
    assert_eq!(other.hear(), "recovered");
    let mut pipe = Options::new().connect(&address).unwrap();
    pipe.sender().send(b"good").unwrap();
    other.tell("goodbye");
    other.finish();
}
