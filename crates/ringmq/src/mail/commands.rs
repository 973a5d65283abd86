//! What threads tell each other: commands to a socket, and orders to an I/O thread.
//!
//! They are one file because they name each other: an order brings the [`Link`] by which sessions send commands, and a
//! command brings the [`Far`] by which a socket sends orders.

use std::mem::discriminant;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use ringmq_message::Frame;
use ringmq_pattern::Kind;
use ringmq_pipe::blocks::Arena;
use ringmq_pipe::local::{Bellpull, Post, Receiver, Sender};
use ringmq_pipe::remote::LateControl;
use ringmq_transport::{
    Answer, Backoff, Endpoint, Listener, Options as TransportOptions, ReconnectStop, Stream,
    UdpSocket,
};
use ringmq_zmtp::Settings;

use crate::mail::bounds::Bounds;
use crate::mail::carrier::ZmtpReason;
use crate::mail::connection::Identity;
use crate::mail::ends::{Conflates, SessionPipe};
use crate::mail::event::Addresses;
use crate::mail::failure::Failure;
use crate::mail::marks::Marks;
use crate::mail::notices::Notices;
use crate::mail::required::Required;
use crate::mail::row::RowOrNone;
use crate::mail::shared::{Downgrade, Unsent, Upgrade};
use crate::mail::watch::Watch;

/// A pipe between a socket and a peer, the same number at both ends. A context never uses a number again, with one
/// exception: a connection that is made again gets another pipe of the same number, after the socket was told the end
/// of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PipeId(pub(crate) u64);

// --- To a socket

/// A command to a socket.
#[derive(Debug)]
pub(crate) enum Command {
    /// A peer is there.
    Attach(Box<Attachment>),
    /// The other end of a pipe is gone. What it has sent can still be received.
    Gone(PipeId),
    /// This side is about to end the connection, and the peer may live. The socket reads no more from shared memory: the
    /// peer sends again what it finds unread there.
    Stop(PipeId),
    /// As `Gone`, but the connection is made again, and gets another pipe.
    Parted(PipeId),
    /// A message about the connection behind a pipe, to be received behind what has come so far.
    Notice(PipeId, Frame),
    /// The peer has disconnected and connected again.
    Hiccup(PipeId),
    /// The peer at the other end of a pipe is known.
    Identity(PipeId, Box<Identity>),
    /// The socket at the other end of a pipe was found. It has this mailbox and these marks.
    Found(PipeId, Post<Command>, Marks),
    /// The socket at the other end of a pipe has these marks.
    Marks(PipeId, Marks),
    /// The connection behind a pipe stays on ZMTP, for this reason.
    Stays(PipeId, ZmtpReason),
    /// The connection behind a pipe has changed over to shared memory.
    Upgrade(PipeId, Box<Upgrade>),
    /// The pipe goes on by the session, in one direction at least: the connection is gone, or memory runs short.
    Downgrade(PipeId, Box<Downgrade>),
    /// Mappings run short, here or at the peer: the socket is to send by ZMTP again.
    GiveBack(PipeId),
    /// The context was shut down.
    Terminate,
}

impl Command {
    /// The pipe that it is about.
    pub(crate) fn pipe(&self) -> Option<PipeId> {
        match self {
            Command::Attach(attachment) => Some(attachment.id),
            Command::Gone(id)
            | Command::Stop(id)
            | Command::Parted(id)
            | Command::Notice(id, _)
            | Command::Hiccup(id)
            | Command::Identity(id, _)
            | Command::Found(id, ..)
            | Command::Marks(id, _)
            | Command::Stays(id, _)
            | Command::Upgrade(id, _)
            | Command::Downgrade(id, _)
            | Command::GiveBack(id) => Some(*id),
            Command::Terminate => None,
        }
    }
}

/// The socket's ends of the two directions of a pipe, and what has the other ends.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) id: PipeId,
    pub(crate) sender: Sender<Frame>,
    pub(crate) receiver: Receiver<Frame>,
    /// The routing id that the peer has announced.
    pub(crate) routing_id: Vec<u8>,
    /// The probe for a ROUTER is in the pipe already.
    pub(crate) probed: bool,
    /// The marks of this socket with which the pipe was made; `None` if they play no part.
    pub(crate) marks: Option<Marks>,
    /// The endpoints of a connection beyond the process.
    pub(crate) addresses: Addresses,
    /// What is known of the peer.
    pub(crate) identity: Box<Identity>,
    /// The message that the socket receives last, if the peer is a socket of this process that has connected to it.
    pub(crate) farewell: Option<Frame>,
    /// The far end, which learns of it when the socket closes its ends.
    pub(crate) far: Far,
    /// The far end sends and receives datagrams: it cannot subscribe, so it gets everything.
    pub(crate) datagrams: bool,
    /// The row of the connection in the status page. A socket makes that of a connection within the process by itself.
    pub(crate) row: RowOrNone,
}

