//! Messages that are longer than what the memory may hold.

use std::time::Duration;

use ringmq::{Carrier, Context, Frame, Kind, Message, Socket, ZmtpReason};
use ringmq_testing::{scope, soon, watchdog};

use crate::parts::{is_shared, last, rings, socket, until_shared};
use crate::places::Places;

const LIMIT: u64 = 256 << 10;

/// A sender with little memory, which binds or connects, and a receiver; what is sent from now on goes by shared memory.
fn pair(endpoint: &str, binds: bool) -> (Socket, Socket) {
    let context = Context::new().unwrap();
    let mut push = socket(&context, Kind::Push);
    let mut pull = socket(&context, Kind::Pull);
    push.change_options(|options| options.shared_limit(LIMIT))
        .unwrap();
    let (first, second) = if binds {
        (&mut push, &mut pull)
    } else {
        (&mut pull, &mut push)
    };
    first.bind(endpoint).unwrap();
    second.connect(endpoint).unwrap();
    // The other one goes over with the first message.
    until_shared(&mut push, 1);
    (push, pull)
}

#[test]
fn a_message_beyond_the_limit_goes_alone_and_whole() {
    let _guard = watchdog(Duration::from_secs(120));
    for binds in [false, true] {
        let places = Places::new();
        let (mut push, mut pull) = pair(&places.endpoint("s"), binds);
        // The first one of the direction, then between small ones, one behind the other, and in parts.
        let sizes = [3 << 20, 10, 1 << 20, 2 << 20, 64, 200_000, 5 << 20];
        scope(|scope| {
            scope.spawn(|| {
                for (number, size) in sizes.into_iter().enumerate() {
                    push.send(vec![number as u8; size]).unwrap();
                }
                let parts = [vec![1; 700_000], vec![], vec![2; 700_000]];
                push.send(parts.into_iter().map(Frame::from).collect::<Message>())
                    .unwrap();
                push.send("end").unwrap();
            });
            for (number, size) in sizes.into_iter().enumerate() {
                let message = pull.recv_deadline(soon()).unwrap();
                assert!(last(&message) == vec![number as u8; size], "{number}");
            }
            let message = pull.recv_deadline(soon()).unwrap();
            let lens: Vec<_> = message.iter().map(|part| part.len()).collect();
            assert_eq!(lens, [700_000, 0, 700_000]);
            assert_eq!(last(&pull.recv_deadline(soon()).unwrap()), b"end");
        });
        // The message did not make the connection fall back to ZMTP.
        assert_eq!(pull.connections()[0].carrier, Carrier::SharedMemory);
        assert_eq!(push.connections()[0].carrier, Carrier::SharedMemory);
        assert!(rings() > 0);
    }
}

/// Parts that are each too short for a block, and together too long for a record: two gigabytes of ring have no room for
/// them.
const PARTS: usize = 1100;
const PART: usize = 800_000;

#[test]
fn a_message_that_no_record_can_hold_goes_by_zmtp_with_all_of_its_parts() {
    let _guard = watchdog(Duration::from_secs(240));
    let places = Places::new();
    let (mut push, mut pull) = pair(&places.endpoint("s"), true);
    // So much takes a while on a busy machine: the watchdog is the limit.
    pull.set_recv_timeout(None);
    push.send("before").unwrap();
    scope(|scope| {
        scope.spawn(|| {
            let mut part = Frame::from(vec![7; PART]);
            part.share();
            let parts = std::iter::repeat_n(part, PARTS);
            push.send(parts.collect::<Message>()).unwrap();
            push.send("after").unwrap();
        });
        assert_eq!(last(&pull.recv().unwrap()), b"before");
        let message = pull.recv().unwrap();
        assert_eq!(message.len(), PARTS);
        assert!(message.iter().all(|part| part.len() == PART));
        assert_eq!(last(&pull.recv().unwrap()), b"after");
    });
    let why = Carrier::Zmtp(ZmtpReason::Resources);
    assert_eq!(push.connections()[0].carrier, why);
}

