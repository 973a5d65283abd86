//! What pages blocks have, and what a sender without huge pages says.

use std::fs::{self, File};
use std::time::Duration;

use ringmq::{ArenaOptions, Context, EventKind, HugePagesError, Kind, Monitor};
use ringmq_testing::{
    Actor, forgo_huge_pages, huge_bytes, in_own_process, listen, page_faults, role, say, soon,
    spawn_role, until, watchdog,
};

use crate::parts::{arg, open, socket, until_shared};
use crate::places::Places;

const BYTES: usize = 3 << 20;
/// More than one segment has room for.
const HELD: usize = 12;
const ARENA: &str = "memfd:ringmq-blocks";

#[test]
fn huge_pages_are_there_or_it_is_known_why_not() {
    const TEST: &str = "pages::huge_pages_are_there_or_it_is_known_why_not";
    in_own_process(TEST, || {
        let context = Context::new().unwrap();
        let plain = context.block(BYTES).unwrap();
        assert_eq!(huge_bytes(ARENA), 0);
        assert_eq!(context.arena_usage().huge_bytes, 0);
        let options = ArenaOptions::new().own(true).huge_pages(true);
        context.set_arena(&options).unwrap();
        let blocks: Vec<_> = (0..HELD).map(|_| context.block(BYTES).unwrap()).collect();
        let usage = context.arena_usage();
        assert!(usage.bytes >= HELD * BYTES);
        match usage.refused {
            None => {
                assert_eq!(usage.huge_bytes, usage.bytes);
                assert_eq!(huge_bytes(ARENA), usage.bytes as u64);
            }
            Some(reason) => println!("{reason}"),
        }
        drop((plain, blocks));
    });
}

#[test]
fn the_first_write_to_a_block_takes_page_faults_if_that_is_asked_for() {
    const PAGES: u64 = (BYTES / 4096) as u64;
    let faults = |prefault| {
        let context = Context::new().unwrap();
        let options = ArenaOptions::new().own(true).prefault(prefault);
        context.set_arena(&options).unwrap();
        let mut block = context.block(BYTES).unwrap();
        let before = page_faults();
        block.fill(7);
        page_faults() - before
    };
    assert!(faults(false) >= PAGES);
    assert!(faults(true) < PAGES / 16);
}

/// The reasons for ordinary pages that the monitor has reported since the last call.
fn reasons(monitor: &mut Monitor) -> Vec<HugePagesError> {
    let events = std::iter::from_fn(|| monitor.try_recv().ok());
    let reasons = events.filter_map(|event| match event.kind {
        EventKind::OrdinaryPages { reason } => Some(reason),
        _ => None,
    });
    reasons.collect()
}

/// Sends more than a segment has room for, with huge pages by the environment and a kernel that makes none.
fn sender() {
    assert!(forgo_huge_pages());
    let context = Context::new().unwrap();
    let mut push = socket(&context, Kind::Push);
    push.set_linger(None);
    let mut monitor = push.monitor().unwrap();
    open(&mut push, true, &arg(0));
    until_shared(&mut push, 1);
    let mut found = Vec::new();
    for number in 0..HELD {
        let mut block = context.block(BYTES).unwrap();
        block.fill(number as u8);
        push.send(block.freeze()).unwrap();
        found.extend(reasons(&mut monitor));
    }
    until(|| {
        found.extend(reasons(&mut monitor));
        !found.is_empty()
    });
    let usage = context.arena_usage();
    assert_eq!(usage.huge_bytes, 0);
    assert_eq!(usage.refused, Some(HugePagesError::Unsupported));
    assert_eq!(huge_bytes(ARENA), 0);
    say("sent");
    assert_eq!(listen(), "received");
    found.extend(reasons(&mut monitor));
    assert_eq!(found, [HugePagesError::Unsupported], "it is said once");
}

#[test]
fn without_huge_pages_bodies_go_in_ordinary_ones_and_it_is_reported_once() {
    const TEST: &str =
        "pages::without_huge_pages_bodies_go_in_ordinary_ones_and_it_is_reported_once";
    if role().is_some() {
        return sender();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let (endpoint, log) = (places.endpoint("s"), places.path("log"));
    let mut command = spawn_role(TEST, "sender", &[&endpoint]);
    command
        .env("RINGMQ_HUGE_PAGES", "1")
        .env("RINGMQ_LOG", "1")
        .stderr(File::create(&log).unwrap());
    let mut sender = Actor::start(&mut command);
    let context = Context::new().unwrap();
    let mut pull = socket(&context, Kind::Pull);
    open(&mut pull, false, &endpoint);
    assert_eq!(sender.hear(), "sent");
    for number in 0..HELD {
        let message = pull.recv_deadline(soon()).unwrap();
        assert!(message[0][..] == vec![number as u8; BYTES][..], "{number}");
    }
    sender.tell("received");
    sender.finish();
    let log = fs::read_to_string(&log).unwrap();
    let lines = log
        .lines()
        .filter(|line| line.contains("blocks have ordinary pages"));
    let lines: Vec<&str> = lines.collect();
    assert!(
        matches!(lines[..], [line] if line.contains("makes no huge pages")),
        "{log}"
    );
}
