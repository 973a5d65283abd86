//! Messages about connections: each comes once for a connection, also if it goes over to shared memory, and at its place.

use std::num::NonZeroU32;
use std::time::Duration;

use ringmq::{
    Carrier, Context, EndpointError, Frame, Kind, Message, RecvError, Socket, SocketOptions,
    UnsentError,
};
use ringmq_testing::{Actor, listen, role, say, soon, spawn_role, until, watchdog};

use crate::parts::{arg, last};
use crate::places::Places;

/// Messages that are on their way when a connection ends.
const LAST: u64 = 200;

const KINDS: [(Kind, Kind); 3] = [
    (Kind::Dealer, Kind::Router),
    (Kind::Client, Kind::Server),
    (Kind::Peer, Kind::Peer),
];

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Inproc,
    Tcp,
    Zmtp,
    SharedMemory,
}

const WAYS: [Way; 4] = [Way::Inproc, Way::Tcp, Way::Zmtp, Way::SharedMemory];

impl Way {
    fn endpoint(self, places: &Places) -> String {
        match self {
            Way::Inproc => "inproc://notices".to_owned(),
            Way::Tcp => "tcp://127.0.0.1:*".to_owned(),
            Way::Zmtp | Way::SharedMemory => places.endpoint("s"),
        }
    }

    fn options(self) -> SocketOptions {
        SocketOptions::new()
            .shared_memory(self == Way::SharedMemory)
            .reconnect_interval(Duration::from_millis(1))
    }
}

fn server(context: &Context, kind: Kind, options: SocketOptions, endpoint: &str) -> Socket {
    let options = options
        .hello_message("server")
        .disconnect_message("gone")
        .notify_connect(true)
        .notify_disconnect(true);
    let mut server = context.socket_with(kind, &options).unwrap();
    // The one before may be about to leave it.
    until(|| match server.bind(endpoint) {
        Err(EndpointError::InUse(_)) => false,
        bound => bound.is_ok(),
    });
    server
}

/// A client, and the number by which a PEER sends to the server.
struct Client {
    socket: Socket,
    number: Option<NonZeroU32>,
}

impl Client {
    fn new(context: &Context, kind: Kind, options: SocketOptions, endpoint: &str) -> Client {
        let options = options.hello_message("client").hiccup_message("lost");
        let mut socket = context.socket_with(kind, &options).unwrap();
        let number = if kind == Kind::Peer {
            Some(socket.connect_peer(endpoint).unwrap())
        } else {
            socket.connect(endpoint).unwrap();
            None
        };
        Client { socket, number }
    }

    fn send(&mut self, bytes: &[u8]) {
        let mut frame = Frame::from(bytes);
        frame.set_routing_id(self.number);
        sent(self.socket.send(frame));
    }

    #[track_caller]
    fn hears(&mut self, expected: &str) {
        let message = self.socket.recv_deadline(soon()).unwrap();
        assert_eq!(last(&message), expected.as_bytes());
    }
}

#[track_caller]
fn sent(sent: Result<(), UnsentError>) {
    sent.unwrap();
}

#[track_caller]
fn hears(server: &mut Socket, expected: &str) -> Message {
    let message = server.recv_deadline(soon()).unwrap();
    assert_eq!(last(&message), expected.as_bytes());
    let parts = if server.kind() == Kind::Router { 2 } else { 1 };
    assert_eq!(message.len(), parts);
    message
}

fn is_shared(socket: &mut Socket) -> bool {
    let connections = socket.connections();
    !connections.is_empty()
        && connections
            .iter()
            .all(|one| one.carrier == Carrier::SharedMemory)
}

/// Sends to and fro, until the connection has gone over and some more messages have passed.
#[track_caller]
fn exchange(server: &mut Socket, client: &mut Client, way: Way) {
    let mut rounds = 0;
    while rounds < 100 {
        let over = is_shared(server) && is_shared(&mut client.socket);
        rounds += u32::from(over || way != Way::SharedMemory);
        client.send(b"ping");
        let question = hears(server, "ping");
        sent(server.send(question));
        client.hears("ping");
    }
}

fn nothing_more(socket: &mut Socket) {
    socket.set_recv_timeout(Duration::from_millis(20));
    assert!(matches!(socket.recv(), Err(RecvError::TimedOut)));
}

