//! The secrets of a connection are wiped from memory with it, finished or not, and a password with the command that carries it.
//!
//! The tests read the memory of their own process, and look for the secrets there. What was freed is found, too.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the other tests")]
mod invariants;
#[allow(dead_code, reason = "shared with the other tests")]
mod secured;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use invariants::receive_all;
use ringmq_testing::{Actor, found_in_memory, role, say, spawn_role, watchdog};
use ringmq_zmtp::{Connection, Event, Kind, Login, Mechanism, NoRandom, User, Verdict};
use secured::{Recorded, plain_client, plain_server, split};

const CONNECTIONS: usize = 20;
/// What a function may have left in its part of the stack.
const LEFT: usize = 4;
/// Bytes of a secret.
const LEN: usize = 32;

/// Held by the test that looks at the memory of all.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The byte at `at` of each secret. The secret itself stands in no other memory than where it is in use.
fn byte(at: usize) -> u8 {
    (at as u8).wrapping_mul(167) ^ 0x5b
}

/// How often a secret, or the second half of one, is in memory: an allocator writes over the first bytes of what is freed.
fn found() -> usize {
    found_in_memory(LEN / 2, |at| byte(LEN / 2 + at))
}

fn secret(bytes: &mut [u8]) -> Result<(), NoRandom> {
    for (at, own) in bytes.iter_mut().enumerate() {
        *own = byte(at);
    }
    Ok(())
}

/// Copies of the secrets, which are not wiped.
static COPIES: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// As [`secret`], but keeps a copy.
fn copied(bytes: &mut [u8]) -> Result<(), NoRandom> {
    secret(bytes)?;
    COPIES.lock().unwrap().push(bytes.to_vec());
    Ok(())
}

fn server(random: fn(&mut [u8]) -> Result<(), NoRandom>) -> Connection {
    let mut settings = Recorded::dealer().settings(true);
    let Mechanism::CurveServer(config) = &mut settings.mechanism else {
        panic!("it is a server of CURVE");
    };
    config.random = random;
    Connection::new(settings, Duration::ZERO)
}

/// Servers that have heard this, and have no event.
fn servers(random: fn(&mut [u8]) -> Result<(), NoRandom>, said: &[u8]) -> Vec<Connection> {
    let mut servers: Vec<_> = (0..CONNECTIONS).map(|_| server(random)).collect();
    for server in &mut servers {
        let (events, _) = receive_all(server, said);
        assert_eq!(events, []);
    }
    servers
}

/// The client's greeting and HELLO.
fn hello() -> Vec<u8> {
    let said = Recorded::dealer().client_said();
    let (greeting, frames) = split(&said);
    [greeting, frames[0]].concat()
}

#[test]
fn cookie_keys_and_short_keys_are_wiped_with_the_connection() {
    let _alone = alone();
    let said = Recorded::dealer().client_said();
    let (_, frames) = split(&said);
    let hello = hello();
    // Peers that stop after HELLO, and in the middle of INITIATE, and one whose INITIATE is wrong.
    let half = [&hello, &frames[1][..100]].concat();
    let whole = [&hello[..], frames[1]].concat();
    assert!(found() <= LEFT);
    let mut all = Vec::new();
    for said in [hello, half, whole] {
        let servers = servers(secret, &said);
        let there = found();
        drop(servers);
        let left = found();
        assert!(left <= LEFT, "{left} of {there} are left");
        all.push(there);
    }
    // While the cookie may still come: its key, and the short secret key, of each.
    assert!(
        all[0] >= 2 * CONNECTIONS && all[1] >= 2 * CONNECTIONS,
        "{all:?}"
    );
}

