//! Options of a socket, as a value.

mod check;
mod connections;
mod getters;
mod network;
mod notices;
mod security;

use std::time::Duration;

use ringmq_pattern::Kind;
use ringmq_pipe::Wait;
use ringmq_transport::{Options as TransportOptions, ReconnectStop};
use ringmq_zmtp::Heartbeat;

use crate::mail::{Batches, Marks, Notices, SharedMemory, Zap};
use crate::registry::Defaults;

pub use security::{Security, generate_key_pair};

/// Options of a socket: what [`Context::socket_with`](crate::Context::socket_with) makes a socket with, and what
/// [`Socket::options`](crate::Socket::options) returns. The getters have the names of the options, with `get_` before.
///
/// ```
/// use std::time::Duration;
///
/// use ringmq::{Context, Kind, SocketOptions};
///
/// let options = SocketOptions::new()
///     .send_hwm(10)
///     .send_timeout(Duration::from_secs(1))
///     .linger(Duration::ZERO);
/// let context = Context::new()?;
/// let mut push = context.socket_with(Kind::Push, &options)?;
/// assert_eq!(push.options().get_send_hwm(), Some(10));
///
/// // `None` is no limit, and no end of a wait.
/// push.set_send_timeout(None);
/// assert_eq!(push.options().get_send_timeout(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When an option acts
///
/// An option of this value acts from the start of a socket. While the socket is in use:
///
/// | options | a change acts | by |
/// | --- | --- | --- |
/// | `send_hwm`, `recv_hwm` | at once, on all connections | [`Socket::set_send_hwm`], [`set_recv_hwm`] |
/// | `send_timeout`, `recv_timeout`, `wait` | on the next call | [`Socket::set_send_timeout`], [`set_recv_timeout`], [`set_wait`] |
/// | `linger` | on the connections that end afterwards | [`Socket::set_linger`] |
/// | all others | on endpoints that are bound or connected to afterwards | [`Socket::change_options`] |
///
/// [`Socket::set_send_hwm`]: crate::Socket::set_send_hwm
/// [`set_recv_hwm`]: crate::Socket::set_recv_hwm
/// [`Socket::set_send_timeout`]: crate::Socket::set_send_timeout
/// [`set_recv_timeout`]: crate::Socket::set_recv_timeout
/// [`set_wait`]: crate::Socket::set_wait
/// [`Socket::set_linger`]: crate::Socket::set_linger
/// [`Socket::change_options`]: crate::Socket::change_options
///
/// Options of a socket type's routing, such as [`RouterMandatory`](crate::SetOption::RouterMandatory), are set by
/// [`Socket::set`](crate::Socket::set), and act at once.
#[derive(Debug, Clone)]
pub struct SocketOptions {
    /// 0 is no limit.
    pub(crate) send_mark: u32,
    /// 0 is no limit.
    pub(crate) recv_mark: u32,
    pub(crate) send_timeout: Option<Duration>,
    pub(crate) recv_timeout: Option<Duration>,
    /// `None` until a socket type decides.
    pub(super) linger: Option<Option<Duration>>,
    /// `None` until a context decides.
    pub(super) wait: Option<Wait>,
    /// Which connections move to shared memory. `None` until a context decides.
    share: Option<SharedMemory>,
    /// Whether ipc connections that cannot are refused. A context decides.
    pub(crate) require_shared: bool,
    /// Bytes of shared memory that may hold what waits for peers.
    pub(crate) share_limit: u64,
    /// Whether peers of ZMTP 1.0 and 2.0 are accepted. `None` until a context decides.
    accept_older: Option<bool>,
    pub(crate) routing_id: Option<Vec<u8>>,
    pub(crate) transport: TransportOptions,
    /// Between two attempts to connect; `None` for one attempt.
    pub(crate) reconnect: Option<Duration>,
    /// The longest of these, if they grow.
    pub(crate) reconnect_most: Duration,
    pub(crate) reconnect_stop: ReconnectStop,
    pub(crate) max_message: Option<u64>,
    pub(crate) handshake: Option<Duration>,
    pub(crate) heartbeat: Option<Heartbeat>,
    pub(crate) immediate: bool,
    pub(crate) conflate: bool,
    /// What peers learn of this socket beside its type and routing id.
    pub(crate) properties: Vec<(String, Vec<u8>)>,
    /// A bit for each I/O thread that may be used; 0 for all.
    pub(crate) affinity: u64,
    pub(crate) stream_notify: bool,
    pub(crate) notices: Notices,
    pub(crate) batches: Batches,
    pub(crate) security: Security,
    pub(crate) zap: Zap,
}

impl Default for SocketOptions {
    fn default() -> SocketOptions {
        SocketOptions::new()
    }
}

impl SocketOptions {
    /// The defaults, which each option names.
    pub fn new() -> SocketOptions {
        SocketOptions {
            send_mark: 1000,
            recv_mark: 1000,
            send_timeout: None,
            recv_timeout: None,
            linger: None,
            wait: None,
            share: None,
            require_shared: false,
            share_limit: 4 << 30,
            accept_older: None,
            routing_id: None,
            transport: TransportOptions::default(),
            reconnect: Some(Duration::from_millis(100)),
            reconnect_most: Duration::ZERO,
            reconnect_stop: ReconnectStop::default(),
            max_message: None,
            handshake: Some(Duration::from_secs(30)),
            heartbeat: None,
            immediate: false,
            conflate: false,
            properties: Vec::new(),
            affinity: 0,
            stream_notify: true,
            notices: Notices::default(),
            batches: Batches::default(),
            security: Security::Null,
            zap: SocketOptions::default_zap(),
        }
    }

