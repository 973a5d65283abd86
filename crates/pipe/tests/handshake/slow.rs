//! Fault 35: peers that are slow over connection set-up, or never finish it.

use std::time::{Duration, Instant};

use ringmq_pipe::{ConnectError, Listener, Options};
use ringmq_sys::{RecvError, Stream};
use ringmq_testing::{Counters, abstract_name, watchdog};

use crate::peers::{answer, hear, receive};
use crate::raw::{self, NUMBERS, Raw, Sent, later};

const TIMEOUT: Duration = Duration::from_millis(300);
/// Longer than any test: no slow peer is dropped.
const NEVER: Duration = Duration::from_secs(1000);

fn listener(timeout: Duration) -> Listener {
    let options = Options::new().handshake_timeout(timeout).backlog(4096);
    Listener::bind(&abstract_name("slow"), &options).unwrap()
}

fn dial(listener: &Listener) -> Stream {
    Stream::connect(&listener.address().parse().unwrap(), later()).unwrap()
}

/// One that has sent its offer, and does not go on.
fn stalled(listener: &Listener) -> Stream {
    let peer = dial(listener);
    Sent::new(Raw::offer(), raw::descriptors())
        .over(&peer)
        .unwrap();
    peer
}

/// Lets the listener do what it can do now, without waiting.
fn go_on(listener: &mut Listener) {
    let outcome = listener.attempt(Some(Instant::now()));
    assert!(
        matches!(outcome, Err(ConnectError::TimedOut)),
        "{outcome:?}"
    );
}

/// A good peer gets in while others wait.
fn admits(listener: &mut Listener) {
    let address = listener.address();
    ringmq_testing::scope(|scope| {
        scope.spawn(|| {
            let mut pipe = Options::new().connect(&address).unwrap();
            pipe.sender().send(b"good").unwrap();
        });
        assert_eq!(hear(&mut listener.accept().unwrap()), b"good");
    });
}

#[test]
fn neither_zero_nor_the_longest_time_is_a_limit() {
    let _guard = watchdog(Duration::from_secs(60));
    for timeout in [Duration::ZERO, Duration::MAX] {
        let mut listener = listener(timeout);
        let silent = dial(&listener);
        let options = Options::new().handshake_timeout(timeout);
        let address = listener.address();
        ringmq_testing::scope(|scope| {
            scope.spawn(|| {
                let mut pipe = options.connect(&address).unwrap();
                pipe.sender().send(b"in time").unwrap();
            });
            assert_eq!(hear(&mut listener.accept().unwrap()), b"in time");
        });
        let (mut one, mut other) = options.pair().unwrap();
        one.sender().send(b"in time").unwrap();
        assert_eq!(hear(&mut other), b"in time");
        // Nor was the one dropped that has said nothing yet.
        Sent::new(Raw::offer(), raw::descriptors())
            .over(&silent)
            .unwrap();
        go_on(&mut listener);
        assert_eq!(receive(&silent).unwrap().0.kind, raw::OFFER);
    }
}

#[test]
fn the_slow_do_not_keep_others_waiting() {
    let _guard = watchdog(Duration::from_secs(60));
    // Had they to be waited for, the watchdog would say so.
    let mut listener = listener(NEVER);
    let silent: Vec<_> = (0..10).map(|_| dial(&listener)).collect();
    let stalled: Vec<_> = (0..10).map(|_| stalled(&listener)).collect();
    for _ in 0..5 {
        admits(&mut listener);
    }
    // No peer was dropped: the late ones finish.
    for peer in &silent {
        Sent::new(Raw::offer(), raw::descriptors())
            .over(peer)
            .unwrap();
    }
    for peer in silent.iter().chain(&stalled) {
        Sent::bare(Raw::accept()).over(peer).unwrap();
    }
    for _ in 0..20 {
        listener.attempt(later()).unwrap();
    }
}

/// One byte a second: the first one is part of a frame, which is refused, not waited for.
#[test]
fn a_frame_that_drips() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut listener = listener(NEVER);
    let drips: Vec<_> = (0..10).map(|_| dial(&listener)).collect();
    for peer in &drips {
        let bytes = vec![b'r'];
        Sent {
            bytes,
            fds: Vec::new(),
        }
        .over(peer)
        .unwrap();
    }
    admits(&mut listener);
    for peer in &drips {
        assert_eq!(answer(peer), Some(Raw::refuse(NUMBERS)));
    }
}

#[test]
fn the_slow_are_dropped_in_time() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut listener = listener(TIMEOUT);
    for stage in 0..2 {
        let before = Instant::now();
        let peer = if stage == 0 {
            dial(&listener)
        } else {
            stalled(&listener)
        };
        let error = listener.attempt(later()).unwrap_err();
        let timed_out = ConnectError::Exchange(RecvError::TimedOut { got: 0, want: 64 });
        assert_eq!(error.to_string(), timed_out.to_string());
        assert!(before.elapsed() >= TIMEOUT);
        if stage == 1 {
            assert_eq!(receive(&peer).unwrap().0.kind, raw::OFFER);
        }
        assert_eq!(receive(&peer), None, "it was hung up on");
        admits(&mut listener);
    }
    // A deadline of the caller's comes first, and the peer is none the worse for it.
    let peer = dial(&listener);
    go_on(&mut listener);
    Sent::new(Raw::offer(), raw::descriptors())
        .over(&peer)
        .unwrap();
    go_on(&mut listener);
    Sent::bare(Raw::accept()).over(&peer).unwrap();
    listener.attempt(Some(Instant::now())).unwrap();
}

