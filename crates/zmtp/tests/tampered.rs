//! One who changes what passes: recorded sessions of libzmq, byte by byte, and our own, by seeds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the other tests")]
mod invariants;
#[allow(dead_code, reason = "shared with the other tests")]
mod secured;

use std::time::Duration;

use invariants::{Choices, command, drain, receive_all};
use ringmq_message::Frame;
use ringmq_testing::seed;
use ringmq_zmtp::{
    Connection, Credentials, Error, Event, Kind, Login, Mechanism, Random, Settings, User, Verdict,
};
use secured::{Recorded, plain_client, plain_server, tampered};

struct Seeded(ringmq_testing::Random);

fn choices() -> Seeded {
    Seeded(ringmq_testing::Random::new(seed()))
}

impl Choices for Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit)
    }

    fn is_over(&self) -> bool {
        false
    }
}

#[test]
fn curve_delivers_what_was_sent_or_nothing() {
    let mut choices = choices();
    let (mut arrived, mut refused) = (0, 0);
    for _ in 0..1000 {
        let (some, any) = tampered::check_curve(&mut choices);
        arrived += some;
        refused += usize::from(any);
    }
    assert!(
        arrived > 1000 && refused > 100,
        "{arrived} arrived, {refused} refused"
    );
}

#[test]
fn plain_survives() {
    let mut choices = choices();
    for _ in 0..2000 {
        tampered::check_plain(&mut choices);
    }
}

/// A session as one end hears it, and what that end makes of it.
struct Heard {
    settings: Settings,
    said: Vec<u8>,
    want: Vec<Event>,
}

/// A recorded session of libzmq.
fn heard(recorded: Recorded, server: bool) -> Heard {
    Heard::new(recorded.settings(server), recorded.said_to(server))
}

impl Heard {
    fn new(settings: Settings, said: Vec<u8>) -> Heard {
        let mut end = Connection::new(settings.clone(), Duration::ZERO);
        let (want, whole) = receive_all(&mut end, &said);
        assert_eq!(whole, Ok(()));
        Heard {
            settings,
            said,
            want,
        }
    }

    /// Whatever was done to it, it is what was said, up to some point. Returns how it ended.
    fn check(&self, said: &[u8]) -> Result<(), Error> {
        let mut end = Connection::new(self.settings.clone(), Duration::ZERO);
        let (events, end) = receive_all(&mut end, said);
        assert!(self.want.starts_with(&events), "{events:?}");
        end
    }
}

/// A session of our own between the ends of the recorded one, whose random bytes are others: both directions, to the
/// client and to the server.
fn another_session() -> [Heard; 2] {
    let recorded = Recorded::dealer();
    let mut settings = [false, true].map(|server| recorded.settings(server));
    for settings in &mut settings {
        let random: Random = |bytes| {
            bytes.fill(0x44);
            Ok(())
        };
        match &mut settings.mechanism {
            Mechanism::CurveClient(config) => config.random = random,
            Mechanism::CurveServer(config) => config.random = random,
            other => panic!("{other:?}"),
        }
    }
    let mut ends = settings
        .clone()
        .map(|settings| Connection::new(settings, Duration::ZERO));
    let mut said = [Vec::new(), Vec::new()];
    let mut sent = [false; 2];
    while ends.iter().any(|end| end.pending() > 0) {
        for (from, to) in [(0, 1), (1, 0)] {
            let bytes = drain(&mut ends[from]);
            receive_all(&mut ends[to], &bytes).1.unwrap();
            said[to].extend(bytes);
        }
        for (end, sent) in ends.iter_mut().zip(&mut sent) {
            if end.is_ready() && !std::mem::replace(sent, true) {
                for part in [&b"one"[..], b"two", b"three"] {
                    end.send(Frame::from(part));
                }
            }
        }
    }
    let [client, server] = settings;
    let [to_client, to_server] = said;
    [Heard::new(client, to_client), Heard::new(server, to_server)]
}

/// No change of a byte makes another message.
fn check_bytes(heard: &Heard) {
    for at in 0..heard.said.len() {
        let mut flipped = heard.said.clone();
        flipped[at] ^= 1 << (at % 8);
        let mut dropped = heard.said.clone();
        dropped.remove(at);
        let mut repeated = heard.said.clone();
        repeated.insert(at, heard.said[at]);
        let mut swapped = heard.said.clone();
        swapped.swap(at, (at + 1) % heard.said.len());
        for said in [flipped, dropped, repeated, swapped] {
            let _ = heard.check(&said);
        }
    }
}