/// The search finds what is not wiped, in use and freed. What stays in memory would disturb the other tests: a process of its
/// own has it.
#[test]
fn a_copy_that_is_not_wiped_is_found() {
    if role().is_some() {
        drop(servers(copied, &hello()));
        let kept = found();
        COPIES.lock().unwrap().clear();
        say(&format!("{kept} {}", found()));
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    let mut process = Actor::start(&mut spawn_role(
        "a_copy_that_is_not_wiped_is_found",
        "forgetful",
        &[],
    ));
    let heard = process.hear();
    process.finish();
    let (kept, freed) = heard.split_once(' ').unwrap();
    let [kept, freed] = [kept, freed].map(|text| text.parse::<usize>().unwrap());
    assert!(kept >= 2 * CONNECTIONS, "{heard}");
    // An allocator may use some of it again.
    assert!(freed > CONNECTIONS, "{heard}");
}

/// A client with the secret as its password, and a server. The names of users differ in length from one to the next: an
/// allocator does not use the memory of one command for the next.
fn plain(number: usize) -> [Connection; 2] {
    let user = "m".repeat(1 + 10 * number);
    let mut password = vec![0; LEN];
    secret(&mut password).unwrap();
    let mut settings = plain_client(Kind::Dealer);
    settings.mechanism = Mechanism::PlainClient(Login::new(user, password));
    let settings = [settings, plain_server(Kind::Dealer)];
    settings.map(|settings| Connection::new(settings, Duration::ZERO))
}

/// Passes at most `most` of the bytes that wait, in memory that is wiped. Returns the events.
fn pass(from: &mut Connection, to: &mut Connection, most: usize) -> Vec<Event> {
    let mut room = [0; 1 << 10];
    let mut events = Vec::new();
    while from.pending() > 0 {
        let mut len = 0;
        for byte in from.output().flatten().take(most) {
            room[len] = *byte;
            len += 1;
        }
        from.sent(len);
        let (came, ended) = receive_all(to, &room[..len]);
        room.fill(0);
        std::hint::black_box(&room);
        assert_eq!(ended, Ok(()));
        events.extend(came);
    }
    events
}

/// Ends that have greeted each other: the clients have a HELLO to send.
fn greeted() -> Vec<[Connection; 2]> {
    let mut all: Vec<_> = (0..CONNECTIONS).map(plain).collect();
    for [client, server] in &mut all {
        // The signature, and the rest of the greeting.
        for _ in 0..2 {
            assert_eq!(pass(client, server, 1 << 10), []);
            assert_eq!(pass(server, client, 1 << 10), []);
        }
        assert!(client.pending() > LEN);
    }
    all
}

#[test]
fn passwords_are_wiped_with_the_commands_that_carry_them() {
    let _alone = alone();
    for most in [1 << 10, 50, 7] {
        let told = format!("{most} bytes at a time");
        let mut all = greeted();
        let mut asked = Vec::with_capacity(CONNECTIONS);
        // The longest first: nothing is allocated in the place of its command.
        for [client, server] in all.iter_mut().rev() {
            asked.extend(pass(client, server, most));
        }
        let has_asked = |event: &Event| matches!(event, Event::Authenticate(_));
        assert!(asked.len() == CONNECTIONS && asked.iter().all(has_asked));
        drop(asked);
        // The settings of each client have it.
        let there = found();
        let expected = CONNECTIONS..=CONNECTIONS + LEFT;
        assert!(expected.contains(&there), "{there}: {told}");
        for [client, server] in &mut all {
            let verdict = Verdict::Accept(User::default());
            server.decide(verdict).unwrap();
            assert_eq!(pass(server, client, most), []);
            assert_eq!(pass(client, server, most), [Event::Ready]);
            assert_eq!(pass(server, client, most), [Event::Ready]);
        }
        drop(all);
        let left = found();
        assert!(left <= LEFT, "{left} of {there} are left: {told}");
    }
}

/// The last byte of HELLO does not come.
#[test]
fn passwords_are_wiped_with_the_connection() {
    let _alone = alone();
    let mut all = greeted();
    for [client, server] in &mut all {
        let mut room = [0; 1 << 10];
        let len = client.pending() - 1;
        for (own, byte) in room.iter_mut().zip(client.output().flatten().take(len)) {
            *own = *byte;
        }
        let (events, ended) = receive_all(server, &room[..len]);
        assert_eq!((events, ended), (vec![], Ok(())));
        room.fill(0);
        std::hint::black_box(&room);
    }
    // In the client's settings and output, and what the server has got of it.
    let there = found();
    assert!(there >= 2 * CONNECTIONS, "{there}");
    drop(all);
    let left = found();
    assert!(left <= LEFT, "{left} of {there} are left");
}
