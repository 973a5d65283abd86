//! Death is noticed within 100 ms, however one waits, and whatever of the dead is still there: its
//! zombie, a child with all its descriptors.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ringmq_pipe::{Options, Pipe, RecvError, SendError, Wait};
use ringmq_testing::{
    Activity, Actor, fork_and_linger, is_asleep, pin_to, role, say, thread_id, until_gone, watchdog,
};

use crate::ends::{STRATEGIES, join, meet, name_of, wait_named};

/// What docs and issue promise.
const PROMISE: Duration = Duration::from_millis(100);
/// Deaths of which the median has to keep the promise: a busy machine may delay one.
const TRIES: usize = 5;

/// What the survivor is doing when its peer dies.
#[derive(Debug, Clone, Copy)]
enum Doing {
    Receiving,
    /// The ring is full.
    Sending,
    /// A message that is longer than the ring is under way.
    SendingPieces,
}

fn options(wait: Wait) -> Options {
    Options::new().capacity(4096).wait(wait)
}

/// The role: connects, says so, and waits for its end; `parent` forks a child before.
fn play(role: &str) {
    // On a CPU of its own: otherwise no end spins.
    pin_to(1);
    let pipe = join(&options(wait_named(&crate::ends::arg(0))));
    if role == "parent" {
        // The child holds whatever the parent does, until the test lets go of it.
        say(&fork_and_linger().to_string());
    }
    say("ready");
    thread::park();
    drop(pipe);
}

/// Waits for the peer in vain; returns when its death was noticed.
fn wait_in_vain(mut pipe: Pipe, doing: Doing) -> Instant {
    let sent = match doing {
        Doing::Receiving => {
            let came = pipe.receiver().recv(&mut Vec::new());
            let noticed = Instant::now();
            assert!(matches!(came, Err(RecvError::PeerDied)), "{came:?}");
            // It stays so.
            let again = pipe.receiver().try_recv(&mut Vec::new());
            assert!(matches!(again, Err(RecvError::PeerDied)), "{again:?}");
            return noticed;
        }
        Doing::Sending => loop {
            if let Err(error) = pipe.sender().send(&[0; 100]) {
                break error;
            }
        },
        Doing::SendingPieces => pipe.sender().send(&[0; 100_000]).unwrap_err(),
    };
    let noticed = Instant::now();
    assert!(matches!(sent, SendError::PeerDied), "{sent}");
    let again = pipe.sender().send(b"");
    assert!(matches!(again, Err(SendError::PeerDied)), "{again:?}");
    noticed
}

/// Waits until the thread waits: it sleeps, or it has spun for a while.
fn until_waiting(thread: u32) {
    let process = std::process::id();
    let before = Activity::of(process, thread).nanos;
    while !is_asleep(process, thread) && Activity::of(process, thread).nanos < before + 5_000_000 {
        thread::yield_now();
    }
}

/// Kills a peer; returns how long its survivor took to notice.
fn kill_one(test: &str, role: &str, wait: Wait, doing: Doing) -> Duration {
    let (pipe, mut actor) = meet(test, role, &[name_of(wait)], &options(wait));
    let child = (role == "parent").then(|| actor.hear().parse::<u32>().unwrap());
    assert_eq!(actor.hear(), "ready");
    let (told, thread) = mpsc::channel();
    let survivor = thread::spawn(move || {
        pin_to(0);
        told.send(thread_id()).unwrap();
        wait_in_vain(pipe, doing)
    });
    until_waiting(thread.recv().unwrap());
    let died = Instant::now();
    // It stays a zombie until the actor is dropped.
    actor.kill();
    let noticed = survivor.join().unwrap().duration_since(died);
    if let Some(child) = child {
        let lives = std::fs::exists(format!("/proc/{child}")).unwrap();
        assert!(
            lives,
            "the child held everything when the death was noticed"
        );
        end(actor, child);
    }
    noticed
}

/// Ends the child, which lingers for as long as we hold the other end of its input.
fn end(actor: Actor, child: u32) {
    drop(actor);
    until_gone(child);
}

fn is_noticed(test: &str, role: &str) {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in STRATEGIES {
        for doing in [Doing::Receiving, Doing::Sending, Doing::SendingPieces] {
            let mut took: Vec<_> = (0..TRIES)
                .map(|_| kill_one(test, role, wait, doing))
                .collect();
            took.sort();
            println!("{role}, {wait:?}, {doing:?}: {took:?}");
            assert!(took[TRIES / 2] < PROMISE, "{wait:?}, {doing:?}: {took:?}");
        }
    }
}

#[test]
fn a_death_is_noticed_in_time() {
    if let Some(role) = role() {
        return play(&role);
    }
    is_noticed("noticed::a_death_is_noticed_in_time", "loner");
}

#[test]
fn a_death_is_noticed_although_a_child_holds_everything() {
    if let Some(role) = role() {
        return play(&role);
    }
    let test = "noticed::a_death_is_noticed_although_a_child_holds_everything";
    is_noticed(test, "parent");
}
