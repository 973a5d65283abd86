//! Fault 16: a peer of another user. Refused unless that is allowed; and then everything works.

use std::time::Duration;

use ringmq_pipe::{ConnectError, Listener, Options, Pipe, Reason, Wait};
use ringmq_testing::{Actor, abstract_name, listen, role, role_args, say, spawn_role, watchdog};

use crate::peers::hear;
use crate::raw::later;

/// The user and group that the other process becomes.
const OTHER: u32 = 65534;

/// Changes the user of this process for good.
fn become_other() {
    // SAFETY: numbers only.
    assert_eq!(unsafe { libc::setresgid(OTHER, OTHER, OTHER) }, 0);
    // SAFETY: numbers only.
    assert_eq!(unsafe { libc::setresuid(OTHER, OTHER, OTHER) }, 0);
}

/// Whether this process may become another user.
fn may_change() -> bool {
    // SAFETY: reads a number.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        eprintln!("skipped: only root becomes another user");
    }
    root
}

fn options() -> Options {
    // Nothing but sleeping: every message needs a ring of the bell.
    Options::new().wait(Wait::Park).capacity(4096)
}

const ROUNDS: u32 = 300;

/// Both directions, small and (longer than the ring) large: sleeping for data and for room.
fn talk(pipe: &mut Pipe, begins: bool) {
    let large = vec![7; 100_000];
    for round in 0..ROUNDS {
        let message = if round % 10 == 0 {
            &large[..]
        } else {
            b"small"
        };
        if begins {
            pipe.sender().send(message).unwrap();
            assert_eq!(hear(pipe), message);
        } else {
            assert_eq!(hear(pipe), message);
            pipe.sender().send(message).unwrap();
        }
    }
    // Both have rung and were woken.
    let (sent, received) = (pipe.sender().stats(), pipe.receiver().stats());
    assert!(
        sent.rings > 0 && received.slept > 0,
        "{sent:?} {received:?}"
    );
}

/// The user of the pipe that this role is about: `uid/gid/pid`.
fn seen(pipe: &Pipe) -> String {
    let it = pipe.peer_credentials();
    format!("{}/{}/{}", it.uid, it.gid, it.pid)
}

fn other_connects(address: &str) {
    become_other();
    match options().connect(address) {
        Err(ConnectError::Refused(Reason::OtherUser)) => say("refused"),
        Err(error) => panic!("{error}"),
        Ok(mut pipe) => {
            say(&seen(&pipe));
            talk(&mut pipe, true);
            say("done");
        }
    }
}

#[test]
fn another_user_is_refused_unless_allowed() {
    const TEST: &str = "users::another_user_is_refused_unless_allowed";
    if role().is_some() {
        return other_connects(&role_args()[0]);
    }
    let _guard = watchdog(Duration::from_secs(60));
    if !may_change() {
        return;
    }
    let address = abstract_name("user");
    let start = || Actor::start(&mut spawn_role(TEST, "other-user", &[&address]));

    let mut listener = Listener::bind(&address, &options()).unwrap();
    let mut other = start();
    let error = listener.attempt(later()).unwrap_err();
    let refused = matches!(
        error,
        ConnectError::OtherUser {
            peer: OTHER,
            own: 0
        }
    );
    assert!(refused, "{error}");
    assert_eq!(other.hear(), "refused");
    other.finish();
    drop(listener);

    let allowing = options().allow_other_uids(true);
    let mut listener = Listener::bind(&address, &allowing).unwrap();
    let mut other = start();
    let mut pipe = listener.attempt(later()).unwrap();
    assert_eq!(seen(&pipe), format!("{OTHER}/{OTHER}/{}", other.pid()));
    assert_eq!(other.hear(), format!("0/0/{}", std::process::id()));
    talk(&mut pipe, false);
    assert_eq!(other.hear(), "done");
    other.finish();
}

fn other_listens(address: &str, allow: bool) {
    become_other();
    let mut listener = Listener::bind(address, &options().allow_other_uids(allow)).unwrap();
    say("listening");
    match listener.attempt(later()) {
        Err(ConnectError::OtherUser {
            peer: 0,
            own: OTHER,
        }) => say("refused"),
        Err(error) => panic!("{error}"),
        Ok(mut pipe) => {
            say(&seen(&pipe));
            talk(&mut pipe, false);
            assert_eq!(listen(), "goodbye");
        }
    }
}

/// Root is another user, too: it has no right to be let in that it did not ask for.
#[test]
fn root_is_another_user() {
    const TEST: &str = "users::root_is_another_user";
    if role().is_some() {
        let args = role_args();
        return other_listens(&args[0], args[1] == "true");
    }
    let _guard = watchdog(Duration::from_secs(60));
    if !may_change() {
        return;
    }
    for allow in [false, true] {
        let address = abstract_name("root");
        let args = [&address[..], &allow.to_string()];
        let mut other = Actor::start(&mut spawn_role(TEST, "other-user", &args));
        assert_eq!(other.hear(), "listening");
        let outcome = options().connect(&address);
        if allow {
            let mut pipe = outcome.unwrap();
            assert_eq!(seen(&pipe), format!("{OTHER}/{OTHER}/{}", other.pid()));
            assert_eq!(other.hear(), format!("0/0/{}", std::process::id()));
            talk(&mut pipe, true);
            other.tell("goodbye");
        } else {
            let error = outcome.unwrap_err();
            let refused = matches!(error, ConnectError::Refused(Reason::OtherUser));
            assert!(refused, "{error}");
            assert_eq!(other.hear(), "refused");
        }
        other.finish();
    }
}
