//! A socket.

use std::fmt;
use std::time::{Duration, Instant};

use ringmq_message::{Frame, Message};
use ringmq_pattern::{Kind, NotAttached, Pattern, Peer, Ready, RecvRefused, Refused, Remote};
use ringmq_pipe::local::{Mailbox, Post, Sleeper, Waker, pipe};

use crate::command::{Attachment, Command, Far};
use crate::context::Context;
use crate::error::{EndpointRefusal, RecvError, SendError, SendRefusal, SocketError};
use crate::monitor::{Addresses, Occurrence, Watch};
use crate::options::Options;
use crate::peers::Peers;

/// One end of many conversations, which a pattern makes one of.
///
/// Used by one thread at a time; it may be moved to another between two calls. Dropping it closes it.
pub struct Socket {
    pub(crate) context: Context,
    pub(crate) pattern: Pattern,
    pub(crate) peers: Peers,
    pub(crate) mailbox: Mailbox<Command>,
    pub(crate) post: Post<Command>,
    pub(crate) sleeper: Sleeper,
    pub(crate) options: Options,
    pub(crate) terminated: bool,
    /// Whether a part was received that others follow.
    pub(crate) more: bool,
    /// Whether the descriptor was handed out.
    pub(crate) watched: bool,
    /// The names that it is bound to or has connected to.
    pub(crate) endpoints: Vec<(String, Role)>,
    pub(crate) last_endpoint: String,
    /// Where it and its connections tell what happens to them.
    pub(crate) watch: Watch,
    /// When subscriptions were last looked for, by those who only send.
    looked: Instant,
}

/// What a socket is to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Bound,
    /// Bound, by the listener of this number.
    Listening(u64),
    /// Connected, by this pipe.
    Connected(crate::command::PipeId),
}

/// How long a call waits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    None,
    Until(Option<Instant>),
}

/// Who only sends looks for subscriptions as often as libzmq does.
const LOOK: Duration = Duration::from_millis(1);

impl Socket {
    pub(crate) fn new(context: &Context, kind: Kind) -> Result<Socket, SocketError> {
        let mut made = None;
        context.enter(|wait| {
            let sleeper = Sleeper::new(wait)?;
            let mailbox = Mailbox::new(sleeper.bellpull().into());
            let post = mailbox.post();
            made = Some((sleeper, mailbox, wait));
            Ok(post)
        })?;
        let Some((sleeper, mailbox, wait)) = made else {
            return Err(SocketError::Terminated);
        };
        let linger = match kind {
            Kind::Sub | Kind::Xsub => Some(Duration::ZERO),
            _ => None,
        };
        Ok(Socket {
            context: context.clone(),
            pattern: Pattern::new(kind, fastrand::u32(..)),
            peers: Peers::default(),
            post: mailbox.post(),
            mailbox,
            sleeper,
            options: Options::new(linger, wait),
            terminated: false,
            more: false,
            watched: false,
            endpoints: Vec::new(),
            last_endpoint: String::new(),
            watch: Watch::default(),
            looked: Instant::now(),
        })
    }

    /// The socket type.
    pub fn kind(&self) -> Kind {
        self.pattern.kind()
    }

    // --- Endpoints

    /// Binds to an endpoint, so that others can connect to it.
    ///
    /// # Errors
    ///
    /// [`EndpointRefusal`].
    pub fn bind(&mut self, endpoint: &str) -> Result<(), EndpointRefusal> {
        self.take_mail();
        if self.terminated {
            return Err(EndpointRefusal::Terminated);
        }
        if !is_inproc(endpoint) {
            return self.listen(endpoint);
        }
        let name = inproc(endpoint)?;
        let face = self.face();
        if !self.context.lock().names.bind(name, &face) {
            return Err(EndpointRefusal::InUse(endpoint.to_owned()));
        }
        self.endpoints.push((endpoint.to_owned(), Role::Bound));
        self.last_endpoint = endpoint.to_owned();
        self.take_mail();
        Ok(())
    }

