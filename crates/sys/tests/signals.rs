//! Signals end a sleep and a spin, and break no frame.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::os::unix::thread::JoinHandleExt;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use ringmq_sys::{Doorbell, Readiness, SignalGate, Stream, rest, wait_poll, without_signals};

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

/// Tests run in threads that are not the main one, and may have a gate.
fn closed() -> SignalGate {
    SignalGate::close().unwrap().unwrap()
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
    let mut gate = closed();
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
    let mut gate = closed();
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
    let mut gate = closed();
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
    let gate = closed();
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

#[test]
fn a_thread_that_is_started_without_signals_blocks_them_all() {
    let _alone = prepare();
    let before: Vec<bool> = (1..32).map(blocked).collect();
    let thread = without_signals(|| std::thread::spawn(|| (1..32).map(blocked).collect())).unwrap();
    let inside: Vec<bool> = thread.join().unwrap();
    let open: Vec<i32> = (1..32)
        .zip(inside)
        .filter(|(_, blocked)| !blocked)
        .map(|(signal, _)| signal)
        .collect();
    assert_eq!(open, [libc::SIGKILL, libc::SIGSTOP]);
    assert_eq!((1..32).map(blocked).collect::<Vec<_>>(), before);
}

/// The main thread of a process takes a signal before any other that has it open, so it must not block it then. A forked
/// child has one thread, the main one.
#[test]
fn the_main_thread_has_no_gate_beside_a_thread_that_would_take_the_signal() {
    let _alone = prepare();
    let child = forked(|| {
        let gate = SignalGate::close().unwrap();
        let mut gate = gate.expect("there is no other thread");
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let deaf = without_signals(|| std::thread::spawn(move || ended.recv())).unwrap();
        assert!((0..20).all(|_| gate.check().unwrap()), "it takes no signal");
        drop(gate);
        let (other_end, ended) = std::sync::mpsc::channel::<()>();
        let mut gate = closed();
        let open = std::thread::spawn(move || {
            unblock(libc::SIGUSR1);
            ended.recv()
        });
        while gate.check().unwrap() {}
        drop(gate);
        assert!(SignalGate::close().unwrap().is_none());
        drop((end, other_end));
        drop((deaf.join(), open.join()));
        SignalGate::close().unwrap().is_some()
    });
    assert!(child);
}

/// Runs `body` in a forked child, and says whether it was true there.
fn forked(body: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs what the test wants to see in a child, and ends by _exit; it never returns.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // A test that is killed leaves no child behind.
        // SAFETY: asks for a signal at the parent's end; no pointers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: ends the child without running anything that belongs to the parent.
        unsafe { libc::_exit(i32::from(!ran.unwrap_or(false))) };
    }
    let mut status = 0;
    // SAFETY: a child of ours, and `status` outlives the call.
    let reaped = unsafe { libc::waitpid(pid, &mut status, 0) };
    reaped == pid && status == 0
}

fn unblock(signal: i32) {
    // SAFETY: all-zero bytes are a valid signal set.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is valid, and the number is a signal's.
    unsafe { libc::sigaddset(&mut set, signal) };
    // SAFETY: the set outlives the call.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut()) };
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

/// Has this thread, and those that it starts, run on one CPU in turn: a signal then comes with each turn.
fn share_one_cpu() {
    // SAFETY: no preconditions.
    let here = usize::try_from(unsafe { libc::sched_getcpu() }).unwrap();
    // SAFETY: all-zero bytes are a valid set of CPUs.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel's numbers of CPUs fit.
    unsafe { libc::CPU_SET(here, &mut set) };
    // SAFETY: the set outlives the call.
    let done = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) };
    assert_eq!(done, 0);
}

#[test]
fn a_rest_ends_however_many_signals_there_are() {
    let _alone = prepare();
    share_one_cpu();
    let begun = Instant::now();
    let before = handled();
    let time = Duration::from_millis(20);
    let resting = std::thread::spawn(move || {
        let begun = Instant::now();
        rest(time);
        begun.elapsed()
    });
    while !resting.is_finished() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it rests on");
        // SAFETY: the thread was not joined.
        let sent = unsafe { libc::pthread_kill(resting.as_pthread_t(), libc::SIGUSR1) };
        assert_eq!(sent, 0);
        std::thread::yield_now();
    }
    assert!(resting.join().unwrap() >= time);
    assert!(handled() > before);
}
