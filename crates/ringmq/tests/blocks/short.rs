//! Senders without memory, descriptors or mappings for blocks: their large bodies are copied, or go by ZMTP, and the
//! connection reports it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ringmq::{Carrier, Context, EventKind, Kind, Monitor, Socket, Vow, ZmtpReason};
use ringmq_testing::{
    Actor, limit_descriptors, limit_memory, listen, role, say, soon, spawn_role, under, until,
    watchdog,
};

use crate::memory::Kept;
use crate::parts::{arg, open, socket, until_shared};
use crate::places::Places;

const BYTES: usize = 2 << 20;
const COUNT: usize = 30;
/// Descriptors that the sender may have, and files that it opens: blocks leave half of the descriptors to the program.
const DESCRIPTORS: u64 = 200;
const FILES: usize = 110;
/// More bytes that the sender may map: a block and a larger ring need more.
const MEMORY: u64 = 1 << 20;
/// Mappings that the kernel seems to allow: enough for a connection.
const MAPPINGS: &str = "8";

fn body(number: usize) -> Vec<u8> {
    let mut bytes = vec![number as u8; BYTES];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Returns true if the monitor has an event that says so.
fn is_reported(monitor: &mut Monitor) -> bool {
    let mut is_reported = false;
    while let Ok(event) = monitor.try_recv() {
        is_reported |= match event.kind {
            EventKind::BodiesCopied => true,
            EventKind::CarrierChanged { carrier } => {
                carrier == Carrier::Zmtp(ZmtpReason::Resources)
            }
            _ => false,
        };
    }
    is_reported
}

/// Sends large bodies, and is short of something.
fn sender() {
    let context = Context::new().unwrap();
    let mut push = socket(&context, Kind::Push);
    push.set_linger(None);
    let mut monitor = push.monitor().unwrap();
    open(&mut push, true, &arg(0));
    until_shared(&mut push, 1);
    let mut files = Vec::new();
    let mut bodies: Vec<Vec<u8>> = (0..COUNT).map(body).collect();
    match &arg(1)[..] {
        "memory" => assert!(limit_memory(MEMORY)),
        "descriptors" => {
            assert!(limit_descriptors(DESCRIPTORS));
            files.extend((0..FILES).map(|_| File::open("/dev/null").unwrap()));
        }
        // The kernel says so all the time.
        _ => {}
    }
    for (number, body) in bodies.drain(..).enumerate() {
        // There is no memory for other bodies then.
        if arg(1) == "memory" {
            push.send(body).unwrap();
            next();
        } else {
            send(&context, &mut push, number);
        }
    }
    until(|| is_reported(&mut monitor));
    let kept = Kept::by(std::process::id());
    assert_eq!(kept.allocated, 0, "{kept:?}");
    assert_eq!(listen(), "received");
    assert!(limit_memory(1 << 46));
    drop(files);
    if arg(1) == "descriptors" {
        // It is said once, and there are blocks again.
        send(&context, &mut push, COUNT);
        assert!(!is_reported(&mut monitor));
        assert!(Kept::by(std::process::id()).allocated > 0);
        say("again");
        assert_eq!(listen(), "end");
    }
}

/// In turn as a block of the program's, and as other memory.
fn send(context: &Context, push: &mut Socket, number: usize) {
    if number.is_multiple_of(2) {
        let mut block = context.block(BYTES).unwrap();
        block.fill(number as u8);
        block[..8].copy_from_slice(&number.to_le_bytes());
        push.send(block.freeze()).unwrap();
    } else {
        push.send(body(number)).unwrap();
    }
    next();
}

/// The receiver takes each body before the next is sent.
fn next() {
    say("sent");
    assert_eq!(listen(), "next");
}

/// Receives all from a sender that lacks something, and is run by this wrapper.
fn all_come(test: &str, lack: &str, wrapper: &[&str]) {
    println!("{lack}");
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let mut sender = spawn_role(test, "sender", &[&endpoint, lack]);
    if !wrapper.is_empty() {
        sender = under(wrapper, &sender);
    }
    let mut sender = Actor::start(&mut sender);
    let context = Context::new().unwrap();
    let mut pull = socket(&context, Kind::Pull);
    open(&mut pull, false, &endpoint);
    let mut receive = |sender: &mut Actor, number: usize| {
        assert_eq!(sender.hear(), "sent");
        let message = pull.recv_deadline(soon()).unwrap();
        assert!(message[0][..] == body(number)[..], "{number}");
        sender.tell("next");
    };
    (0..COUNT).for_each(|number| receive(&mut sender, number));
    sender.tell("received");
    if lack == "descriptors" {
        receive(&mut sender, COUNT);
        assert_eq!(sender.hear(), "again");
        sender.tell("end");
    }
    sender.finish();
}

#[test]
fn bodies_without_descriptors_or_memory_for_blocks_are_copied_and_it_is_reported() {
    const TEST: &str =
        "short::bodies_without_descriptors_or_memory_for_blocks_are_copied_and_it_is_reported";
    if role().is_some() {
        return sender();
    }
    for lack in ["descriptors", "memory"] {
        let _guard = watchdog(Duration::from_secs(60));
        all_come(TEST, lack, &[]);
    }
}

#[test]
fn bodies_without_mappings_for_blocks_go_by_zmtp_and_it_is_reported() {
    const TEST: &str = "short::bodies_without_mappings_for_blocks_go_by_zmtp_and_it_is_reported";
    if role().is_some() {
        return sender();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let file = places.path("most");
    std::fs::write(&file, MAPPINGS).unwrap();
    let mount = r#"mount --bind "$1" /proc/sys/vm/max_map_count && shift && exec "$@""#;
    let wrapper = ["unshare", "-Urm", "sh", "-c", mount, "limited", &file];
    let tried = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("true")
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        println!("skipped: no namespaces can be made here");
        return;
    }
    all_come(TEST, "mappings", &wrapper);
}

/// Bytes that a cgroup allows, receivers, and bodies: together the receivers hold more.
const ALLOWED: u64 = 96 << 20;
const RECEIVERS: usize = 4;
const HELD: usize = 14 * RECEIVERS;

/// A cgroup of this process's, until it is dropped. `None` if this machine lets it make none.
struct Cgroup(PathBuf);

impl Cgroup {
    fn limited() -> Option<Cgroup> {
        let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let of = |name: &str| groups.lines().find_map(|line| line.split_once(name));
        let (folder, limit) = match of(":memory:") {
            Some((_, group)) => (
                format!("/sys/fs/cgroup/memory{group}"),
                "memory.limit_in_bytes",
            ),
            None => (format!("/sys/fs/cgroup{}", of("0::")?.1), "memory.max"),
        };
        let folder = Path::new(&folder).join(format!("ringmq-{}", std::process::id()));
        std::fs::create_dir(&folder).ok()?;
        let group = Cgroup(folder);
        std::fs::write(group.0.join(limit), ALLOWED.to_string()).ok()?;
        Some(group)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The kernel takes a moment to let go of a process that has ended.
        until(|| std::fs::remove_dir(&self.0).is_ok());
    }
}

/// Sends more to readers that hold it than its cgroup allows.
fn sender_in_cgroup() {
    let context = Context::new().unwrap();
    let mut push = socket(&context, Kind::Push);
    push.set_linger(None);
    let mut monitor = push.monitor().unwrap();
    open(&mut push, true, &arg(0));
    until_shared(&mut push, RECEIVERS);
    for number in 0..HELD {
        push.send(body(number)).unwrap();
        next();
    }
    until(|| is_reported(&mut monitor));
    say("reported");
    assert_eq!(listen(), "end");
}

#[test]
fn bodies_that_a_cgroup_has_no_room_for_are_not_put_into_blocks() {
    const TEST: &str = "short::bodies_that_a_cgroup_has_no_room_for_are_not_put_into_blocks";
    if role().is_some() {
        return sender_in_cgroup();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let Some(group) = Cgroup::limited() else {
        println!("skipped: no cgroup with a memory limit can be made here");
        return;
    };
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let join = r#"echo $$ > "$1"/cgroup.procs && shift && exec "$@""#;
    let folder = group.0.to_str().unwrap();
    let wrapper = ["sh", "-c", join, "limited", folder];
    let tried = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("true")
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        println!("skipped: no process may join a cgroup here");
        return;
    }
    let sender = spawn_role(TEST, "sender", &[&endpoint]);
    let mut sender = Actor::start(&mut under(&wrapper, &sender));
    let context = Context::new().unwrap();
    let mut pulls: Vec<Socket> = (0..RECEIVERS)
        .map(|_| {
            let mut pull = socket(&context, Kind::Pull);
            // SAFETY: the sender is this test's, which does not write to what it has sent.
            pull.set_in_place(unsafe { Vow::new() });
            open(&mut pull, false, &endpoint);
            pull
        })
        .collect();
    let mut held = Vec::new();
    for number in 0..HELD {
        assert_eq!(sender.hear(), "sent");
        until(|| {
            let came = pulls.iter_mut().find_map(|pull| pull.try_recv().ok());
            let is_there = came.is_some();
            held.extend(came);
            is_there
        });
        assert!(held[number][0][..] == body(number)[..], "{number}");
        sender.tell("next");
    }
    for (number, message) in held.iter().enumerate() {
        assert!(message[0][..] == body(number)[..], "{number}");
    }
    // It was not killed.
    assert_eq!(sender.hear(), "reported");
    sender.tell("end");
    sender.finish();
}
