//! What these tests share: numbered messages, endpoints, and what the process holds.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use ringmq::{Carrier, Connection, Context, Kind, Message, Socket, SocketOptions, ZmtpReason};
use ringmq_testing::{Bytes, Counters, mix, role_args, until, zmtp_greeting, zmtp_ready};

use crate::places::{OF_CONNECTION, OF_THREAD};

/// An argument of the role that this process plays.
pub(crate) fn arg(number: usize) -> String {
    role_args()[number].clone()
}

/// As [`arg`], a number.
pub(crate) fn number(at: usize) -> u64 {
    arg(at).parse().unwrap()
}

/// Message `number` of `from`: who, which, and content that follows from both.
pub(crate) fn make(from: u64, number: u64) -> Vec<u8> {
    let key = mix(from) ^ number;
    // Most are small, some as long as a segment.
    let longest = if mix(key).is_multiple_of(64) {
        70_000
    } else {
        200
    };
    let mut bytes = vec![0; 16 + (mix(!key) % longest) as usize];
    bytes[..8].copy_from_slice(&from.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    Bytes::new(key).fill(0, &mut bytes[16..]);
    bytes
}

/// Whose message that is, and which.
///
/// # Panics
///
/// If it is not as it was made.
#[track_caller]
pub(crate) fn read(bytes: &[u8]) -> (u64, u64) {
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (from, number) = (word(0), word(8));
    assert!(
        bytes == make(from, number),
        "message {number} of {from} is torn"
    );
    (from, number)
}

/// The last part of a message.
pub(crate) fn last(message: &Message) -> &[u8] {
    message[message.len() - 1].as_slice()
}

/// A socket that is quick to connect again.
pub(crate) fn socket(context: &Context, kind: Kind) -> Socket {
    let options = SocketOptions::new().reconnect_interval(Duration::from_millis(1));
    let mut socket = context.socket_with(kind, &options).unwrap();
    // A test that fails ends at once.
    socket.set_linger(Duration::ZERO);
    if kind == Kind::Sub {
        socket.subscribe(b"").unwrap();
    }
    socket
}

/// Binds or connects.
pub(crate) fn open(socket: &mut Socket, binds: bool, endpoint: &str) {
    if binds {
        socket.bind(endpoint).unwrap();
    } else {
        socket.connect(endpoint).unwrap();
    }
}

/// How many connections of this socket have gone over to shared memory.
pub(crate) fn shared(socket: &mut Socket) -> usize {
    let connections = socket.connections();
    let shared = |one: &&Connection| one.carrier == Carrier::SharedMemory;
    connections.iter().filter(shared).count()
}

/// Returns true if a connection of this socket has gone over to shared memory.
pub(crate) fn is_shared(socket: &mut Socket) -> bool {
    shared(socket) > 0
}

/// Waits until so many connections of this socket are in shared memory, and no more.
#[track_caller]
pub(crate) fn until_shared(socket: &mut Socket, count: usize) {
    until(|| shared(socket) == count);
}

/// Mappings of memory that carries messages.
pub(crate) fn rings() -> usize {
    mappings("/memfd:ringmq-ring")
}

/// Mappings of what sockets show to their peers, and peers to them.
pub(crate) fn pages() -> usize {
    mappings("/memfd:ringmq-socket")
}

fn mappings(name: &str) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains(name)).count()
}

/// What a process holds for its connections: to be equal before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    fds: usize,
    rings: usize,
    pages: usize,
    /// By their numbers: one that was waited for can be there for a little longer.
    threads: BTreeSet<OsString>,
}

impl Held {
    pub(crate) fn now() -> Held {
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        let threads = tasks.map(|task| task.unwrap().file_name()).collect();
        Held {
            fds: Counters::now().fds,
            rings: rings(),
            pages: pages(),
            threads,
        }
    }

    /// Sees that the process holds no more than for one peer beyond this.
    #[track_caller]
    pub(crate) fn is_near(&self, before: &Held) {
        let near = self.fds <= before.fds + 12 + OF_CONNECTION
            && self.rings <= 32
            && self.pages <= before.pages + 3;
        assert!(near, "{self:?}, and {before:?} at first");
    }

    /// Waits until the process holds nothing of a peer more than it held: the socket that stays may have its page, what it
    /// sleeps in, and a descriptor to receive memory with.
    pub(crate) fn wait_idle(&self, mut at_work: impl FnMut()) {
        loop {
            at_work();
            let now = Held::now();
            if now.fds <= self.fds + 3 + OF_THREAD
                && now.rings == self.rings
                && now.pages <= self.pages + 1
            {
                return;
            }
            std::thread::yield_now();
        }
    }

    /// Waits until the process holds what it held, and no thread more: its sockets take notice of the peers that are gone.
    /// The socket that stays may have its page by now, which is made for its first peer: a mapping and a descriptor. Once it
    /// has agreed with a peer it has what it sleeps in, and a descriptor to receive memory with: two more at most. Its I/O thread
    /// keeps what it has for connections to come over.
    pub(crate) fn wait(&self, mut at_work: impl FnMut()) {
        loop {
            at_work();
            let mut now = Held::now();
            now.fds = now.fds.saturating_sub(OF_THREAD);
            if now.threads.is_subset(&self.threads) {
                now.threads.clone_from(&self.threads);
            }
            let page = usize::from(now.pages == self.pages + 1);
            now.pages -= page;
            // Without a page there are two: all its peers went before they had gone over.
            if now.fds <= self.fds + 2 + page {
                now.fds = now.fds.min(self.fds);
            }
            // A peer that is gone may have been noticed a moment after this was counted.
            let no_more = now.fds <= self.fds && now.rings <= self.rings && now.pages <= self.pages;
            if no_more && now.threads == self.threads {
                return;
            }
            std::thread::yield_now();
        }
    }
}

/// How many connections are in shared memory, and how many are not, for want of descriptors or mappings.
pub(crate) fn shared_and_short(socket: &mut Socket) -> (usize, usize) {
    let connections = socket.connections();
    // Over tcp, a peer without a descriptor for it does not come.
    let reasons = [ZmtpReason::Resources, ZmtpReason::Unproven].map(Carrier::Zmtp);
    let short = connections
        .iter()
        .filter(|one| reasons.contains(&one.carrier));
    (shared(socket), short.count())
}

/// Greeting of ZMTP 3 and READY, of a socket that can have shared memory.
pub(crate) fn hello(kind: &str, minor: u8) -> Vec<u8> {
    let ready = zmtp_ready(kind, &[("X-Ringmq-Shm", b"3")]);
    [zmtp_greeting(minor), ready].concat()
}