/// A peer that does not finish.
type Make = fn(&Listener) -> Stream;

/// Many of them: the oldest make room for the newest, and what they hold has a bound.
#[test]
fn two_hundred_that_never_finish() {
    let _guard = watchdog(Duration::from_secs(60));
    let makes: [(Make, usize); 2] = [
        // The listener's end of each: a socket; and, once it has met the offer, a pipe's seven descriptors and four maps.
        (dial, 0),
        (stalled, 1),
    ];
    for (make, pipes) in makes {
        let mut listener = listener(NEVER);
        admits(&mut listener);
        let empty = Counters::now();
        let mut peers = Vec::new();
        for _ in 0..200 {
            peers.push(make(&listener));
            go_on(&mut listener);
        }
        let full = Counters::now();
        assert_eq!(full.fds, empty.fds + 200 + 64 + 64 * 7 * pipes);
        let maps = full.maps.saturating_sub(empty.maps);
        assert!(maps <= 64 * 4 * pipes + 16, "{maps} maps");
        admits(&mut listener);
        // One more was admitted, so one more was dropped: 63 at most are left.
        let dropped = peers.iter().filter(|peer| is_hung_up(peer)).count();
        assert!((136..=138).contains(&dropped), "{dropped} were dropped");
        drop((peers, listener));
        assert_eq!(
            Counters::now().fds,
            empty.fds - 2,
            "the listener's own are gone, too"
        );
    }
}

/// A peer that is slower than a flood of silent ones is admitted all the same: the flood waits for its own.
#[test]
fn a_flood_of_silent_peers_pushes_no_other_out() {
    let _guard = watchdog(Duration::from_secs(120));
    let mut listener = listener(NEVER);
    let mut silent = Vec::new();
    for _ in 0..3 {
        let begun = Instant::now();
        // It has connected, and has not come to send its offer yet.
        let slow = dial(&listener);
        // Twice as many as there may be come meanwhile.
        for _ in 0..2 * 64 {
            silent.push(dial(&listener));
        }
        go_on(&mut listener);
        Sent::new(Raw::offer(), raw::descriptors())
            .over(&slow)
            .unwrap();
        go_on(&mut listener);
        // Nor does it matter that more come before it has judged our offer.
        for _ in 0..2 * 64 {
            silent.push(dial(&listener));
        }
        go_on(&mut listener);
        // Unless this thread was held up for so long that the peer is late.
        if begun.elapsed() < Duration::from_millis(100) {
            Sent::bare(Raw::accept()).over(&slow).unwrap();
            listener.attempt(later()).unwrap();
        }
        // The flood is let in and dropped in time.
        while silent.len() > 64 {
            silent.retain(|peer| !is_hung_up(peer));
            let outcome = listener.attempt(Some(Instant::now() + Duration::from_millis(1)));
            assert!(
                matches!(outcome, Err(ConnectError::TimedOut)),
                "{outcome:?}"
            );
        }
    }
}

/// A call ends at its deadline, however many connect.
#[test]
fn a_flood_of_silent_peers_holds_no_call() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut listener = listener(NEVER);
    let address = listener.address().parse().unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let flooding = std::thread::spawn(move || {
        // Each goes away at once.
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let _ = Stream::connect(&address, later());
        }
    });
    for _ in 0..20 {
        let outcome = listener.attempt(Some(Instant::now() + Duration::from_millis(5)));
        assert!(outcome.is_err());
    }
    drop(stop);
    drop(listener);
    flooding.join().unwrap();
}

/// Whether it was hung up on; reads what was sent to it.
fn is_hung_up(peer: &Stream) -> bool {
    let mut frame = [0; 64];
    loop {
        match peer.recv_exact(&mut frame, 4, Some(Instant::now())) {
            Ok(_) => {}
            Err(RecvError::Closed { .. }) => return true,
            Err(RecvError::TimedOut { .. }) => return false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A connector gives up at its deadline when the listener does not accept.
#[test]
fn a_listener_that_does_not_listen() {
    let _guard = watchdog(Duration::from_secs(60));
    let address = abstract_name("deaf");
    let _listener = Listener::bind(&address, &Options::new().backlog(1)).unwrap();
    let before = Counters::now().fds;
    // At first there is room in its backlog, later there is none.
    for _ in 0..3 {
        let start = Instant::now();
        let options = Options::new().handshake_timeout(Duration::from_millis(50));
        let error = options.connect(&address).unwrap_err();
        assert!(matches!(error, ConnectError::TimedOut), "{error}");
        assert!(start.elapsed() >= Duration::from_millis(50));
        let deadline = Instant::now() + Duration::from_millis(20);
        let error = Options::new()
            .connect_deadline(&address, deadline)
            .unwrap_err();
        assert!(
            matches!(error, ConnectError::TimedOut) && Instant::now() >= deadline,
            "{error}"
        );
        assert_eq!(Counters::now().fds, before);
    }
}
