//! Where the sockets of a rule meet, and how they get to a state.

use std::sync::Mutex;
use std::time::Duration;

use ringmq::{
    Context, EventKind, Kind, Message, RecvError, SendError, Socket, SocketOptions, StreamWork,
};
use ringmq_testing::{ReservedPort, Scratch, seed, soon, until, watchdog};

/// What carries the messages between the sockets of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// Within the process.
    Inproc,
    /// ZMTP over tcp: the context does not share memory.
    Tcp,
    /// ZMTP over ipc: the context does not share memory.
    Ipc,
    /// ipc in shared memory.
    SharedMemory,
    /// tcp in shared memory.
    SharedTcp,
}

use Carrier::{Inproc, Ipc, SharedMemory, SharedTcp, Tcp};

const KERNEL: &str = "the kernel takes some of the messages for a peer that does not read, and how many is its affair";
const NO_SESSION: &str = "a pipe within the process has no session: nothing connects again, and no handshake is waited for";
const ORDER: &str =
    "messages by ZMTP arrive some time after they were sent, which the rule has no way to see";

/// Rules that a carrier cannot have, and why.
pub(crate) const EXCEPTIONS: &[(&str, &[Carrier], &str)] = &[
    ("marks_of_both_sides_add_up", &[Tcp, Ipc], KERNEL),
    ("credit_comes_back_in_steps", &[Tcp, Ipc], KERNEL),
    ("marks_may_change_while_connected", &[Tcp, Ipc], KERNEL),
    ("a_full_peer_is_passed_over", &[Tcp, Ipc], KERNEL),
    (
        "a_full_subscriber_misses_messages_and_others_do_not",
        &[Tcp, Ipc],
        KERNEL,
    ),
    ("what_came_before_a_request_is_no_reply", &[Tcp, Ipc], ORDER),
    (
        "messages_wait_for_a_peer_that_comes_back",
        &[Inproc],
        NO_SESSION,
    ),
    (
        "subscriptions_are_sent_again_to_a_publisher_that_comes_back",
        &[Inproc],
        NO_SESSION,
    ),
    ("a_dealer_comes_back_under_its_id", &[Inproc], NO_SESSION),
    (
        "an_immediate_socket_has_a_pipe_while_its_peer_is_there",
        &[Inproc],
        NO_SESSION,
    ),
    (
        "an_immediate_socket_sends_only_to_peers_that_are_there",
        &[Inproc],
        NO_SESSION,
    ),
    (
        "what_is_no_reply_is_dropped",
        &[Tcp, Ipc, SharedMemory, SharedTcp],
        "such a message ends the connection of a REQ (`what_is_no_reply_ends_the_connection_of_a_req`)",
    ),
    (
        "an_unbind_ends_the_connections_of_its_listener",
        &[Inproc],
        "a name within the process has no connections of its own: pipes stay",
    ),
    (
        "a_second_connect_to_the_same_place_does_nothing",
        &[Inproc],
        "libzmq makes another pipe within the process, too",
    ),
    (
        "a_socket_that_does_not_linger_drops_what_waits",
        &[Inproc],
        "libzmq keeps what waits for a name, too: it is in the pipe of the socket that will be bound",
    ),
    (
        "a_wildcard_is_a_place_of_its_own",
        &[Inproc],
        "names within the process have no wildcards",
    ),
];

/// Runs a rule for a carrier. When the rule has ended, its context ends, too: nothing that it did may prevent that.
pub(crate) fn run(rule: &str, carrier: Carrier, check: fn(&World)) {
    for (name, carriers, reason) in EXCEPTIONS {
        if *name == rule && carriers.contains(&carrier) {
            eprintln!("{rule} is no rule of {carrier:?}: {reason}");
            return;
        }
    }
    let _guard = watchdog(Duration::from_secs(90));
    let at_random = StreamWork::Random(seed());
    let works: &[StreamWork] = match carrier {
        Tcp => &[StreamWork::Adaptive, at_random],
        Ipc => &[StreamWork::IoThread, StreamWork::Callers, at_random],
        Inproc | SharedMemory | SharedTcp => &[StreamWork::Adaptive],
    };
    for work in works {
        eprintln!("{work:?}");
        let world = World::new(carrier, *work);
        check(&world);
        world.context.terminate();
    }
}