#[test]
fn a_client_hears_what_was_said_whatever_becomes_of_the_bytes() {
    check_bytes(&heard(Recorded::dealer(), false));
}

#[test]
fn a_server_hears_what_was_said_whatever_becomes_of_the_bytes() {
    check_bytes(&heard(Recorded::dealer(), true));
}

#[test]
fn a_subscriber_hears_what_was_said_whatever_becomes_of_the_bytes() {
    check_bytes(&heard(Recorded::publisher(), false));
}

#[test]
fn a_publisher_hears_what_was_said_whatever_becomes_of_the_bytes() {
    check_bytes(&heard(Recorded::publisher(), true));
}

#[test]
fn no_order_of_frames_makes_another_message() {
    let all = [
        heard(Recorded::dealer(), false),
        heard(Recorded::dealer(), true),
        heard(Recorded::publisher(), false),
        heard(Recorded::publisher(), true),
    ];
    for heard in all {
        let (greeting, frames) = secured::split(&heard.said);
        assert!(frames.len() >= 3);
        for one in 0..frames.len() {
            let without = [&frames[..one], &frames[one + 1..]].concat();
            for other in 0..frames.len() {
                let mut moved = without.clone();
                moved.insert(other.min(moved.len()), frames[one]);
                let mut repeated = frames.clone();
                repeated.insert(other, frames[one]);
                let mut swapped = frames.clone();
                swapped.swap(one, other);
                for order in [&without, &moved, &repeated, &swapped] {
                    let _ = heard.check(&[greeting, &order.concat()].concat());
                }
            }
        }
    }
}

/// The frames of one session in another one of the same keys: INITIATE and READY, with the cookie of the other, among them.
#[test]
fn nothing_of_another_session_is_taken() {
    let one = another_session();
    let two = [
        heard(Recorded::dealer(), false),
        heard(Recorded::dealer(), true),
    ];
    for [here, there] in [[&one[0], &two[0]], [&one[1], &two[1]]]
        .iter()
        .flat_map(|&[one, two]| [[one, two], [two, one]])
    {
        let (greeting, ours) = secured::split(&here.said);
        let (_, theirs) = secured::split(&there.said);
        assert!(ours.len() >= 5 && theirs.len() >= 5);
        for foreign in theirs {
            for at in 0..=ours.len() {
                let (before, behind) = ours.split_at(at);
                let inserted = [before, &[foreign], behind].concat();
                let replaced = [before, &[foreign], behind.get(1..).unwrap_or(&[])].concat();
                for order in [inserted, replaced] {
                    // A server that takes the HELLO of the other session has its key, which nothing that follows fits.
                    let end = here.check(&[greeting, &order.concat()].concat());
                    assert!(end.is_err());
                }
            }
        }
    }
}

#[test]
fn a_cookie_is_taken_once() {
    let heard = heard(Recorded::dealer(), true);
    let (greeting, frames) = secured::split(&heard.said);
    let [hello, initiate] = [frames[0], frames[1]];
    let mut spoilt = initiate.to_vec();
    *spoilt.last_mut().unwrap() ^= 1;
    let name = "INITIATE";
    for (first, error) in [
        // It was good.
        (initiate, None),
        // The cookie was good, and what came behind it was not.
        (&spoilt, Some(Error::Cryptographic { command: name })),
    ] {
        let mut server = Connection::new(heard.settings.clone(), Duration::ZERO);
        let said = [greeting, hello, first].concat();
        let (events, end) = receive_all(&mut server, &said);
        match &error {
            None => assert_eq!((&events[..], &end), (&[Event::Ready][..], &Ok(()))),
            Some(error) => assert_eq!((&events[..], &end), (&[][..], &Err(error.clone()))),
        }
        drain(&mut server);
        let (events, end) = receive_all(&mut server, initiate);
        let again = end.unwrap_err();
        match error {
            None => assert!(matches!(again, Error::UnexpectedCommand { .. }), "{again}"),
            Some(error) => assert_eq!(again, error),
        }
        assert!(events.is_empty() && server.pending() == 0);
    }
}

