//! What other threads tell a socket.

use std::time::Duration;

use ringmq_message::Frame;
use ringmq_pipe::local::{Post, Receiver, Sender};

use crate::monitor::Addresses;
use crate::reactor::Order;

/// A pipe between a socket and a peer, the same at both ends. Never used again within a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PipeId(pub(crate) u64);

/// A command to a socket.
#[derive(Debug)]
pub(crate) enum Command {
    /// Somebody is there.
    Attach(Box<Attachment>),
    /// The other end of a pipe is gone; what it has sent can still be received.
    Gone(PipeId),
    /// The peer at the other end has gone, and come back.
    Hiccup(PipeId),
    /// The socket at the other end of a pipe has been found, and has this mailbox, and these marks.
    Found(PipeId, Post<Command>, Marks),
    /// The socket at the other end of a pipe has these marks.
    Marks(PipeId, Marks),
    /// The context was shut down.
    Terminate,
}

/// Our ends of the two directions of a pipe, and who is at the others.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) id: PipeId,
    pub(crate) sender: Sender<Frame>,
    pub(crate) receiver: Receiver<Frame>,
    /// What the peer calls itself.
    pub(crate) routing_id: Vec<u8>,
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
    /// Tells it that our end is gone. What was sent is to arrive within the linger time, if there is one.
    pub(crate) fn let_go(&self, id: PipeId, linger: Option<Duration>) {
        // Whoever has closed its mailbox knows, or does not care.
        match self {
            Far::Socket(post) => drop(post.send(Command::Gone(id))),
            Far::Session(post) => drop(post.send(Order::Finish(id, linger))),
        }
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
            sending: sum(self.sending, other.receiving),
            receiving: sum(self.receiving, other.sending),
        }
    }
}

/// Without a limit on either side there is none.
fn sum(one: u64, other: u64) -> u64 {
    if one == 0 || other == 0 {
        0
    } else {
        one.saturating_add(other)
    }
}
