//! Handshakes of CURVE that are never finished, by the thousand: they cost no memory once they are over, and keep no honest
//! client out.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ringmq::{Context, KeyPair, Kind, Security, Socket, SocketOptions};
use ringmq_testing::{
    Actor, Counters, mix, role, role_args, say, soon, spawn_role, until, watchdog,
};
use ringmq_zmtp::{Connection, CurveClient, Mechanism, NoRandom, SecretKey, Settings};

use super::{Stream, answer_until_end, stranger, until_closed};

/// Strangers that come and go, those that stay until the server closes their connections, and how many of either are
/// there at a time.
const GOING: usize = 8000;
const STAYING: usize = 2000;
const AT_A_TIME: usize = 200;
/// Those that come before the memory is measured.
const FIRST_GOING: usize = 1000;
const FIRST_STAYING: usize = 400;
/// How long a handshake may take where strangers stay.
const SHORT: Duration = Duration::from_millis(200);
/// What the memory may grow by, in KiB: a quarter of a KiB for each stranger.
const MOST_KIB: u64 = (GOING + STAYING - FIRST_GOING - FIRST_STAYING) as u64 / 4;

fn keys(byte: u8) -> KeyPair {
    KeyPair::from_secret(SecretKey::from_bytes(&[byte; 32]))
}

/// Answers at two endpoints until it is told to end. The second gives handshakes little time.
fn serves() {
    let options = SocketOptions::new().security(Security::CurveServer(keys(1)));
    let context = Context::new().unwrap();
    let mut rep = context.socket_with(Kind::Rep, &options).unwrap();
    for timeout in [None, Some(SHORT)] {
        rep.change_options(|options| options.handshake_timeout(timeout))
            .unwrap();
        rep.bind(&role_args()[0]).unwrap();
        say(rep.last_endpoint());
    }
    answer_until_end(&mut rep);
}

/// Asks one question, as a client that keeps to the protocol.
fn ask(client: &mut Socket, question: &str) {
    client.send(question).unwrap();
    let answer = client.recv_deadline(soon()).unwrap();
    assert_eq!(answer[0].as_slice(), question.as_bytes());
}

/// A new connection of an honest client, in a context of its own.
fn client(endpoint: &str) -> Socket {
    let (keys, server_key) = (keys(2), *keys(1).public());
    let options = SocketOptions::new().security(Security::CurveClient { keys, server_key });
    let mut client = Context::new()
        .unwrap()
        .socket_with(Kind::Req, &options.handshake_timeout(None))
        .unwrap();
    client.connect(endpoint).unwrap();
    client
}

/// Bytes that differ from call to call, for keys that protect nothing.
fn differing(bytes: &mut [u8]) -> Result<(), NoRandom> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    for piece in bytes.chunks_mut(8) {
        let word = mix(COUNT.fetch_add(1, Ordering::Relaxed)).to_le_bytes();
        piece.copy_from_slice(&word[..piece.len()]);
    }
    Ok(())
}

/// Where a stranger stops.
#[derive(Debug, Clone, Copy)]
enum Stops {
    /// It has sent HELLO, and reads nothing.
    Hello,
    /// It has read WELCOME.
    Welcome,
    /// It has sent the half of an INITIATE that would be accepted.
    Initiate,
}

const STOPS: [Stops; 3] = [Stops::Hello, Stops::Welcome, Stops::Initiate];

/// Hands the client's end what it reads, and returns what it answers.
fn answer(end: &mut Connection, mut heard: &[u8]) -> Vec<u8> {
    while end.receive(&mut heard, Duration::ZERO).unwrap().is_some() {}
    let answer: Vec<u8> = end.output().flatten().copied().collect();
    end.sent(answer.len());
    answer
}