    /// The high-water mark for sending: how many messages may wait to be sent to one peer. `None` is no limit; 1,000 by
    /// default. A mark of 0 is 1: with none, no message could be sent.
    #[must_use]
    pub fn send_hwm(mut self, messages: impl Into<Option<u32>>) -> SocketOptions {
        self.send_mark = mark(messages.into());
        self
    }

    /// The high-water mark for receiving: how many messages of one peer may wait to be received. `None` is no limit; 1,000
    /// by default. A mark of 0 is 1.
    #[must_use]
    pub fn recv_hwm(mut self, messages: impl Into<Option<u32>>) -> SocketOptions {
        self.recv_mark = mark(messages.into());
        self
    }

    /// How long a call waits to send. `None`, the default, is without end. A call whose time has passed returns
    /// [`TimedOut`](crate::SendError::TimedOut).
    #[must_use]
    pub fn send_timeout(mut self, timeout: impl Into<Option<Duration>>) -> SocketOptions {
        self.send_timeout = timeout.into();
        self
    }

    /// How long a call waits for a message. `None`, the default, is without end. A call whose time has passed returns
    /// [`TimedOut`](crate::RecvError::TimedOut).
    #[must_use]
    pub fn recv_timeout(mut self, timeout: impl Into<Option<Duration>>) -> SocketOptions {
        self.recv_timeout = timeout.into();
        self
    }

    /// How long messages that were sent may wait to leave after the socket is closed, or its endpoint
    /// [left](crate::Socket::disconnect). `None` is without end, and the default; SUB and XSUB have zero.
    #[must_use]
    pub fn linger(mut self, linger: impl Into<Option<Duration>>) -> SocketOptions {
        self.linger = Some(linger.into());
        self
    }

    /// How the calls of this socket wait; [as the context's sockets wait](crate::Context::set_wait) by default.
    #[must_use]
    pub fn wait(mut self, wait: Wait) -> SocketOptions {
        self.wait = Some(wait);
        self
    }

    /// Which connections move to shared memory when the peer can, too;
    /// [as the context says](crate::Context::set_shared_memory) by default. See [`SharedMemory`].
    #[must_use]
    pub fn shared_memory(mut self, share: impl Into<SharedMemory>) -> SocketOptions {
        self.share = Some(share.into());
        self
    }

    /// Whether peers that speak ZMTP 1.0 or 2.0 only, as libzmq before 4.0 does, are accepted;
    /// [as the context says](crate::Context::set_accept_older) by default, which is that they are refused.
    ///
    /// An older peer knows no mechanism, no heartbeat and no properties of messages. A socket with a mechanism other than
    /// NULL, or whose peers an authenticator judges, refuses it all the same. A peer of ZMTP 1.0 without a greeting may be
    /// any program that connects: it is accepted as a peer of a type that fits. As a subscriber it gets all messages.
    ///
    /// ```
    /// use ringmq::{Context, Kind, SocketOptions};
    ///
    /// let context = Context::new()?;
    /// let options = SocketOptions::new().accept_older(true);
    /// let mut publisher = context.socket_with(Kind::Pub, &options)?;
    /// publisher.bind("tcp://127.0.0.1:*")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn accept_older(mut self, accept: bool) -> SocketOptions {
        self.accept_older = Some(accept);
        self
    }

    /// How many bytes of shared memory the messages that wait for the peers of this socket may use, all peers together;
    /// 4 GiB by default. Beyond that there is no room, whatever the mark admits. A peer for which no message waits is
    /// always sent one.
    #[must_use]
    pub fn shared_limit(mut self, bytes: u64) -> SocketOptions {
        self.share_limit = bytes;
        self
    }

    /// Whether connections keep the last message only; false by default. It acts on what PULL and SUB receive, on what
    /// PUSH and PUB send, and on both for DEALER; other types do not have it. Marks have no meaning then, and messages
    /// have one part: of a longer message, the last part stays. Within the process, the option of the socket that connects
    /// counts.
    #[must_use]
    pub fn conflate(mut self, conflate: bool) -> SocketOptions {
        self.conflate = conflate;
        self
    }

    pub(crate) fn marks(&self) -> Marks {
        Marks {
            sending: self.send_mark.into(),
            receiving: self.recv_mark.into(),
        }
    }

    /// How the socket waits.
    pub(crate) fn in_force_wait(&self) -> Wait {
        self.wait.unwrap_or_default()
    }

    /// What the socket does in those things that its context decides on if the program does not.
    pub(crate) fn in_force(&self) -> Defaults {
        Defaults {
            wait: self.in_force_wait(),
            share: self.share.unwrap_or_default(),
            require: self.require_shared,
            accept_older: self.accept_older.unwrap_or_default(),
        }
    }

    /// Sets what the program has not set, from the type of the socket and its context.
    pub(crate) fn settle(&mut self, kind: Kind, defaults: Defaults) {
        self.wait.get_or_insert(defaults.wait);
        self.share.get_or_insert(defaults.share);
        self.require_shared = defaults.require;
        self.accept_older.get_or_insert(defaults.accept_older);
        self.linger.get_or_insert(match kind {
            Kind::Sub | Kind::Xsub | Kind::Dish => Some(Duration::ZERO),
            _ => None,
        });
    }
}

/// A mark as it is kept, where 0 is no limit.
pub(super) fn mark(messages: Option<u32>) -> u32 {
    messages.map_or(0, |messages| messages.max(1))
}
