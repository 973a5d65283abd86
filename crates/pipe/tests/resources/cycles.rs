//! Fault 36: peers that come and are killed, again and again, at any moment.

use std::fs;
use std::time::{Duration, Instant};

use ringmq_pipe::{ConnectError, Listener, Options, Pipe, RecvError};
use ringmq_testing::{
    Actor, Counters, Random, Scratch, listen, role, role_args, say, seed, spawn_role, watchdog,
};

use crate::later;

/// Cycles before counting begins: by then whatever is made once has been made.
const WARM: usize = 50;

fn floods(pipe: &mut Pipe) {
    let message = [5; 3000];
    while pipe.sender().send(&message).is_ok() {}
}

/// Receives whatever an untimely end has left, which has to be whole.
fn drain(pipe: &mut Pipe) -> RecvError {
    let mut message = Vec::new();
    loop {
        match pipe.receiver().recv(&mut message) {
            Ok(()) => assert_eq!(message, [5; 3000]),
            Err(error) => return error,
        }
    }
}

/// A mapping more or less is the allocator's affair; so is half a megabyte.
#[track_caller]
fn is_flat(before: Counters, now: Counters) {
    assert_eq!((now.fds, now.threads), (before.fds, before.threads));
    assert!(now.maps.abs_diff(before.maps) <= 3, "{before:?} {now:?}");
    assert!(now.rss_kib <= before.rss_kib + 512, "{before:?} {now:?}");
    assert!(now.shmem_kib <= before.shmem_kib, "{before:?} {now:?}");
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    assert!(!maps.contains("/memfd:"), "{maps}");
}

/// Peers of a listener: each connects and sends without end.
fn peers_are_killed(test: &str, cycles: usize) {
    if role().is_some() {
        floods(&mut Options::new().connect(&role_args()[0]).unwrap());
        return;
    }
    let _guard = watchdog(Duration::from_secs(900));
    let mut random = Random::new(seed());
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    let mut listener = Listener::bind(&path, &Options::new().capacity(65536)).unwrap();
    let mut before = None;
    for cycle in 0..cycles + WARM {
        if cycle == WARM {
            before = Some(Counters::now());
        }
        let mut peer = Actor::start(&mut spawn_role(test, "floods", &[&path]));
        if random.one_in(4) {
            // Wherever it is: perhaps in the midst of connection set-up.
            random.dawdle(Duration::from_millis(5));
            peer.kill();
            peer.wait();
            // What there is of it is taken in, and comes to nothing, or to a pipe without a peer.
            loop {
                match listener.attempt(Some(Instant::now())) {
                    Ok(mut pipe) => assert!(is_end(&drain(&mut pipe))),
                    Err(ConnectError::TimedOut) => break,
                    Err(ConnectError::Exchange(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        } else {
            let mut pipe = listener.attempt(later()).unwrap();
            let mut message = Vec::new();
            for _ in 0..random.below(100) {
                pipe.receiver().recv(&mut message).unwrap();
            }
            peer.kill();
            assert!(is_end(&drain(&mut pipe)));
        }
    }
    is_flat(before.unwrap(), Counters::now());
    drop(listener);
    assert_eq!(fs::read_dir(scratch.path("")).unwrap().count(), 0);
}

/// Returns true if the peer died. It may have died before it knew of the pipe.
fn is_end(error: &RecvError) -> bool {
    matches!(error, RecvError::PeerDied)
}

/// Listeners that are killed, and started anew at the same path.
fn listeners_are_killed(test: &str, cycles: usize) {
    if role().is_some() {
        let mut listener = Listener::bind(&role_args()[0], &Options::new()).unwrap();
        say("listening");
        floods(&mut listener.accept().unwrap());
        listen();
        return;
    }
    let _guard = watchdog(Duration::from_secs(900));
    let mut random = Random::new(seed());
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    let mut before = None;
    for cycle in 0..cycles + WARM {
        if cycle == WARM {
            before = Some(Counters::now());
        }
        let mut other = Actor::start(&mut spawn_role(test, "listens", &[&path]));
        assert_eq!(other.hear(), "listening");
        let mut pipe = Options::new().capacity(65536).connect(&path).unwrap();
        let mut message = Vec::new();
        for _ in 0..random.below(100) {
            pipe.receiver().recv(&mut message).unwrap();
        }
        other.kill();
        assert!(is_end(&drain(&mut pipe)));
    }
    is_flat(before.unwrap(), Counters::now());
    // Only the path of the last victim is left: a killed process removes none.
    assert_eq!(fs::read_dir(scratch.path("")).unwrap().count(), 1);
}

#[test]
fn three_hundred_peers_are_killed() {
    peers_are_killed("cycles::three_hundred_peers_are_killed", 300);
}

#[test]
fn a_hundred_listeners_are_killed() {
    listeners_are_killed("cycles::a_hundred_listeners_are_killed", 100);
}

#[test]
#[ignore = "soak: ten thousand processes, minutes"]
fn ten_thousand_peers_are_killed() {
    peers_are_killed("cycles::ten_thousand_peers_are_killed", 10_000);
}

/// The same without killing: pipes are made and dropped in all orders.
#[test]
fn two_thousand_pipes_are_made_and_dropped() {
    let _guard = watchdog(Duration::from_secs(120));
    let mut random = Random::new(seed());
    let options = Options::new().capacity(8192);
    let mut kept = Vec::new();
    let mut before = None;
    for round in 0..2000 {
        if round == WARM {
            kept.clear();
            before = Some(Counters::now());
        }
        let (left, right) = options.pair().unwrap();
        for (mut sender, receiver) in [left.split(), right.split()] {
            sender.send(&[5; 3000]).unwrap();
            // Halves are kept, and dropped, each for itself.
            kept.push((Some(sender), Some(receiver)));
        }
        while kept.len() > 20 {
            let at = random.within(0..kept.len());
            if random.one_in(2) {
                kept[at].0 = None;
            } else {
                kept[at].1 = None;
            }
            if let (None, None) = kept[at] {
                kept.swap_remove(at);
            }
        }
    }
    kept.clear();
    is_flat(before.unwrap(), Counters::now());
}