/// Begins a handshake, and stops. An error says that the server has closed the connection before.
fn begin(endpoint: &str, stops: Stops) -> std::io::Result<Box<dyn Stream>> {
    let mut settings = Settings::new(Kind::Req);
    settings.mechanism = Mechanism::CurveClient(CurveClient {
        keys: keys(2),
        server_key: *keys(1).public(),
        random: differing,
    });
    let mut end = Connection::new(settings, Duration::ZERO);
    let mut stream = stranger(endpoint);
    let (mut says, mut read) = (answer(&mut end, b""), [0; 256]);
    loop {
        let is_initiate = says.windows(9).any(|window| window == b"\x08INITIATE");
        match stops {
            Stops::Welcome if is_initiate => return Ok(stream),
            Stops::Initiate if is_initiate => says.truncate(says.len() / 2),
            _ => {}
        }
        stream.write_all(&says)?;
        let is_hello = says.windows(6).any(|window| window == b"\x05HELLO");
        if is_initiate || is_hello && matches!(stops, Stops::Hello) {
            return Ok(stream);
        }
        let n = stream.read(&mut read)?;
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        says = answer(&mut end, &read[..n]);
    }
}

/// Strangers that come, stop, and go. Half of them are gone at once, the others when many have come after them.
fn come_and_go(endpoint: &str, strangers: Range<usize>, honest: &mut Socket) {
    let mut open = VecDeque::new();
    for number in strangers {
        let stream = begin(endpoint, STOPS[number % 3]).unwrap();
        if number % 2 == 0 {
            open.push_back(stream);
        }
        if open.len() > AT_A_TIME {
            open.pop_front();
        }
        if number % 100 == 0 {
            ask(honest, "meanwhile");
        }
        if number % 1000 == 0 {
            ask(&mut client(endpoint), "new");
        }
    }
}

/// Strangers that stop, and go when the server has closed their connections.
fn come_and_stay(endpoint: &str, strangers: Range<usize>, honest: &mut Socket) {
    for first in strangers.step_by(AT_A_TIME) {
        let some = first..first + AT_A_TIME;
        let begun: Vec<_> = some
            .map(|number| begin(endpoint, STOPS[number % 3]))
            .collect();
        ask(honest, "meanwhile");
        for stream in begun {
            match stream {
                Ok(mut stream) => until_closed(&mut *stream),
                // Its time was over before: this process has waited for the processor.
                Err(error) => assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::UnexpectedEof
                            | ErrorKind::ConnectionReset
                            | ErrorKind::BrokenPipe
                    ),
                    "{error}"
                ),
            }
        }
    }
}

#[test]
fn unfinished_handshakes_of_curve_cost_no_memory() {
    const TEST: &str = "unfinished::unfinished_handshakes_of_curve_cost_no_memory";
    if role().is_some() {
        return serves();
    }
    let _guard = watchdog(Duration::from_secs(180));
    let mut server = Actor::start(&mut spawn_role(TEST, "serves", &["tcp://127.0.0.1:*"]));
    let [endpoint, hurried] = [(); 2].map(|()| server.hear());
    let mut honest = client(&endpoint);
    ask(&mut honest, "before");
    let descriptors = Counters::of(server.pid()).fds;
    // Memory is measured when the server has closed the connections of all strangers. It may have made descriptors of its
    // own since.
    let memory = || {
        until(|| Counters::of(server.pid()).fds < descriptors + 8);
        Counters::of(server.pid()).rss_kib
    };
    come_and_go(&endpoint, 0..FIRST_GOING, &mut honest);
    come_and_stay(&hurried, 0..FIRST_STAYING, &mut honest);
    let before = memory();
    come_and_go(&endpoint, FIRST_GOING..GOING, &mut honest);
    come_and_stay(&hurried, FIRST_STAYING..STAYING, &mut honest);
    let after = memory();
    println!("{before} KiB, {after} KiB after all");
    assert!(after < before + MOST_KIB, "{before} KiB, {after} KiB");
    ask(&mut honest, "after");
    ask(&mut client(&endpoint), "end");
    server.finish();
}
