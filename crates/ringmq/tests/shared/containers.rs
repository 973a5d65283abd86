//! Peers in containers: namespaces of their own for users, processes, mounts and IPC, of which nothing is shared but the
//! directory with the socket. Only descriptors travel, no names, so nothing is missing; what /dev/shm has room for
//! does not matter.

use std::process::Command;
use std::time::Duration;

use ringmq::{Carrier, Connection, Context, Kind};
use ringmq_testing::{Actor, Bytes, listen, role, say, scope, soon, spawn_role, under, watchdog};

use crate::parts::{arg, last, make, open, read, socket};
use crate::places::Places;

/// Runs what follows in new namespaces, where the directory `$1` is seen as `$2`, and /dev/shm has a megabyte.
const CONTAINER: [&str; 11] = [
    "unshare",
    "-Urm",
    "--pid",
    "--ipc",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "sh",
    "-c",
    r#"mount -t tmpfs -o size=1m tmpfs /dev/shm && mount --bind "$1" "$2" && shift 2 && exec "$@""#,
    "container",
];

const LARGE: usize = 64 << 20;
const COUNT: u64 = 1000;

/// Whether namespaces can be made here; says if not.
fn has_namespaces() -> bool {
    let tried = Command::new(CONTAINER[0])
        .args(&CONTAINER[1..7])
        .args(["sh", "-c", "mount -t tmpfs tmpfs /dev/shm"])
        .output();
    match tried {
        Ok(tried) if tried.status.success() => true,
        other => {
            println!("skipped: no namespaces can be made here: {other:?}");
            false
        }
    }
}

fn large() -> Vec<u8> {
    let mut bytes = vec![0; LARGE];
    Bytes::new(7).fill(0, &mut bytes);
    bytes
}

/// Sends many small ones and a large one, or receives them and sends all back.
fn peer() {
    let (endpoint, binds) = (arg(0), arg(1) == "binds");
    let context = Context::new().unwrap();
    let mut pair = socket(&context, Kind::Pair);
    open(&mut pair, binds, &endpoint);
    for number in 0..COUNT {
        if binds {
            let message = pair.recv_deadline(soon()).unwrap();
            assert_eq!(read(last(&message)), (0, number));
            pair.send(message).unwrap();
        } else {
            pair.send(make(0, number)).unwrap();
            let back = pair.recv_deadline(soon()).unwrap();
            assert_eq!(read(last(&back)), (0, number));
        }
    }
    let shared = |one: &Connection| one.carrier == Carrier::SharedMemory;
    assert!(
        pair.connections().iter().all(shared),
        "{:?}",
        pair.connections()
    );
    if binds {
        let message = pair.recv_deadline(soon()).unwrap();
        assert!(Bytes::new(7).is_at(0, last(&message)) && last(&message).len() == LARGE);
        pair.send(message).unwrap();
    } else {
        pair.send(large()).unwrap();
        assert!(last(&pair.recv_deadline(soon()).unwrap()) == large());
    }
    say(&format!("whole, in process {}", std::process::id()));
    assert_eq!(listen(), "end");
}

#[test]
fn peers_in_containers_share_memory() {
    const TEST: &str = "containers::peers_in_containers_share_memory";
    if role().is_some() {
        return peer();
    }
    let _guard = watchdog(Duration::from_secs(120));
    if !has_namespaces() {
        return;
    }
    // Which processes are in a container of their own: both, or one.
    for contained in [[true, true], [true, false], [false, true]] {
        let outside = Places::new();
        let insides = [Places::new(), Places::new()];
        let mut actors = Vec::new();
        for (which, opens) in ["binds", "connects"].into_iter().enumerate() {
            let (from, to) = (outside.path(""), insides[which].path(""));
            let mut endpoint = outside.endpoint("s");
            if contained[which] {
                endpoint = endpoint.replace(&from, &to);
            }
            let mut command = spawn_role(TEST, "peer", &[&endpoint, opens]);
            if contained[which] {
                let wrapper: Vec<&str> = CONTAINER.into_iter().chain([&from[..], &to]).collect();
                command = under(&wrapper, &command);
            }
            actors.push(Actor::start(&mut command));
        }
        scope(|scope| {
            for (actor, contained) in actors.iter_mut().zip(contained) {
                scope.spawn(move || {
                    let heard = actor.hear();
                    let pid = heard.strip_prefix("whole, in process ").unwrap();
                    assert_eq!(pid.parse::<u32>().unwrap() < 10, contained);
                });
            }
        });
        for mut actor in actors {
            actor.tell("end");
            actor.finish();
        }
    }
}
