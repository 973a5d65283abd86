//! The secrets of a connection are wiped from memory with it, finished or not.
//!
//! The test reads the memory of its own process, and looks for the bytes that the server took as random.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the other tests")]
mod invariants;
#[allow(dead_code, reason = "shared with the other tests")]
mod secured;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use invariants::receive_all;
use ringmq_zmtp::{Connection, Mechanism};
use secured::{Recorded, split};

const CONNECTIONS: usize = 20;
/// What a function may have left in its part of the stack.
const LEFT: usize = 4;

/// The byte at `at` of each secret. The secret itself stands in no other memory than where it is in use.
fn byte(at: usize) -> u8 {
    (at as u8).wrapping_mul(167) ^ 0x5b
}

/// How often a secret, or the second half of one, is in the memory that this process can write.
fn found() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let memory = File::open("/proc/self/mem").unwrap();
    let mut count = 0;
    let mut piece = vec![0; 1 << 16];
    for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
        let (range, _) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        for at in (start..end).step_by(piece.len() - 32) {
            let len = piece.len().min((end - at) as usize);
            // Some mappings cannot be read.
            let Ok(len) = memory.read_at(&mut piece[..len], at) else {
                break;
            };
            let is_half = |window: &[u8]| (0..16).all(|at| window[at] == byte(16 + at));
            count += piece[..len]
                .windows(16)
                .filter(|window| is_half(window))
                .count();
            // What was read is not to be found again.
            piece.fill(0);
        }
    }
    count
}

fn server() -> Connection {
    let mut settings = Recorded::dealer().settings(true);
    let Mechanism::CurveServer(config) = &mut settings.mechanism else {
        panic!("it is a server of CURVE");
    };
    config.random = |bytes| {
        for (at, own) in bytes.iter_mut().enumerate() {
            *own = byte(at);
        }
        Ok(())
    };
    Connection::new(settings, Duration::ZERO)
}

#[test]
fn cookie_keys_and_short_keys_are_wiped_with_the_connection() {
    let said = Recorded::dealer().client_said();
    let (greeting, frames) = split(&said);
    let hello = [greeting, frames[0]].concat();
    // Peers that stop after HELLO, and in the middle of INITIATE, and one whose INITIATE is wrong.
    let half = [&hello, &frames[1][..100]].concat();
    let whole = [&hello[..], frames[1]].concat();
    assert!(found() <= LEFT);
    let mut all = Vec::new();
    for said in [hello, half, whole] {
        let mut servers: Vec<_> = (0..CONNECTIONS).map(|_| server()).collect();
        for server in &mut servers {
            let (events, _) = receive_all(server, &said);
            assert_eq!(events, []);
        }
        let there = found();
        drop(servers);
        let left = found();
        assert!(left <= LEFT, "{left} of {there} are left");
        all.push(there);
    }
    // While the cookie may still come: its key, and the short secret key, of each.
    assert!(
        all[0] >= 2 * CONNECTIONS && all[1] >= 2 * CONNECTIONS,
        "{all:?}"
    );
}
