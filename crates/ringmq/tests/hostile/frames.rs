//! SEGMENT frames that bring no descriptor, one behind the other.

use std::time::{Duration, Instant};

use ringmq::{EventKind, Interest, Item, Kind, Poller, Socket};
use ringmq_testing::{Counters, Scratch, in_own_process, watchdog};

use crate::by_hand::{ByHand, SEGMENTS, bound, serves_another};

/// Segments that may wait for their receiver.
const MOST: u64 = 16;

/// What the application does until the connection has ended.
type Habit = fn(&mut Socket);

const HABITS: [(&str, Habit); 3] = [
    ("nothing", |_| std::thread::yield_now()),
    ("receives", |pull| {
        let moment = Instant::now() + Duration::from_millis(1);
        assert!(pull.recv_deadline(moment).is_err());
    }),
    ("polls", |pull| {
        let mut items = [Item::socket(pull, Interest::READABLE)];
        let moment = Some(Duration::from_millis(1));
        assert_eq!(Poller::new().wait(&mut items, moment).unwrap(), 0);
    }),
];

/// Which number the next frame has, and whether the memory is said to be there.
#[derive(Debug, Clone, Copy)]
struct Flood {
    number: fn(u64) -> u64,
    announced: bool,
    /// The first frame that can end the connection.
    ends: u64,
}

const FLOODS: [(&str, Flood); 4] = [
    (
        "in order",
        Flood {
            number: |sent| sent,
            announced: false,
            ends: MOST + 1,
        },
    ),
    (
        "in order, and announced",
        Flood {
            number: |sent| sent,
            announced: true,
            ends: 1,
        },
    ),
    (
        "the first one again",
        Flood {
            number: |_| 0,
            announced: false,
            ends: 2,
        },
    ),
    (
        "the last one",
        Flood {
            number: |_| u64::MAX,
            announced: false,
            ends: 1,
        },
    ),
];

/// Waits for the event that a connection has ended.
fn until_disconnected(monitor: &mut ringmq::Monitor) {
    while !matches!(monitor.recv().unwrap().kind, EventKind::Disconnected { .. }) {}
}

#[test]
fn segments_without_descriptors_end_their_connection() {
    const TEST: &str = "frames::segments_without_descriptors_end_their_connection";
    in_own_process(TEST, || {
        let _guard = watchdog(Duration::from_secs(60));
        for ((name, flood), (habit, call)) in FLOODS
            .iter()
            .flat_map(|flood| HABITS.map(|habit| (flood, habit)))
        {
            println!("{name}, {habit}");
            let scratch = Scratch::new();
            let (mut pull, path) = bound(&scratch, Kind::Pull);
            let mut monitor = pull.monitor().unwrap();
            let peer = ByHand::connect(&path, "PUSH");
            while pull.connections().is_empty() {
                std::thread::yield_now();
            }
            let before = Counters::now();
            if flood.announced {
                peer.set(SEGMENTS, 1);
                peer.bell.ring().unwrap();
            }
            let mut sent = 0;
            while !peer.is_closed() {
                sent += u64::from(peer.try_send_bare((flood.number)(sent)));
                call(&mut pull);
            }
            // More may have been written than was read.
            assert!(sent >= flood.ends, "{sent}");
            until_disconnected(&mut monitor);
            while !pull.connections().is_empty() {
                assert!(pull.try_recv().is_err());
            }
            let after = Counters::now();
            assert!(
                after.fds <= before.fds && after.maps <= before.maps + 2,
                "{before:?}, {after:?}"
            );
            assert!(
                after.rss_kib <= before.rss_kib + (4 << 10),
                "{before:?}, {after:?}"
            );
            // Others are served.
            serves_another(&mut pull, &path);
        }
    });
}
