//! What other threads tell a socket.

use std::sync::Arc;
use std::time::Duration;

use ringmq_message::{Frame, Properties};
use ringmq_pattern::Kind;
use ringmq_pipe::local::{Post, Receiver, Sender, Waker, conflating, pipe};
use ringmq_pipe::marks::together;
use ringmq_pipe::remote;

use crate::mail::bounds::Bounds;
use crate::mail::carrier::WhyZmtp;
use crate::mail::event::Addresses;
use crate::mail::orders::Order;
use crate::peers::outlet;

/// A pipe between a socket and a peer, the same at both ends. Never used again within a context, but for a connection
/// that is made anew and gets another pipe, once the end of the one before was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PipeId(pub(crate) u64);

/// Why one direction of a connection cannot go on in shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The peer broke the protocol.
    Corrupt,
    /// This side has no memory or descriptors for what it sends, or there can be no record of a message.
    CannotSend,
    /// This side has no memory, mapping or descriptors for what it receives.
    CannotReceive,
    /// A part has more bytes than this side admits.
    TooLong {
        /// Bytes that it has.
        size: u64,
        /// Bytes that it may have.
        limit: u64,
    },
    /// What came to a REQ is no reply.
    NoReply,
}

/// A command to a socket.
#[derive(Debug)]
pub(crate) enum Command {
    /// Somebody is there.
    Attach(Box<Attachment>),
    /// The other end of a pipe is gone; what it has sent can still be received.
    Gone(PipeId),
    /// The connection is about to be ended by this side, whose peer may live: what is in shared memory is left to it.
    Stop(PipeId),
    /// As `Gone`, but the connection is to be made anew, and to get another pipe.
    Parted(PipeId),
    /// The peer at the other end has gone, and come back.
    Hiccup(PipeId),
    /// The socket at the other end of a pipe has been found, and has this mailbox, and these marks.
    Found(PipeId, Post<Command>, Marks),
    /// The socket at the other end of a pipe has these marks.
    Marks(PipeId, Marks),
    /// The connection behind a pipe stays on ZMTP, for this reason.
    Stays(PipeId, WhyZmtp),
    /// The connection behind a pipe has gone over to shared memory.
    Upgrade(PipeId, Box<Upgrade>),
    /// The pipe goes on with a session, in one direction at least: the connection is gone, or memory runs short.
    Downgrade(PipeId, Box<Downgrade>),
    /// Mappings run short, here or at the peer: what is sent by a pipe is to go by ZMTP again.
    GiveBack(PipeId),
    /// The context was shut down.
    Terminate,
}

/// Ends in shared memory, of the directions in which messages pass.
#[derive(Debug)]
pub(crate) struct Upgrade {
    pub(crate) sender: Option<remote::Sender>,
    pub(crate) receiver: Option<remote::Receiver>,
    /// What messages tell of the peer.
    pub(crate) properties: Option<Arc<Properties>>,
    /// What messages have to keep to.
    pub(crate) bounds: Bounds,
}

impl Upgrade {
    /// Both sides have agreed, and the peer goes over with its next message.
    pub(crate) fn agreed() -> Upgrade {
        Upgrade {
            sender: None,
            receiver: None,
            properties: None,
            bounds: Bounds::default(),
        }
    }

    /// What is sent goes this way from now on.
    pub(crate) fn sender(sender: remote::Sender) -> Upgrade {
        Upgrade {
            sender: Some(sender),
            receiver: None,
            properties: None,
            bounds: Bounds::default(),
        }
    }

    /// The peer has sent everything by the way before, and the rest comes here.
    pub(crate) fn receiver(
        receiver: remote::Receiver,
        properties: Option<Arc<Properties>>,
        bounds: Bounds,
    ) -> Upgrade {
        Upgrade {
            sender: None,
            receiver: Some(receiver),
            properties,
            bounds,
        }
    }
}

/// Ends of a pipe to the session, of the directions that go on there.
#[derive(Debug)]
pub(crate) struct Downgrade {
    pub(crate) sender: Option<Sender<Frame>>,
    pub(crate) receiver: Option<Receiver<Frame>>,
    pub(crate) why: WhyZmtp,
}

/// Our ends of the two directions of a pipe, and who is at the others.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) id: PipeId,
    pub(crate) sender: Sender<Frame>,
    pub(crate) receiver: Receiver<Frame>,
    /// What the peer calls itself.
    pub(crate) routing_id: Vec<u8>,
    /// Whether the probe for a ROUTER is in the pipe already.
    pub(crate) probed: bool,
    /// Those that a session made the pipe with.
    pub(crate) marks: Option<Marks>,
    /// Of a connection beyond the process.
    pub(crate) addresses: Addresses,
    /// Whom to tell that our end is gone.
    pub(crate) far: Far,
}

/// Who has the other end of a pipe.
#[derive(Debug, Clone)]
pub(crate) enum Far {
    /// A socket of this process.
    Socket(Post<Command>),
    /// A session of the I/O thread.
    Session(Post<Order>),
}

impl Far {
    /// Tells it that our end is gone. What was sent is to arrive within the linger time, if there is one; so is the
    /// message in an end that had no room for it.
    pub(crate) fn let_go(
        &self,
        id: PipeId,
        linger: Option<Duration>,
        late: Option<Box<outlet::Shared>>,
    ) {
        // Whoever has closed its mailbox knows, or does not care.
        match self {
            Far::Socket(post) => drop(post.send(Command::Gone(id))),
            Far::Session(post) => drop(post.send(Order::Finish(id, linger, late))),
        }
    }

    /// Tells a session that there is something to do.
    pub(crate) fn activate(&self, id: PipeId) {
        if let Far::Session(post) = self {
            // An I/O thread that has ended has nothing to do.
            let _ = post.send(Order::Activate(id));
        }
    }

    /// Has a session tell that the shared memory of its connection is full.
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

/// Which directions of a pipe keep the last message only, as the socket of this end sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Conflates {
    pub(crate) sending: bool,
    pub(crate) receiving: bool,
}

impl Conflates {
    /// Those that carry messages, of the socket types that conflate. Subscriptions are all kept.
    pub(crate) fn of(kind: Kind) -> Conflates {
        Conflates {
            sending: matches!(kind, Kind::Push | Kind::Pub | Kind::Dealer),
            receiving: matches!(kind, Kind::Pull | Kind::Sub | Kind::Dealer),
        }
    }
}

/// One direction of a pipe.
pub(crate) fn direction(
    conflates: bool,
    mark: u64,
    to: Waker,
    from: Waker,
) -> (Sender<Frame>, Receiver<Frame>) {
    if conflates {
        conflating(to, from)
    } else {
        pipe(mark, to, from)
    }
}

/// Messages that may wait in each direction of a pipe, as one end sees it; 0 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) sending: u64,
    pub(crate) receiving: u64,
}

impl Marks {
    /// The marks of a pipe between two sockets, as this one sees it: what either may have waiting counts together.
    pub(crate) fn between(self, other: Marks) -> Marks {
        Marks {
            sending: together(self.sending, other.receiving),
            receiving: together(self.receiving, other.sending),
        }
    }
}