    /// Connects to an endpoint, whether or not somebody is bound to it yet.
    ///
    /// # Errors
    ///
    /// [`EndpointRefusal`].
    pub fn connect(&mut self, endpoint: &str) -> Result<(), EndpointRefusal> {
        self.take_mail();
        if self.terminated {
            return Err(EndpointRefusal::Terminated);
        }
        if !is_inproc(endpoint) {
            return self.dial(endpoint);
        }
        let name = inproc(endpoint)?;
        let face = self.face();
        let assigned = self.options.assigned_id.take();
        let context = self.context.clone();
        let mut shared = context.lock();
        let id = shared.pipe_id();
        let bound = shared.names.bound(name).cloned();
        let marks = match &bound {
            Some(other) => face.marks.between(other.marks),
            None => face.marks,
        };
        let far_waker = match &bound {
            Some(other) => Waker::from(other.bellpull.clone()),
            None => Waker::of_nobody(),
        };
        let near = Waker::from(self.sleeper.bellpull());
        let (sender, far_receiver) = pipe(marks.sending, far_waker.clone(), near.clone());
        let (far_sender, receiver) = pipe(marks.receiving, near, far_waker.clone());
        let far = Attachment {
            id,
            sender: far_sender,
            receiver: far_receiver,
            routing_id: face.routing_id.clone(),
            addresses: Addresses::default(),
            far: Far::Socket(self.post.clone()),
        };
        let watch = bound.as_ref().and_then(|other| other.watch.clone());
        let (far_post, routing_id) = match bound {
            Some(other) => {
                let _ = other.post.send(Command::Attach(Box::new(far)));
                let _ = self.post.send(Command::Marks(id, other.marks));
                // Whoever closes right now is gone, and says so.
                if other.post.send(Command::Marks(id, face.marks)).is_err() {
                    let _ = self.post.send(Command::Gone(id));
                }
                (other.post, other.routing_id)
            }
            None => {
                let post = self.post.clone();
                shared.names.wait(name, far, far_waker, face);
                (post, Vec::new())
            }
        };
        drop(shared);
        if let Some(watch) = watch {
            watch.flush();
        }
        self.attach(
            Attachment {
                id,
                sender,
                receiver,
                routing_id,
                addresses: Addresses::default(),
                far: Far::Socket(far_post),
            },
            assigned.as_deref(),
        );
        self.endpoints
            .push((endpoint.to_owned(), Role::Connected(id)));
        self.last_endpoint = endpoint.to_owned();
        Ok(())
    }

    /// The endpoint that was bound or connected to last; empty if there was none.
    pub fn last_endpoint(&self) -> &str {
        &self.last_endpoint
    }

    pub(crate) fn attach(&mut self, mut attachment: Attachment, assigned_id: Option<&[u8]>) {
        let routing_id = std::mem::take(&mut attachment.routing_id);
        let addresses = std::mem::take(&mut attachment.addresses);
        let peer = self.peers.add(attachment);
        let remote = Remote {
            routing_id: &routing_id,
            assigned_id,
            subscribe_to_all: false,
        };
        match self.pattern.attach(peer, remote, &mut self.peers) {
            Ok(()) => {}
            // As in libzmq it stays, and nobody hears it. Ended, it would come again and again.
            Err(NotAttached::DuplicateId) if assigned_id.is_none() => {
                self.peers.silence(peer);
                self.watch
                    .tell(|| addresses.event(Occurrence::RoutingIdTaken { routing_id }));
            }
            Err(_) => self.detach(peer),
        }
    }

    pub(crate) fn detach(&mut self, peer: Peer) {
        self.pattern.detach(peer, &mut self.peers);
        self.peers.remove(peer, self.options.linger);
    }

    // --- Commands

