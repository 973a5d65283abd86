//! A sender that is killed after every single instruction: what it has published is whole, and nothing
//! of what it has not is there.

use std::panic::catch_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ringmq_pipe::{Listener, Options, Receiver, RecvError, SendError};
use ringmq_testing::{Tracee, abstract_name, stop, thread_id, until_asleep, watchdog};

use crate::ways::{CAPACITY, IN_TWO_STEPS, WAYS, Way};

/// The child: sends one thing in one way, between two stops.
fn send(way: &Way, address: &str) {
    let mut pipe = way.options().connect(address).unwrap();
    let before = way.messages_before();
    for number in 0..way.before {
        pipe.sender().send(&before.get(number)).unwrap();
    }
    let messages = way.all_messages();
    stop();
    way.send(&mut pipe, &messages);
    stop();
}

/// Everything that comes until the peer is dead.
fn receive_rest(receiver: &mut Receiver) -> Vec<Vec<u8>> {
    let mut came = Vec::new();
    loop {
        let mut message = Vec::new();
        match receiver.recv(&mut message) {
            Ok(()) => came.push(message),
            Err(RecvError::PeerDied) => return came,
            Err(error) => panic!("{error}, after {} messages", came.len()),
        }
    }
}

/// Kills a sender after so many steps, or where it is done; returns what came of it, and how many steps
/// it took.
fn kill_after(way: &Way, listener: &mut Listener, steps: u64) -> (Vec<Vec<u8>>, u64) {
    let address = listener.address();
    let mut tracee = Tracee::fork(|| send(way, &address));
    let mut receiver = listener.accept().unwrap().split().1;
    tracee.until_stop();
    let mut message = Vec::new();
    for number in 0..way.before {
        receiver.recv(&mut message).unwrap();
        way.messages_before().check(number, &message);
    }
    if way.to_sleeper {
        let (told, number) = mpsc::channel();
        let receiving = thread::spawn(move || {
            told.send(thread_id()).unwrap();
            receive_rest(&mut receiver)
        });
        until_asleep(std::process::id(), number.recv().unwrap());
        let taken = tracee.step_on(steps);
        tracee.kill();
        return (receiving.join().unwrap(), taken);
    }
    let taken = tracee.step_on(steps);
    tracee.kill();
    (receive_rest(&mut receiver), taken)
}

/// Kills a sender after every `stride`th step.
fn kill_everywhere(way: &Way, stride: u64) {
    let mut listener = Listener::bind(&abstract_name("stepped"), &way.options()).unwrap();
    let whole = way.all_messages();
    let (all, last) = kill_after(way, &mut listener, u64::MAX);
    assert_eq!(all, whole, "{}: undisturbed", way.name);
    let (mut empty, mut full) = (0, 0);
    for steps in (0..last).step_by(stride as usize) {
        let (came, taken) = kill_after(way, &mut listener, steps);
        // The way is not always the same: it depends on the CPU that one runs on, for instance.
        assert!(taken <= steps);
        if came.is_empty() {
            empty += 1;
        } else {
            assert!(
                came == whole,
                "{}: torn after {steps} steps: {came:?}",
                way.name
            );
            full += 1;
        }
    }
    println!(
        "{}: {last} steps; nothing came {empty} times, everything {full} times",
        way.name
    );
    assert!(empty > 0 && full > 0, "{}: {empty} and {full}", way.name);
}

fn kill_senders(limit: Duration, ways: &[(&str, u64)]) {
    for (name, stride) in ways {
        let _guard = watchdog(limit);
        kill_everywhere(Way::named(name), *stride);
    }
}

#[test]
fn a_killed_sender_leaves_whole_messages() {
    let ways = [
        ("small", 1),
        ("behind a pad", 1),
        ("claim and commit", 1),
        ("in a block", 2),
    ];
    kill_senders(Duration::from_secs(300), &ways);
}

#[test]
fn a_killed_sender_leaves_whole_batches_and_pieces() {
    let ways = [("batch", 1), ("room is looked for", 1), ("in pieces", 3)];
    kill_senders(Duration::from_secs(300), &ways);
}

/// Between publication and ring, too: then it is the death that wakes the sleeper.
#[test]
fn a_killed_sender_leaves_no_sleeper_asleep() {
    kill_senders(
        Duration::from_secs(300),
        &[("to a sleeper", 1), ("in a block, to a sleeper", 3)],
    );
}

/// The kills would find a sender that publishes a batch in two steps, if only a few instructions lie between them.
#[test]
fn a_batch_that_is_published_in_two_steps_is_found() {
    let _guard = watchdog(Duration::from_secs(300));
    let killed = catch_unwind(|| kill_everywhere(&IN_TWO_STEPS, 1));
    let found = killed.unwrap_err().downcast::<String>().unwrap();
    assert!(found.contains("torn after"), "{found}");
}

#[test]
#[ignore = "soak: every instruction of every way to send"]
fn a_sender_may_be_killed_anywhere() {
    kill_senders(Duration::from_secs(1000), &WAYS.map(|way| (way.name, 1)));
}

/// A receiver that is killed after any instruction leaves nothing that its sender takes for more than a
/// death.
#[test]
fn a_killed_receiver_is_only_dead() {
    let _guard = watchdog(Duration::from_secs(300));
    let options = Options::new().capacity(CAPACITY);
    let mut listener = Listener::bind(&abstract_name("stepped"), &options).unwrap();
    let address = listener.address();
    let mut kill_after = |steps| {
        let mut tracee = Tracee::fork(|| {
            let mut pipe = options.connect(&address).unwrap();
            let mut message = Vec::with_capacity(1000);
            stop();
            pipe.receiver().recv(&mut message).unwrap();
            stop();
        });
        let mut sender = listener.accept().unwrap().split().0;
        while sender.try_send(&[7; 100]).is_ok() {}
        tracee.until_stop();
        let taken = tracee.step_on(steps);
        tracee.kill();
        let error = loop {
            if let Err(error) = sender.send(&[7; 100]) {
                break error;
            }
        };
        assert!(
            matches!(error, SendError::PeerDied),
            "after {taken}: {error}"
        );
        taken
    };
    let last = kill_after(u64::MAX);
    for steps in 0..last {
        assert!(kill_after(steps) <= steps);
    }
    println!("{last} steps");
}
