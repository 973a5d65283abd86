//! Segments that hold nothing but a jump to the next one.

use std::time::{Duration, Instant};

use ringmq::{Interest, Item, Kind, Poller, RecvError};
use ringmq_testing::{Scratch, soon, watchdog};

use crate::by_hand::{
    ByHand, JUMP, LAST, POSITION, SEGMENT, bound, header, memory, serves_another, store,
};

/// Segments that are under way when the first look comes: as many as may wait for their receiver.
const STORM: usize = 16;

/// How the socket is looked at.
type Look = fn(&mut ringmq::Socket, Instant);

/// A look with a time limit that the storm lies within follows two jumps, and nothing after that.
#[test]
fn a_look_follows_two_jumps_and_no_more() {
    let _guard = watchdog(Duration::from_secs(60));
    let looks: [(&str, Look); 3] = [
        ("recv", |pull, until| {
            let came = pull.recv_deadline(until);
            assert!(matches!(came, Err(RecvError::TimedOut)), "{came:?}");
        }),
        ("poll", |pull, until| {
            let left = until.saturating_duration_since(Instant::now());
            let mut items = [Item::socket(pull, Interest::READABLE)];
            assert_eq!(Poller::new().wait(&mut items, Some(left)).unwrap(), 0);
        }),
        ("events", |pull, until| {
            while Instant::now() < until {
                assert!(!pull.events().unwrap().readable);
            }
        }),
    ];
    for (name, look) in looks {
        let scratch = Scratch::new();
        let (mut pull, path) = bound(&scratch, Kind::Pull);
        let mut peer = ByHand::connect(&path, "PUSH");
        // One segment for all of them.
        let jump = memory(SEGMENT);
        store(&jump, 0, header(JUMP, 0));
        let mut under_way = 0;
        while under_way < STORM && peer.try_send(&jump) {
            under_way += 1;
        }
        assert_eq!(under_way, STORM, "{under_way} segments under way");
        peer.set(crate::by_hand::SEGMENTS, 1);
        peer.bell.ring().unwrap();
        let mut followed = 0;
        while followed == 0 {
            look(&mut pull, Instant::now() + Duration::from_millis(50));
            followed = peer.seen(POSITION) / SEGMENT as u64;
        }
        println!("{name}: {followed} jumps of {under_way}");
        assert!(followed <= 2, "{name}: {followed} jumps of {under_way}");
        look(&mut pull, Instant::now() + Duration::from_millis(50));
        assert!(peer.seen(POSITION) / SEGMENT as u64 <= 2, "{name}");
        // Others are served meanwhile.
        serves_another(&mut pull, &path);
    }
}

/// Two jumps in a row are what an honest sender publishes at most: a message behind them comes.
#[test]
fn a_message_behind_two_jumps_comes() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (mut pull, path) = bound(&scratch, Kind::Pull);
    let mut peer = ByHand::connect(&path, "PUSH");
    let (jump, last) = (memory(SEGMENT), memory(SEGMENT));
    store(&jump, 0, header(JUMP, 0));
    store(&last, 8, u64::from_ne_bytes(*b"greeting"));
    store(&last, 0, header(LAST, 8));
    assert!(peer.try_send(&jump) && peer.try_send(&jump) && peer.try_send(&last));
    peer.set(crate::by_hand::SEGMENTS, 1);
    peer.bell.ring().unwrap();
    let message = pull.recv_deadline(soon()).unwrap();
    assert_eq!(message[0].as_slice(), b"greeting");
}

/// One segment more than may wait for the receiver ends the connection, and nothing else.
#[test]
fn segments_that_the_receiver_has_not_taken_are_few() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (mut pull, path) = bound(&scratch, Kind::Pull);
    let mut peer = ByHand::connect(&path, "PUSH");
    let segment = memory(SEGMENT);
    while peer.try_send(&segment) {
        std::thread::yield_now();
    }
    while !pull.connections().is_empty() {
        assert!(pull.try_recv().is_err());
    }
    serves_another(&mut pull, &path);
}