    /// Does what other threads have asked for.
    #[inline(always)]
    pub(crate) fn take_mail(&mut self) {
        if self.mailbox.has_mail() || self.peers.may_leave() {
            self.take_all_mail();
        }
    }

    #[cold]
    fn take_all_mail(&mut self) {
        while let Some(command) = self.mailbox.take() {
            match command {
                Command::Attach(attachment) => self.attach(*attachment, None),
                Command::Gone(id) => {
                    if let Some(peer) = self.peers.find(id) {
                        self.peers.far_end_is_gone(peer);
                    }
                }
                Command::Hiccup(id) => {
                    if let Some(peer) = self.peers.find(id) {
                        self.pattern.hiccup(peer, &mut self.peers);
                    }
                }
                Command::Found(id, post, marks) => match self.peers.find(id) {
                    Some(peer) => {
                        let own = self.options.marks();
                        self.peers.found(peer, post, own, marks);
                    }
                    // It was let go in the meantime.
                    None => drop(post.send(Command::Gone(id))),
                },
                Command::Marks(id, marks) => {
                    if let Some(peer) = self.peers.find(id) {
                        let own = self.options.marks();
                        self.peers.set_far_marks(peer, own, marks);
                    }
                }
                Command::Terminate => {
                    self.terminated = true;
                    self.watch.stop();
                }
            }
        }
        while let Some(peer) = self.peers.leaving() {
            self.detach(peer);
        }
    }

    // --- Sending

