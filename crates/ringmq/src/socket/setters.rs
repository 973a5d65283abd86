//! What a program changes while a socket is in use.

use std::mem;
use std::time::Duration;

use ringmq_pattern::{Kind, SetOption};
use ringmq_pipe::remote::{LatePolicy, LateReader};
use ringmq_pipe::{Vow, Wait};

use crate::error::OptionError;
use crate::mail::Connection;
use crate::socket::Socket;
use crate::socket::options::{SocketOptions, mark};

impl Socket {
    /// The options in force.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let mut sub = context.socket(Kind::Sub)?;
    /// // What was not set comes from the socket type and the context.
    /// assert_eq!(sub.options().get_linger(), Some(Duration::ZERO));
    /// sub.set_recv_hwm(10);
    /// assert_eq!(sub.options().get_recv_hwm(), Some(10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn options(&self) -> &SocketOptions {
        &self.options
    }

    /// Changes options for the endpoints that are bound or connected to afterwards. `change` gets the options in force and
    /// returns the new ones. Options that act at once, such as [`send_hwm`](SocketOptions::send_hwm), do so.
    ///
    /// # Errors
    ///
    /// `Value` if an option has a value that there is not. The options stay as they were.
    ///
    /// ```
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let mut server = context.socket(Kind::Rep)?;
    /// server.bind("ipc://*")?;
    /// // Many clients connect to the second endpoint at once.
    /// server.change_options(|options| options.backlog(1000))?;
    /// server.bind("tcp://127.0.0.1:*")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn change_options(
        &mut self,
        change: impl FnOnce(SocketOptions) -> SocketOptions,
    ) -> Result<(), OptionError> {
        let mut options = change(self.options.clone());
        options.check()?;
        options.settle(self.kind(), self.options.in_force());
        let old = mem::replace(&mut self.options, options);
        if self.options.marks() != old.marks() {
            self.marks_changed();
        }
        self.sleeper.set_wait(self.options.in_force_wait());
        self.show_wait();
        self.settle_late_policy();
        Ok(())
    }

    /// Sets the high-water mark for sending, on all connections, at once: how many messages may wait to be sent to one
    /// peer. `None` is no limit; see [`SocketOptions::send_hwm`].
    ///
    /// ```
    /// use ringmq::{Context, Kind, SendError};
    ///
    /// let context = Context::new()?;
    /// let (mut push, mut pull) = (context.socket(Kind::Push)?, context.socket(Kind::Pull)?);
    /// push.set_send_hwm(1);
    /// pull.set_recv_hwm(1);
    /// push.bind("inproc://jobs")?;
    /// pull.connect("inproc://jobs")?;
    /// // Within the process, the marks of both sides add up.
    /// push.send("one")?;
    /// push.send("two")?;
    /// let refused = push.try_send("three").unwrap_err();
    /// assert!(matches!(refused.reason, SendError::WouldBlock));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_send_hwm(&mut self, messages: impl Into<Option<u32>>) {
        self.options.send_mark = mark(messages.into());
        self.marks_changed();
    }

    /// Sets the high-water mark for receiving, on all connections, at once: how many messages of one peer may wait to be
    /// received. `None` is no limit; see [`SocketOptions::recv_hwm`], and
    /// [`set_send_hwm`](Socket::set_send_hwm) for an example.
    pub fn set_recv_hwm(&mut self, messages: impl Into<Option<u32>>) {
        self.options.recv_mark = mark(messages.into());
        self.marks_changed();
    }

    /// Gives the marks to the connections. A forked child has none.
    fn marks_changed(&mut self) {
        if self.registry.is_here() {
            self.take_mail();
            self.peers.set_own_marks(self.options.marks());
        }
    }

    /// Sets how long later calls wait to send. `None` is without end; see [`SocketOptions::send_timeout`].
    pub fn set_send_timeout(&mut self, timeout: impl Into<Option<Duration>>) {
        self.options.send_timeout = timeout.into();
        self.settle_late_policy();
    }

    /// Sets how long later calls wait for a message. `None` is without end; see [`SocketOptions::recv_timeout`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ringmq::{Context, Kind, RecvError};
    ///
    /// let context = Context::new()?;
    /// let mut pull = context.socket(Kind::Pull)?;
    /// pull.set_recv_timeout(Duration::from_millis(10));
    /// assert!(matches!(pull.recv(), Err(RecvError::TimedOut)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_recv_timeout(&mut self, timeout: impl Into<Option<Duration>>) {
        self.options.recv_timeout = timeout.into();
    }

    /// Sets whether long bodies are received where a peer in shared memory has put them, instead of copied: with a vow the
    /// frames refer to the peer's memory until they are dropped, and can outlive the socket, the connection and the peer.
    /// They cannot be written; [`Frame::as_mut_slice`](crate::Frame::as_mut_slice) copies. A peer's memory is lent for at
    /// most 14 bodies of one connection at a time; more are copied. By default all are copied.
    ///
    /// ```
    /// use ringmq::{Context, Kind, Vow};
    ///
    /// let context = Context::new()?;
    /// let mut pull = context.socket(Kind::Pull)?;
    /// // SAFETY: the peers are programs of ours, which do not write to a message that they have sent.
    /// pull.set_in_place(unsafe { Vow::new() });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_in_place(&mut self, vow: impl Into<Option<Vow>>) {
        self.peers.set_vow(vow.into());
    }

    /// Sets how long messages that were sent may wait to leave after the socket is closed, for the connections that end
    /// from now on. `None` is without end; see [`SocketOptions::linger`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let mut push = context.socket(Kind::Push)?;
    /// push.set_linger(Duration::ZERO);
    /// // No socket listens on this port; the end of the context does not wait all the same.
    /// push.connect("tcp://127.0.0.1:9")?;
    /// push.send("lost")?;
    /// drop(push);
    /// context.terminate();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_linger(&mut self, linger: impl Into<Option<Duration>>) {
        self.options.linger = Some(linger.into());
    }

    /// Sets how later calls wait; see [`SocketOptions::wait`].
    pub fn set_wait(&mut self, wait: Wait) {
        self.options.wait = Some(wait);
        self.sleeper.set_wait(wait);
        self.show_wait();
        self.settle_late_policy();
    }

    /// Sets what a send does when its reader is late, from the timeout and the way of waiting.
    pub(crate) fn settle_late_policy(&mut self) {
        let short = |timeout| timeout < LatePolicy::LONGEST;
        let policy = if self.options.send_timeout.is_some_and(short) {
            LateReader::GrowAtOnce
        } else if self.options.in_force_wait() == Wait::Spin {
            LateReader::Spin
        } else {
            LateReader::Sleep
        };
        self.peers.late_policy().set(policy);
    }

    /// Sets the routing id that a ROUTER, REP or STREAM gives the next peer that it connects to. The peer does not learn it, so it
    /// may have more than 255 bytes.
    ///
    /// # Errors
    ///
    /// `NotSupported` if the socket is of another type, `Value` if the id is empty.
    pub fn set_connect_routing_id(&mut self, id: impl AsRef<[u8]>) -> Result<(), OptionError> {
        let id = id.as_ref();
        if !matches!(self.kind(), Kind::Router | Kind::Rep | Kind::Stream) {
            return Err(OptionError::NotSupported);
        }
        if id.is_empty() {
            return Err(OptionError::Value);
        }
        self.assigned_id = Some(id.to_vec());
        Ok(())
    }

    /// The connections of this socket, as of the commands that it has taken. A forked child has none.
    ///
    /// ```
    /// use ringmq::{Carrier, Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// let connections = push.connections();
    /// assert_eq!(connections.len(), 1);
    /// assert_eq!(connections[0].carrier, Carrier::Inproc);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connections(&mut self) -> Vec<Connection> {
        if !self.registry.is_here() {
            return Vec::new();
        }
        self.take_mail();
        self.peers.connections().collect()
    }

    /// Subscribes to messages that begin with `topic`; an empty topic is all messages. SUB only.
    ///
    /// # Errors
    ///
    /// [`OptionError`].
    ///
    /// ```
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut news, mut reader) = (context.socket(Kind::Xpub)?, context.socket(Kind::Sub)?);
    /// news.bind("inproc://news")?;
    /// reader.connect("inproc://news")?;
    /// reader.subscribe("weather")?;
    /// // An XPUB receives the subscription: what it sends from now on arrives.
    /// assert_eq!(news.recv()?[0].as_slice(), b"\x01weather");
    /// news.send("sports: 2-1")?;
    /// news.send("weather: rain")?;
    /// assert_eq!(reader.recv()?[0].as_slice(), b"weather: rain");
    /// reader.unsubscribe("weather")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn subscribe(&mut self, topic: impl AsRef<[u8]>) -> Result<(), OptionError> {
        self.set(SetOption::Subscribe(topic.as_ref()))
    }

    /// Takes one [`subscribe`](Socket::subscribe) to the same topic back.
    ///
    /// # Errors
    ///
    /// [`OptionError`].
    pub fn unsubscribe(&mut self, topic: impl AsRef<[u8]>) -> Result<(), OptionError> {
        self.set(SetOption::Unsubscribe(topic.as_ref()))
    }

    /// Sets an option of the pattern, that is of the socket type's routing.
    ///
    /// # Errors
    ///
    /// `NotSupported` if the socket type has no such option; `Terminated`; `Forked`.
    ///
    /// ```
    /// use ringmq::{Context, Kind, Message, SendError, SetOption};
    ///
    /// let context = Context::new()?;
    /// let mut router = context.socket(Kind::Router)?;
    /// router.set(SetOption::RouterMandatory(true))?;
    /// let refused = router.send(Message::from_iter(["a stranger", "hello"])).unwrap_err();
    /// assert!(matches!(refused.reason, SendError::HostUnreachable));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set(&mut self, option: SetOption<'_>) -> Result<(), OptionError> {
        if !self.registry.is_here() {
            return Err(OptionError::Forked);
        }
        self.take_mail();
        if self.terminated {
            return Err(OptionError::Terminated);
        }
        self.pattern
            .set(option, &mut self.peers)
            .map_err(|_| OptionError::NotSupported)
    }
}
