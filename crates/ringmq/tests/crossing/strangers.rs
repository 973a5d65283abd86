//! Peers that a socket has connected to, and that name a Unix socket.

use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use ringmq::{Carrier, Kind, Socket, ZmtpReason};
use ringmq_testing::{abstract_name, seed, watchdog, zmtp_greeting, zmtp_ready};

use super::{Introduction, Stranger, UNPROVEN, bound, comes, hello, rest, socket, until_carrier};

const THEIRS: [u8; 16] = *b"a secret of them";

/// A name that a Unix socket of an I/O thread could have.
pub(crate) fn place() -> String {
    let high = u128::from(ringmq_testing::mix(seed() ^ u64::from(std::process::id())));
    let low = u128::from(ringmq_testing::now_nanos());
    format!("ringmq-{:032x}", high << 64 | low)
}

fn listen_at(place: &str) -> UnixListener {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(place).unwrap()).unwrap()
}

/// A PUSH that has connected to a stranger which says this of itself.
fn connected(value: &str) -> (Socket, Stranger, Option<Introduction>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut push = socket(Kind::Push);
    push.connect(&format!("tcp://{}", listener.local_addr().unwrap()))
        .unwrap();
    let mut stranger = Stranger::over(listener.accept().unwrap().0);
    stranger.greet("PULL", Some(value));
    let introduction = stranger.read_introduction();
    (push, stranger, introduction)
}

fn value(place: &str) -> String {
    let introduction = Introduction {
        place: place.to_owned(),
        ticket: 4711,
        secret: THEIRS,
    };
    introduction.value()
}

/// A message goes by tcp.
#[track_caller]
fn is_on_tcp(push: &mut Socket, stranger: &mut Stranger) {
    push.try_send("text").unwrap();
    assert_eq!(stranger.read(6), b"\0\x04text");
}

#[test]
fn a_peer_that_claims_to_be_this_machine_stays_on_tcp() {
    let _guard = watchdog(Duration::from_secs(60));
    // There is no such socket here.
    let (mut push, mut stranger, introduction) = connected(&value(&place()));
    assert_eq!(introduction.unwrap().place, "");
    is_on_tcp(&mut push, &mut stranger);
    until_carrier(&mut push, UNPROVEN);
    is_on_tcp(&mut push, &mut stranger);
}

#[test]
fn no_socket_of_another_program_is_dialed() {
    let _guard = watchdog(Duration::from_secs(60));
    let other = abstract_name("other");
    let other = other.strip_prefix('@').unwrap();
    let listener = listen_at(other);
    for said in [
        value(other),
        value(""),
        "1".to_owned(),
        String::new(),
        "2;;;".to_owned(),
    ] {
        let (mut push, mut stranger, _) = connected(&said);
        is_on_tcp(&mut push, &mut stranger);
        until_carrier(&mut push, Carrier::Zmtp(ZmtpReason::NotOffered));
        is_on_tcp(&mut push, &mut stranger);
    }
    listener.set_nonblocking(true).unwrap();
    let came = listener.accept().map_err(|error| error.kind());
    assert_eq!(came.map(drop), Err(ErrorKind::WouldBlock));
}

#[test]
fn an_answer_that_is_wrong_or_missing_leaves_the_connection_on_tcp() {
    let _guard = watchdog(Duration::from_secs(120));
    type Answer = fn(&Introduction, &Stranger) -> Option<Vec<u8>>;
    let answers: [(&str, Answer); 6] = [
        ("none", |_, _| None),
        ("its own secret", |_, peer| {
            Some(hello(2, 4711, THEIRS, peer.ends()))
        }),
        ("other addresses", |own, peer| {
            let ends = peer.ends();
            Some(hello(2, 4711, own.secret, [ends[1], ends[0]]))
        }),
        ("a HELLO", |own, peer| {
            Some(hello(1, 4711, own.secret, peer.ends()))
        }),
        ("a part", |own, peer| {
            Some(hello(2, 4711, own.secret, peer.ends())[..40].to_vec())
        }),
        ("noise", |_, _| Some(vec![7; 200])),
    ];
    for (what, answer) in answers {
        let place = place();
        let listener = listen_at(&place);
        let (mut push, mut stranger, introduction) = connected(&value(&place));
        is_on_tcp(&mut push, &mut stranger);
        let (mut unix, _) = listener.accept().unwrap();
        let mut came = [0; 72];
        unix.read_exact(&mut came).unwrap();
        let ends = stranger.ends();
        assert_eq!(
            came[..],
            hello(1, 4711, THEIRS, [ends[1], ends[0]]),
            "{what}"
        );
        if let Some(answer) = answer(&introduction.unwrap(), &stranger) {
            std::io::Write::write_all(&mut unix, &answer).unwrap();
        }
        until_carrier(&mut push, UNPROVEN);
        assert_eq!(rest(&mut unix), b"", "{what}");
        is_on_tcp(&mut push, &mut stranger);
    }
}

#[test]
fn a_peer_that_is_not_ringmq_sees_no_other_property() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut pull = bound(Kind::Pull);
    let mut stranger = Stranger::connect(&pull);
    stranger.write(&[&zmtp_greeting(1)[..], &zmtp_ready("PUSH", &[])].concat());
    stranger.read(64);
    let stock = zmtp_ready("PULL", &[]);
    assert_eq!(stranger.read(stock.len()), stock);
    stranger.write(b"\0\x04text");
    comes(&mut pull, "text");
    until_carrier(&mut pull, Carrier::Zmtp(ZmtpReason::NotOffered));
}
