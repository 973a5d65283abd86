//! Endpoints beyond the process: listeners and dialers, which live in the I/O thread.

use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use ringmq_pattern::Kind;
use ringmq_sys::ErrorNumber;
use ringmq_transport::{Backoff, Endpoint, EndpointError, Listener, ReconnectStop};
use ringmq_zmtp::{Settings, SocketType};

use crate::command::PipeId;
use crate::error::EndpointRefusal;
use crate::monitor::{MonitorEvent, Occurrence};
use crate::reactor::{Connect, Link, Listen, Order, session_pipe};
use crate::socket::{Role, Socket, inproc, is_inproc};

impl Socket {
    /// Binds to an endpoint of a byte stream.
    pub(crate) fn listen(&mut self, endpoint: &str) -> Result<(), EndpointRefusal> {
        let parsed = parse(endpoint)?;
        let post = self.context.reactor().map_err(EndpointRefusal::Os)?;
        let bound = Listener::bind(&parsed, &self.options.transport);
        let listener = bound.inspect_err(|error| {
            let number = ErrorNumber::among(error).unwrap_or(ErrorKind::AddrInUse.into());
            let failed = Occurrence::BindFailed { error: number };
            self.watch.tell(|| MonitorEvent::at(endpoint, failed));
        })?;
        let actual = listener.endpoint().to_string();
        let fd = listener.as_raw_fd();
        let number = self.context.lock().pipe_id().0;
        let listen = Listen {
            number,
            listener,
            link: self.link(),
        };
        // Before anybody can be accepted.
        self.watch
            .tell(|| MonitorEvent::at(&actual, Occurrence::Listening { fd }));
        if post.send(Order::Listen(Box::new(listen))).is_err() {
            return Err(EndpointRefusal::Terminated);
        }
        self.endpoints
            .push((actual.clone(), Role::Listening(number)));
        self.last_endpoint = actual;
        Ok(())
    }

    /// Closes a listener, and returns when it is closed.
    pub(crate) fn unlisten(&mut self, number: u64) {
        let (done, closed) = sync_channel(1);
        if let Ok(post) = self.context.reactor()
            && post.send(Order::Unlisten(number, done)).is_ok()
        {
            // An I/O thread that has ended has closed everything.
            let _ = closed.recv();
        }
    }

