//! What sockets ask of the I/O thread.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use ringmq_pattern::Kind;
use ringmq_pipe::local::{Announcement, Bell, Bellpull, Post, Waker, pipe};
use ringmq_transport::{Backoff, Endpoint, Listener, Options as TransportOptions, ReconnectStop};
use ringmq_zmtp::Settings;

use super::session::Ends;
use crate::command::{Attachment, Command, Far, Marks, PipeId};
use crate::monitor::{Addresses, Watch};

/// An order to the I/O thread.
#[derive(Debug)]
pub(crate) enum Order {
    /// Accept at this listener.
    Listen(Box<Listen>),
    /// Close the listener of this number, and its connections if told so; then say that it is done.
    Unlisten(u64, SyncSender<()>),
    /// Connect, again and again.
    Connect(Box<Connect>),
    /// There is something for this session to do.
    Activate(PipeId),
    /// The application has disconnected from what this pipe leads to.
    Disconnected(PipeId),
    /// Tell the monitor how many messages wait in this pipe. As many are to be sent.
    TellStats(PipeId, u64),
    /// The socket has let this pipe go: send what it has left, for so long.
    Finish(PipeId, Option<Duration>),
    /// End the thread.
    Stop,
}

/// What the sessions of one endpoint know of their socket.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) kind: Kind,
    pub(crate) post: Post<Command>,
    pub(crate) bellpull: Bellpull,
    pub(crate) marks: Marks,
    pub(crate) settings: Settings,
    pub(crate) watch: Watch,
}

/// A listener, and who listens.
#[derive(Debug)]
pub(crate) struct Listen {
    pub(crate) number: u64,
    pub(crate) listener: Listener,
    pub(crate) link: Link,
}

/// Somewhere to connect to, and the session's ends of the pipe.
#[derive(Debug)]
pub(crate) struct Connect {
    pub(crate) id: PipeId,
    pub(crate) endpoint: Endpoint,
    pub(crate) options: TransportOptions,
    pub(crate) link: Link,
    pub(crate) ends: Ends,
    /// The socket's ends, if it is to get them only once somebody is there.
    pub(crate) near: Option<Box<Attachment>>,
    pub(crate) backoff: Backoff,
    pub(crate) stop: ReconnectStop,
}

/// Activates a session.
struct SessionBell {
    post: Post<Order>,
    id: PipeId,
}

impl Bell for SessionBell {
    fn ring(&self) -> io::Result<()> {
        // A reactor that has ended has no sessions.
        let _ = self.post.send(Order::Activate(self.id));
        Ok(())
    }
}

/// The pipe between a socket and a session: the ends of both.
pub(crate) fn session_pipe(link: &Link, id: PipeId, post: &Post<Order>) -> (Attachment, Ends) {
    let announcement = Announcement::new();
    let bell = Arc::new(SessionBell {
        post: post.clone(),
        id,
    });
    let session = Waker::from(announcement.bellpull(bell));
    let socket = Waker::from(link.bellpull.clone());
    let (sender, outbound) = pipe(link.marks.sending, session.clone(), socket.clone());
    let (inbound, receiver) = pipe(link.marks.receiving, socket, session);
    (
        Attachment {
            id,
            sender,
            receiver,
            routing_id: Vec::new(),
            addresses: Addresses::default(),
            far: Far::Session(post.clone()),
        },
        Ends {
            inbound,
            outbound,
            announcement,
            out_midst: false,
        },
    )
}
