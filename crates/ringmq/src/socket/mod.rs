//! A socket.

pub(crate) mod commands;
pub(crate) mod endpoints;
pub(crate) mod groups;
pub(crate) mod in_place;
pub(crate) mod inproc;
pub(crate) mod named_peers;
pub(crate) mod options;
pub(crate) mod patience;
pub(crate) mod pause;
pub(crate) mod readiness;
pub(crate) mod recv;
pub(crate) mod send;
pub(crate) mod send_with;
pub(crate) mod setters;
pub(crate) mod showing;
pub(crate) mod transports;
pub(crate) mod udp;
pub(crate) mod waiting;

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use ringmq_pattern::{AttachError, Kind, Pattern, Peer, Remote};
use ringmq_pipe::local::{Mailbox, Post};
use ringmq_pipe::sleeper::Sleeper;

use crate::error::SocketError;
use crate::mail::row::Side;
use crate::mail::{Attachment, Command, EventKind, Host, RowOrNone, Watch};
use crate::peers::Peers;
use crate::registry::Registry;
use crate::socket::endpoints::Role;
use crate::socket::pause::Guests;
pub use options::{Security, SocketOptions, generate_key_pair};

/// Sends messages to its peers and receives from them, by the rules of its [type](Kind).
///
/// One thread at a time uses it; it may be moved to another thread between two calls. Dropping it closes it. Messages that
/// were sent still leave, for as long as [linger](Socket::set_linger) allows.
///
/// ```
/// use ringmq::{Context, Kind};
///
/// let context = Context::new()?;
/// let mut server = context.socket(Kind::Rep)?;
/// server.bind("tcp://127.0.0.1:*")?;
/// let mut client = context.socket(Kind::Req)?;
/// client.connect(server.last_endpoint())?;
///
/// client.send("What is the time?")?;
/// assert_eq!(server.recv()?[0].as_slice(), b"What is the time?");
/// server.send("12:05")?;
/// assert_eq!(client.recv()?[0].as_slice(), b"12:05");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Socket {
    pub(crate) registry: Registry,
    pub(crate) pattern: Pattern,
    pub(crate) peers: Peers,
    pub(crate) mailbox: Mailbox<Command>,
    pub(crate) post: Post<Command>,
    pub(crate) sleeper: Sleeper,
    pub(crate) options: SocketOptions,
    /// The routing id that the next peer that it connects to gets here.
    pub(crate) assigned_id: Option<Vec<u8>>,
    pub(crate) terminated: bool,
    /// Whether a message goes to several peers.
    distributes: bool,
    /// Whether more parts follow the part that was received last.
    pub(crate) more: bool,
    /// Whether the program has the descriptor.
    pub(crate) watched: bool,
    /// The endpoints that it is bound or connected to.
    pub(crate) endpoints: Vec<(String, Role)>,
    pub(crate) last_endpoint: String,
    /// The way to its monitor, for events of the socket and its connections.
    pub(crate) watch: Watch,
    /// The threads that share it, if some do.
    pub(crate) sharing: Option<Box<Guests>>,
    /// The I/O thread that has its sessions; that of the last one, if several have.
    pub(crate) host: Option<Arc<dyn Host>>,
    /// Its row in the status page.
    pub(crate) row: RowOrNone,
    /// When a PUB or XPUB last looked for subscriptions at all peers.
    looked: Instant,
}

impl Socket {
    pub(crate) fn new(
        registry: &Registry,
        kind: Kind,
        options: &SocketOptions,
    ) -> Result<Socket, SocketError> {
        options.check().map_err(SocketError::Options)?;
        let mut options = options.clone();
        let mut made = None;
        registry.enter(|defaults| {
            options.settle(kind, defaults);
            let sleeper = Sleeper::new(options.in_force_wait())?;
            let mailbox = Mailbox::new(sleeper.bellpull().into());
            let post = mailbox.post();
            made = Some((sleeper, mailbox));
            Ok(post)
        })?;
        let Some((sleeper, mailbox)) = made else {
            return Err(SocketError::Terminated);
        };
        let mut socket = Socket {
            registry: registry.clone(),
            pattern: Pattern::new(kind, fastrand::u32(..)),
            peers: Peers::default(),
            post: mailbox.post(),
            mailbox,
            sleeper,
            options,
            assigned_id: None,
            terminated: false,
            distributes: matches!(kind, Kind::Pub | Kind::Xpub | Kind::Xsub | Kind::Radio),
            more: false,
            watched: false,
            endpoints: Vec::new(),
            last_endpoint: String::new(),
            watch: Watch::default(),
            sharing: None,
            host: None,
            row: None,
            looked: Instant::now(),
        };
        socket.settle_late_policy();
        socket.begin_to_show();
        Ok(socket)
    }

    /// The socket type.
    pub fn kind(&self) -> Kind {
        self.pattern.kind()
    }

    /// Adds a peer. `side`: this end of a connection within the process.
    pub(crate) fn attach(
        &mut self,
        mut attachment: Attachment,
        assigned_id: Option<&[u8]>,
        side: Side,
    ) {
        self.show_attachment(&mut attachment, side);
        let routing_id = mem::take(&mut attachment.routing_id);
        let (probed, made) = (attachment.probed, attachment.marks);
        let subscribe_to_all = attachment.datagrams;
        let addresses = mem::take(&mut attachment.addresses);
        let peer = self.peers.add(attachment);
        let own = self.options.marks();
        if made.is_some_and(|made| made != own) {
            self.peers.change_marks(peer, own);
        }
        let remote = Remote {
            routing_id: &routing_id,
            assigned_id,
            subscribe_to_all,
            probed,
        };
        match self.pattern.attach(peer, remote, &mut self.peers) {
            // As in libzmq, a program reads the id of the connection that it has just made here.
            Ok(()) if self.kind() == Kind::Stream && assigned_id.is_none() => {
                let id = self.pattern.routing_id(peer).unwrap_or_default();
                self.options.routing_id = Some(id.to_vec());
            }
            Ok(()) => {}
            // As in libzmq the connection stays, and its messages are dropped. If it ended, the peer would connect again.
            Err(AttachError::DuplicateId) if assigned_id.is_none() => {
                self.peers.ignore(peer);
                self.watch
                    .tell(|| addresses.event(EventKind::RoutingIdTaken { routing_id }));
            }
            Err(_) => self.detach(peer),
        }
    }

    pub(crate) fn detach(&mut self, peer: Peer) {
        self.pattern.detach(peer, &mut self.peers);
        if let Some(gone) = self.peers.remove(peer, self.options.get_linger()) {
            self.forget_connected(gone);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.registry.is_here() {
            return;
        }
        self.mailbox.close();
        self.take_all_mail();
        self.leave_all();
        self.registry.leave(&self.post);
    }
}

/// One line, also as `{:#?}`: `Socket { kind: REP, endpoints: ["inproc://upper"], connections: 1 }`.
impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints = self.endpoints.iter().map(|(endpoint, _)| endpoint);
        write!(
            f,
            "Socket {{ kind: {}, endpoints: {:?}, connections: {} }}",
            self.kind(),
            endpoints.collect::<Vec<_>>(),
            self.peers.count(),
        )
    }
}
