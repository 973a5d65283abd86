//! Peers that stand still for a while (SIGSTOP), and go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ringmq_pipe::{Options, Pipe, RecvError, SendError};
use ringmq_testing::{Actor, Messages, Random, role, say, seed, watchdog};

use crate::ends::{STRATEGIES, arg, join, meet, name_of, number, wait_named};

fn options(wait: &str) -> Options {
    Options::new().capacity(16 << 10).wait(wait_named(wait))
}

fn messages(seed: u64) -> Messages {
    Messages::new(seed, 8, 2500)
}

/// Receives until the other end closes. Deadlines pass while it stands still; that is no death.
fn receive(mut pipe: Pipe, seed: u64) -> u64 {
    let messages = messages(seed);
    let (mut number, mut message) = (0, Vec::new());
    loop {
        let deadline = Instant::now() + Duration::from_millis(20);
        match pipe.receiver().recv_deadline(&mut message, deadline) {
            Ok(()) => messages.check(number, &message),
            Err(RecvError::TimedOut) => continue,
            Err(RecvError::Closed) => return number,
            Err(error) => panic!("message {number}: {error}"),
        }
        number += 1;
    }
}

/// Sends while it is wanted.
fn send(mut pipe: Pipe, seed: u64, wanted: impl Fn(u64) -> bool) -> u64 {
    let messages = messages(seed);
    let mut number = 0;
    while wanted(number) {
        let deadline = Instant::now() + Duration::from_millis(20);
        match pipe.sender().send_deadline(&messages.get(number), deadline) {
            Ok(()) => number += 1,
            Err(SendError::TimedOut) => {}
            Err(error) => panic!("message {number}: {error}"),
        }
    }
    number
}

/// Lets a process stand still twice, for so long each.
fn hold(actor: &Actor, pause: Duration, random: &mut Random) {
    for _ in 0..2 {
        random.dawdle(Duration::from_millis(2));
        actor.stop();
        // No state is waited for: the time for which it stands still is what is tested.
        thread::sleep(pause);
        actor.go_on();
    }
}

fn stand_still(test: &str, pause: Duration) {
    const COUNT: u64 = 30_000;
    if let Some(part) = role() {
        let pipe = join(&options(&arg(1)));
        let count = match part.as_str() {
            "sends" => {
                // Until the test has had enough, which it says by a line.
                let enough = &AtomicBool::new(false);
                ringmq_testing::scope(|scope| {
                    scope.spawn(|| {
                        ringmq_testing::listen();
                        enough.store(true, Ordering::Relaxed);
                    });
                    send(pipe, number(0), |number| {
                        number < COUNT || !enough.load(Ordering::Relaxed)
                    })
                })
            }
            _ => receive(pipe, number(0)),
        };
        return say(&count.to_string());
    }
    let _guard = watchdog(Duration::from_secs(120));
    let seed = seed();
    let mut random = Random::new(seed);
    for wait in STRATEGIES {
        for part in ["sends", "receives"] {
            let args = [&seed.to_string(), name_of(wait)];
            let (pipe, mut actor) = meet(test, part, &args, &options(name_of(wait)));
            let done = AtomicBool::new(false);
            let done = &done;
            let count = ringmq_testing::scope(|scope| {
                let other = scope.spawn(move || match part {
                    "sends" => receive(pipe, seed),
                    _ => send(pipe, seed, |number| {
                        number < COUNT || !done.load(Ordering::Relaxed)
                    }),
                });
                hold(&actor, pause, &mut random);
                done.store(true, Ordering::Relaxed);
                if part == "sends" {
                    actor.tell("enough");
                }
                other.join().unwrap()
            });
            assert_eq!(actor.hear(), count.to_string(), "{wait:?}, {part}");
            println!("{wait:?}, {part}: {count} messages");
            actor.finish();
        }
    }
}

/// A stopped peer is not dead, nothing is lost, and the other end may go on waiting.
#[test]
fn a_stopped_peer_is_not_dead() {
    const TEST: &str = "stopped::a_stopped_peer_is_not_dead";
    stand_still(TEST, Duration::from_millis(300));
}

#[test]
#[ignore = "soak: 2 s at a time"]
fn a_peer_stopped_for_long_is_not_dead() {
    const TEST: &str = "stopped::a_peer_stopped_for_long_is_not_dead";
    stand_still(TEST, Duration::from_secs(2));
}