/// While the verdict is awaited, a second INITIATE is not looked at; after the verdict it ends the connection.
#[test]
fn a_cookie_is_taken_once_around_the_verdict() {
    let mut heard = heard(Recorded::dealer(), true);
    heard.settings.authenticate = true;
    let (greeting, frames) = secured::split(&heard.said);
    let mut server = Connection::new(heard.settings.clone(), Duration::ZERO);
    let said = [greeting, frames[0], frames[1], frames[1]].concat();
    let mut input = &said[..];
    let asked = server.receive(&mut input, Duration::ZERO);
    assert!(matches!(asked, Ok(Some(Event::Authenticate(_)))));
    assert_eq!(server.receive(&mut input, Duration::ZERO), Ok(None));
    assert_eq!(input, frames[1]);
    server.decide(Verdict::Accept(User::default())).unwrap();
    let ready = server.receive(&mut input, Duration::ZERO);
    assert_eq!(ready, Ok(Some(Event::Ready)));
    let again = server.receive(&mut input, Duration::ZERO).unwrap_err();
    assert!(matches!(again, Error::UnexpectedCommand { .. }), "{again}");
}

/// What a server of PLAIN makes of this: whether it was shown the right password, and all that it received.
fn plain_server_hears(said: &[u8]) -> (bool, Vec<Event>) {
    let mut server = Connection::new(plain_server(Kind::Xpub), Duration::ZERO);
    let right = Credentials::Plain(Login::new("me", "secret"));
    let (mut input, mut shown, mut received) = (said, false, Vec::new());
    // An error is said again, and nothing is received behind it.
    while let Ok(Some(event)) = server.receive(&mut input, Duration::ZERO) {
        if let Event::Authenticate(credentials) = &event {
            assert!(!shown && received.is_empty());
            if **credentials != right {
                break;
            }
            shown = true;
            server.decide(Verdict::Accept(User::default())).unwrap();
        } else {
            received.push(event);
        }
    }
    (shown, received)
}

/// PLAIN protects no messages, but one who changes the bytes gets past the password with it only, and past HELLO and
/// INITIATE only in their order.
#[test]
fn nothing_passes_plain_without_the_password() {
    let mut said = Vec::new();
    let mut ends = [plain_client(Kind::Xsub), plain_server(Kind::Xpub)]
        .map(|settings| Connection::new(settings, Duration::ZERO));
    while !ends[0].is_ready() {
        for (from, to) in [(0, 1), (1, 0)] {
            let bytes = drain(&mut ends[from]);
            let (events, end) = receive_all(&mut ends[to], &bytes);
            end.unwrap();
            if let [Event::Authenticate(_)] = &events[..] {
                ends[1].decide(Verdict::Accept(User::default())).unwrap();
            }
            if from == 0 {
                said.extend(bytes);
            }
        }
    }
    ends[0].subscribe(b"topic", true);
    ends[0].send(Frame::from("message"));
    said.extend(drain(&mut ends[0]));
    assert_eq!(plain_server_hears(&said).1.len(), 3);

    let check = |said: &[u8]| {
        let (shown, received) = plain_server_hears(said);
        assert!(shown || received.is_empty(), "{received:?}");
        let ready = received.iter().position(|event| *event == Event::Ready);
        assert!(received.is_empty() || ready == Some(0), "{received:?}");
        received
    };
    for at in 0..said.len() {
        for change in 0..4 {
            let mut said = said.clone();
            match change {
                0 => said[at] ^= 1 << (at % 8),
                1 => drop(said.remove(at)),
                2 => said.insert(at, said[at]),
                _ => {
                    let next = (at + 1) % said.len();
                    said.swap(at, next);
                }
            }
            check(&said);
        }
    }
    let (greeting, mut frames) = secured::split(&said);
    let [hello, initiate] = [frames[0], frames[1]];
    let again = command("HELLO", b"\x05other\x00");
    // Behind the handshake these are commands that are not known, which are ignored.
    for (at, frame) in [(0, initiate), (0, &again), (1, hello), (1, &again)] {
        frames.insert(at, frame);
        assert!(check(&[greeting, &frames.concat()].concat()).is_empty());
        frames.remove(at);
    }
    for at in 0..2 {
        let frame = frames.remove(at);
        assert!(check(&[greeting, &frames.concat()].concat()).is_empty());
        frames.insert(at, frame);
    }
}