/// A context for the sockets of a rule, and places for them to meet.
pub(crate) struct World {
    pub(crate) carrier: Carrier,
    pub(crate) context: Context,
    scratch: Scratch,
    places: Mutex<Places>,
}

/// The places of a world.
#[derive(Default)]
struct Places {
    given: u32,
    ports: Vec<ReservedPort>,
}

impl World {
    fn new(carrier: Carrier, work: StreamWork) -> World {
        let context = Context::new().unwrap();
        context.set_stream_work(work);
        context.set_shared_memory(matches!(carrier, SharedMemory | SharedTcp));
        World {
            carrier,
            context,
            scratch: Scratch::new(),
            places: Mutex::default(),
        }
    }

    /// An endpoint to which nothing is bound, nor will be but by this test.
    pub(crate) fn place(&self) -> String {
        let mut places = self.places.lock().unwrap();
        places.given += 1;
        let name = places.given.to_string();
        match self.carrier {
            Inproc => format!("inproc://{name}"),
            Ipc | SharedMemory => format!("ipc://{}", self.scratch.path(&name)),
            Tcp | SharedTcp => {
                let port = ReservedPort::new();
                let endpoint = format!("tcp://127.0.0.1:{}", port.number());
                places.ports.push(port);
                endpoint
            }
        }
    }

    /// A socket that is quick to connect again, and does not linger: a rule about that sets it.
    pub(crate) fn socket(&self, kind: Kind) -> Socket {
        self.socket_with(kind, &options())
    }

    /// A socket with these [options].
    pub(crate) fn socket_with(&self, kind: Kind, options: &SocketOptions) -> Socket {
        self.context.socket_with(kind, options).unwrap()
    }

    /// Binds a socket of this type.
    pub(crate) fn bound(&self, kind: Kind) -> (Socket, String) {
        let place = self.place();
        let mut socket = self.socket(kind);
        socket.bind(&place).unwrap();
        (socket, place)
    }

    /// Connects a socket of this type.
    pub(crate) fn connected(&self, kind: Kind, place: &str) -> Socket {
        let mut socket = self.socket(kind);
        socket.connect(place).unwrap();
        socket
    }

    /// A bound and a connected socket that have met.
    pub(crate) fn pair(&self, bound: Kind, connected: Kind) -> (Socket, Socket) {
        let (mut bound, mut connected) = (self.socket(bound), self.socket(connected));
        self.meet(&mut bound, &mut connected);
        (bound, connected)
    }

    /// Binds one socket, connects the other, and waits until they have met. Returns where.
    pub(crate) fn meet(&self, bound: &mut Socket, connected: &mut Socket) -> String {
        let place = self.place();
        bound.bind(&place).unwrap();
        connected.connect(&place).unwrap();
        self.have_met(bound, 1, &mut [connected]);
        place
    }

    /// Several sockets of a type that have met a bound one.
    pub(crate) fn crowd(&self, bound: &mut Socket, kind: Kind, count: usize) -> Vec<Socket> {
        let place = self.place();
        bound.bind(&place).unwrap();
        let mut crowd: Vec<Socket> = (0..count).map(|_| self.connected(kind, &place)).collect();
        let mut refs: Vec<&mut Socket> = crowd.iter_mut().collect();
        self.have_met(bound, count, &mut refs);
        crowd
    }

    /// Waits until a bound socket has so many connections, and all that are to share memory do.
    #[track_caller]
    pub(crate) fn have_met(&self, bound: &mut Socket, count: usize, others: &mut [&mut Socket]) {
        until(|| bound.connections().len() == count);
        until(|| self.carries(bound));
        for other in others {
            until(|| self.carries(other));
        }
    }

