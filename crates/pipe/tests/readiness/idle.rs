//! A poll sleeps while nothing happens, and is woken once for each event at most.

use std::time::Duration;

use ringmq_pipe::{Options, RecvError, SendError, Wait};
use ringmq_testing::{Activity, Random, role, thread_id, watchdog};

use crate::ends::{STRATEGIES, arg, join, meet, name_of, wait_named};
use crate::events::{Edges, poll};
use crate::faces::{Give, Take};

/// How long nothing happens.
const IDLE: Duration = Duration::from_millis(200);
/// Of which so much may go by on a CPU.
const BUSY: u64 = 20_000_000;
/// Messages of which each may wake its receiver.
const MESSAGES: u64 = 2000;
/// Wake-ups beside those: the first look, and the end (which is a record, a ring and a hang-up).
const FEW: u64 = 4;

fn options(wait: Wait) -> Options {
    Options::new().capacity(4096).wait(wait)
}

/// Nothing comes and nothing is taken: poll and epoll time out, and the thread has slept all the time.
#[test]
fn an_idle_descriptor_wakes_no_thread() {
    const TEST: &str = "idle::an_idle_descriptor_wakes_no_thread";
    if role().is_some() {
        let _pipe = join(&options(wait_named(&arg(0))));
        ringmq_testing::listen();
        return;
    }
    let _guard = watchdog(Duration::from_secs(20));
    for wait in STRATEGIES {
        let (mut pipe, mut actor) = meet(TEST, "idler", &[name_of(wait)], &options(wait));
        let (room, data) = (Edges::of(pipe.sender()), Edges::of(pipe.receiver()));
        assert!(room.take() && data.take());
        Give::Send.fill(pipe.sender(), &[0; 100]);
        assert!(Take::Recv.finds_nothing(pipe.receiver()));

        let activity = || Activity::of(std::process::id(), thread_id());
        let before = activity();
        assert!(!poll(pipe.receiver(), Some(IDLE)), "{wait:?}");
        assert!(!poll(pipe.sender(), Some(IDLE)), "{wait:?}");
        assert!(!data.wait(Some(IDLE)), "{wait:?}");
        assert!(!room.wait(Some(IDLE)), "{wait:?}");
        let nanos = activity().nanos - before.nanos;
        assert!(nanos < BUSY, "{wait:?}: {nanos} ns on a CPU");
        actor.tell("enough");
        actor.finish();
    }
}

/// A receiver that polls, and takes all that is there, wakes up once for each message at the most.
#[test]
fn messages_wake_a_receiver_once_each() {
    const TEST: &str = "idle::messages_wake_a_receiver_once_each";
    if role().is_some() {
        let mut pipe = join(&options(wait_named(&arg(0))));
        let mut random = Random::new(0);
        for number in 0..MESSAGES {
            random.dawdle(Duration::from_micros(50));
            pipe.sender().send(&number.to_le_bytes()).unwrap();
        }
        return;
    }
    let _guard = watchdog(Duration::from_secs(20));
    for wait in STRATEGIES {
        for edge in [false, true] {
            let (mut pipe, actor) = meet(TEST, "sender", &[name_of(wait)], &options(wait));
            let edges = edge.then(|| Edges::of(pipe.receiver()));
            let (mut wakes, mut came, mut message) = (0, 0u64, Vec::new());
            let end = loop {
                let woken = match &edges {
                    Some(edges) => edges.wait(None),
                    None => poll(pipe.receiver(), None),
                };
                wakes += u64::from(woken);
                let outcome = loop {
                    match pipe.receiver().try_recv(&mut message) {
                        Ok(()) => assert_eq!(message, came.to_le_bytes()),
                        Err(error) => break error,
                    }
                    came += 1;
                };
                if !matches!(outcome, RecvError::WouldBlock) {
                    break outcome;
                }
            };
            assert!(matches!(end, RecvError::Closed), "{end}");
            println!("{wait:?}, edges: {edge}: {came} messages, {wakes} wake-ups");
            assert_eq!(came, MESSAGES);
            assert!(wakes <= MESSAGES + FEW, "{wait:?}: {wakes} wake-ups");
            actor.finish();
        }
    }
}

/// A sender that polls, and sends all that it can, wakes up no more often than there is an eighth of room.
#[test]
fn room_wakes_a_sender_once_for_each_eighth() {
    const TEST: &str = "idle::room_wakes_a_sender_once_for_each_eighth";
    const LEN: u64 = 120;
    if role().is_some() {
        let mut pipe = join(&options(wait_named(&arg(0))));
        let (mut random, mut message) = (Random::new(0), Vec::new());
        while pipe.receiver().recv(&mut message).is_ok() {
            random.dawdle(Duration::from_micros(20));
        }
        return;
    }
    let _guard = watchdog(Duration::from_secs(20));
    for wait in STRATEGIES {
        for edge in [false, true] {
            let (mut pipe, actor) = meet(TEST, "receiver", &[name_of(wait)], &options(wait));
            let edges = edge.then(|| Edges::of(pipe.sender()));
            let (mut wakes, mut sent) = (0, 0);
            while sent < MESSAGES {
                match pipe.sender().try_send(&[0; LEN as usize]) {
                    Ok(()) => sent += 1,
                    Err(SendError::WouldBlock) => {
                        wakes += u64::from(match &edges {
                            Some(edges) => edges.wait(None),
                            None => poll(pipe.sender(), None),
                        });
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            // A record has a header of 8 bytes; pads come on top, less than a record in each lap.
            let eighths = sent * (LEN + 8) * 8 / 4096;
            println!("{wait:?}, edges: {edge}: {eighths} eighths, {wakes} wake-ups");
            let laps = eighths / 8;
            assert!(wakes <= eighths + laps + FEW, "{wait:?}: {wakes} wake-ups");
            drop(pipe);
            actor.finish();
        }
    }
}