/// The other end of a pipe.
#[derive(Debug, Clone)]
pub(crate) enum Far {
    /// A socket of this process.
    Socket(Post<Command>),
    /// A session of the I/O thread.
    Session(Post<Order>),
    /// A handshake that waits for the verdict of this socket. It sees the end by the pipe.
    Handshake,
}

impl Far {
    /// Tells the other end that the socket has closed its ends. The session sends what is in the pipe, and then
    /// `unsent`, for at most `linger`; for as long as it takes if that is `None`.
    pub(crate) fn close(&self, id: PipeId, linger: Option<Duration>, unsent: Option<Box<Unsent>>) {
        // If the mailbox is closed, the other end has ended before.
        match self {
            Far::Socket(post) => drop(post.send(Command::Gone(id))),
            Far::Session(post) => drop(post.send(Order::Finish(id, linger, unsent))),
            Far::Handshake => {}
        }
    }

    /// Tells a session that it has something to do.
    pub(crate) fn activate(&self, id: PipeId) {
        if let Far::Session(post) = self {
            // An I/O thread that has ended has nothing to do.
            let _ = post.send(Order::Activate(id));
        }
    }

    /// Has a session tell the monitor that the shared memory of its connection is full.
    pub(crate) fn tell_full(&self, id: PipeId) {
        if let Far::Session(post) = self {
            // An I/O thread that has ended has no connections.
            let _ = post.send(Order::TellFull(id));
        }
    }

    /// Tells a session that one direction of its connection cannot go on in shared memory.
    pub(crate) fn break_off(&self, id: PipeId, why: Failure) {
        if let Far::Session(post) = self {
            // An I/O thread that has ended has no connections.
            let _ = post.send(Order::BreakOff(id, why));
        }
    }
}

// --- To an I/O thread

/// An order to an I/O thread.
#[derive(Debug)]
pub(crate) enum Order {
    /// Accept at this listener.
    Listen(Box<Listen>),
    /// Close the listener of this number.
    StopAccepting(u64),
    /// Close the listener of this number and leave its connections as `Leave` does. Then send to the channel.
    Unlisten(u64, SyncSender<()>),
    /// End the connections that the listener of this number has accepted.
    Leave(u64),
    /// Take over a connection that another I/O thread has accepted.
    Welcome(Box<Newcomer>),
    /// Connect, and connect again whenever the connection ends.
    Connect(Box<Connect>),
    /// Serve a udp socket.
    OpenUdp(Box<OpenUdp>),
    /// The host name that this session connects to was looked up.
    Resolved(PipeId, Answer),
    /// This session has something to do.
    Activate(PipeId),
    /// One direction of this session's connection cannot go on in shared memory.
    BreakOff(PipeId, Failure),
    /// The socket has these marks now.
    Marks(PipeId, Marks),
    /// The application has disconnected from the endpoint of this session.
    Disconnected(PipeId),
    /// Tell the monitor that the shared memory for this peer is full.
    TellFull(PipeId),
    /// Tell the monitor how many messages wait in this pipe.
    TellStats(PipeId, Stats),
    /// The socket has closed its ends. Send what is left in the pipe, and then the unsent message, for at most this time.
    Finish(PipeId, Option<Duration>, Option<Box<Unsent>>),
    /// End the thread.
    Stop,
}

impl Order {
    /// Whether it may end sessions at once.
    pub(crate) fn ends_sessions(&self) -> bool {
        matches!(
            self,
            Order::Finish(..) | Order::Unlisten(..) | Order::Leave(_)
        )
    }
}

/// The messages that wait in a pipe, as the socket knows them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stats {
    /// Messages that were sent and that the other end has not reported as received.
    pub(crate) sent: u64,
    /// Messages that wait in shared memory to be received.
    pub(crate) received: u64,
}

/// What the sessions of one endpoint know of their socket.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) kind: Kind,
    pub(crate) post: Post<Command>,
    pub(crate) bellpull: Bellpull,
    pub(crate) marks: Marks,
    pub(crate) settings: Settings,
    pub(crate) zap: Zap,
    /// What shared memory needs; `None` if the connections stay on ZMTP.
    pub(crate) sharing: Option<SharedOffer>,
    /// The I/O threads that may have its connections, a bit each; 0 is all of them.
    pub(crate) affinity: u64,
    /// A pipe ends with its connection (`ZMQ_IMMEDIATE`).
    pub(crate) immediate: bool,
    pub(crate) conflates: Conflates,
    /// `None` if there are none.
    pub(crate) notices: Option<Box<Notices>>,
    pub(crate) batches: Batches,
    pub(crate) watch: Watch,
    /// The row of the socket in the status page.
    pub(crate) row: RowOrNone,
}

/// How much is read and written together on a stream, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batches {
    /// That are decoded, at most, before the socket sees what is in them. By default as many as libzmq reads at a time:
    /// with more, the application would wait while a long burst is decoded.
    pub(crate) receiving: usize,
    /// That wait to be written before more messages are encoded.
    pub(crate) sending: usize,
}

