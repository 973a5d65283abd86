//! A socket.

pub(crate) mod commands;
pub(crate) mod endpoints;
pub(crate) mod in_place;
pub(crate) mod inproc;
pub(crate) mod options;
pub(crate) mod patience;
pub(crate) mod pause;
pub(crate) mod readiness;
pub(crate) mod setters;
pub(crate) mod socket_options;
pub(crate) mod waiting;

use std::fmt;
use std::mem;
use std::time::{Duration, Instant};

use ringmq_message::{Frame, Message};
use ringmq_pattern::{Kind, NotAttached, Pattern, Peer, Ready, RecvRefused, Refused, Remote};
use ringmq_pipe::local::{Mailbox, Post};
use ringmq_pipe::sleeper::Sleeper;

use crate::error::{RecvError, SendError, SendRefusal, SocketError};
use crate::mail::{Attachment, Command, Occurrence, Watch};
use crate::peers::{LOOK, Peers};
use crate::registry::Registry;
use crate::socket::endpoints::Role;
use crate::socket::options::Options;
use crate::socket::patience::{Patience, swallow_once};
use crate::socket::pause::{Sharing, Waited, Woken};

/// One end of many conversations, which a pattern makes one of.
///
/// Used by one thread at a time; it may be moved to another between two calls. Dropping it closes it.
pub struct Socket {
    pub(crate) registry: Registry,
    pub(crate) pattern: Pattern,
    pub(crate) peers: Peers,
    pub(crate) mailbox: Mailbox<Command>,
    pub(crate) post: Post<Command>,
    pub(crate) sleeper: Sleeper,
    pub(crate) options: Options,
    pub(crate) terminated: bool,
    /// Whether a message goes to all who want it.
    distributes: bool,
    /// Whether a part was received that others follow.
    pub(crate) more: bool,
    /// Whether the descriptor was handed out.
    pub(crate) watched: bool,
    /// The names that it is bound to or has connected to.
    pub(crate) endpoints: Vec<(String, Role)>,
    pub(crate) last_endpoint: String,
    /// Where it and its connections tell what happens to them.
    pub(crate) watch: Watch,
    /// What it knows of the threads that share it, if some do.
    pub(crate) sharing: Option<Box<Sharing>>,
    /// When subscriptions were last looked for, by those who only send.
    looked: Instant,
}

impl Socket {
    pub(crate) fn new(registry: &Registry, kind: Kind) -> Result<Socket, SocketError> {
        let mut made = None;
        registry.enter(|wait, share| {
            let sleeper = Sleeper::new(wait)?;
            let mailbox = Mailbox::new(sleeper.bellpull().into());
            let post = mailbox.post();
            made = Some((sleeper, mailbox, wait, share));
            Ok(post)
        })?;
        let Some((sleeper, mailbox, wait, share)) = made else {
            return Err(SocketError::Terminated);
        };
        let linger = match kind {
            Kind::Sub | Kind::Xsub => Some(Duration::ZERO),
            _ => None,
        };
        let mut socket = Socket {
            registry: registry.clone(),
            pattern: Pattern::new(kind, fastrand::u32(..)),
            peers: Peers::default(),
            post: mailbox.post(),
            mailbox,
            sleeper,
            options: Options::new(linger, wait, share),
            terminated: false,
            distributes: matches!(kind, Kind::Pub | Kind::Xpub | Kind::Xsub),
            more: false,
            watched: false,
            endpoints: Vec::new(),
            last_endpoint: String::new(),
            watch: Watch::default(),
            sharing: None,
            looked: Instant::now(),
        };
        socket.settle_late_policy();
        Ok(socket)
    }

    /// The socket type.
    pub fn kind(&self) -> Kind {
        self.pattern.kind()
    }

