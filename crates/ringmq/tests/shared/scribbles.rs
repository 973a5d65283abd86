//! Memory of a peer that is not what it should be ends the connection, and nothing else.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use ringmq::{
    Carrier, Context, EventKind, Frame, Kind, MonitorEvent, RecvError, RefusalReason, ZmtpReason,
};
use ringmq_testing::{Actor, limit_descriptors, listen, role, say, soon, spawn_role, watchdog};

use crate::parts::{arg, last, open, rings, socket, until_shared};
use crate::places::Places;

const FIRST_PART: &[u8] = b"the first of two parts";
const BODY: &[u8] = b"all that an envelope has";

/// Where these bytes begin in memory that a socket of this process sends by.
pub(crate) fn find(memory: &File, what: &[u8]) -> u64 {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let writable = |line: &&str| line.contains("/memfd:ringmq-ring") && line.contains(" rw-s ");
    for line in maps.lines().filter(writable) {
        let (range, _) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let number = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = vec![0; (number(end) - number(start)) as usize];
        memory.read_exact_at(&mut bytes, number(start)).unwrap();
        let mut windows = bytes.windows(what.len());
        if let Some(at) = windows.position(|window| window == what) {
            return number(start) + at as u64;
        }
    }
    panic!("nothing was sent by shared memory");
}

fn is_over(event: MonitorEvent) -> bool {
    matches!(event.kind, EventKind::Disconnected { .. })
}

#[test]
fn a_message_of_impossible_parts_ends_its_connection_only() {
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let (context, far) = (Context::new().unwrap(), Context::new().unwrap());
    let mut pull = socket(&context, Kind::Pull);
    let mut monitor = pull.monitor().unwrap();
    open(&mut pull, true, &endpoint);
    let mut push = socket(&far, Kind::Push);
    open(&mut push, false, &endpoint);
    while rings() < 2 {
        push.send("hello").unwrap();
        pull.recv_deadline(soon()).unwrap();
    }
    push.send_part(Frame::from(FIRST_PART).with_more(true))
        .unwrap();
    push.send_part("the other").unwrap();
    let mut both = File::options();
    let memory = both.read(true).write(true).open("/proc/self/mem").unwrap();
    // The number of parts, and two lengths, stand before them.
    let count = find(&memory, FIRST_PART) - 16;
    memory.write_all_at(&u32::MAX.to_ne_bytes(), count).unwrap();
    // It waits as for any other message, reads nothing, and ends the connection. The other end makes another.
    let moment = || Instant::now() + Duration::from_millis(1);
    while !monitor.try_recv().is_ok_and(is_over) {
        let received = pull.recv_deadline(moment());
        assert!(matches!(received, Err(RecvError::TimedOut)));
    }
    drop(push);
    let mut other = socket(&far, Kind::Push);
    open(&mut other, false, &endpoint);
    other.send("goodbye").unwrap();
    assert_eq!(last(&pull.recv_deadline(soon()).unwrap()), b"goodbye");
}

/// Sends two parts, of which one is empty, takes the record back that has them, and goes back to ZMTP.
fn taker_back() {
    assert!(limit_descriptors(100));
    let mut push = socket(&Context::new().unwrap(), Kind::Push);
    open(&mut push, false, &arg(0));
    until_shared(&mut push, 1);
    push.send_part(Frame::new().with_more(true)).unwrap();
    push.send_part(BODY).unwrap();
    say("sent");
    assert_eq!(listen(), "begun");
    let mut both = File::options();
    let memory = both.read(true).write(true).open("/proc/self/mem").unwrap();
    let header = find(&memory, BODY) - 8;
    memory.write_all_at(&[0; 8], header).unwrap();
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    push.send(vec![1; 100_000]).unwrap();
    until_shared(&mut push, 0);
    say("back");
    assert_eq!(listen(), "end");
}

#[test]
fn a_message_that_has_begun_ends_whatever_its_sender_does() {
    const TEST: &str = "scribbles::a_message_that_has_begun_ends_whatever_its_sender_does";
    if role().is_some() {
        return taker_back();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let mut pull = socket(&Context::new().unwrap(), Kind::Pull);
    let mut monitor = pull.monitor().unwrap();
    open(&mut pull, true, &endpoint);
    let mut taker = Actor::start(&mut spawn_role(TEST, "taker", &[&endpoint]));
    assert_eq!(taker.hear(), "sent");
    let first = pull.recv_part().unwrap();
    assert!(first.is_empty() && first.more());
    taker.tell("begun");
    assert_eq!(taker.hear(), "back");
    let back = Carrier::Zmtp(ZmtpReason::RefusedByPeer(RefusalReason::Resources));
    while pull.connections()[0].carrier != back {
        std::thread::yield_now();
    }
    // What it has changed is its own affair, but the message ends, and so does the connection.
    assert!(!pull.try_recv_part().unwrap().more());
    // The taker may connect again at once.
    while !monitor.try_recv().is_ok_and(is_over) {
        // What has come by ZMTP is whole.
        let _ = pull.try_recv();
    }
    taker.tell("end");
    taker.finish();
}
