//! `ringmq doctor`: memory that was refused, containers, and the CPU quota of a cgroup.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ringmq::{Carrier, Context, Kind, RefusalReason, Socket, ZmtpReason};
use ringmq_sys::{Address, Stream};
use ringmq_testing::{Scratch, until, watchdog, zmtp_greeting, zmtp_ready};
use rustix::fs::{MemfdFlags, memfd_create};
use serde_json::Value;

use super::asking::values;
use super::{ipc, ringmq, status};

/// What doctor finds.
fn findings(about: &str) -> Vec<Value> {
    values(&["doctor", "--json", about])
}

/// The finding that says all of these.
#[track_caller]
fn finding<'a>(findings: &'a [Value], parts: &[&str]) -> &'a Value {
    let says = |one: &&Value| {
        let what = one["what"].as_str().unwrap();
        parts.iter().all(|part| what.contains(part))
    };
    let mut found = findings.iter().filter(says);
    let (Some(first), None) = (found.next(), found.next()) else {
        panic!("one finding with {parts:?} in {findings:#?}");
    };
    first
}

/// A PUSH made by hand, which offers shared memory.
struct ByHand {
    stream: Stream,
    bytes: VecDeque<u8>,
}

impl ByHand {
    /// Connects, and reads up to the READY of the peer: descriptors may be sent from then on.
    fn connect(path: &str) -> ByHand {
        let stream = Stream::try_connect(&Address::from(Path::new(path))).unwrap();
        let mut by_hand = ByHand {
            stream,
            bytes: VecDeque::new(),
        };
        by_hand.send(&zmtp_greeting(1));
        by_hand.send(&zmtp_ready("PUSH", &[("X-Ringmq-Shm", b"3")]));
        by_hand.take(64);
        assert!(by_hand.frame().starts_with(b"\x05READY"));
        by_hand
    }

    /// Sends what has room on the way, as all of this has.
    fn send(&self, bytes: &[u8]) {
        assert_eq!(self.stream.send_now(bytes, &[]).unwrap(), bytes.len());
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.bytes.len() < count {
            let mut room = [0; 256];
            match self.stream.receive_now(&mut room, 4) {
                Ok(came) => {
                    assert!(came.bytes > 0, "it has closed");
                    self.bytes.extend(&room[..came.bytes]);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    std::thread::yield_now();
                }
            }
        }
        self.bytes.drain(..count).collect()
    }

    fn frame(&mut self) -> Vec<u8> {
        let head = self.take(2);
        self.take(head[1].into())
    }
}

/// A frame of the handoff, of this kind, with a reason and the place of a slot.
fn handoff(kind: u8, reason: u8, slot: u16) -> Vec<u8> {
    let mut data = [0; 32];
    (data[0], data[1], data[4]) = (kind, 3, reason);
    data[16..18].copy_from_slice(&slot.to_le_bytes());
    let name = b"\x0cX-RINGMQ-SHM";
    [&[4, (name.len() + data.len()) as u8], &name[..], &data].concat()
}

/// A PULL that is bound, its path, and its endpoint.
fn bound(scratch: &Scratch) -> (Socket, String, String) {
    let path = scratch.path("s");
    let endpoint = format!("ipc://{path}");
    let mut pull = Context::new().unwrap().socket(Kind::Pull).unwrap();
    pull.bind(&endpoint).unwrap();
    (pull, path, endpoint)
}

fn until_carrier(pull: &mut Socket, reason: ZmtpReason) {
    until(|| {
        let connections = pull.connections();
        let first = connections.first();
        first.is_some_and(|first| first.carrier == Carrier::Zmtp(reason))
    });
}

#[test]
fn memory_without_seals_is_named() {
    let _guard = watchdog(Duration::from_secs(100));
    let own = std::process::id();
    // Memory of the peer is refused here.
    let scratch = Scratch::new();
    let (mut pull, path, endpoint) = bound(&scratch);
    let peer = ByHand::connect(&path);
    let memory = File::from(memfd_create("unsealed", MemfdFlags::ALLOW_SEALING).unwrap());
    memory.set_len(4096).unwrap();
    let (_reader, bell) = std::io::pipe().unwrap();
    let offer = handoff(1, 0, 0x200);
    let sent = peer
        .stream
        .send_now(&offer, &[memory.as_fd(), bell.as_fd()]);
    assert_eq!(sent.unwrap(), offer.len());
    until_carrier(&mut pull, ZmtpReason::Refused(RefusalReason::Descriptor));
    let all = findings(&own.to_string());
    let found = finding(&all, &[&endpoint, "lacks seals", "the memory of the peer"]);
    assert_eq!(found["level"], "problem");
    assert!(
        found["remedy"]
            .as_str()
            .unwrap()
            .contains("connect directly"),
        "{found}"
    );
    let sockets = status(own)["sockets"].clone();
    let connections = sockets.as_array().unwrap().iter();
    let mut connections = connections.flat_map(|one| one["connections"].as_array().unwrap());
    let connection = connections.find(|one| one["endpoint"] == endpoint.as_str());
    assert_eq!(connection.unwrap()["reason"], "refused-descriptor");
    drop(peer);

    // The peer says that it refuses memory of this process.
    let scratch = Scratch::new();
    let (mut pull, path, endpoint) = bound(&scratch);
    let mut peer = ByHand::connect(&path);
    while !peer.frame().starts_with(b"\x0cX-RINGMQ-SHM\x01") {}
    peer.send(&handoff(3, 4, 0));
    until_carrier(
        &mut pull,
        ZmtpReason::RefusedByPeer(RefusalReason::Descriptor),
    );
    let all = findings(&endpoint);
    finding(
        &all,
        &[&endpoint, "lacks seals", "the memory of this process"],
    );
}

