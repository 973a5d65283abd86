//! Handshakes a byte at a time, and late authenticators, in each mechanism.

use std::time::{Duration, Instant};

use ringmq::{
    Authenticator, Context, KeyPair, Kind, Login, Message, RunningAuthenticator, Security, Socket,
    SocketOptions,
};
use ringmq_testing::{soon, until, watchdog};
use ringmq_zmtp::{Connection, CurveClient, Mechanism, SecretKey, Settings};

use super::{Stream, stranger, until_closed};

/// How long a handshake may take where slow peers are dropped.
const SHORT: Duration = Duration::from_millis(300);
const STRANGERS: usize = 20;

/// A mechanism, as the socket has it, and as the two kinds of client have it.
struct Ends {
    server: Security,
    client: Security,
    by_hand: Mechanism,
}

fn ends() -> [Ends; 3] {
    let [server_keys, keys] =
        [1, 2].map(|byte| KeyPair::from_secret(SecretKey::from_bytes(&[byte; 32])));
    let server_key = *server_keys.public();
    let login = || Login::new("me", "secret");
    [
        Ends {
            server: Security::Null,
            client: Security::Null,
            by_hand: Mechanism::Null,
        },
        Ends {
            server: Security::PlainServer,
            client: Security::PlainClient(login()),
            by_hand: Mechanism::PlainClient(login()),
        },
        Ends {
            server: Security::CurveServer(server_keys),
            client: Security::CurveClient {
                keys: keys.clone(),
                server_key,
            },
            by_hand: Mechanism::CurveClient(CurveClient {
                keys,
                server_key,
                // It is one client's, and protects nothing.
                random: |bytes| {
                    bytes.fill(7);
                    Ok(())
                },
            }),
        },
    ]
}

/// A peer by hand, which writes what a client writes, a byte at a time.
struct Slow {
    end: Connection,
    stream: Box<dyn Stream>,
    /// All that it has to write, and how much of that is written.
    says: Vec<u8>,
    written: usize,
}

impl Slow {
    fn new(endpoint: &str, mechanism: &Mechanism) -> Slow {
        let mut settings = Settings::new(Kind::Req);
        settings.mechanism = mechanism.clone();
        Slow {
            end: Connection::new(settings, Duration::ZERO),
            stream: stranger(endpoint),
            says: Vec::new(),
            written: 0,
        }
    }

    /// Writes a byte, or reads if there is none to write.
    fn step(&mut self) -> std::io::Result<()> {
        let wrote = self.end.output().flatten().copied();
        self.says.extend(wrote);
        self.end.sent(self.end.pending());
        if let Some(byte) = self.says.get(self.written) {
            self.written += 1;
            return self.stream.write_all(&[*byte]);
        }
        let mut read = [0; 512];
        let n = self.stream.read(&mut read)?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let (mut heard, now) = (&read[..n], Duration::ZERO);
        while self.end.receive(&mut heard, now).unwrap().is_some() {}
        Ok(())
    }

    /// Writes all of a handshake but its last byte: that of READY with NULL, that of INITIATE with the others.
    fn almost_finish(&mut self) -> std::io::Result<()> {
        let is_last = |says: &[u8]| {
            let has = |name: &[u8]| says.windows(name.len()).any(|window| window == name);
            has(b"\x05READY") || has(b"\x08INITIATE")
        };
        while !is_last(&self.says) || self.written + 1 < self.says.len() {
            self.step()?;
        }
        Ok(())
    }
}

/// A REP of a mechanism, and an honest client of it.
fn pair(ends: &Ends, context: &Context, timeout: Option<Duration>) -> [Socket; 2] {
    let server = SocketOptions::new()
        .security(ends.server.clone())
        .zap_domain("domain")
        .handshake_timeout(timeout);
    let client = SocketOptions::new()
        .security(ends.client.clone())
        .handshake_timeout(None);
    let mut server = context.socket_with(Kind::Rep, &server).unwrap();
    server.bind("tcp://127.0.0.1:*").unwrap();
    let there = Context::new().unwrap();
    let client = there.socket_with(Kind::Req, &client).unwrap();
    [server, client]
}

