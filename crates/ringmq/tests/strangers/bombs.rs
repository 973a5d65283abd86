//! Sizes that are announced, and do not come: they cost no memory.

use std::io::Write;
use std::time::Duration;

use ringmq::Kind;
use ringmq_testing::{Counters, Scratch, in_own_process, soon, watchdog};

use super::{PING, Stream, bound, head, hear_pong, peer, until_closed};

/// The largest size that a frame can have.
const MOST: u64 = i64::MAX as u64;
/// Strangers of each kind.
const EACH: usize = 8;
/// What a process may hold more: its allocator's affair.
const SLACK_KIB: u64 = 1024;

/// Says something behind whose answer all of it was read.
fn say_and_hear(endpoint: &str, bytes: &[u8]) -> Box<dyn Stream> {
    let mut stream = peer(endpoint, "PUSH");
    // One write, and one read: the answer comes when all of that was decoded.
    stream.write_all(&[PING, bytes].concat()).unwrap();
    hear_pong(&mut *stream);
    stream
}

fn rss() -> u64 {
    Counters::now().rss_kib
}

/// Runs in a process of its own, so that its memory use is that of this test.
fn receives() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    for endpoint in ["tcp://127.0.0.1:*", &format!("ipc://{}", scratch.path("s"))] {
        let pull = bound(Kind::Pull, endpoint);
        let endpoint = pull.last_endpoint().to_owned();
        // What connections cost without bombs.
        let silent = |_| say_and_hear(&endpoint, b"");
        let warm: Vec<_> = (0..3 * EACH).map(silent).collect();
        let before = rss();
        for size in [1 << 30, 1 << 40, MOST] {
            let long = |_| say_and_hear(&endpoint, &head(0, size));
            let bombs: Vec<_> = (0..EACH).map(long).collect();
            let after = rss();
            assert!(
                after < before + SLACK_KIB,
                "{size}: {before} KiB, {after} KiB"
            );
            drop(bombs);
        }
        drop(warm);
        // What has come is kept, and not much more.
        let mut half = peer(&endpoint, "PUSH");
        let before = rss();
        half.write_all(&head(0, MOST)).unwrap();
        for _ in 0..4 {
            half.write_all(&vec![1; 1 << 20]).unwrap();
        }
        let after = rss();
        assert!(
            after < before + 3 * (4 << 10) + SLACK_KIB,
            "{before} KiB, {after} KiB"
        );
    }
}

#[test]
fn a_size_alone_costs_no_memory() {
    const TEST: &str = "bombs::a_size_alone_costs_no_memory";
    in_own_process(TEST, receives);
}

/// The head alone ends the connection; what came before it is received, and so is what others send.
#[test]
fn whatever_is_too_long_ends_its_connection_before_it_comes() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut pull = bound(Kind::Pull, "tcp://127.0.0.1:*");
    pull.change_options(|options| options.max_message(1000))
        .unwrap();
    pull.bind("tcp://127.0.0.1:*").unwrap();
    let limited = pull.last_endpoint().to_owned();
    let mut good = peer(&limited, "PUSH");
    let too_long = [
        head(0, 1001),
        head(1, MOST),
        // No size at all.
        head(0, 1 << 63),
        head(0, u64::MAX),
        // Commands have a limit of their own.
        head(4, (64 << 10) + 1),
        head(4, MOST),
        head(4, u64::MAX),
        // A name that is longer than its command, and none.
        b"\x04\x03\xffab".to_vec(),
        b"\x04\x01\x00".to_vec(),
    ];
    for bytes in too_long {
        let mut stream = say_and_hear(&limited, b"");
        stream.write_all(b"\x00\x01x").unwrap();
        // It may be closed before it has said all.
        let _ = stream.write_all(&bytes);
        until_closed(&mut *stream);
        assert_eq!(pull.recv_deadline(soon()).unwrap()[0].as_slice(), b"x");
        good.write_all(&[&head(0, 1000)[..], &[7; 1000]].concat())
            .unwrap();
        assert_eq!(pull.recv_deadline(soon()).unwrap()[0].as_slice(), [7; 1000]);
    }
    assert!(pull.try_recv().is_err());
}

/// Parts without bytes and subscriptions between two parts, without end: both are kept until the message ends.
#[test]
fn a_message_without_end_ends_its_connection() {
    let _guard = watchdog(Duration::from_secs(120));
    let subscription = b"\x04\x11\x09SUBSCRIBE1234567";
    let bombs: [(Kind, &str, &[u8]); 3] = [
        (Kind::Pull, "PUSH", b"\x01\x00"),
        (Kind::Xpub, "SUB", b"\x01\x00"),
        (Kind::Pub, "SUB", subscription),
    ];
    for (kind, peer_kind, bytes) in bombs {
        let socket = bound(kind, "tcp://127.0.0.1:*");
        let mut stream = peer(socket.last_endpoint(), peer_kind);
        stream.write_all(b"\x01\x01x").unwrap();
        let block = bytes.repeat(32_000);
        // It is closed before this has said all.
        let mut sent = 0;
        while sent < 1 << 30 && stream.write_all(&block).is_ok() {
            sent += block.len();
        }
        assert!(sent < 1 << 30, "{kind:?}: {sent} bytes taken");
        until_closed(&mut *stream);
    }
}
