//! Who may come to the Unix socket of a tcp connection, and with what.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ringmq::Kind;
use ringmq_testing::watchdog;

use super::{Introduction, MOVE, Stranger, UNPROVEN, bound, comes, hello, rest, until_carrier};

/// What a stranger says that has connected.
const OURS: [u8; 16] = *b"a secret of mine";

fn ours() -> String {
    let introduction = Introduction {
        place: String::new(),
        ticket: 0,
        secret: OURS,
    };
    introduction.value()
}

/// Comes to the place with this frame, and is sent away without an answer.
#[track_caller]
fn is_refused(at: &Introduction, frame: &[u8]) {
    let mut unix = at.dial();
    // It may be closed already.
    let _ = unix.write_all(frame);
    assert_eq!(rest(&mut unix), b"");
}

/// Comes to the place with the right frame, and reads the answer.
fn welcomed(at: &Introduction, stranger: &Stranger) -> UnixStream {
    let mut unix = at.dial();
    unix.write_all(&hello(1, at.ticket, at.secret, stranger.ends()))
        .unwrap();
    unix.read_exact(&mut [0; 72]).unwrap();
    unix
}

#[test]
fn a_secret_serves_one_connection_once() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut pull = bound(Kind::Pull);
    let mut strangers = [(); 2].map(|()| {
        let mut stranger = Stranger::connect(&pull);
        stranger.greet("PUSH", Some(&ours()));
        let introduction = stranger.read_introduction().unwrap();
        (stranger, introduction)
    });
    let ends = [strangers[0].0.ends(), strangers[1].0.ends()];
    let [one, other] = [strangers[0].1.clone(), strangers[1].1.clone()];
    assert!(one.place.starts_with("ringmq-") && one.place == other.place);
    assert_ne!((one.ticket, one.secret), (other.ticket, other.secret));

    // Guessed, and of another connection.
    let mut guessed = one.secret;
    guessed[15] ^= 1;
    is_refused(&one, &hello(1, one.ticket, guessed, ends[0]));
    is_refused(&one, &hello(1, one.ticket, other.secret, ends[0]));
    is_refused(&one, &hello(1, other.ticket, one.secret, ends[0]));
    is_refused(&one, &hello(1, u64::MAX, one.secret, ends[0]));
    is_refused(&one, &hello(1, one.ticket, one.secret, ends[1]));
    is_refused(&one, &hello(1, one.ticket, OURS, ends[0]));
    // The wrong way round, and what is no frame.
    is_refused(&one, &hello(2, one.ticket, one.secret, ends[0]));
    is_refused(
        &one,
        &hello(1, one.ticket, one.secret, [ends[0][1], ends[0][0]]),
    );
    is_refused(&one, &[0; 72]);
    is_refused(&one, &hello(1, one.ticket, one.secret, ends[0])[..71]);
    is_refused(&one, &vec![0xff; 100_000]);
    is_refused(&one, b"");

    let good = hello(1, one.ticket, one.secret, ends[0]);
    let mut unix = one.dial();
    unix.write_all(&good).unwrap();
    let mut welcome = [0; 72];
    unix.read_exact(&mut welcome).unwrap();
    let theirs = [ends[0][1], ends[0][0]];
    assert_eq!(welcome[..], hello(2, one.ticket, OURS, theirs));
    // Used up.
    is_refused(&one, &good);

    // What goes by tcp comes before what goes by the Unix socket, whichever is there first.
    unix.write_all(b"\0\x04unix").unwrap();
    let (stranger, _) = &mut strangers[0];
    stranger.write(b"\0\x03tcp");
    stranger.write(MOVE);
    comes(&mut pull, "tcp");
    comes(&mut pull, "unix");
    assert_eq!(stranger.read(MOVE.len()), MOVE);
    // Used up, after the move, too.
    is_refused(&one, &good);
    // The other connection never heard of it.
    let (stranger, _) = &mut strangers[1];
    stranger.write(b"\0\x05other");
    comes(&mut pull, "other");
}

#[test]
fn a_peer_that_never_comes_stays_on_tcp() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut pull = bound(Kind::Pull);
    let mut stranger = Stranger::connect(&pull);
    stranger.greet("PUSH", Some(&ours()));
    let introduction = stranger.read_introduction().unwrap();
    stranger.write(b"\0\x06before");
    comes(&mut pull, "before");
    until_carrier(&mut pull, UNPROVEN);
    stranger.write(b"\0\x06behind");
    comes(&mut pull, "behind");
    // It comes too late.
    let frame = hello(1, introduction.ticket, introduction.secret, stranger.ends());
    is_refused(&introduction, &frame);
    stranger.write(b"\0\x05still");
    comes(&mut pull, "still");
}

#[test]
fn a_peer_that_comes_and_leaves_without_a_move_stays_on_tcp() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut pull = bound(Kind::Pull);
    let mut stranger = Stranger::connect(&pull);
    stranger.greet("PUSH", Some(&ours()));
    let introduction = stranger.read_introduction().unwrap();
    let unix = welcomed(&introduction, &stranger);
    drop(unix);
    until_carrier(&mut pull, UNPROVEN);
    stranger.write(b"\0\x05still");
    comes(&mut pull, "still");
}

#[test]
fn a_move_out_of_turn_ends_the_connection() {
    let _guard = watchdog(Duration::from_secs(60));
    // Before HELLO.
    let pull = bound(Kind::Pull);
    let mut stranger = Stranger::connect(&pull);
    stranger.greet("PUSH", Some(&ours()));
    stranger.read_introduction().unwrap();
    stranger.write(MOVE);
    assert_eq!(stranger.rest(), b"");

    // Within a message, with bytes behind it, and twice.
    for (before, behind) in [
        (&b"\x01\x04part"[..], &b""[..]),
        (b"", b"\0\x04more"),
        (b"", MOVE),
    ] {
        let mut stranger = Stranger::connect(&pull);
        stranger.greet("PUSH", Some(&ours()));
        let introduction = stranger.read_introduction().unwrap();
        let mut unix = welcomed(&introduction, &stranger);
        stranger.write(&[before, MOVE, behind].concat());
        let answer = stranger.rest();
        assert!(answer.is_empty() || answer == MOVE, "{answer:?}");
        assert_eq!(rest(&mut unix), b"");
    }
}

#[test]
fn those_who_come_and_say_nothing_keep_nobody_from_going_over() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut pull = bound(Kind::Pull);
    let mut stranger = Stranger::connect(&pull);
    stranger.greet("PUSH", Some(&ours()));
    let introduction = stranger.read_introduction().unwrap();
    let mut silent: Vec<_> = (0..200).map(|_| introduction.dial()).collect();
    let mut unix = welcomed(&introduction, &stranger);
    stranger.write(MOVE);
    unix.write_all(b"\0\x04over").unwrap();
    comes(&mut pull, "over");
    // Each of them is sent away in time.
    for unix in &mut silent {
        assert_eq!(rest(unix), b"");
    }
}
