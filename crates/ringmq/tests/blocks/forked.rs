//! Processes that fork and start programs while they have blocks, their own and those of peers.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use ringmq::{Context, Frame, Kind, Message, RecvError, SendError, Socket, Vow};
use ringmq_testing::{
    Actor, fork_and, in_own_process, listen, role, say, soon, spawn_role, until, watchdog,
};

use crate::memory::Kept;
use crate::parts::{arg, open, socket, until_shared};
use crate::places::Places;

const BYTES: usize = 1 << 20;

fn make(context: &Context, byte: u8) -> Frame {
    let mut block = context.block(BYTES).unwrap();
    block.fill(byte);
    block.freeze()
}

#[track_caller]
fn check(bytes: &[u8], byte: u8) {
    let is_whole = bytes.len() == BYTES && bytes.iter().all(|other| *other == byte);
    assert!(is_whole, "{} bytes, {} first", bytes.len(), bytes[0]);
}

/// A sender and a receiver in shared memory, which receives in place.
fn pair(context: &Context, far: &Context, endpoint: &str) -> (Socket, Socket) {
    let mut push = socket(context, Kind::Push);
    open(&mut push, true, endpoint);
    let mut pull = socket(far, Kind::Pull);
    // SAFETY: the sender is this test's, which does not write to what it has sent.
    pull.set_in_place(unsafe { Vow::new() });
    open(&mut pull, false, endpoint);
    until_shared(&mut push, 1);
    (push, pull)
}

/// What a parent has when it forks.
struct Parent {
    push: Socket,
    pull: Socket,
    written: ringmq::BlockMut,
    owned: Frame,
    lent: Message,
}

/// What the child sees of it, and does to it. Returns false if anything is not as it should be.
fn child(mut parent: Parent, places: &Places) -> bool {
    check(&parent.written, 1);
    check(&parent.owned, 2);
    check(&parent.lent[0], 3);
    // Its writes are its own.
    parent.written.fill(11);
    parent.owned.as_mut_slice().fill(12);
    let mut lent = parent.lent[0].clone();
    lent.as_mut_slice().fill(13);
    check(&parent.written, 11);
    check(&parent.owned, 12);
    check(&lent, 13);
    let sent = parent.push.try_send(parent.owned.clone());
    let refused = matches!(sent.unwrap_err().reason, SendError::Forked)
        && matches!(parent.pull.try_recv(), Err(RecvError::Forked));
    drop(parent);
    // It has blocks of its own.
    let (context, far) = (Context::new().unwrap(), Context::new().unwrap());
    let endpoint = places.endpoint("child");
    let (mut push, mut pull) = pair(&context, &far, &endpoint);
    for byte in 20..40 {
        push.send(make(&context, byte)).unwrap();
        check(&pull.recv_deadline(soon()).unwrap()[0], byte);
    }
    refused
}

#[test]
fn a_child_reads_the_blocks_of_its_parent_and_changes_none() {
    const TEST: &str = "forked::a_child_reads_the_blocks_of_its_parent_and_changes_none";
    in_own_process(TEST, || {
        let _guard = watchdog(Duration::from_secs(60));
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let (context, far) = (Context::new().unwrap(), Context::new().unwrap());
        let (mut push, mut pull) = pair(&context, &far, &endpoint);
        let mut written = context.block(BYTES).unwrap();
        written.fill(1);
        let owned = make(&context, 2);
        push.send(make(&context, 3)).unwrap();
        let lent = pull.recv_deadline(soon()).unwrap();
        // One that is on its way.
        push.send(make(&context, 4)).unwrap();
        let before = Kept::by(std::process::id());
        let mut parent = Some(Parent {
            push,
            pull,
            written,
            owned,
            lent,
        });
        assert!(fork_and(|| child(parent.take().unwrap(), &places)));
        let mut parent = parent.unwrap();
        // What the child has dropped is still the parent's, and lent to it.
        for byte in 50..150 {
            let message = parent.pull.recv_deadline(soon()).unwrap();
            check(&message[0], if byte == 50 { 4 } else { byte - 1 });
            drop(message);
            parent.push.send(make(&context, byte)).unwrap();
        }
        check(&parent.written, 1);
        check(&parent.owned, 2);
        check(&parent.lent[0], 3);
        assert_eq!(Kept::by(std::process::id()), before);
        parent.push.send(parent.owned).unwrap();
        parent.pull.recv_deadline(soon()).unwrap();
        check(&parent.pull.recv_deadline(soon()).unwrap()[0], 2);
    });
}

/// Receives, holds, and becomes another program.
fn becomes_another() {
    if role().as_deref() == Some("another") {
        let fds = fs::read_dir("/proc/self/fd").unwrap();
        let open = fds.filter_map(|fd| fs::read_link(fd.unwrap().path()).ok());
        let ours =
            open.filter(|to| to.starts_with("/memfd:") || to.to_string_lossy().contains("ringmq"));
        let mapped = Kept::by(std::process::id()).mapped;
        say(&format!("{} descriptors, {mapped} bytes", ours.count()));
        assert_eq!(listen(), "end");
        return;
    }
    let (context, far) = (Context::new().unwrap(), Context::new().unwrap());
    let mut pull = socket(&context, Kind::Pull);
    // SAFETY: the sender is the test, which does not write to what it has sent.
    pull.set_in_place(unsafe { Vow::new() });
    open(&mut pull, false, &arg(0));
    let held = pull.recv_deadline(soon()).unwrap();
    check(&held[0], 5);
    // Blocks of its own, which a peer has.
    let (mut push, mut taker) = pair(&far, &context, &format!("{}-own", arg(0)));
    push.send(make(&far, 6)).unwrap();
    let own = taker.recv_deadline(soon()).unwrap();
    check(&own[0], 6);
    // Not as a child: it stays the same process.
    let role = spawn_role(&arg(1), "another", &[]);
    let mut another = Command::new(role.get_program());
    another.args(role.get_args());
    let set = role
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    another.envs(set);
    panic!("{}", another.exec());
}

#[test]
fn a_program_that_is_started_has_no_blocks() {
    const TEST: &str = "forked::a_program_that_is_started_has_no_blocks";
    match role().as_deref() {
        Some("alone") | None => {}
        Some(_) => return becomes_another(),
    }
    in_own_process(TEST, || {
        let _guard = watchdog(Duration::from_secs(60));
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let context = Context::new().unwrap();
        let mut push = socket(&context, Kind::Push);
        open(&mut push, true, &endpoint);
        let mut other = Actor::start(&mut spawn_role(TEST, "begins", &[&endpoint, TEST]));
        until_shared(&mut push, 1);
        push.send(make(&context, 5)).unwrap();
        assert_eq!(other.hear(), "0 descriptors, 0 bytes");
        other.tell("end");
        other.finish();
        drop((push, context));
        // What it held is the owner's again when its process has ended.
        until(|| Kept::by(std::process::id()).mapped == 0);
    });
}
