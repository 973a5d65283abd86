//! Where a socket is bound, and what it has connected to.

use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use ringmq_message::Frame;
use ringmq_pattern::Kind;
use ringmq_pipe::local::Post;
use ringmq_sys::ErrorNumber;
use ringmq_transport::{Backoff, Endpoint, Listener, ParseEndpointError, UdpSocket, canonical};
use ringmq_zmtp::{RawSettings, Settings};

use crate::error::EndpointError;
use crate::mail::pipes::{session_pipe, session_row};
use crate::mail::row::{self, Side};
use crate::mail::{
    Carrier, Conflates, Connect, EventKind, Link, Listen, MonitorEvent, Order, PipeId, RowOrNone,
    SharedMemory, SharedOffer, ZmtpReason,
};
use crate::socket::Socket;
use crate::socket::transports::Use;

/// How a socket uses an endpoint.
#[derive(Debug)]
pub(crate) enum Role {
    /// Bound to this name within the process.
    Bound { name: String, _row: RowOrNone },
    /// Connected within the process, by this pipe.
    Connected(PipeId),
    /// Bound, by the listener of this number, in this I/O thread.
    Listening(u64, Post<Order>),
    /// Connected, or about to be, by the session of this pipe, in this I/O thread; by udp also bound.
    Dialed(PipeId, Post<Order>),
}

