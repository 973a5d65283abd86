//! What sockets ask of the I/O thread.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use ringmq_message::Frame;
use ringmq_pattern::Kind;
use ringmq_pipe::local::{Announcement, Bell, Bellpull, Post, Receiver, Sender, Waker};
use ringmq_transport::{
    Answer, Backoff, Endpoint, Listener, Options as TransportOptions, ReconnectStop, Stream,
};
use ringmq_zmtp::Settings;

use crate::mail::bounds::Bounds;
use crate::mail::commands::{
    Attachment, Command, Conflates, Failure, Far, Marks, PipeId, direction,
};
use crate::mail::event::Addresses;
use crate::mail::watch::Watch;
use crate::peers::outbound::Outbound;
use crate::peers::outlet;
use crate::session::ends::Ends;
use crate::session::handoff::Sharing;

/// Messages that wait in a pipe, as the socket knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stats {
    /// Messages that were sent, and that the other end has not reported.
    pub(crate) sent: u64,
    /// Messages that wait in shared memory to be received.
    pub(crate) received: u64,
}

/// An order to the I/O thread.
#[derive(Debug)]
pub(crate) enum Order {
    /// Accept at this listener.
    Listen(Box<Listen>),
    /// Close the listener of this number, and let go of its connections; then say that it is done.
    Unlisten(u64, SyncSender<()>),
    /// Let go of the connections that were accepted by the listener of this number.
    Leave(u64),
    /// Go on with a connection that another thread has accepted.
    Welcome(Box<Newcomer>),
    /// Connect, again and again.
    Connect(Box<Connect>),
    /// The name of the host that this session is to connect to was looked up.
    Resolved(PipeId, Answer),
    /// There is something for this session to do.
    Activate(PipeId),
    /// One direction of this session's connection cannot go on in shared memory.
    BreakOff(PipeId, Failure),
    /// The socket has these marks now.
    Marks(PipeId, Marks),
    /// The application has disconnected from what this pipe leads to.
    Disconnected(PipeId),
    /// Tell the monitor that the shared memory for this peer is full.
    TellFull(PipeId),
    /// Tell the monitor how many messages wait in this pipe.
    TellStats(PipeId, Stats),
    /// The socket has let this pipe go: send what it has left, for so long; also the message in an end in shared memory
    /// that had no room for it.
    Finish(PipeId, Option<Duration>, Option<Box<outlet::Shared>>),
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
    /// What it takes to go over to shared memory, if that is wanted.
    pub(crate) sharing: Option<Sharing>,
    /// Which I/O threads may have its connections.
    pub(crate) affinity: u64,
    /// A pipe lasts no longer than its connection.
    pub(crate) immediate: bool,
    /// Which directions of a pipe keep the last message only.
    pub(crate) conflates: Conflates,
    pub(crate) watch: Watch,
}

impl Link {
    /// What messages that are received have to keep to.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds::new(self.kind, self.settings.max_message)
    }
}

/// A listener, and who listens.
#[derive(Debug)]
pub(crate) struct Listen {
    pub(crate) number: u64,
    pub(crate) listener: Listener,
    pub(crate) link: Link,
}

/// A connection that was accepted, and by which listener.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) stream: Stream,
    pub(crate) listener: u64,
    pub(crate) link: Arc<Link>,
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

/// A way from a session to its socket: the ends of both. `session` is who wakes the session.
pub(crate) fn inbound(link: &Link, session: &Waker) -> (Sender<Frame>, Receiver<Frame>) {
    let socket = Waker::from(link.bellpull.clone());
    let (conflates, mark) = (link.conflates.receiving, link.marks.receiving);
    direction(conflates, mark, socket, session.clone())
}

/// A way from a socket to its session: the ends of both.
pub(crate) fn outbound(link: &Link, session: &Waker) -> (Sender<Frame>, Outbound) {
    let socket = Waker::from(link.bellpull.clone());
    let (conflates, mark) = (link.conflates.sending, link.marks.sending);
    let (sender, receiver) = direction(conflates, mark, session.clone(), socket);
    (sender, Outbound::new(receiver))
}

/// The pipe between a socket and a session: the ends of both.
pub(crate) fn session_pipe(link: &Link, id: PipeId, post: &Post<Order>) -> (Attachment, Ends) {
    let announcement = Announcement::new();
    let bell = Arc::new(SessionBell {
        post: post.clone(),
        id,
    });
    let waker = Waker::from(announcement.bellpull(bell));
    let (sender, outbound) = outbound(link, &waker);
    let (inbound, receiver) = inbound(link, &waker);
    (
        Attachment {
            id,
            sender,
            receiver,
            routing_id: Vec::new(),
            probed: false,
            marks: Some(link.marks),
            addresses: Addresses::default(),
            far: Far::Session(post.clone()),
        },
        Ends {
            inbound: Some(inbound),
            outbound,
            back: None,
            announcement,
            waker,
            out_midst: false,
        },
    )
}