#[test]
#[ignore = "soak: a gigabyte"]
fn parts_that_no_record_can_hold_together_lie_in_blocks() {
    let _guard = watchdog(Duration::from_secs(120));
    let places = Places::new();
    let (mut push, mut pull) = pair(&places.endpoint("s"), true);
    push.send("short").unwrap();
    assert_eq!(last(&pull.recv_deadline(soon()).unwrap()), b"short");
    let parts = [vec![0; 500 << 20], vec![0; 500 << 20]];
    push.send(parts.into_iter().map(Frame::from).collect::<Message>())
        .unwrap();
    push.send("end").unwrap();
    let message = pull.recv_deadline(soon()).unwrap();
    let lens: Vec<_> = message.iter().map(|part| part.len()).collect();
    assert_eq!(lens, [500 << 20, 500 << 20]);
    assert_eq!(last(&pull.recv_deadline(soon()).unwrap()), b"end");
    assert_eq!(push.connections()[0].carrier, Carrier::SharedMemory);
}

const THOUSAND: usize = 1000;

/// The receiver, and the sender, which does not wait.
const PAIRS: [(Kind, Kind); 7] = [
    (Kind::Pull, Kind::Push),
    (Kind::Pair, Kind::Pair),
    (Kind::Dealer, Kind::Dealer),
    (Kind::Router, Kind::Dealer),
    (Kind::Dealer, Kind::Router),
    (Kind::Sub, Kind::Pub),
    (Kind::Sub, Kind::Xpub),
];

/// A thousand messages of so many bytes wait for a receiver that does nothing, as the mark of a thousand says.
fn a_thousand(kinds: (Kind, Kind), len: usize) {
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let mut to = socket(&Context::new().unwrap(), kinds.0);
    let mut from = socket(&Context::new().unwrap(), kinds.1);
    from.bind(&endpoint).unwrap();
    to.connect(&endpoint).unwrap();
    let mut id = None;
    if kinds.1 == Kind::Router {
        to.send("here").unwrap();
        id = from.recv_deadline(soon()).unwrap().into_iter().next();
    }
    let message = |body: Vec<u8>| {
        let id = id.clone().map(|id| id.with_more(true));
        id.into_iter().chain([body.into()]).collect::<Message>()
    };
    // Short messages until the connection is in shared memory. The receiver reads, or the offer would not come through.
    while to.try_recv().is_err() || !is_shared(&mut from) {
        drop(from.try_send(message(vec![])));
        std::thread::yield_now();
    }
    // Those that still wait count as messages, too: on a busy machine they have been up to a thousand. What the receiver
    // has taken and not yet reported is at most half of the mark of two thousand.
    while from.try_send(message(b"last".to_vec())).is_err() {
        drop(to.recv_deadline(soon()).unwrap());
    }
    while last(&to.recv_deadline(soon()).unwrap()) != b"last" {}
    for number in 0..THOUSAND {
        let sent = from.try_send(message(vec![number as u8; len]));
        assert!(sent.is_ok(), "{kinds:?}: {number}");
    }
    for number in 0..THOUSAND {
        let received = to.recv_deadline(soon()).unwrap();
        assert!(
            last(&received) == vec![number as u8; len],
            "{kinds:?}: {number}"
        );
    }
}

#[test]
fn a_thousand_long_messages_wait_of_either_side() {
    let _guard = watchdog(Duration::from_secs(120));
    for kinds in PAIRS {
        a_thousand(kinds, 64 << 10);
    }
}

#[test]
#[ignore = "soak: seven gigabytes, one after the other"]
fn a_thousand_messages_of_a_megabyte_wait_of_either_side() {
    let _guard = watchdog(Duration::from_secs(600));
    for kinds in PAIRS {
        a_thousand(kinds, 1 << 20);
    }
}