    /// Sends a message; waits until somebody can take it, for as long as the
    /// [timeout](Socket::set_send_timeout) allows.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message.
    #[inline]
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        let deadline = self.options.send_timeout.map(later);
        self.send_within(message.into(), Patience::Until(deadline))
    }

    /// As [`send`](Socket::send), until the deadline.
    ///
    /// # Errors
    ///
    /// As [`send`](Socket::send).
    pub fn send_deadline(
        &mut self,
        message: impl Into<Message>,
        deadline: Instant,
    ) -> Result<(), SendError> {
        self.send_within(message.into(), Patience::Until(Some(deadline)))
    }

    /// Sends a message if somebody can take it now.
    ///
    /// # Errors
    ///
    /// As [`send`](Socket::send).
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.send_within(message.into(), Patience::None)
    }

    fn send_within(&mut self, message: Message, patience: Patience) -> Result<(), SendError> {
        let mut frames = message.into_iter();
        let first = frames.next().unwrap_or_default();
        let mut next = Some(first);
        while let Some(frame) = next.take() {
            if let Err((reason, frame)) = self.send_frame(frame, patience) {
                let mut message = Message::from(frame);
                message.extend(frames);
                return Err(SendError { reason, message });
            }
            next = frames.next();
        }
        Ok(())
    }

    /// Sends one part of a message; the others follow if [`more`](Frame::more) says so. With the first part it is
    /// settled who gets the message.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the part, of which `more` has to be said again.
    #[inline]
    pub fn send_part(&mut self, frame: impl Into<Frame>) -> Result<(), SendError> {
        let deadline = self.options.send_timeout.map(later);
        let sent = self.send_frame(frame.into(), Patience::Until(deadline));
        sent.map_err(|(reason, frame)| part_error(reason, frame))
    }

    /// As [`send_part`](Socket::send_part), if somebody can take it now.
    ///
    /// # Errors
    ///
    /// As [`send_part`](Socket::send_part).
    #[inline]
    pub fn try_send_part(&mut self, frame: impl Into<Frame>) -> Result<(), SendError> {
        let sent = self.send_frame(frame.into(), Patience::None);
        sent.map_err(|(reason, frame)| part_error(reason, frame))
    }

    #[inline]
    fn send_frame(
        &mut self,
        mut frame: Frame,
        patience: Patience,
    ) -> Result<(), (SendRefusal, Frame)> {
        if !self.context.is_here() {
            return Err((SendRefusal::Forked, frame));
        }
        self.take_mail();
        if self.terminated {
            return Err((SendRefusal::Terminated, frame));
        }
        if self.peers.has_unwritable() {
            self.peers.tell(&mut self.pattern, Ready::Writable, false);
        }
        if self.peers.has_unreadable() && self.only_sends() {
            self.look_for_subscriptions();
        }
        // They tell of the peer that the frame came from, if it is passed on.
        frame.set_properties(None);
        loop {
            let refused = match self.pattern.send(frame, &mut self.peers) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            frame = match refused {
                Refused::WouldBlock(frame) => frame,
                Refused::NotSupported(frame) => return Err((SendRefusal::NotSupported, frame)),
                Refused::State(frame) => return Err((SendRefusal::State, frame)),
                Refused::HostUnreachable(frame) => {
                    return Err((SendRefusal::HostUnreachable, frame));
                }
                Refused::Broken(frame) => match patience {
                    Patience::None => return Err((SendRefusal::WouldBlock, frame)),
                    Patience::Until(_) => return Ok(()),
                },
            };
            if self.peers.tell(&mut self.pattern, Ready::Writable, true) {
                continue;
            }
            if let Err(reason) = self.wait_to_send(patience) {
                return Err((reason, frame));
            }
        }
    }

    #[cold]
    fn wait_to_send(&mut self, patience: Patience) -> Result<(), SendRefusal> {
        let Patience::Until(deadline) = patience else {
            self.arm_for_watcher();
            return Err(SendRefusal::WouldBlock);
        };
        let (peers, mailbox) = (&mut self.peers, &self.mailbox);
        let waited = self
            .sleeper
            .wait(|| mailbox.has_mail() || peers.any_writable(), deadline);
        self.take_mail();
        if self.terminated {
            return Err(SendRefusal::Terminated);
        }
        waited?;
        self.peers.tell(&mut self.pattern, Ready::Writable, true);
        Ok(())
    }

    fn only_sends(&self) -> bool {
        matches!(self.pattern.kind(), Kind::Pub | Kind::Xpub)
    }

    #[cold]
    fn look_for_subscriptions(&mut self) {
        let now = Instant::now();
        let all = now - self.looked >= LOOK;
        if all {
            self.looked = now;
        }
        self.peers.tell(&mut self.pattern, Ready::Readable, all);
    }

    // --- Receiving

    /// Receives a message; waits until there is one, for as long as the
    /// [timeout](Socket::set_recv_timeout) allows.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    #[inline]
    pub fn recv(&mut self) -> Result<Message, RecvError> {
        let mut message = Message::new();
        self.recv_into(&mut message)?;
        Ok(message)
    }

    /// As [`recv`](Socket::recv), into a message whose memory is used again.
    ///
    /// # Errors
    ///
    /// As [`recv`](Socket::recv).
    pub fn recv_into(&mut self, message: &mut Message) -> Result<(), RecvError> {
        let deadline = self.options.recv_timeout.map(later);
        self.recv_within(message, Patience::Until(deadline))
    }

    /// As [`recv`](Socket::recv), until the deadline.
    ///
    /// # Errors
    ///
    /// As [`recv`](Socket::recv).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Message, RecvError> {
        let mut message = Message::new();
        self.recv_within(&mut message, Patience::Until(Some(deadline)))?;
        Ok(message)
    }

    /// Receives a message if one is there now.
    ///
    /// # Errors
    ///
    /// As [`recv`](Socket::recv).
    pub fn try_recv(&mut self) -> Result<Message, RecvError> {
        let mut message = Message::new();
        self.recv_within(&mut message, Patience::None)?;
        Ok(message)
    }

    fn recv_within(&mut self, message: &mut Message, patience: Patience) -> Result<(), RecvError> {
        message.clear();
        loop {
            let frame = self.recv_frame(patience)?;
            let more = frame.more();
            message.push(frame);
            if !more {
                return Ok(());
            }
        }
    }

    /// Receives one part of a message; [`more`](Frame::more) says whether others follow.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    #[inline]
    pub fn recv_part(&mut self) -> Result<Frame, RecvError> {
        let deadline = self.options.recv_timeout.map(later);
        self.recv_frame(Patience::Until(deadline))
    }

    /// As [`recv_part`](Socket::recv_part), if one is there now.
    ///
    /// # Errors
    ///
    /// As [`recv_part`](Socket::recv_part).
    #[inline]
    pub fn try_recv_part(&mut self) -> Result<Frame, RecvError> {
        self.recv_frame(Patience::None)
    }

    #[inline]
    fn recv_frame(&mut self, patience: Patience) -> Result<Frame, RecvError> {
        if !self.context.is_here() {
            return Err(RecvError::Forked);
        }
        self.take_mail();
        if self.terminated {
            return Err(RecvError::Terminated);
        }
        if !self.more && self.peers.has_unreadable() {
            self.peers.tell(&mut self.pattern, Ready::Readable, false);
        }
        loop {
            match self.pattern.recv(&mut self.peers) {
                Ok(frame) => {
                    self.more = frame.more();
                    return Ok(frame);
                }
                Err(RecvRefused::Empty) => {}
                Err(refused) => return Err(refused.into()),
            }
            if self.peers.tell(&mut self.pattern, Ready::Readable, true) {
                continue;
            }
            // Mail that has come in the meantime ends the wait at once. Taken here, it could bring a peer that has sent
            // already, and of whom the wait knows nothing.
            self.wait_to_recv(patience)?;
        }
    }

    #[inline(never)]
    fn wait_to_recv(&mut self, patience: Patience) -> Result<(), RecvError> {
        let Patience::Until(deadline) = patience else {
            self.arm_for_watcher();
            return Err(RecvError::WouldBlock);
        };
        let (peers, mailbox) = (&mut self.peers, &self.mailbox);
        let waited = self
            .sleeper
            .wait(|| mailbox.has_mail() || peers.any_readable(), deadline);
        self.take_mail();
        if self.terminated {
            return Err(RecvError::Terminated);
        }
        waited?;
        self.peers.tell(&mut self.pattern, Ready::Readable, true);
        Ok(())
    }

    /// Whether the part that was received last is followed by others of the same message.
    pub fn has_more(&self) -> bool {
        self.more
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.context.is_here() {
            return;
        }
        self.mailbox.close();
        self.take_all_mail();
        let endpoints = std::mem::take(&mut self.endpoints);
        for (endpoint, role) in &endpoints {
            if let Role::Connected(id) = role
                && self.peers.find(*id).is_none()
                && !is_inproc(endpoint)
            {
                self.undial(*id);
            }
        }
        for peer in self.peers.numbers() {
            self.detach(peer);
        }
        for (_, role) in endpoints {
            if let Role::Listening(number) = role {
                self.unlisten(number);
            }
        }
        self.context.leave(&self.post);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("kind", &self.pattern.kind())
            .field("endpoints", &self.endpoints)
            .field("peers", &self.peers)
            .field("sleeper", &self.sleeper)
            .finish_non_exhaustive()
    }
}

fn part_error(reason: SendRefusal, frame: Frame) -> SendError {
    let message = Message::from(frame);
    SendError { reason, message }
}

fn later(timeout: Duration) -> Instant {
    let now = Instant::now();
    // So far in the future that it never comes.
    now.checked_add(timeout)
        .unwrap_or(now + Duration::from_secs(1 << 32))
}

pub(crate) fn is_inproc(endpoint: &str) -> bool {
    endpoint.starts_with("inproc://") || !endpoint.contains("://")
}

/// The name in an inproc endpoint.
pub(crate) fn inproc(endpoint: &str) -> Result<&str, EndpointRefusal> {
    let name = endpoint.strip_prefix("inproc://");
    name.filter(|name| !name.is_empty())
        .ok_or_else(|| EndpointRefusal::Syntax(endpoint.to_owned()))
}
