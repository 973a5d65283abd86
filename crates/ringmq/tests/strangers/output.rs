//! A peer that sends and does not read: what it can cause to be written is bounded.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ringmq::Kind;
use ringmq_testing::{Scratch, watchdog, zmtp_greeting, zmtp_ready};

use super::{bound, frame};

/// Commands that the peer sends before it reads anything.
const COMMANDS: usize = 100_000;
/// Bytes that may come for all of them: what the kernel's buffers hold, 64 KiB of our own, and the greeting.
const MOST: usize = 1 << 20;
/// The context of the last PING. Its PONG is the last thing that comes.
const LAST: &[u8] = b"the last one";

/// The present version of the handoff.
const VERSION: u8 = 3;

/// A command frame.
fn command(name: &[u8], data: &[u8]) -> Vec<u8> {
    frame(4, &[&[name.len() as u8], name, data].concat())
}

/// A frame of the handoff: 32 bytes.
fn handoff(kind: u8, version: u8, slot: u32) -> Vec<u8> {
    let mut data = [0; 32];
    data[0] = kind;
    data[1] = version;
    data[16..20].copy_from_slice(&slot.to_le_bytes());
    command(b"X-RINGMQ-SHM", &data)
}

/// Sends the commands, all of them, and then reads. Returns what came.
fn exchange(path: &str, kind: &str, repeated: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(path).unwrap();
    let hello = [
        &zmtp_greeting(1)[..],
        &zmtp_ready(kind, &[("X-Ringmq-Shm", b"3")]),
    ]
    .concat();
    stream.write_all(&hello).unwrap();
    // In large writes, so that the peer always has something to read.
    let block = repeated.repeat(1000);
    for _ in 0..COMMANDS / 1000 {
        stream.write_all(&block).unwrap();
    }
    let ping = [b"\0\0", LAST].concat();
    stream.write_all(&command(b"PING", &ping)).unwrap();
    let pong = command(b"PONG", LAST);
    let (mut came, mut block) = (Vec::new(), vec![0; 64 << 10]);
    // An offer of shared memory may come behind it.
    while count(&came[came.len().saturating_sub(2 * block.len())..], &pong) == 0 {
        let read = stream.read(&mut block).unwrap();
        assert!(read > 0, "the connection ended after {} bytes", came.len());
        came.extend_from_slice(&block[..read]);
    }
    came
}

/// How often this stands in what came.
fn count(came: &[u8], what: &[u8]) -> usize {
    came.windows(what.len())
        .filter(|window| *window == what)
        .count()
}

#[test]
fn a_peer_that_does_not_read_causes_no_output_without_end() {
    let _guard = watchdog(Duration::from_secs(120));
    let scratch = Scratch::new();
    let refuse = handoff(3, VERSION, 0);
    let before_reason = &refuse[..refuse.len() - 28];
    let cases: [(&str, Vec<u8>); 8] = [
        ("PING", command(b"PING", b"\0\0a context of 16.")),
        ("PONG", command(b"PONG", b"")),
        ("unknown", command(b"FOO", b"bar")),
        ("handoff: kind", handoff(99, VERSION, 0)),
        ("handoff: version", handoff(1, VERSION - 1, 0x200)),
        ("handoff: empty", command(b"X-RINGMQ-SHM", b"")),
        ("handoff: no descriptors", handoff(1, VERSION, 0x200)),
        ("handoff: slot", handoff(1, VERSION, 7)),
    ];
    for (index, (name, repeated)) in cases.iter().enumerate() {
        let path = scratch.path(&index.to_string());
        let _pull = bound(Kind::Pull, &format!("ipc://{path}"));
        let came = exchange(&path, "PUSH", repeated);
        let refusals = count(&came, before_reason);
        println!("{name}: {} bytes, {refusals} refusals", came.len());
        assert!(came.len() <= MOST, "{name}: {} bytes", came.len());
        // Only a peer that offers the present version is refused anything.
        let refused = usize::from(name.starts_with("handoff"));
        assert_eq!(refusals, refused, "{name}");
    }
}