    /// Connects to an endpoint of a byte stream, now or as soon as somebody is there.
    pub(crate) fn dial(&mut self, endpoint: &str) -> Result<(), EndpointRefusal> {
        let parsed = parse(endpoint)?;
        parsed.check_connect()?;
        let post = self.context.reactor().map_err(EndpointRefusal::Os)?;
        let id = self.context.lock().pipe_id();
        let link = self.link();
        let (near, ends) = session_pipe(&link, id, &post);
        let assigned = self.options.assigned_id.take();
        // A ROUTER has to know who it is.
        let unknown = self.kind() == Kind::Router && assigned.is_none();
        let later = unknown || self.options.immediate;
        let (now, near) = if later {
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
        self.context.lingering().begin();
        if post.send(Order::Connect(Box::new(connect))).is_err() {
            self.context.lingering().end();
            return Err(EndpointRefusal::Terminated);
        }
        if let Some(near) = now {
            self.attach(near, assigned.as_deref());
        }
        self.endpoints
            .push((endpoint.to_owned(), Role::Connected(id)));
        self.last_endpoint = endpoint.to_owned();
        Ok(())
    }

    /// Undoes a [`bind`](Socket::bind). Whoever has connected by inproc stays; the connections of a tcp or ipc listener
    /// end with it.
    ///
    /// # Errors
    ///
    /// [`EndpointRefusal`].
    pub fn unbind(&mut self, endpoint: &str) -> Result<(), EndpointRefusal> {
        self.leave(endpoint)
    }

    /// Undoes a [`connect`](Socket::connect).
    ///
    /// # Errors
    ///
    /// [`EndpointRefusal`].
    pub fn disconnect(&mut self, endpoint: &str) -> Result<(), EndpointRefusal> {
        self.leave(endpoint)
    }

    fn leave(&mut self, endpoint: &str) -> Result<(), EndpointRefusal> {
        self.take_mail();
        if self.terminated {
            return Err(EndpointRefusal::Terminated);
        }
        let known = self.endpoints.iter();
        let Some(at) = known.clone().position(|(known, _)| known == endpoint) else {
            return Err(EndpointRefusal::Unknown(endpoint.to_owned()));
        };
        match self.endpoints.remove(at).1 {
            Role::Bound => {
                let name = inproc(endpoint)?;
                self.context.lock().names.unbind(name, &self.post);
            }
            Role::Listening(number) => self.unlisten(number),
            Role::Connected(id) => {
                self.tell_disconnected(id);
                match self.peers.find(id) {
                    Some(peer) => self.detach(peer),
                    None if is_inproc(endpoint) => {}
                    None => self.undial(id),
                }
            }
        }
        Ok(())
    }

    /// Tells a connection that it was disconnected on purpose, if that makes a difference to it.
    fn tell_disconnected(&mut self, id: PipeId) {
        if self.options.reconnect_stop.after_disconnect
            && let Ok(post) = self.context.reactor()
        {
            // As below.
            let _ = post.send(Order::Disconnected(id));
        }
    }

    /// Lets a connection go that nobody has been met through, so that its pipe is not here.
    pub(crate) fn undial(&mut self, id: PipeId) {
        if let Ok(post) = self.context.reactor() {
            // An I/O thread that has ended has no connections.
            let _ = post.send(Order::Finish(id, self.options.linger));
        }
    }

    /// What the sessions of an endpoint know of this socket.
    fn link(&self) -> Link {
        let mut settings = Settings::new(socket_type(self.kind()));
        settings.routing_id = self.options.routing_id.clone();
        settings.max_message = self.options.max_message;
        settings.handshake_timeout = self.options.handshake;
        settings.heartbeat = self.options.heartbeat;
        Link {
            kind: self.kind(),
            post: self.post.clone(),
            bellpull: self.sleeper.bellpull(),
            marks: self.options.marks(),
            settings,
            watch: self.watch.clone(),
        }
    }

    // --- Options of connections

    /// How long what was sent may stay after a close; `None`, the default, for as long as it takes.
    pub fn set_linger(&mut self, linger: Option<Duration>) {
        self.options.linger = linger;
    }

    /// The greatest payload of a frame that is accepted from a peer, in bytes; `None`, the default, for no limit.
    pub fn set_max_message(&mut self, bytes: Option<u64>) {
        self.options.max_message = bytes;
    }

    /// How long to wait between two attempts to connect, and the longest of these waits if each is to be twice the one
    /// before; `None` makes one attempt. 100 ms and zero by default.
    pub fn set_reconnect(&mut self, interval: Option<Duration>, most: Duration) {
        self.options.reconnect = interval;
        self.options.reconnect_most = most;
    }

    /// What ends all attempts to connect, for the connections that are begun afterwards; nothing by default. A peer that
    /// breaks the protocol, or that this socket has nothing to say to, is never tried again.
    pub fn set_reconnect_stop(&mut self, stop: ReconnectStop) {
        self.options.reconnect_stop = stop;
    }
}

fn parse(endpoint: &str) -> Result<Endpoint, EndpointRefusal> {
    endpoint
        .parse()
        .map_err(|error: EndpointError| error.into())
}

fn socket_type(kind: Kind) -> SocketType {
    match kind {
        Kind::Pair => SocketType::Pair,
        Kind::Pub => SocketType::Pub,
        Kind::Sub => SocketType::Sub,
        Kind::Req => SocketType::Req,
        Kind::Rep => SocketType::Rep,
        Kind::Dealer => SocketType::Dealer,
        Kind::Router => SocketType::Router,
        Kind::Pull => SocketType::Pull,
        Kind::Push => SocketType::Push,
        Kind::Xpub => SocketType::Xpub,
        Kind::Xsub => SocketType::Xsub,
    }
}