    pub(crate) fn attach(&mut self, mut attachment: Attachment, assigned_id: Option<&[u8]>) {
        let routing_id = mem::take(&mut attachment.routing_id);
        let (probed, made) = (attachment.probed, attachment.marks);
        let addresses = mem::take(&mut attachment.addresses);
        let peer = self.peers.add(attachment);
        let own = self.options.marks();
        if made.is_some_and(|made| made != own) {
            self.peers.set_session_marks(peer, own);
        }
        let remote = Remote {
            routing_id: &routing_id,
            assigned_id,
            subscribe_to_all: false,
            probed,
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
        if let Some(gone) = self.peers.remove(peer, self.options.linger) {
            self.forget_connected(gone);
        }
    }

    // --- Sending

    /// Sends a message, all of its parts or nothing; waits until a peer can take it, for as long as the
    /// [timeout](Socket::set_send_timeout) allows.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the whole message: no part of it was sent.
    #[inline]
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.send_within(message.into(), Patience::Timeout)
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

    /// As [`send`](Socket::send), after a pause: [`Socket::share`].
    ///
    /// # Errors
    ///
    /// As [`send`](Socket::send).
    pub fn send_again(&mut self, message: Message, woken: Woken) -> Result<(), SendError> {
        self.send_within(message, Patience::Again(woken))
    }

    fn send_within(&mut self, message: Message, patience: Patience) -> Result<(), SendError> {
        let mut frames = message.into_iter();
        let first = frames.next().unwrap_or_default();
        let before = self.peers.hurry(patience);
        let sent = self.send_frame(first, patience);
        if let Err((reason, first)) = sent {
            self.peers.take_time(before);
            let mut message = Message::from(first);
            message.extend(frames);
            return Err(SendError { reason, message });
        }
        self.send_rest(frames);
        self.peers.take_time(before);
        Ok(())
    }

    /// Sends all parts of a message, or none. They are taken if it was sent.
    pub(crate) fn send_parts(
        &mut self,
        parts: &mut Vec<Frame>,
        patience: Patience,
    ) -> Result<(), SendRefusal> {
        let Some(first) = parts.first_mut() else {
            return Ok(());
        };
        let before = self.peers.hurry(patience);
        if let Err((reason, refused)) = self.send_frame(mem::take(first), patience) {
            self.peers.take_time(before);
            *first = refused;
            return Err(reason);
        }
        self.send_rest(parts.drain(..).skip(1));
        self.peers.take_time(before);
        Ok(())
    }

    /// Sends the parts of a message behind the first, which was sent by this very call. Nothing can refuse them: no mail is
    /// taken in between, so that neither the peer nor the context has gone for this socket.
    fn send_rest(&mut self, frames: impl Iterator<Item = Frame>) {
        for mut frame in frames {
            frame.set_properties(None);
            if self.distributes {
                frame.share();
            }
            let sent = self.pattern.send(frame, &mut self.peers);
            debug_assert!(sent.is_ok(), "a part in the middle was refused: {sent:?}");
        }
    }

    /// Sends one part of a message; the others follow if [`more`](Frame::more) says so. With the first part it is
    /// settled who gets the message.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the part, of which `more` has to be said again.
    #[inline]
    pub fn send_part(&mut self, frame: impl Into<Frame>) -> Result<(), SendError> {
        let sent = self.send_frame(frame.into(), Patience::Timeout);
        sent.map_err(|(reason, frame)| part_error(reason, frame))
    }

    /// As [`send_part`](Socket::send_part), if somebody can take it now.
    ///
    /// # Errors
    ///
    /// As [`send_part`](Socket::send_part).
    #[inline]
    pub fn try_send_part(&mut self, frame: impl Into<Frame>) -> Result<(), SendError> {
        let before = self.peers.hurry(Patience::None);
        let sent = self.send_frame(frame.into(), Patience::None);
        self.peers.take_time(before);
        sent.map_err(|(reason, frame)| part_error(reason, frame))
    }

    #[inline]
    pub(crate) fn send_frame(
        &mut self,
        mut frame: Frame,
        mut patience: Patience,
    ) -> Result<(), (SendRefusal, Frame)> {
        if let Err(reason) = self.begin_to_send() {
            return Err((reason, frame));
        }
        // They tell of the peer that the frame came from, if it is passed on.
        frame.set_properties(None);
        if self.distributes {
            // Many get it, and none of them a copy.
            frame.share();
        }
        loop {
            let Err(refused) = self.pattern.send(frame, &mut self.peers) else {
                return Ok(());
            };
            match self.refused_to_send(refused, patience) {
                Ok(Some(again)) => (frame, patience) = again,
                Ok(None) => return Ok(()),
                Err(refused) => return Err(refused),
            }
        }
    }

    /// What comes before a part, or before all parts of a message.
    #[inline(always)]
    pub(crate) fn begin_to_send(&mut self) -> Result<(), SendRefusal> {
        if !self.registry.is_here() {
            return Err(SendRefusal::Forked);
        }
        self.take_mail();
        if self.terminated {
            return Err(SendRefusal::Terminated);
        }
        if self.peers.has_unwritable() {
            self.peers.tell(&mut self.pattern, Ready::Writable, false);
        }
        if self.peers.has_unreadable() && (self.only_sends() || self.kind() == Kind::Req) {
            self.look_before_sending();
        }
        Ok(())
    }

    /// The pattern did not take a part: waits, if that can help. Gives the part that is to be tried again; `None` if it
    /// is swallowed.
    #[cold]
    fn refused_to_send(
        &mut self,
        refused: Refused,
        patience: Patience,
    ) -> Result<Option<(Frame, Patience)>, (SendRefusal, Frame)> {
        let frame = match refused {
            Refused::WouldBlock(frame) => frame,
            Refused::NotSupported(frame) => return Err((SendRefusal::NotSupported, frame)),
            Refused::State(frame) => return Err((SendRefusal::State, frame)),
            Refused::HostUnreachable(frame) => {
                return Err((SendRefusal::HostUnreachable, frame));
            }
            Refused::Broken(frame) => {
                return match swallow_once(patience) {
                    Ok(()) => Ok(None),
                    Err(reason) => Err((reason, frame)),
                };
            }
        };
        match self.wait_for_room(patience) {
            Ok(patience) => Ok(Some((frame, patience))),
            Err(reason) => Err((reason, frame)),
        }
    }

    /// No peer has room: looks at them all, and waits, if that can help. Gives the patience that is left.
    #[cold]
    pub(crate) fn wait_for_room(&mut self, patience: Patience) -> Result<Patience, SendRefusal> {
        // They name whom they send to, so that nobody else's room is of use; a call that does not wait leaves it at
        // what they know.
        let names = self.only_sends() || self.pattern.kind() == Kind::Router;
        let looks = !names || !matches!(patience, Patience::None);
        if looks && self.peers.tell(&mut self.pattern, Ready::Writable, true) {
            return Ok(patience);
        }
        self.wait_to_send(patience)
    }

    #[cold]
    fn wait_to_send(&mut self, patience: Patience) -> Result<Patience, SendRefusal> {
        let Some(deadline) = patience.settle(self.options.send_timeout) else {
            self.arm_for_watcher();
            return Err(SendRefusal::WouldBlock);
        };
        let waited = match self.wait_within(Ready::Writable, &patience, deadline) {
            Waited::Over(waited) => waited,
            Waited::Paused => return Err(SendRefusal::WouldBlock),
        };
        self.waited(&waited);
        if self.terminated {
            return Err(SendRefusal::Terminated);
        }
        waited?;
        self.peers.tell(&mut self.pattern, Ready::Writable, true);
        Ok(Patience::Until(deadline))
    }

    fn only_sends(&self) -> bool {
        matches!(self.pattern.kind(), Kind::Pub | Kind::Xpub)
    }

    /// For subscriptions; a REQ for replies that come too late to be one to this request, which are dropped as they are
    /// found.
    #[cold]
    fn look_before_sending(&mut self) {
        let now = Instant::now();
        let all = !self.only_sends() || now - self.looked >= LOOK;
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
        self.recv_within(message, Patience::Timeout)
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
        self.recv_frame(Patience::Timeout)
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
    pub(crate) fn recv_frame(&mut self, mut patience: Patience) -> Result<Frame, RecvError> {
        self.begin_to_recv()?;
        loop {
            match self.pattern.recv(&mut self.peers) {
                Ok(frame) => {
                    self.more = frame.more();
                    return Ok(frame);
                }
                Err(refused) => self.refused_to_recv(refused, &mut patience)?,
            }
        }
    }

    /// What comes before each part.
    #[inline(always)]
    pub(crate) fn begin_to_recv(&mut self) -> Result<(), RecvError> {
        if !self.registry.is_here() {
            return Err(RecvError::Forked);
        }
        self.take_mail();
        if self.terminated {
            return Err(RecvError::Terminated);
        }
        if !self.more && self.peers.has_unreadable() {
            self.peers.tell(&mut self.pattern, Ready::Readable, false);
        }
        Ok(())
    }

    /// The pattern has no part: waits, if that can help. Leaves the patience that is left. It stays where it is: moved through
    /// results it was stored in pieces and loaded whole, which took each message some 5 ns.
    #[inline(never)]
    pub(crate) fn refused_to_recv(
        &mut self,
        refused: RecvRefused,
        patience: &mut Patience,
    ) -> Result<(), RecvError> {
        if refused != RecvRefused::Empty {
            return Err(refused.into());
        }
        let looks = !matches!(patience, Patience::Over | Patience::Ended(_));
        if looks && self.peers.tell(&mut self.pattern, Ready::Readable, true) {
            // What others ask of the socket meanwhile, its end among it, does not wait for a call that never waits.
            self.take_mail();
            if self.terminated {
                return Err(RecvError::Terminated);
            }
            *patience = patience.after_look(self.options.recv_timeout);
            return Ok(());
        }
        self.catch_up();
        // Mail that has come in the meantime ends the wait at once. Taken here, it could bring a peer that has sent
        // already, and of whom the wait knows nothing.
        self.wait_to_recv(patience)
    }

    /// Sends subscriptions that there was no room for.
    #[inline]
    fn catch_up(&mut self) {
        if self.pattern.is_behind() {
            self.peers.tell(&mut self.pattern, Ready::Writable, true);
        }
    }

    #[inline(never)]
    fn wait_to_recv(&mut self, patience: &mut Patience) -> Result<(), RecvError> {
        // As in `after_look`: a wait that ends at once with something to look at does not look at the time.
        if let Patience::Until(Some(deadline)) = *patience
            && Instant::now() >= deadline
        {
            *patience = Patience::Over;
        }
        let Some(deadline) = patience.settle(self.options.recv_timeout) else {
            self.arm_for_watcher();
            return Err(patience.refusal().into());
        };
        let waited = match self.wait_within(Ready::Readable, patience, deadline) {
            Waited::Over(waited) => waited,
            Waited::Paused => return Err(RecvError::WouldBlock),
        };
        self.waited(&waited);
        if self.terminated {
            return Err(RecvError::Terminated);
        }
        waited?;
        self.peers.tell_awaited(&mut self.pattern);
        self.catch_up();
        *patience = Patience::Until(deadline);
        Ok(())
    }

    /// Whether the part that was received last is followed by others of the same message.
    pub fn has_more(&self) -> bool {
        self.more
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
