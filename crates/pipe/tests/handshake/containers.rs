//! Fault 17: the peer lives in a container: other user, pid and mount namespaces. Only descriptors
//! travel, no names, so nothing is missing.

use std::process::Command;
use std::time::Duration;

use ringmq_pipe::{Listener, Options, Pipe, RecvError, Wait};
use ringmq_testing::{Actor, Scratch, listen, role, role_args, say, spawn_role, under, watchdog};

use crate::peers::hear;
use crate::raw::later;

/// Runs what follows in new namespaces, where the directory `$1` is seen as `$2`.
const CONTAINER: [&str; 10] = [
    "unshare",
    "-Urm",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "sh",
    "-c",
    r#"mount --bind "$1" "$2" && shift 2 && exec "$@""#,
    "container",
];

/// Whether namespaces can be made here; says if not.
pub(crate) fn has_namespaces() -> bool {
    let tried = Command::new(CONTAINER[0])
        .args(&CONTAINER[1..6])
        .args(["sh", "-c", "mount -t tmpfs tmpfs /mnt"])
        .output();
    match tried {
        Ok(tried) if tried.status.success() => true,
        other => {
            eprintln!("skipped: no namespaces can be made here: {other:?}");
            false
        }
    }
}

fn options() -> Options {
    Options::new().wait(Wait::Park).capacity(4096)
}

fn talk(pipe: &mut Pipe, begins: bool) {
    let large = vec![9; 50_000];
    for message in [&b"small"[..], &large, b"", b"small again"] {
        if begins {
            pipe.sender().send(message).unwrap();
        }
        assert_eq!(hear(pipe), message);
        if !begins {
            pipe.sender().send(message).unwrap();
        }
    }
}

fn contained() {
    let args = role_args();
    let (address, listens) = (&args[0], args[1] == "listens");
    let mut pipe = if listens {
        let mut listener = Listener::bind(address, &options()).unwrap();
        say("listening");
        listener.accept().unwrap()
    } else {
        options().connect(address).unwrap()
    };
    let peer = pipe.peer_credentials();
    say(&format!("{} {} {}", std::process::id(), peer.pid, peer.uid));
    talk(&mut pipe, !listens);
    assert_eq!(listen(), "wait for my end");
    let end = pipe.receiver().recv(&mut Vec::new());
    assert!(matches!(end, Err(RecvError::Closed)), "{end:?}");
    say("you have closed");
    // Killed here.
    listen();
}

#[test]
fn a_peer_in_a_container() {
    const TEST: &str = "containers::a_peer_in_a_container";
    if role().is_some() {
        return contained();
    }
    let _guard = watchdog(Duration::from_secs(60));
    if !has_namespaces() {
        return;
    }
    for listens in [false, true] {
        let (outside, inside) = (Scratch::new(), Scratch::new());
        let (from, to) = (outside.path(""), inside.path(""));
        let wrapper: Vec<&str> = CONTAINER.iter().copied().chain([&from[..], &to]).collect();
        let what = if listens { "listens" } else { "connects" };
        let command = spawn_role(TEST, "contained", &[&inside.path("socket"), what]);
        let address = outside.path("socket");
        let mut listener = None;
        if !listens {
            listener = Some(Listener::bind(&address, &options()).unwrap());
        }
        let mut other = Actor::start(&mut under(&wrapper, &command));
        let mut pipe = match &mut listener {
            Some(listener) => listener.attempt(later()).unwrap(),
            None => {
                assert_eq!(other.hear(), "listening");
                options().connect(&address).unwrap()
            }
        };
        // It is process 1 or 2 there and cannot see us; we see it by the number that it has here.
        let own = other.hear();
        let (its_pid, seen) = own.split_once(' ').unwrap();
        assert!(its_pid.parse::<u32>().unwrap() < 10, "{own}");
        assert_eq!(seen, "0 0", "the pid and uid of a peer outside");
        let peer = pipe.peer_credentials();
        assert!(peer.pid > 10 && std::fs::exists(format!("/proc/{}", peer.pid)).unwrap());
        talk(&mut pipe, listens);

        other.tell("wait for my end");
        let (sender, mut receiver) = pipe.split();
        drop(sender);
        assert_eq!(other.hear(), "you have closed");
        other.kill();
        let end = receiver.recv(&mut Vec::new());
        assert!(matches!(end, Err(RecvError::PeerDied)), "{end:?}");
    }
}
