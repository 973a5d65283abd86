//! Memory of a peer that is not what it should be ends the connection, and nothing else.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use ringmq::{Context, Frame, Kind, MonitorEvent, Occurrence, RecvError};
use ringmq_testing::{Scratch, watchdog};

use crate::parts::{last, open, rings, socket, soon};

const FIRST_PART: &[u8] = b"the first of two parts";

/// Where the parts of the message begin in memory that a socket of this process sends by.
fn find_parts(memory: &File) -> u64 {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let writable = |line: &&str| line.contains("/memfd:ringmq-ring") && line.contains(" rw-s ");
    for line in maps.lines().filter(writable) {
        let (range, _) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let number = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = vec![0; (number(end) - number(start)) as usize];
        memory.read_exact_at(&mut bytes, number(start)).unwrap();
        let mut windows = bytes.windows(FIRST_PART.len());
        if let Some(at) = windows.position(|window| window == FIRST_PART) {
            return number(start) + at as u64;
        }
    }
    panic!("nothing was sent by shared memory");
}

#[test]
fn a_message_of_impossible_parts_ends_its_connection_only() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("s"));
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
    let count = find_parts(&memory) - 16;
    memory.write_all_at(&u32::MAX.to_ne_bytes(), count).unwrap();
    // It waits as for any other message, reads nothing, and ends the connection. The other end makes another.
    let moment = || Instant::now() + Duration::from_millis(1);
    let is_over = |event: MonitorEvent| matches!(event.occurrence, Occurrence::Disconnected { .. });
    while !monitor.try_recv().is_ok_and(is_over) {
        let received = pull.recv_deadline(moment());
        assert!(matches!(received, Err(RecvError::WouldBlock)));
    }
    drop(push);
    let mut other = socket(&far, Kind::Push);
    open(&mut other, false, &endpoint);
    other.send("goodbye").unwrap();
    assert_eq!(last(&pull.recv_deadline(soon()).unwrap()), b"goodbye");
}