/// A process in a container, which dies with this.
struct Contained(Child);

impl Contained {
    /// Runs the command in new namespaces; `None`, with the reason printed, if there can be none.
    fn run(arguments: &[&str]) -> Option<Contained> {
        let mut command = unshare();
        let tried = command.args([env!("CARGO_BIN_EXE_ringmq"), "--version"]);
        match tried.output() {
            Ok(tried) if tried.status.success() => {}
            other => {
                eprintln!("skipped: no namespaces can be made here: {other:?}");
                return None;
            }
        }
        let mut command = unshare();
        let command = command.arg(env!("CARGO_BIN_EXE_ringmq")).args(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
        Some(Contained(command.spawn().unwrap()))
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What runs a program in new namespaces of each kind.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "-Urm",
        "--pid",
        "--ipc",
        "--net",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]);
    command
}

/// The process that has this endpoint in `ringmq ls`, other than this one.
fn process_at(endpoint: &str) -> String {
    let mut found = None;
    until(|| {
        let all = values(&["ls", "--json"]);
        let is_it = |one: &&Value| one["endpoint"] == endpoint && one["pid"] != std::process::id();
        found = all.iter().find(is_it).map(|one| one["pid"].to_string());
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn containers_are_named_with_what_they_mean() {
    let _guard = watchdog(Duration::from_secs(100));
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("contained"));
    let Some(_pull) = Contained::run(&["pull", &endpoint]) else {
        return;
    };
    let pid = process_at(&endpoint);
    for about in [&pid, &endpoint] {
        let all = findings(about);
        for (kind, remedy) in [
            ("pid", "shared memory works"),
            ("user", "the same mapping of users"),
            ("net", "use ipc:// with a path"),
            ("mnt", "mount one volume"),
        ] {
            let found = finding(&all, &[&pid, &format!("another {kind} namespace")]);
            assert_eq!(found["level"], "note");
            assert!(
                found["remedy"].as_str().unwrap().contains(remedy),
                "{found}"
            );
        }
        let found = finding(&all, &["another ipc namespace", "does not matter"]);
        assert_eq!(found["level"], "ok");
    }

    // Seen from within, the process outside has no number.
    let (_outside, _, outside) = bound(&scratch);
    let mut inside = unshare();
    inside.args([env!("CARGO_BIN_EXE_ringmq"), "doctor", "--json", &outside]);
    let output = inside.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("or outside of this one"), "{text}");
}

#[test]
fn a_name_that_does_not_lead_out_of_a_container_is_told() {
    let _guard = watchdog(Duration::from_secs(100));
    let endpoint = ipc("container");
    let mut pull = Context::new().unwrap().socket(Kind::Pull).unwrap();
    pull.bind(&endpoint).unwrap();
    let Some(_push) = Contained::run(&["push", &endpoint]) else {
        return;
    };
    let all = findings(&process_at(&endpoint));
    let own = format!(
        "[{}] listens there, in another network namespace",
        std::process::id()
    );
    let found = finding(&all, &[&endpoint, &own]);
    assert_eq!(found["level"], "problem");
    assert!(
        found["remedy"]
            .as_str()
            .unwrap()
            .contains("use ipc:// with a path"),
        "{found}"
    );
}

/// A cgroup with a quota of half a CPU, which is removed when it is dropped.
struct Half(PathBuf);

impl Half {
    /// Of version 1 or 2; `None`, with the reason printed, if this process may make none.
    fn make() -> Option<Half> {
        let name = format!("ringmq-test-{}", std::process::id());
        for (parent, file, quota) in [
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "50000"),
            ("/sys/fs/cgroup/cpu,cpuacct", "cpu.cfs_quota_us", "50000"),
            ("/sys/fs/cgroup", "cpu.max", "50000 100000"),
        ] {
            let folder = Path::new(parent).join(&name);
            let made = fs::create_dir(&folder).map(|()| Half(folder.clone()));
            match made.and_then(|made| fs::write(folder.join(file), quota).map(|()| made)) {
                Ok(half) => return Some(half),
                Err(error) => eprintln!("no cgroup in {parent}: {error}"),
            }
        }
        eprintln!("skipped: this process may make no cgroup with a quota");
        None
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn the_quota_of_a_cgroup_is_named() {
    let Some(half) = Half::make() else {
        return;
    };
    let mut child = Command::new("sleep").arg("600").spawn().unwrap();
    let pid = child.id().to_string();
    let moved = fs::write(half.0.join("cgroup.procs"), &pid);
    let output = ringmq(&["doctor", &pid]).output();
    child.kill().unwrap();
    child.wait().unwrap();
    if let Err(error) = moved {
        eprintln!("skipped: {error}");
        return;
    }
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let line = "note     the CPU quota of the cgroup is 0.50 CPUs";
    assert!(text.contains(line), "{text}");
}