impl Default for Batches {
    fn default() -> Batches {
        Batches {
            receiving: 8 << 10,
            sending: 64 << 10,
        }
    }
}

/// What a socket wants of the authenticator of its context.
#[derive(Debug, Clone, Default)]
pub(crate) struct Zap {
    /// The domain that the authenticator is told; empty for none.
    pub(crate) domain: Vec<u8>,
    /// With a domain, a peer is denied if there is no authenticator.
    pub(crate) enforce: bool,
}

impl Link {
    /// Whether the connections carry bytes without ZMTP.
    pub(crate) fn is_raw(&self) -> bool {
        self.settings.raw.is_some()
    }

    /// Whether the socket hears by empty messages when a raw connection is made, and when it ends.
    pub(crate) fn notifies(&self) -> bool {
        self.settings.raw.is_some_and(|raw| raw.notify)
    }

    /// Takes a peer back that the socket has not seen, and would receive nothing from: the memory of peers that have come
    /// and gone does not wait for the next call of the socket. `gave_nothing`: no message of the peer waits in its pipe,
    /// and none can be in shared memory.
    /// Returns false if the socket is to be told that the peer is gone.
    pub(crate) fn takes_back(&self, id: PipeId, gave_nothing: bool) -> bool {
        let only_sends = matches!(
            self.kind,
            Kind::Pub | Kind::Radio | Kind::Push | Kind::Scatter
        );
        // What is in a pipe that conflates is not counted.
        let counts = !self.conflates.receiving;
        let receives_nothing = only_sends || (counts && gave_nothing);
        if !receives_nothing {
            return false;
        }
        let is_attached =
            |command: &Command| matches!(command, Command::Attach(near) if near.id == id);
        let back = self
            .post
            .take_back(is_attached, |command| command.pipe() == Some(id));
        back.is_some()
    }

    /// Tells the socket that the peer has connected again, unless a command that says so waits: an idle socket keeps no
    /// more of a peer that does so often.
    pub(crate) fn tell_hiccup(&self, id: PipeId) {
        let is_told = |command: &Command| matches!(command, Command::Hiccup(told) if *told == id);
        if self.post.take_back(is_told, |_| false).is_none() {
            // A socket that has closed says so by an order that is under way.
            let _ = self.post.send(Command::Hiccup(id));
        }
    }

    /// Leaves a command for the next call of the socket. It replaces an earlier one of the same kind and pipe.
    pub(crate) fn leave_last(&self, command: Command) {
        let kind = (discriminant(&command), command.pipe());
        let is_earlier = |command: &Command| (discriminant(command), command.pipe()) == kind;
        drop(self.post.take_back(is_earlier, is_earlier));
        // A socket that has closed says so by an order that is under way.
        let _ = self.post.leave(command);
    }

    /// What a connection needs that is refused without shared memory; `None` if such a connection stays on ZMTP.
    pub(crate) fn requires_sharing(&self) -> Option<&Required> {
        self.sharing.as_ref()?.required.as_deref()
    }

    /// The bounds of messages that the socket receives.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds::new(self.kind, self.settings.max_message)
    }
}

/// What a socket brings to an offer of shared memory.
#[derive(Debug, Clone)]
pub(crate) struct SharedOffer {
    pub(crate) control: LateControl,
    /// Bytes of memory that may hold unread messages of one peer.
    pub(crate) limit: u64,
    /// The arena of the context; `None` if it uses that of the process.
    pub(crate) own_arena: Option<Arc<Arena>>,
    /// Whether a connection that cannot use it is refused; `None` if such a connection stays on ZMTP.
    pub(crate) required: Option<Arc<Required>>,
}

/// A listener and its socket.
#[derive(Debug)]
pub(crate) struct Listen {
    pub(crate) number: u64,
    pub(crate) listener: Listener,
    pub(crate) link: Link,
    /// The row of the listener in the status page.
    pub(crate) row: RowOrNone,
}

/// A connection that was accepted, and the number of its listener.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) stream: Stream,
    pub(crate) listener: u64,
    pub(crate) link: Arc<Link>,
}

/// A udp socket, and its session's ends of the pipe.
#[derive(Debug)]
pub(crate) struct OpenUdp {
    pub(crate) id: PipeId,
    pub(crate) socket: UdpSocket,
    pub(crate) link: Link,
    pub(crate) ends: SessionPipe,
}

/// Where to connect to, and the session's ends of the pipe.
#[derive(Debug)]
pub(crate) struct Connect {
    pub(crate) id: PipeId,
    pub(crate) endpoint: Endpoint,
    pub(crate) options: TransportOptions,
    pub(crate) link: Link,
    pub(crate) ends: SessionPipe,
    /// The socket's ends, if it gets them only once the peer is there.
    pub(crate) near: Option<Box<Attachment>>,
    pub(crate) backoff: Backoff,
    pub(crate) stop: ReconnectStop,
}
