//! A program that is started sees none of the descriptors of our connections, at whatever moment it is started.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ringmq::{Carrier, Connection, Context, Kind};
use ringmq_testing::{Actor, inherited, role, say, scope, soon, spawn_role, watchdog};

use crate::parts::{last, rings, socket};
use crate::places::Places;

/// Programs that are started while connections come and go.
const PROGRAMS: usize = 100;

/// Starts programs beside connections that stand, and others that come and go.
fn starter() {
    let before = inherited();
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut far = socket(&context, Kind::Pair);
    far.bind(&endpoint).unwrap();
    let mut near = socket(&context, Kind::Pair);
    near.connect(&endpoint).unwrap();
    let shared = |one: &Connection| one.carrier == Carrier::SharedMemory;
    while !near.connections().iter().any(shared) || rings() == 0 {
        near.send("hello").unwrap();
        assert_eq!(last(&far.recv_deadline(soon()).unwrap()), b"hello");
    }
    assert_eq!(inherited(), before);
    let done = AtomicBool::new(false);
    scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            // ORDERING: a flag only; it publishes nothing else.
            while !done.load(Ordering::Relaxed) {
                number += 1;
                let endpoint = places.endpoint(&number.to_string());
                let mut pull = socket(&context, Kind::Pull);
                pull.bind(&endpoint).unwrap();
                let mut push = socket(&context, Kind::Push);
                push.connect(&endpoint).unwrap();
                while !push.connections().iter().any(shared) {
                    std::thread::yield_now();
                }
                push.send("hello").unwrap();
                assert_eq!(last(&pull.recv_deadline(soon()).unwrap()), b"hello");
            }
        });
        let all_clean = (0..PROGRAMS).all(|_| inherited() == before);
        // ORDERING: as above.
        done.store(true, Ordering::Relaxed);
        assert!(all_clean);
    });
    say("clean");
}

#[test]
fn a_started_program_inherits_nothing() {
    const TEST: &str = "exec::a_started_program_inherits_nothing";
    if role().is_some() {
        return starter();
    }
    let _guard = watchdog(Duration::from_secs(60));
    // By itself: other tests have descriptors, too.
    let mut starter = Actor::start(&mut spawn_role(TEST, "starter", &[]));
    assert_eq!(starter.hear(), "clean");
    starter.finish();
}
