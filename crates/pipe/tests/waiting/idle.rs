//! A pipe on which nothing happens.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ringmq_pipe::{Options, Pipe, RecvError, SendError, Wait};
use ringmq_testing::{Activity, thread_id, until_asleep, watchdog};

/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(2);

/// Blocks a thread in `wait`, which returns when the other end is dropped; returns the thread's number.
fn block(wait: impl FnOnce() + Send + 'static) -> (u32, thread::JoinHandle<()>) {
    let (told, number) = mpsc::channel();
    let blocked = thread::spawn(move || {
        told.send(thread_id()).unwrap();
        wait();
    });
    (number.recv().unwrap(), blocked)
}

fn receive(mut pipe: Pipe) {
    let end = pipe.receiver().recv(&mut Vec::new());
    assert!(matches!(end, Err(RecvError::Closed)), "{end:?}");
}

fn send(mut pipe: Pipe) {
    while pipe.sender().try_send(&[0; 100]).is_ok() {}
    let end = pipe.sender().send(&[0; 100]);
    assert!(matches!(end, Err(SendError::Closed)), "{end:?}");
}

/// A thread that waits on an idle pipe, for messages or for room, does not wake up and takes no time.
#[test]
fn an_idle_pipe_costs_nothing() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut blocked = Vec::new();
    let mut others = Vec::new();
    for wait in [Wait::Park, Wait::Adaptive] {
        for part in [receive, send] {
            let options = Options::new().capacity(4096).wait(wait);
            let (left, right) = options.pair().unwrap();
            blocked.push(block(move || part(left)));
            others.push(right);
        }
    }
    let process = std::process::id();
    for (thread, _) in &blocked {
        until_asleep(process, *thread);
    }
    let activity = || -> Vec<Activity> {
        let threads = blocked.iter();
        threads
            .map(|(thread, _)| Activity::of(process, *thread))
            .collect()
    };
    let before = activity();
    // The time in which nothing may run.
    thread::sleep(IDLE);
    assert_eq!(before, activity(), "a thread ran");
    drop(others);
    for (_, thread) in blocked {
        thread.join().unwrap();
    }
}
