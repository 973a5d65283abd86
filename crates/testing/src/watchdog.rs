//! The only limit of time that a test has.

use std::panic::Location;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// By how much all limits are multiplied, where everything takes longer: under a sanitizer.
const PATIENCE: &str = "RINGMQ_TEST_PATIENCE";

/// Ends the process unless it is dropped in time. Made by [`watchdog`].
#[must_use = "a watchdog that is dropped watches nothing"]
#[derive(Debug)]
pub struct Watchdog {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Watches over the test that calls: if the guard is not dropped within `limit`, prints the test's name
/// and aborts the process, and with it all [`Actor`](crate::Actor)s.
///
/// With `RINGMQ_TEST_PATIENCE=5` in the environment it waits five times as long.
///
/// The watchdog is a thread: a test that counts threads counts after this call.
#[track_caller]
pub fn watchdog(limit: Duration) -> Watchdog {
    let place = Location::caller();
    let name = name();
    let limit = limit * patience();
    let (done, end) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || {
            if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                let seeds = crate::random::seeds();
                eprintln!("watchdog: {name} ({place}) did not end within {limit:?}{seeds}");
                std::process::abort();
            }
        })
        .unwrap();
    Watchdog {
        done: Some(done),
        thread: Some(thread),
    }
}

pub(crate) fn patience() -> u32 {
    let told = std::env::var(PATIENCE).ok();
    told.map_or(1, |told| told.parse().unwrap())
}

/// What to call the test: its thread's name, or what the program was asked to run.
fn name() -> String {
    let thread = std::thread::current();
    let name = match thread.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => std::env::args().skip(1).collect::<Vec<_>>().join(" "),
    };
    match crate::role() {
        Some(role) => format!("{name}, as {role}"),
        None => name,
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
