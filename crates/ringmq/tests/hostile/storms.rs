//! A peer that rings our doorbell all the time, or asks by RING frames that our I/O thread does.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ringmq::{Context, Interest, Item, Kind, Poller, RecvError, SendError, Socket, Wait};
use ringmq_testing::{Activity, Counters, Scratch, in_own_process, soon, thread_id, watchdog};

use crate::by_hand::{ByHand, RECEIVING_MARK, bound};

const LIMIT: Duration = Duration::from_millis(500);
/// How much more the process may hold after a storm, in KiB: the bytes of one that were kept would be more.
const MEMORY: u64 = 8 << 10;

/// Rings some times; returns how often.
type Ring = fn(&mut ByHand) -> u64;

const WAYS: [(&str, Ring); 2] = [
    ("by the doorbell", |peer| {
        peer.bell.ring().unwrap();
        1
    }),
    ("by frames", ByHand::ring_by_frames),
];

/// Rings as fast as possible until the sender is dropped. Returns after the first ring. The thread returns the number
/// of rings.
fn storm(mut peer: ByHand, ring: Ring) -> (mpsc::Sender<()>, thread::JoinHandle<u64>) {
    let (stop, stopped) = mpsc::channel();
    let (begun, begins) = mpsc::channel();
    let storming = thread::spawn(move || {
        let mut rings = 0;
        while rings == 0 {
            rings += ring(&mut peer);
        }
        begun.send(()).unwrap();
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            rings += ring(&mut peer);
        }
        rings
    });
    begins.recv().unwrap();
    (stop, storming)
}

/// A call that waits until this time, in vain.
type Call = fn(&mut Socket, Instant);

fn receive(socket: &mut Socket, until: Instant) {
    let came = socket.recv_deadline(until);
    assert!(matches!(came, Err(RecvError::TimedOut)), "{came:?}");
}

fn poll(socket: &mut Socket, until: Instant) {
    let left = until.saturating_duration_since(Instant::now());
    let mut items = [Item::socket(socket, Interest::READABLE)];
    assert_eq!(Poller::new().wait(&mut items, Some(left)).unwrap(), 0);
}

fn send(socket: &mut Socket, until: Instant) {
    // What is full by ZMTP has room when it goes over.
    while let Ok(()) = socket.send_deadline("full", until) {}
    let sent = socket.send_deadline("full", until).unwrap_err();
    assert!(matches!(sent.reason, SendError::TimedOut), "{sent:?}");
}

/// A call ends at its deadline, not when the storm does, and costs little until then: each wake-up without news is
/// followed by a pause of a millisecond.
#[test]
fn calls_bear_a_storm() {
    const TEST: &str = "storms::calls_bear_a_storm";
    in_own_process(TEST, || {
        let _guard = watchdog(Duration::from_secs(60));
        let calls: [(&str, Kind, &str, Call); 3] = [
            ("recv", Kind::Pull, "PUSH", receive),
            ("poll", Kind::Pull, "PUSH", poll),
            ("send", Kind::Push, "PULL", send),
        ];
        let all = WAYS.iter().flat_map(|way| calls.map(|call| (way, call)));
        for ((way, ring), (name, kind, peer_kind, call)) in all {
            for wait in [Wait::Park, Wait::Adaptive] {
                let scratch = Scratch::new();
                let (mut socket, path) = bound(&scratch, kind);
                socket.set_wait(wait);
                let peer = ByHand::connect(&path, peer_kind);
                peer.set(RECEIVING_MARK, 10);
                // Until the socket shows its sleep to this peer.
                call(&mut socket, Instant::now() + Duration::from_millis(20));
                let memory = Counters::now().rss_kib;
                let (stop, storming) = storm(peer, *ring);
                let activity = || Activity::of(std::process::id(), thread_id());
                let (start, before) = (Instant::now(), activity());
                call(&mut socket, start + LIMIT);
                let (waited, after) = (start.elapsed(), activity());
                drop(stop);
                let rings = storming.join().unwrap();
                let more = Counters::now().rss_kib.saturating_sub(memory);
                let spent = Duration::from_nanos(after.nanos - before.nanos);
                let slept = after.sleeps - before.sleeps;
                println!(
                    "{name}, {wait:?}, {way}: {rings} rings, {slept} sleeps, {spent:?} of {waited:?}, {more} KiB"
                );
                assert!(waited >= LIMIT);
                // Otherwise there was no storm.
                assert!(rings > 10_000, "{rings} rings");
                assert!(
                    slept <= 2 * waited.as_millis() as u64 + 100,
                    "{slept} sleeps"
                );
                assert!(spent < waited / 4, "{name}: {spent:?} of {waited:?}");
                assert!(more < MEMORY, "{name}: {more} KiB");
            }
        }
    });
}

/// Messages of an honest peer come through a storm of another.
#[test]
fn messages_come_through_a_storm() {
    let _guard = watchdog(Duration::from_secs(120));
    for ((_, ring), polls) in WAYS.iter().flat_map(|way| [(way, false), (way, true)]) {
        let scratch = Scratch::new();
        let (mut pull, path) = bound(&scratch, Kind::Pull);
        pull.set_wait(Wait::Park);
        let (stop, storming) = storm(ByHand::connect(&path, "PUSH"), *ring);
        let mut push = Context::new().unwrap().socket(Kind::Push).unwrap();
        push.connect(&format!("ipc://{path}")).unwrap();
        let (next, wanted) = mpsc::channel();
        // Each is sent when the one before has come, so that each is waited for.
        let sending = thread::spawn(move || {
            for number in wanted {
                let number: u64 = number;
                push.send(number.to_string()).unwrap();
            }
        });
        let mut poller = Poller::new();
        for number in 0..300 {
            next.send(number).unwrap();
            if polls {
                let mut items = [Item::socket(&mut pull, Interest::READABLE)];
                assert_eq!(poller.wait(&mut items, None).unwrap(), 1);
            }
            let message = pull.recv_deadline(soon()).unwrap();
            assert_eq!(message[0].as_slice(), number.to_string().as_bytes());
        }
        drop((next, stop));
        sending.join().unwrap();
        assert!(storming.join().unwrap() > 0);
    }
}
