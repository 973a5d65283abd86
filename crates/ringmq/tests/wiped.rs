//! No password of PLAIN is left in the memory of a process, once the sockets that have it are gone.
//!
//! The test reads the memory of its own process, and looks for the password there. What was freed is found, too.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringmq::{Authenticator, Context, Kind, Login, Security, Socket, SocketOptions};
use ringmq_testing::{Scratch, found_in_memory, watchdog};

const PEERS: usize = 20;
/// I/O threads of the test that has many.
const THREADS: usize = 20;
/// What functions may have left in their parts of the stacks of all threads.
const LEFT: usize = 6;
/// Bytes of the password.
const LEN: usize = 32;

/// The byte at `at` of the password, which stands in no other memory than where it is in use.
fn byte(at: usize) -> u8 {
    (at as u8).wrapping_mul(167) ^ 0x5b
}

/// How often the second half of the password is in memory: an allocator writes over the first bytes of what is freed.
fn found() -> usize {
    found_in_memory(LEN / 2, |at| byte(LEN / 2 + at))
}

/// The name is longer than what a client sends next, which would be read to where the password was.
fn login() -> Login {
    let mut password = Vec::with_capacity(LEN);
    password.extend((0..LEN).map(byte));
    Login::new("m".repeat(200), password)
}

/// Clients of a server, one after the other. `judged`: their password is known.
fn serve(context: &Context, endpoint: &str, judged: bool) {
    let options = SocketOptions::new().security(Security::PlainServer);
    let mut server = context.socket_with(Kind::Rep, &options).unwrap();
    server.bind(endpoint).unwrap();
    let endpoint = server.last_endpoint().to_owned();
    for _ in 0..PEERS {
        let options = SocketOptions::new()
            .security(Security::PlainClient(login()))
            .linger(Duration::ZERO);
        let mut client = context.socket_with(Kind::Req, &options).unwrap();
        let mut monitor = client.monitor().unwrap();
        client.connect(&endpoint).unwrap();
        if judged {
            client.send("question").unwrap();
            server.recv().unwrap();
            server.send("answer").unwrap();
            client.recv().unwrap();
        } else {
            use ringmq::EventKind::HandshakeFailed;
            while !matches!(monitor.recv().unwrap().kind, HandshakeFailed(_)) {}
        }
    }
}

/// Held by the test that looks at the memory of both.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn no_password_is_left() {
    let _alone = alone();
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let ipc = format!("ipc://{}", scratch.path("s"));
    for endpoint in ["tcp://127.0.0.1:*", &ipc] {
        for judged in [true, false] {
            let context = Context::new().unwrap();
            // Without an authenticator the server denies them all.
            let rules = Authenticator::new().password(login());
            let authenticator = judged.then(|| rules.start(&context).unwrap());
            serve(&context, endpoint, judged);
            let there = found();
            drop(authenticator);
            drop(context);
            let left = found();
            let told = format!("{left} of {there} are left, {endpoint}, judged: {judged}");
            assert!(left <= LEFT, "{told}");
        }
    }
}

/// The threads live on, each with the memory that it reads into.
#[test]
fn threads_wipe_what_they_have_read() {
    let _alone = alone();
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    context.set_io_threads(THREADS);
    let rules = Authenticator::new().password(login());
    let authenticator = rules.start(&context).unwrap();
    let options = SocketOptions::new().security(Security::PlainServer);
    let mut server = context.socket_with(Kind::Router, &options).unwrap();
    server.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = server.last_endpoint().to_owned();
    // At once, so that all threads have some.
    let others = Context::new().unwrap();
    let mut clients: Vec<Socket> = Vec::new();
    for _ in 0..4 * THREADS {
        let options = SocketOptions::new().security(Security::PlainClient(login()));
        let mut client = others.socket_with(Kind::Dealer, &options).unwrap();
        client.connect(&endpoint).unwrap();
        client.send("here").unwrap();
        server.recv().unwrap();
        clients.push(client);
    }
    drop(clients);
    drop(others);
    drop(server);
    drop(authenticator);
    let left = found();
    drop(context);
    assert!(left <= LEFT, "{left} are left");
}
