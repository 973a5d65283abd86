//! PING and PONG, in virtual time.

#[allow(dead_code, reason = "shared with the other tests")]
mod invariants;

use std::time::Duration;

use invariants::{command, drain, hello, ready, receive_all};
use ringmq_message::Frame;
use ringmq_zmtp::{Connection, Error, Heartbeat, Kind, Settings};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn beating(timeout: Duration, ttl: Duration) -> Connection {
    let mut settings = Settings::new(Kind::Dealer);
    settings.heartbeat = Some(Heartbeat {
        interval: ms(100),
        timeout,
        ttl,
    });
    ready(settings)
}

/// The peer says something.
fn hear(connection: &mut Connection, mut bytes: &[u8], now: Duration) {
    while connection
        .receive(&mut bytes, now)
        .expect("right")
        .is_some()
    {}
}

#[test]
fn pings_go_out_at_every_interval() {
    let mut connection = beating(ms(1000), ms(1250));
    for round in 1..5 {
        let due = ms(100 * round);
        assert_eq!(connection.deadline(), Some(due));
        connection.tick(due - ms(1)).unwrap();
        assert_eq!(connection.pending(), 0);
        connection.tick(due).unwrap();
        assert_eq!(drain(&mut connection), command("PING", &[0, 12]));
    }
}

#[test]
fn a_time_to_live_that_is_too_long_is_the_longest() {
    let mut connection = beating(ms(0), Duration::from_secs(1_000_000));
    connection.tick(ms(100)).unwrap();
    assert_eq!(drain(&mut connection), command("PING", &[255, 255]));
    assert_eq!(connection.deadline(), Some(ms(200)));
}

#[test]
fn silence_after_a_ping_is_death() {
    let mut connection = beating(ms(250), ms(0));
    for now in [100, 200, 300] {
        connection.tick(ms(now)).unwrap();
    }
    // The timeout counts from the first PING without an answer.
    assert_eq!(connection.deadline(), Some(ms(350)));
    assert_eq!(connection.tick(ms(350)), Err(Error::HeartbeatTimeout));
    assert_eq!(connection.tick(ms(0)), Err(Error::HeartbeatTimeout));
    assert_eq!(connection.deadline(), None);
}

#[test]
fn any_byte_is_a_sign_of_life() {
    for bytes in [&b"\x04\x05\x04PONG"[..], b"\x00\x00", b"\x02", b"\x04"] {
        let mut connection = beating(ms(150), ms(0));
        connection.tick(ms(100)).unwrap();
        hear(&mut connection, bytes, ms(249));
        connection.tick(ms(250)).unwrap();
        assert_eq!(connection.deadline(), Some(ms(350)));
    }
}

#[test]
fn bytes_of_a_long_frame_are_signs_of_life() {
    let mut connection = beating(ms(150), ms(0));
    hear(
        &mut connection,
        b"\x02\x00\x00\x00\x00\x00\x10\x00\x00",
        ms(0),
    );
    connection.tick(ms(100)).unwrap();
    assert!(connection.large_target().unwrap().1 >= 10);
    connection.large_filled(0);
    assert_eq!(connection.deadline(), Some(ms(200)));
    connection.tick(ms(200)).unwrap();
    let (target, _) = connection.large_target().unwrap();
    target.extend_from_slice(&[0; 10]);
    connection.large_filled(10);
    assert_eq!(connection.deadline(), Some(ms(300)));
}

#[test]
fn a_peer_that_promised_a_word_has_to_keep_it() {
    let mut connection = ready(Settings::new(Kind::Dealer));
    hear(&mut connection, &command("PING", &[0, 3]), ms(1000));
    assert_eq!(connection.deadline(), Some(ms(1300)));
    hear(&mut connection, b"\x00\x00", ms(1299));
    assert_eq!(connection.deadline(), None);
    hear(&mut connection, &command("PING", &[0xff, 0xff]), ms(2000));
    // As many tenths as it said, not what is left of them in 16 bits.
    assert_eq!(connection.deadline(), Some(ms(2000 + 6_553_500)));
    hear(&mut connection, &command("PING", &[0, 1]), ms(3000));
    assert_eq!(connection.tick(ms(3100)), Err(Error::SilentTooLong));
}

#[test]
fn answers_repeat_the_context_up_to_16_bytes() {
    let mut connection = ready(Settings::new(Kind::Dealer));
    for len in [0, 1, 16, 17, 300] {
        let context = vec![b'c'; len];
        let ping = command("PING", &[&[0, 0], &context[..]].concat());
        receive_all(&mut connection, &ping).1.unwrap();
        let pong = command("PONG", &context[..len.min(16)]);
        assert_eq!(drain(&mut connection), pong);
    }
}

#[test]
fn a_short_ping_is_an_error() {
    for data in [&b""[..], b"\0"] {
        let mut connection = ready(Settings::new(Kind::Dealer));
        let end = receive_all(&mut connection, &command("PING", data)).1;
        let size = data.len();
        assert_eq!(end, Err(Error::MalformedPing { size }));
    }
}

#[test]
fn answers_do_not_pile_up_for_a_peer_that_does_not_read() {
    let mut connection = ready(Settings::new(Kind::Dealer));
    let ping = command("PING", b"\0\0first");
    for _ in 0..100_000 {
        hear(&mut connection, &ping, ms(0));
    }
    assert!(connection.pending() <= (64 << 10) + 100);
    hear(&mut connection, &command("PING", b"\0\0last"), ms(0));
    let sent = drain(&mut connection);
    assert!(sent.ends_with(&command("PONG", b"first")));
    // The last is owed still.
    assert_eq!(drain(&mut connection), command("PONG", b"last"));
    assert_eq!(connection.pending(), 0);
}

#[test]
fn pings_do_not_pile_up_either() {
    let mut connection = beating(ms(0), ms(0));
    connection.send(Frame::from(vec![0; 100_000]));
    let pending = connection.pending();
    connection.tick(ms(100)).unwrap();
    assert_eq!(connection.pending(), pending);
    assert_eq!(connection.deadline(), Some(ms(200)));
}

#[test]
fn the_handshake_has_its_time() {
    let mut settings = Settings::new(Kind::Sub);
    settings.handshake_timeout = Some(ms(50));
    let mut slow = Connection::new(settings.clone(), ms(1000));
    assert_eq!(slow.deadline(), Some(ms(1050)));
    slow.tick(ms(1049)).unwrap();
    assert_eq!(slow.tick(ms(1050)), Err(Error::HandshakeTimeout));
    let mut fast = Connection::new(settings, ms(1000));
    hear(&mut fast, &hello(Kind::Pub), ms(1049));
    assert_eq!(fast.deadline(), None);
    fast.tick(ms(9999)).unwrap();
}