/// Accepts the client of each mechanism.
fn authenticator(context: &Context) -> RunningAuthenticator {
    let key = *KeyPair::from_secret(SecretKey::from_bytes(&[2; 32])).public();
    let authenticator = Authenticator::new().password(Login::new("me", "secret"));
    authenticator.key(key, "me").start(context).unwrap()
}

fn talk(server: &mut Socket, client: &mut Socket) {
    client.send("question").unwrap();
    let question = server.recv_deadline(soon()).unwrap();
    server.send(question).unwrap();
    client.recv_deadline(soon()).unwrap();
}

#[test]
fn a_slow_handshake_ends_at_its_time() {
    let _guard = watchdog(Duration::from_secs(120));
    for ends in ends() {
        let context = Context::new().unwrap();
        let _authenticator = authenticator(&context);
        let [mut server, mut client] = pair(&ends, &context, Some(SHORT));
        let endpoint = server.last_endpoint().to_owned();
        let begin = Instant::now();
        let mut strangers: Vec<_> = (0..STRANGERS)
            .map(|_| Slow::new(&endpoint, &ends.by_hand))
            .collect();
        for slow in &mut strangers {
            // Its time may be over before, if this process has waited for the processor.
            drop(slow.almost_finish());
            until_closed(&mut *slow.stream);
            assert!(begin.elapsed() >= SHORT, "{:?}", ends.server);
        }
        client.connect(&endpoint).unwrap();
        talk(&mut server, &mut client);
        assert_eq!(server.connections().len(), 1);
    }
}

#[test]
fn slow_handshakes_hold_up_no_other_and_succeed() {
    let _guard = watchdog(Duration::from_secs(120));
    for ends in ends() {
        let context = Context::new().unwrap();
        let _authenticator = authenticator(&context);
        let [mut server, mut client] = pair(&ends, &context, None);
        let endpoint = server.last_endpoint().to_owned();
        let mut strangers: Vec<_> = (0..STRANGERS)
            .map(|_| Slow::new(&endpoint, &ends.by_hand))
            .collect();
        for slow in &mut strangers {
            slow.almost_finish().unwrap();
        }
        client.connect(&endpoint).unwrap();
        talk(&mut server, &mut client);
        assert_eq!(server.connections().len(), 1);
        for slow in &mut strangers {
            slow.step().unwrap();
        }
        until(|| server.connections().len() == STRANGERS + 1);
    }
}

/// The reply to a request for a verdict: the peer is accepted.
fn accept(request: &Message) -> Message {
    let (whom, number) = (request[0].as_slice(), request[3].as_slice());
    [whom, b"", b"1.0", number, b"200", b"OK", b"me", b""]
        .into_iter()
        .collect()
}

#[test]
fn a_late_authenticator_delays_only_the_peers_that_it_is_late_about() {
    let _guard = watchdog(Duration::from_secs(120));
    for ends in ends() {
        let context = Context::new().unwrap();
        let mut handler = context.socket(Kind::Router).unwrap();
        handler.bind("inproc://zeromq.zap.01").unwrap();
        let [mut server, mut late] = pair(&ends, &context, None);
        let [mut other_server, mut other] = pair(&ends, &context, None);
        late.connect(server.last_endpoint()).unwrap();
        let held = handler.recv_deadline(soon()).unwrap();
        // Another peer of another socket, and then one of the same socket.
        other.connect(other_server.last_endpoint()).unwrap();
        let request = handler.recv_deadline(soon()).unwrap();
        handler.send(accept(&request)).unwrap();
        talk(&mut other_server, &mut other);
        let there = Context::new().unwrap();
        let options = other.options().clone();
        let mut quick = there.socket_with(Kind::Req, &options).unwrap();
        quick.connect(server.last_endpoint()).unwrap();
        let request = handler.recv_deadline(soon()).unwrap();
        handler.send(accept(&request)).unwrap();
        talk(&mut server, &mut quick);
        assert_eq!(server.connections().len(), 1);
        handler.send(accept(&held)).unwrap();
        talk(&mut server, &mut late);
    }
}