/// The end as a server hears it.
#[track_caller]
fn hears_the_end(server: &mut Socket, way: Way) {
    if server.kind() == Kind::Router && way != Way::Inproc {
        hears(server, "");
    }
    hears(server, "gone");
    nothing_more(server);
}

#[test]
fn each_comes_once_and_at_its_place() {
    let _guard = watchdog(Duration::from_secs(120));
    for way in WAYS {
        for (client, kind) in KINDS {
            let places = Places::new();
            let context = Context::new().unwrap();
            let endpoint = way.endpoint(&places);
            let mut server = server(&context, kind, way.options(), &endpoint);
            let endpoint = server.last_endpoint().to_owned();
            let mut client = Client::new(&context, client, way.options(), &endpoint);
            client.send(b"early");
            client.hears("server");
            if kind == Kind::Router && way != Way::Inproc {
                hears(&mut server, "");
            }
            hears(&mut server, "client");
            hears(&mut server, "early");
            exchange(&mut server, &mut client, way);
            for _ in 0..LAST {
                client.send(b"last");
            }
            drop(client);
            for _ in 0..LAST {
                hears(&mut server, "last");
            }
            hears_the_end(&mut server, way);
        }
    }
}

#[test]
fn a_client_that_loses_its_connection_hears_it_before_the_next_one() {
    let _guard = watchdog(Duration::from_secs(120));
    for way in [Way::Tcp, Way::Zmtp, Way::SharedMemory] {
        for (client, kind) in KINDS {
            let places = Places::new();
            let context = Context::new().unwrap();
            let mut first = server(&context, kind, way.options(), &way.endpoint(&places));
            let endpoint = first.last_endpoint().to_owned();
            let mut client = Client::new(&context, client, way.options(), &endpoint);
            for _ in 0..3 {
                client.hears("server");
                if kind == Kind::Router {
                    hears(&mut first, "");
                }
                hears(&mut first, "client");
                exchange(&mut first, &mut client, way);
                client.send(b"last");
                let question = hears(&mut first, "last");
                for _ in 0..LAST {
                    sent(first.send(question.clone()));
                }
                drop(first);
                for _ in 0..LAST {
                    client.hears("last");
                }
                client.hears("lost");
                first = server(&context, kind, way.options(), &endpoint);
            }
            client.hears("server");
            nothing_more(&mut client.socket);
        }
    }
}

/// Sends what has to arrive, and is killed.
fn victim() {
    let (kind, _) = KINDS[arg(1).parse::<usize>().unwrap()];
    let context = Context::new().unwrap();
    let mut client = Client::new(&context, kind, Way::SharedMemory.options(), &arg(0));
    client.hears("server");
    loop {
        client.send(b"ping");
        client.hears("ping");
        if is_shared(&mut client.socket) {
            break;
        }
    }
    client.send(b"over");
    for _ in 0..LAST {
        client.send(b"last");
    }
    say("sent");
    assert_eq!(listen(), "never");
}

#[test]
fn the_end_of_a_killed_process_comes_behind_what_it_has_sent() {
    const TEST: &str = "notices::the_end_of_a_killed_process_comes_behind_what_it_has_sent";
    if role().is_some() {
        return victim();
    }
    let _guard = watchdog(Duration::from_secs(120));
    for (which, (_, kind)) in KINDS.into_iter().enumerate() {
        let places = Places::new();
        let context = Context::new().unwrap();
        let endpoint = Way::SharedMemory.endpoint(&places);
        let options = Way::SharedMemory.options();
        let mut server = server(&context, kind, options, &endpoint);
        let args = [&endpoint[..], &which.to_string()];
        let mut victim = Actor::start(&mut spawn_role(TEST, "victim", &args));
        if kind == Kind::Router {
            hears(&mut server, "");
        }
        hears(&mut server, "client");
        loop {
            let message = server.recv_deadline(soon()).unwrap();
            if last(&message) == b"over" {
                break;
            }
            sent(server.send(message));
        }
        assert_eq!(victim.hear(), "sent");
        victim.kill();
        for _ in 0..LAST {
            hears(&mut server, "last");
        }
        hears_the_end(&mut server, Way::SharedMemory);
    }
}