    /// Whether all connections of a socket have the carrier that they are to have.
    fn carries(&self, socket: &mut Socket) -> bool {
        let connections = socket.connections();
        let mut carriers = connections.iter().map(|one| one.carrier);
        carriers.all(|carrier| match self.carrier {
            Inproc => carrier == ringmq::Carrier::Inproc,
            Tcp | Ipc => matches!(carrier, ringmq::Carrier::Zmtp(_)),
            SharedMemory | SharedTcp => carrier == ringmq::Carrier::SharedMemory,
        })
    }

    /// Waits until so many messages of all peers have arrived at a socket since it [had](World::arrived) `before`, and has
    /// received none of them.
    pub(crate) fn until_arrived(&self, socket: &mut Socket, before: u64, count: u64) {
        until(|| match self.carrier {
            // They were there when they were sent, but for the first one in shared memory.
            Inproc | SharedMemory | SharedTcp => true,
            Tcp | Ipc => self.arrived(socket) == before + count,
        });
    }

    /// Messages that have arrived by ZMTP, without those for which the socket has given credit back.
    pub(crate) fn arrived(&self, socket: &mut Socket) -> u64 {
        let mut monitor = socket.monitor().unwrap();
        let asked = socket.ask_for_stats().unwrap();
        let counts = std::iter::from_fn(|| monitor.recv_deadline(soon()).ok());
        let counts = counts.filter_map(|event| match event.kind {
            EventKind::PipeStats { receiving, .. } => Some(receiving),
            _ => None,
        });
        counts.take(asked).sum()
    }
}

/// Sends so many messages and receives them. A carrier that needs memory for the first message has it then, so that later
/// ones are there when they were sent; and if it is a step of credit, the receiver owes none.
pub(crate) fn warm(sender: &mut Socket, receiver: &mut Socket, count: usize) {
    for _ in 0..count {
        put(sender, &["warm"]);
        receiver.recv_deadline(soon()).unwrap();
    }
}

/// The options of every socket, to which a rule may add.
pub(crate) fn options() -> SocketOptions {
    SocketOptions::new()
        .reconnect_interval(Duration::from_millis(1))
        .linger(Duration::ZERO)
}

/// A message of these parts.
pub(crate) fn message(parts: &[&str]) -> Message {
    parts.iter().copied().collect()
}

/// Sends a message of these parts, which there has to be room for soon.
#[track_caller]
pub(crate) fn put(socket: &mut Socket, parts: &[&str]) {
    socket.send_deadline(message(parts), soon()).unwrap();
}

/// The parts of a message.
pub(crate) fn texts(message: &Message) -> Vec<String> {
    let parts = message.iter();
    parts
        .map(|part| String::from_utf8(part.to_vec()).unwrap())
        .collect()
}

/// The parts of the next message, which has to come soon.
#[track_caller]
pub(crate) fn take(socket: &mut Socket) -> Vec<String> {
    texts(&socket.recv_deadline(soon()).unwrap())
}

/// The next message has this one part.
#[track_caller]
pub(crate) fn comes(socket: &mut Socket, text: &str) {
    assert_eq!(take(socket), [text]);
}

/// No message is there now.
#[track_caller]
pub(crate) fn is_empty(socket: &mut Socket) {
    let received = socket.try_recv();
    assert!(
        matches!(received, Err(RecvError::WouldBlock)),
        "{received:?}"
    );
}

/// No peer can take a message now.
#[track_caller]
pub(crate) fn is_full(socket: &mut Socket) {
    let sent = socket.try_send("refused").map_err(|error| error.reason);
    assert!(matches!(sent, Err(SendError::WouldBlock)), "{sent:?}");
}

/// How many messages of this kind a socket can send at once, until none can be taken or there are 5,000.
pub(crate) fn fill(socket: &mut Socket, sent: &Message) -> usize {
    let sent = (0..5_000).take_while(|_| socket.try_send(sent.clone()).is_ok());
    sent.count()
}

/// A message so long that only a few fit in the kernel's buffers.
pub(crate) fn long() -> Message {
    Message::from(vec![b'x'; 1 << 20])
}
