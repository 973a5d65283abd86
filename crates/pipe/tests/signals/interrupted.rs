//! A signal ends a call that waits in vain, whether it sleeps or spins.

use std::time::Duration;

use ringmq_pipe::{Options, Pipe, RecvError, SendError, Wait};
use ringmq_testing::{SignalStorm, listen, pin_to, role, watchdog};

use crate::ends::{STRATEGIES, join, meet};

fn options(wait: Wait) -> Options {
    Options::new().capacity(4096).wait(wait)
}

/// A peer that does nothing, on a CPU of its own: then a spinning call spins.
fn idle_peer(test: &str, wait: Wait) -> (Pipe, ringmq_testing::Actor) {
    pin_to(0);
    meet(test, "idle", &[], &options(wait))
}

fn idle() {
    pin_to(1);
    let _pipe = join(&options(Wait::Park));
    listen();
}

#[test]
fn a_signal_ends_recv() {
    const TEST: &str = "interrupted::a_signal_ends_recv";
    if role().is_some() {
        return idle();
    }
    let _guard = watchdog(Duration::from_secs(60));
    for wait in STRATEGIES {
        let (mut pipe, _actor) = idle_peer(TEST, wait);
        let storm = SignalStorm::start(Duration::from_millis(5));
        for _ in 0..10 {
            let came = pipe.receiver().recv(&mut Vec::new());
            assert!(
                matches!(came, Err(RecvError::Interrupted)),
                "{wait:?}: {came:?}"
            );
        }
        assert!(storm.handled() >= 10, "each had a handler");
    }
}

#[test]
fn a_signal_ends_send() {
    const TEST: &str = "interrupted::a_signal_ends_send";
    if role().is_some() {
        return idle();
    }
    let _guard = watchdog(Duration::from_secs(60));
    for wait in STRATEGIES {
        let (mut pipe, _actor) = idle_peer(TEST, wait);
        while pipe.sender().try_send(&[0; 100]).is_ok() {}
        let storm = SignalStorm::start(Duration::from_millis(5));
        for len in [100, 10_000] {
            let sent = pipe.sender().send(&vec![0; len]);
            assert!(
                matches!(sent, Err(SendError::Interrupted)),
                "{wait:?}: {sent:?}"
            );
        }
        assert!(storm.handled() >= 2);
    }
}

/// The call that spins does not sleep meanwhile; else the test above would not show what it is about.
#[test]
fn a_signal_ends_recv_while_it_spins() {
    const TEST: &str = "interrupted::a_signal_ends_recv_while_it_spins";
    if role().is_some() {
        return idle();
    }
    let _guard = watchdog(Duration::from_secs(60));
    if !pin_to(1) {
        println!("skipped: no end spins on one CPU");
        return;
    }
    // A busy machine takes the CPU away now and then, and a thread that has lost it sleeps.
    loop {
        let (mut pipe, _actor) = idle_peer(TEST, Wait::Spin);
        let _storm = SignalStorm::start(Duration::from_millis(5));
        let came = pipe.receiver().recv(&mut Vec::new());
        assert!(matches!(came, Err(RecvError::Interrupted)), "{came:?}");
        if pipe.receiver().stats().slept == 0 {
            break;
        }
    }
}