impl Socket {
    /// Binds to an endpoint, so that other sockets can connect to it.
    ///
    /// # Errors
    ///
    /// [`EndpointError`].
    ///
    /// ```
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let mut server = context.socket(Kind::Rep)?;
    /// // A socket may have several endpoints. The system chooses the port.
    /// server.bind("inproc://service")?;
    /// server.bind("tcp://127.0.0.1:*")?;
    /// assert!(server.last_endpoint().starts_with("tcp://127.0.0.1:"));
    /// server.unbind("inproc://service")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind(&mut self, endpoint: &str) -> Result<(), EndpointError> {
        self.begin_at_endpoint()?;
        self.check_transport(endpoint, Use::Bind)?;
        match parse(endpoint)? {
            Endpoint::Inproc(name) => self.bind_within(endpoint, name),
            Endpoint::Udp(address) => self.open_udp(&address, UdpSocket::bind),
            parsed => {
                self.check_shared(&parsed, endpoint)?;
                let options = self.options.transport.clone();
                let watch = self.watch.clone();
                self.listen(|| {
                    let bound = Listener::bind(&parsed, &options);
                    Ok(bound.inspect_err(|error| {
                        let number =
                            ErrorNumber::among(error).unwrap_or(ErrorKind::AddrInUse.into());
                        let failed = EventKind::BindFailed { error: number };
                        watch.tell(|| MonitorEvent::at(endpoint, failed));
                    })?)
                })
            }
        }
    }

    /// Binds by a descriptor that is bound and listens already, such as one of a service manager. It has to be of the
    /// endpoint's transport, which is tcp or ipc; its own address counts. Its path, if it has one, is never removed.
    ///
    /// # Errors
    ///
    /// [`EndpointError`]. The descriptor is closed.
    pub fn bind_descriptor(
        &mut self,
        endpoint: &str,
        descriptor: OwnedFd,
    ) -> Result<(), EndpointError> {
        self.begin_at_endpoint()?;
        self.check_transport(endpoint, Use::Bind)?;
        let parsed = parse(endpoint)?;
        self.check_shared(&parsed, endpoint)?;
        let options = self.options.transport.clone();
        self.listen(|| {
            let listener = Listener::adopt(descriptor, &options)?;
            if listener.endpoint().scheme() != parsed.scheme() {
                return Err(EndpointError::WrongTransport(endpoint.to_owned()));
            }
            Ok(listener)
        })
    }

    /// Connects to an endpoint, whether or not a socket is bound to it yet: until then, it tries again. DEALER, SUB, PUB and
    /// REQ do nothing if they have connected to it already, by tcp or ipc.
    ///
    /// # Errors
    ///
    /// [`EndpointError`].
    ///
    /// ```
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let mut push = context.socket(Kind::Push)?;
    /// push.connect("inproc://jobs")?;
    /// push.send("sent before there is a bind")?;
    /// let mut pull = context.socket(Kind::Pull)?;
    /// pull.bind("inproc://jobs")?;
    /// assert_eq!(pull.recv()?[0].as_slice(), b"sent before there is a bind");
    /// push.disconnect("inproc://jobs")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect(&mut self, endpoint: &str) -> Result<(), EndpointError> {
        self.begin_at_endpoint()?;
        self.check_transport(endpoint, Use::Connect)?;
        match parse(endpoint)? {
            Endpoint::Inproc(name) => {
                self.connect_within(endpoint, &name);
                Ok(())
            }
            Endpoint::Udp(address) => self.open_udp(&address, UdpSocket::connect),
            parsed => self.dial(endpoint, parsed),
        }
    }

    /// Checks the socket, and takes mail, before a call that is about an endpoint.
    pub(super) fn begin_at_endpoint(&mut self) -> Result<(), EndpointError> {
        if !self.registry.is_here() {
            return Err(EndpointError::Forked);
        }
        self.take_mail();
        if self.terminated {
            return Err(EndpointError::Terminated);
        }
        Ok(())
    }

    /// The endpoint that was bound or connected to last, with the port or path that the system chose; empty if there was
    /// none.
    pub fn last_endpoint(&self) -> &str {
        &self.last_endpoint
    }

    /// Undoes a [`bind`](Socket::bind). Connections within the process stay. The connections of a tcp or ipc listener end
    /// with it, at once: messages that they still had to send are lost, as in libzmq.
    ///
    /// # Errors
    ///
    /// [`EndpointError`].
    pub fn unbind(&mut self, endpoint: &str) -> Result<(), EndpointError> {
        self.leave_endpoint(endpoint)
    }

    /// Undoes a [`connect`](Socket::connect). Messages that were sent still leave, for as long as
    /// [linger](Socket::set_linger) allows.
    ///
    /// # Errors
    ///
    /// [`EndpointError`].
    pub fn disconnect(&mut self, endpoint: &str) -> Result<(), EndpointError> {
        self.leave_endpoint(endpoint)
    }

    fn leave_endpoint(&mut self, endpoint: &str) -> Result<(), EndpointError> {
        self.begin_at_endpoint()?;
        self.check_transport(endpoint, Use::Leave)?;
        let at = self.find(endpoint)?;
        let role = self.endpoints.remove(at).1;
        match &role {
            Role::Bound { name, .. } => {
                self.registry.names().lock().unbind(name, &self.post);
            }
            Role::Connected(_) => self.close_connection(&role),
            Role::Dialed(id, post) => {
                // An I/O thread that has ended has no connections.
                let _ = post.send(Order::Disconnected(*id));
                self.close_connection(&role);
            }
            Role::Listening(number, post) => unlisten(*number, post),
        }
        Ok(())
    }

    /// The index of an endpoint of this socket: by its text, or else by the address that it stands for.
    fn find(&self, endpoint: &str) -> Result<usize, EndpointError> {
        let find = |text: &str| self.endpoints.iter().position(|(known, _)| known == text);
        if let Some(at) = find(endpoint) {
            return Ok(at);
        }
        let texts = match parse(endpoint) {
            Ok(parsed) => canonical(&parsed, &self.options.transport),
            // As in libzmq, the transport is checked before the endpoint is looked for; the rest is not.
            Err(
                refusal @ EndpointError::Endpoint(
                    ParseEndpointError::NoScheme { .. } | ParseEndpointError::UnknownScheme { .. },
                ),
            ) => return Err(refusal),
            Err(_) => Vec::new(),
        };
        let found = texts.iter().find_map(|text| find(text));
        found.ok_or_else(|| EndpointError::Unknown(endpoint.to_owned()))
    }

    /// Closes all listeners, and ends all connections.
    pub(crate) fn leave_all(&mut self) {
        let endpoints = std::mem::take(&mut self.endpoints);
        // A peer that loses its connection connects again at once: not to this socket.
        for (_, role) in &endpoints {
            if let Role::Listening(number, post) = role {
                // An I/O thread that has ended has closed everything.
                let _ = post.send(Order::StopAccepting(*number));
            }
        }
        for (_, role) in &endpoints {
            self.close_connection(role);
        }
        for peer in self.peers.numbers() {
            self.detach(peer);
        }
        for (_, role) in endpoints {
            if let Role::Listening(number, post) = role {
                unlisten(number, &post);
            }
        }
    }

    /// Ends a connection that this socket has made.
    fn close_connection(&mut self, role: &Role) {
        let (Role::Connected(id) | Role::Dialed(id, _)) = role else {
            return;
        };
        // A session that has a pipe learns of the end by it.
        let met = self.peers.find(*id).is_some();
        for peer in self.peers.all(*id) {
            self.detach(peer);
        }
        if let Role::Dialed(id, post) = role
            && !met
        {
            // An I/O thread that has ended has no connections.
            let _ = post.send(Order::Finish(*id, self.options.get_linger(), None));
        }
    }

    /// Forgets a connection within the process that has ended.
    pub(crate) fn forget_connected(&mut self, id: PipeId) {
        self.endpoints
            .retain(|(_, role)| !matches!(role, Role::Connected(connected) if *connected == id));
    }

    /// Forgets a tcp or ipc connection that has ended. The program can connect again.
    pub(crate) fn forget_dialed(&mut self, id: PipeId) {
        self.endpoints
            .retain(|(_, role)| !matches!(role, Role::Dialed(dialed, _) if *dialed == id));
    }

    pub(crate) fn conflates(&self) -> Conflates {
        if self.options.conflate {
            Conflates::of(self.kind())
        } else {
            Conflates::default()
        }
    }

    pub(crate) fn know(&mut self, endpoint: &str, role: Role) {
        self.endpoints.push((endpoint.to_owned(), role));
        endpoint.clone_into(&mut self.last_endpoint);
    }

    // --- tcp and ipc

    fn listen(
        &mut self,
        listener: impl FnOnce() -> Result<Listener, EndpointError>,
    ) -> Result<(), EndpointError> {
        let place = self.registry.place(self.options.affinity)?;
        let listener = listener()?;
        let actual = listener.endpoint().to_string();
        let fd = listener.as_raw_fd();
        let link = self.link(Some(listener.endpoint()));
        let number = self.registry.names().lock().pipe_id().0;
        let listen = Listen {
            number,
            listener,
            link,
            row: row::listener_row(&self.row, self.kind(), &actual),
        };
        let post = place.post();
        self.host = Some(place.host());
        // Before the first connection can be accepted.
        self.watch
            .tell(|| MonitorEvent::at(&actual, EventKind::Listening { fd }));
        if post.send(Order::Listen(Box::new(listen))).is_err() {
            return Err(EndpointError::Terminated);
        }
        place.taken();
        self.know(&actual, Role::Listening(number, post));
        Ok(())
    }

    fn dial(&mut self, endpoint: &str, parsed: Endpoint) -> Result<(), EndpointError> {
        parsed.check_connect()?;
        self.check_shared(&parsed, endpoint)?;
        let once = matches!(
            self.kind(),
            Kind::Dealer | Kind::Sub | Kind::Pub | Kind::Req
        );
        let is_this = |role: &Role| matches!(role, Role::Dialed(..));
        let mut known = self.endpoints.iter();
        if once && known.any(|(known, role)| known == endpoint && is_this(role)) {
            return Ok(());
        }
        let place = self.registry.place(self.options.affinity)?;
        let post = place.post();
        self.host = Some(place.host());
        let id = self.registry.names().lock().pipe_id();
        let link = self.link(Some(&parsed));
        let immediate = link.immediate;
        let carrier = Carrier::Zmtp(ZmtpReason::Undecided);
        let row = session_row(&link, Side::Connected, carrier, endpoint);
        let (mut near, ends) = session_pipe(&link, id, (&post, place.host()), row);
        endpoint.clone_into(&mut near.identity.endpoint);
        // As in libzmq, the id is for the next pipe that is attached, which may be a later one.
        let assigned = if immediate {
            None
        } else {
            self.assigned_id.take()
        };
        // A ROUTER needs a routing id for the peer. It makes one up for a raw peer, which does not tell any.
        let is_raw = self.pattern.is_raw();
        let unknown = self.kind() == Kind::Router && !is_raw && assigned.is_none();
        if unknown && !immediate && self.pattern.probes() {
            // The peer gets it even if this socket does nothing more; the session need not be woken yet.
            let _ = near.sender.push(Frame::new(), true);
            near.probed = true;
        }
        let (now, near) = if unknown || immediate {
            (None, Some(Box::new(near)))
        } else {
            (Some(near), None)
        };
        let connect = Connect {
            id,
            endpoint: parsed,
            options: self.options.transport.clone(),
            link,
            ends,
            near,
            backoff: Backoff::new(self.options.reconnect, self.options.reconnect_most),
            stop: self.options.reconnect_stop,
        };
        self.registry.lingering().begin();
        if post.send(Order::Connect(Box::new(connect))).is_err() {
            self.registry.lingering().end();
            return Err(EndpointError::Terminated);
        }
        place.taken();
        if let Some(near) = now {
            self.attach(near, assigned.as_deref(), Side::Connected);
        }
        self.know(endpoint, Role::Dialed(id, post));
        Ok(())
    }

    /// Checks whether the context requires shared memory that no connection of this endpoint could use.
    fn check_shared(&self, parsed: &Endpoint, endpoint: &str) -> Result<(), EndpointError> {
        let required = self.options.require_shared && matches!(parsed, Endpoint::Ipc(_));
        let Some(reason) = self.unshared().filter(|_| required) else {
            return Ok(());
        };
        // A C program sees a number only.
        tracing::warn!(%endpoint, r#type = %self.kind(), reason, "refused: shared memory is required");
        let endpoint = endpoint.to_owned();
        Err(EndpointError::NotShared { endpoint, reason })
    }

    /// Why no connection of this socket can use shared memory; `None` if ipc connections can, at least.
    fn unshared(&self) -> Option<&'static str> {
        if self.options.shares_nothing() {
            return Some("it is turned off for this socket");
        }
        // A ring keeps all messages.
        if self.options.conflate {
            return Some("the socket keeps the last message only");
        }
        if self.options.security.mechanism().encrypts() {
            return Some("the messages are encrypted");
        }
        let is_raw = self.pattern.is_raw();
        is_raw.then_some("the socket has no messages but streams")
    }

    /// What the sessions of an endpoint need of this socket. `endpoint`: that of a byte stream.
    pub(super) fn link(&mut self, endpoint: Option<&Endpoint>) -> Link {
        let is_ipc = matches!(endpoint, Some(Endpoint::Ipc(_)));
        let over_tcp = self.options.get_shared_memory() == Some(SharedMemory::On);
        let may_share = is_ipc || over_tcp && matches!(endpoint, Some(Endpoint::Tcp(_)));
        let is_raw = self.pattern.is_raw();
        let mechanism = self.options.security.mechanism();
        let control = if may_share && self.unshared().is_none() {
            self.sleeper.control()
        } else {
            None
        };
        let mut settings = Settings::new(self.kind());
        settings.routing_id = self.options.get_routing_id().to_vec();
        settings.metadata.clone_from(&self.options.properties);
        settings.max_message = self.options.max_message;
        settings.handshake_timeout = self.options.handshake;
        settings.heartbeat = self.options.heartbeat;
        let notify = self.options.stream_notify;
        settings.accept_older = self.options.get_accept_older() == Some(true);
        settings.mechanism = mechanism;
        settings.authenticate = self.options.authenticates();
        settings.raw = is_raw.then_some(RawSettings { notify });
        Link {
            kind: self.kind(),
            post: self.post.clone(),
            bellpull: self.sleeper.bellpull(),
            marks: self.options.marks(),
            settings,
            zap: self.options.zap.clone(),
            affinity: self.options.affinity,
            immediate: self.options.immediate,
            conflates: self.conflates(),
            notices: match is_raw {
                true => None,
                false => self.options.notices.of(self.kind()),
            },
            batches: self.options.batches,
            sharing: control.map(|control| SharedOffer {
                control,
                limit: self.options.share_limit,
                own_arena: self.registry.share_own_arena(),
                required: (is_ipc && self.options.require_shared).then(Arc::default),
            }),
            watch: self.watch.clone(),
            row: self.row.clone(),
        }
    }
}

/// Closes a listener, and returns when it is closed.
fn unlisten(number: u64, post: &Post<Order>) {
    let (done, closed) = sync_channel(1);
    if post.send(Order::Unlisten(number, done)).is_ok() {
        // An I/O thread that has ended has closed everything.
        let _ = closed.recv();
    }
}

pub(crate) fn parse(endpoint: &str) -> Result<Endpoint, EndpointError> {
    endpoint
        .parse()
        .map_err(|error: ParseEndpointError| error.into())
}
