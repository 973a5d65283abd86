//! A peer that does not close its stream when it hears the end.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ringmq::Kind;
use ringmq_testing::{Activity, Scratch, watchdog, zmtp_greeting};

use super::{bound, frame};

/// How long the I/O thread is watched. It waits one second for the peer to close.
const WATCHED: Duration = Duration::from_millis(100);
/// Times that it is: the offer may be made before the socket closes.
const ROUNDS: usize = 8;

/// The I/O threads of this process.
fn io_threads() -> HashSet<u32> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.map(|task| task.unwrap().path());
    names
        .filter(|path| {
            fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "ringmq io\n")
        })
        .map(|path| path.file_name().unwrap().to_str().unwrap().parse().unwrap())
        .collect()
}

/// The least time in nanoseconds that one of these threads runs while it is watched.
fn least_work(threads: &HashSet<u32>) -> u64 {
    let process = std::process::id();
    let looks = |thread: &u32| Activity::of(process, *thread).nanos;
    let before: Vec<u64> = threads.iter().map(looks).collect();
    // The time in which their work is measured.
    std::thread::sleep(WATCHED);
    let after = threads.iter().map(looks);
    after
        .zip(before)
        .map(|(after, before)| after - before)
        .min()
        .unwrap()
}

#[test]
fn a_session_that_waits_for_its_peer_to_close_sleeps() {
    let _guard = watchdog(Duration::from_secs(60));
    for _ in 0..ROUNDS {
        one_that_waits();
    }
}

fn one_that_waits() {
    let scratch = Scratch::new();
    let path = scratch.path("s");
    let others = io_threads();
    let mut push = bound(Kind::Push, &format!("ipc://{path}"));
    let mut stream = UnixStream::connect(&path).unwrap();
    // It can share memory, so that an offer is due soon after the handshake; the socket closes before that.
    let mut ready = b"\x05READY\x0bSocket-Type\0\0\0\x04PULL".to_vec();
    ready.extend_from_slice(b"\x0cX-Ringmq-Shm\0\0\0\x013");
    let hello = [&zmtp_greeting(1)[..], &frame(4, &ready)].concat();
    stream.write_all(&hello).unwrap();
    push.send("hello").unwrap();
    // It is the last of its context, which waits for the session.
    let closes = std::thread::spawn(move || drop(push));
    let mut came = Vec::new();
    stream.read_to_end(&mut came).unwrap();
    // An offer may come behind it.
    assert!(came.windows(5).any(|bytes| bytes == b"hello"));
    let work = least_work(&(&io_threads() - &others));
    assert!(work < WATCHED.as_nanos() as u64 / 10, "{work} ns");
    drop(stream);
    closes.join().unwrap();
}
