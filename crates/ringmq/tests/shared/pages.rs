//! What a socket shows to all of its peers.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use ringmq::{Context, Kind};
use ringmq_testing::{soon, watchdog};

use crate::parts::{is_shared, last, socket};
use crate::places::Places;

/// A byte of all messages. No count, position or CPU number consists of it.
const PAYLOAD: u8 = 0xd7;

/// The bytes of all mappings of pages.
fn shown() -> Vec<Vec<u8>> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let memory = File::open("/proc/self/mem").unwrap();
    let pages = maps
        .lines()
        .filter(|line| line.contains("/memfd:ringmq-socket"));
    pages
        .map(|line| {
            let (range, _) = line.split_once(' ').unwrap();
            let (from, to) = range.split_once('-').unwrap();
            let [from, to] = [from, to].map(|at| u64::from_str_radix(at, 16).unwrap());
            let mut bytes = vec![0; (to - from) as usize];
            memory.read_exact_at(&mut bytes, from).unwrap();
            bytes
        })
        .collect()
}

#[test]
fn a_page_shows_words_of_connections_and_no_payload() {
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut dealer = socket(&context, Kind::Dealer);
    dealer.bind(&endpoint).unwrap();
    let others = Context::new().unwrap();
    let mut peers: Vec<_> = (0..3).map(|_| socket(&others, Kind::Dealer)).collect();
    for peer in &mut peers {
        peer.connect(&endpoint).unwrap();
    }
    // As long as a word, inline, and in a segment of its own.
    for len in [8, 40, 1000, 300_000] {
        let message = vec![PAYLOAD; len];
        let mut all_shared = false;
        while !all_shared {
            for peer in &mut peers {
                peer.send(message.clone()).unwrap();
                assert_eq!(last(&dealer.recv_deadline(soon()).unwrap()), message);
            }
            for _ in 0..peers.len() {
                dealer.send(message.clone()).unwrap();
            }
            for peer in &mut peers {
                assert_eq!(last(&peer.recv_deadline(soon()).unwrap()), message);
            }
            all_shared = peers.iter_mut().all(is_shared);
        }
        let pages = shown();
        // The page of each socket, as it is mapped by itself and by each peer.
        assert!(pages.len() >= 8, "{} pages", pages.len());
        for page in &pages {
            // The words of connections are there,
            assert!(page.iter().any(|byte| *byte != 0));
            // and four bytes of payload in a row are not.
            assert!(!page.windows(4).any(|bytes| bytes == [PAYLOAD; 4]));
        }
    }
}
