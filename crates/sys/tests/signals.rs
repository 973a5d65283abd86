//! Signals end a sleep and a spin, and break no frame.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::os::unix::thread::JoinHandleExt;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use ringmq_sys::{Doorbell, Readiness, SignalGate, Stream, wait_poll};

/// How often the handler ran. Tests hold the lock, and send signals to the thread that waits for them.
static mut HANDLED: u32 = 0;
static ALONE: Mutex<()> = Mutex::new(());

extern "C" fn count(_signal: i32) {
    let handled = &raw mut HANDLED;
    // SAFETY: one test at a time, and within it one thread takes the signals.
    let before = unsafe { handled.read_volatile() };
    // SAFETY: as above.
    unsafe { handled.write_volatile(before + 1) };
}

fn handled() -> u32 {
    let handled = &raw const HANDLED;
    // SAFETY: as in `count`.
    unsafe { handled.read_volatile() }
}

/// Installs the handler, without SA_RESTART.
fn prepare() -> MutexGuard<'static, ()> {
    let guard = ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    // SAFETY: all-zero bytes are a valid sigaction: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count as *const () as usize;
    // SAFETY: the action outlives the call, and the handler only touches one word.
    let done = unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) };
    assert_eq!(done, 0);
    guard
}

fn raise(signal: i32) {
    // SAFETY: no preconditions.
    let own = unsafe { libc::pthread_self() };
    // SAFETY: a signal to the calling thread.
    let done = unsafe { libc::pthread_kill(own, signal) };
    assert_eq!(done, 0);
}

fn blocked(signal: i32) -> bool {
    // SAFETY: all-zero bytes are a valid signal set.
    let mut mask: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: reads the mask into a set that outlives the call.
    let done = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask) };
    assert_eq!(done, 0);
    // SAFETY: the set was filled in above.
    unsafe { libc::sigismember(&mask, signal) == 1 }
}

#[test]
fn a_gate_holds_signals_back_until_it_is_asked() {
    let _alone = prepare();
    let gate = SignalGate::close().unwrap();
    gate.check().unwrap();
    for _ in 0..10_000 {
        let before = handled();
        raise(libc::SIGUSR1);
        assert_eq!(handled(), before, "it waits outside");
        assert_eq!(gate.check().unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(handled(), before + 1);
        gate.check().unwrap();
    }
    let before = handled();
    raise(libc::SIGUSR1);
    drop(gate);
    assert_eq!(
        handled(),
        before + 1,
        "what still waits comes in at the end"
    );
}

#[test]
fn signals_without_a_handler_end_nothing() {
    let _alone = prepare();
    // SAFETY: ignores a signal that only this test uses.
    unsafe { libc::signal(libc::SIGUSR2, libc::SIG_IGN) };
    let gate = SignalGate::close().unwrap();
    for signal in [libc::SIGUSR2, libc::SIGCONT, libc::SIGCHLD, libc::SIGWINCH] {
        raise(signal);
        gate.check().unwrap();
    }
}

#[test]
fn what_the_thread_itself_blocked_stays_blocked() {
    let _alone = prepare();
    // SAFETY: all-zero bytes are a valid signal set.
    let mut own: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is valid, and the number is a signal's.
    unsafe { libc::sigaddset(&mut own, libc::SIGUSR1) };
    // SAFETY: the set outlives the call.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &own, std::ptr::null_mut()) };
    let before = handled();
    raise(libc::SIGUSR1);
    let gate = SignalGate::close().unwrap();
    gate.check().unwrap();
    drop(gate);
    assert_eq!(handled(), before);
    assert!(blocked(libc::SIGUSR1));
    // SAFETY: as above.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &own, std::ptr::null_mut()) };
    assert_eq!(handled(), before + 1);
}

#[test]
fn a_gate_blocks_all_but_faults_and_puts_the_mask_back() {
    let _alone = prepare();
    let all = 1..32;
    let before: Vec<bool> = all.clone().map(blocked).collect();
    let gate = SignalGate::close().unwrap();
    let faults = [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
        libc::SIGTRAP,
        libc::SIGSYS,
        libc::SIGABRT,
    ];
    for signal in all.clone() {
        let open = faults.contains(&signal) || [libc::SIGKILL, libc::SIGSTOP].contains(&signal);
        assert_eq!(blocked(signal), !open, "signal {signal}");
    }
    drop(gate);
    assert_eq!(all.map(blocked).collect::<Vec<_>>(), before);
}

/// Sends signals to a thread until it has ended.
fn pester<T>(thread: &std::thread::JoinHandle<T>) {
    while !thread.is_finished() {
        // SAFETY: the handle was not joined, so the thread's id is still valid.
        let _ = unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGUSR1) };
        std::thread::yield_now();
    }
}

#[test]
fn a_signal_ends_every_kind_of_sleep() {
    let _alone = prepare();
    for deadline in [None, Some(Instant::now() + Duration::from_secs(1000))] {
        let by_epoll = std::thread::spawn(move || {
            let (bell, _sent) = Doorbell::new().unwrap();
            Readiness::new(&bell, None).unwrap().wait(deadline)
        });
        pester(&by_epoll);
        assert_eq!(
            by_epoll.join().unwrap().unwrap_err().kind(),
            ErrorKind::Interrupted
        );
        let by_poll = std::thread::spawn(move || {
            let (bell, _sent) = Doorbell::new().unwrap();
            wait_poll(&bell, None, deadline)
        });
        pester(&by_poll);
        assert_eq!(
            by_poll.join().unwrap().unwrap_err().kind(),
            ErrorKind::Interrupted
        );
    }
}

#[test]
fn a_storm_of_signals_breaks_no_frame() {
    let _alone = prepare();
    let (ours, theirs) = Stream::pair().unwrap();
    let sent: Vec<u8> = (0..4 << 20).map(|i| (i % 251) as u8).collect();
    let expected = sent.clone();
    let reader = std::thread::spawn(move || {
        let mut frame = vec![0; expected.len()];
        theirs.recv_exact(&mut frame, 0, None).unwrap();
        assert!(frame == expected);
    });
    for _ in 0..1000 {
        // SAFETY: the handle was not joined, so the thread's id is still valid.
        let _ = unsafe { libc::pthread_kill(reader.as_pthread_t(), libc::SIGUSR1) };
    }
    let writer = std::thread::spawn(move || ours.send(&sent, &[], None).unwrap());
    pester(&writer);
    writer.join().unwrap();
    reader.join().unwrap();
}
