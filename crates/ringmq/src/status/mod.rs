//! What the ringmq processes of this machine are doing: their sockets, and what travels over each connection.
//!
//! Each process with a [`Context`](crate::Context) keeps a page of memory for others to read, unless its environment has
//! `RINGMQ_STATUS=off`. A [`Watcher`] finds the pages of all processes of this user, or of all users if it is run by
//! root, and reads them. The processes notice nothing of that, and no message path knows of it.
//!
//! Counts are exact for a socket that sleeps or waits. While a socket is busy, they may be up to some hundred messages behind.
//!
//! ```
//! use ringmq::status::Watcher;
//! use ringmq::{Context, Kind};
//!
//! let context = Context::new()?;
//! let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
//! pull.bind("inproc://jobs")?;
//! push.connect("inproc://jobs")?;
//! push.send("job")?;
//! pull.recv()?;
//!
//! let snapshot = Watcher::new()?.look();
//! let own = std::process::id() as i32;
//! let process = snapshot.processes.iter().find(|process| process.pid == own);
//! for socket in &process.expect("this process has a page").sockets {
//!     println!("{}: {} connections", socket.kind, socket.connections.len());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A page is what its process makes of it. It is never mapped. Every number is read once and checked, every length is
//! bounded, and control characters in texts are escaped. So a hostile process can show nonsense about itself, and nothing
//! else.

mod decode;
mod join;
mod process;
mod watcher;

use ringmq_pattern::Kind;
use ringmq_pipe::Wait;

use crate::mail::Carrier;
pub use watcher::Watcher;

/// All processes with a status page, at one moment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// The processes, in the order of their numbers. One that uses two copies of this library is there twice.
    pub processes: Vec<Process>,
    /// Processes that this one may not look into, most often because they belong to other users. They may or may not use
    /// ringmq.
    pub denied: usize,
    /// Processes that could not be read because this one has no descriptors or no memory left (`RLIMIT_NOFILE`).
    pub unread: usize,
    /// Rows that were left out, because there are too many of them, or because they made no sense.
    pub left_out: u64,
}

/// A process and its sockets.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Process {
    /// Its number in this process' view.
    pub pid: i32,
    /// The user that it runs as.
    pub uid: u32,
    /// The name of the program, at most 15 characters.
    pub name: String,
    /// The command that started it, with its arguments; cut after some hundred characters.
    pub command: String,
    /// The version of its ringmq.
    pub version: String,
    /// How its sockets wait if they were not told; `None` if it says nothing sensible.
    pub wait: Option<Wait>,
    /// Whether its connections may use shared memory if the sockets were not told: those over ipc at least.
    pub shares: bool,
    /// When its first context was made, in microseconds since 1970.
    pub since: u64,
    /// Its sockets.
    pub sockets: Vec<Socket>,
    /// Sockets, listeners and connections for which its page has no room.
    pub missing: u64,
}

/// A socket of a process.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Socket {
    /// A number that no other socket of the process has at the same time.
    pub number: u64,
    /// Its type.
    pub kind: Kind,
    /// How it waits.
    pub wait: Option<Wait>,
    /// Whether its connections may use shared memory: those over ipc at least.
    pub shares: bool,
    /// When it was made, in microseconds since 1970.
    pub since: u64,
    /// How often a thread slept until something happened at the socket.
    pub sleeps: u64,
    /// The endpoints that it is bound to.
    pub listeners: Vec<String>,
    /// Its connections.
    pub connections: Vec<Connection>,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// There is no peer. The socket tries to connect, again and again.
    Connecting,
    /// The two sides are introducing themselves.
    Handshake,
    /// Messages can go.
    Ready,
}

/// Which mechanism protects a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protection {
    /// None.
    Null,
    /// A name and a password, in the clear.
    Plain,
    /// CURVE: all is encrypted.
    Curve,
}

/// A connection of a socket.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Connection {
    /// A number that no other connection of the process has at the same time.
    pub number: u64,
    /// The endpoint that the program bound or connected to. Cut after 160 bytes.
    pub endpoint: String,
    /// This side has connected, and not been connected to.
    pub connects: bool,
    /// The address of the peer, as [`Connection::peer`](crate::Connection::peer). Cut after 64 bytes.
    pub peer: String,
    /// The process of the peer over ipc, in the view of the process that shows the connection; `None` over tcp, also in
    /// shared memory.
    pub peer_pid: Option<i32>,
    /// The user of that process.
    pub peer_uid: Option<u32>,
    /// How far it is.
    pub phase: Phase,
    /// What carries its messages.
    pub carrier: Carrier,
    /// Which mechanism protects it.
    pub protection: Protection,
    /// Whether shared memory may be used by this side's options.
    pub shares: bool,
    /// When it was made, in microseconds since 1970.
    pub since: u64,
    /// What this side sends.
    pub sent: Flow,
    /// What this side receives.
    pub received: Flow,
    /// Messages that this side dropped because the peer had no room for them.
    pub dropped: u64,
    /// Bytes of shared memory that this side has made for messages to the peer.
    pub memory: u64,
    /// System calls of this side that woke the peer. Counted in shared memory only.
    pub wakes: u64,
    /// The names of this end and the peer's; 0 if there is none.
    pub(crate) ends: (u64, u64),
    /// Messages put into shared memory and taken out of it.
    pub(crate) shared: (u64, u64),
    /// Messages put into the pipe within the process and taken out of it.
    pub(crate) local: (u64, u64),
    /// Messages that wait in the pipe to the session, and in the pipe from it.
    pub(crate) queued: (u64, u64),
}

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Flow {
    /// Messages so far. Subscriptions count, too.
    pub messages: u64,
    /// Bytes so far, with what the carrier adds to each message; `None` within a process, where no bytes travel.
    pub bytes: Option<u64>,
    /// Messages that wait on this side of the network; `None` if this is not known.
    pub waiting: Option<Waiting>,
    /// Messages that may wait; `None` if there is no limit.
    pub mark: Option<u64>,
}

/// A number of messages that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// So many.
    Exactly(u64),
    /// No more than so many: the peer, whose page cannot be read, reports what it has taken in steps.
    AtMost(u64),
}

impl Waiting {
    /// The number.
    pub fn count(self) -> u64 {
        match self {
            Waiting::Exactly(count) | Waiting::AtMost(count) => count,
        }
    }
}
