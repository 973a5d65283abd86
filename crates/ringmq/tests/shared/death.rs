//! How soon the death of a peer is noticed. A number that is printed: a busy machine makes it larger.

use std::time::{Duration, Instant};

use ringmq::{Context, EventKind, Kind};
use ringmq_testing::{Actor, fork_and_linger, listen, role, say, soon, spawn_role, watchdog};

use crate::parts::{arg, last, open, rings, socket, until_shared};
use crate::places::Places;

/// Deaths that are measured; the test prints their median. docs/sockets.md says what it should be.
const TRIES: usize = 9;

/// Goes over to shared memory, and dies.
fn victim() {
    let context = Context::new().unwrap();
    let mut pair = socket(&context, Kind::Pair);
    open(&mut pair, arg(1) == "binds", &arg(0));
    until_shared(&mut pair, 1);
    pair.send("hello").unwrap();
    if arg(2) == "a child lives" {
        // It holds the Unix socket, so that its end does not show.
        fork_and_linger();
    }
    say("in shared memory");
    assert_eq!(listen(), "never");
}

/// Kills a peer. Returns the time until the death was reported.
fn kill_one(test: &str, victim_binds: bool, child: &str) -> Duration {
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let opens = if victim_binds { "binds" } else { "connects" };
    let mut victim = Actor::start(&mut spawn_role(test, "victim", &[&endpoint, opens, child]));
    let context = Context::new().unwrap();
    let mut survivor = socket(&context, Kind::Pair);
    let mut monitor = survivor.monitor().unwrap();
    open(&mut survivor, !victim_binds, &endpoint);
    until_shared(&mut survivor, 1);
    assert_eq!(last(&survivor.recv_deadline(soon()).unwrap()), b"hello");
    assert_eq!(victim.hear(), "in shared memory");
    survivor.send("unread").unwrap();
    assert!(rings() > 0);
    let died = Instant::now();
    victim.kill();
    while !matches!(monitor.recv().unwrap().kind, EventKind::Disconnected { .. }) {}
    let noticed = died.elapsed();
    // The application notices, too, with its next calls; what waits for the next peer waits with the session.
    until_shared(&mut survivor, 0);
    noticed
}

#[test]
fn the_death_of_a_peer_is_noticed() {
    const TEST: &str = "death::the_death_of_a_peer_is_noticed";
    if role().is_some() {
        return victim();
    }
    let _guard = watchdog(Duration::from_secs(60));
    for victim_binds in [true, false] {
        for child in ["no child lives", "a child lives"] {
            let tries = (0..TRIES).map(|_| kill_one(TEST, victim_binds, child));
            let mut took: Vec<Duration> = tries.collect();
            took.sort();
            println!(
                "victim binds: {victim_binds}, {child}: {:?} of {took:?}",
                took[TRIES / 2]
            );
        }
    }
}
