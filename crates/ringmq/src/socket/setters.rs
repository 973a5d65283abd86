//! Options that every socket type has, or its pattern knows.

use std::time::Duration;

use ringmq_pattern::{Kind, SetOption};
use ringmq_pipe::Wait;
use ringmq_pipe::remote::{LatePolicy, LateReader};

use crate::error::OptionError;
use crate::mail::Connection;
use crate::socket::Socket;

impl Socket {
    /// Sets the high-water mark for sending: how many messages may wait to be sent to one peer. `None` is no limit; 1,000
    /// by default. It acts on all connections, at once. A mark of 0 is 1: with none, no message could be sent.
    ///
    /// ```
    /// use ringmq::{Context, Kind, SendRefusal};
    ///
    /// let context = Context::new()?;
    /// let (mut push, mut pull) = (context.socket(Kind::Push)?, context.socket(Kind::Pull)?);
    /// push.set_send_hwm(Some(1));
    /// pull.set_recv_hwm(Some(1));
    /// push.bind("inproc://jobs")?;
    /// pull.connect("inproc://jobs")?;
    /// // Within the process, the marks of both sides add up.
    /// push.send("one")?;
    /// push.send("two")?;
    /// let refused = push.try_send("three").unwrap_err();
    /// assert!(matches!(refused.reason, SendRefusal::WouldBlock));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_send_hwm(&mut self, messages: Option<u32>) {
        self.options.send_mark = mark(messages);
        self.marks_changed();
    }

    /// Sets the high-water mark for receiving: how many messages of one peer may wait to be received. `None` is no limit;
    /// 1,000 by default. It acts on all connections, at once. A mark of 0 is 1. See [`set_send_hwm`](Socket::set_send_hwm)
    /// for an example.
    pub fn set_recv_hwm(&mut self, messages: Option<u32>) {
        self.options.recv_mark = mark(messages);
        self.marks_changed();
    }

    /// Gives the marks to the connections. A forked child has none.
    fn marks_changed(&mut self) {
        if self.registry.is_here() {
            self.take_mail();
            self.peers.set_own_marks(self.options.marks());
        }
    }

    /// Sets how long a call waits to send. `None`, the default, is without end. A call whose time has passed returns
    /// [`TimedOut`](crate::SendRefusal::TimedOut).
    pub fn set_send_timeout(&mut self, timeout: Option<Duration>) {
        self.options.send_timeout = timeout;
        self.settle_late_policy();
    }

    /// Sets how long a call waits for a message. `None`, the default, is without end.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ringmq::{Context, Kind, RecvError};
    ///
    /// let context = Context::new()?;
    /// let mut pull = context.socket(Kind::Pull)?;
    /// pull.set_recv_timeout(Some(Duration::from_millis(10)));
    /// assert!(matches!(pull.recv(), Err(RecvError::TimedOut)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_recv_timeout(&mut self, timeout: Option<Duration>) {
        self.options.recv_timeout = timeout;
    }

    /// Sets how this socket waits.
    pub fn set_wait(&mut self, wait: Wait) {
        self.options.wait = wait;
        self.sleeper.set_wait(wait);
        self.settle_late_policy();
    }

    /// Sets what a send does when its reader is late, from the timeout and the way of waiting.
    pub(crate) fn settle_late_policy(&mut self) {
        let short = |timeout| timeout < LatePolicy::LONGEST;
        let policy = if self.options.send_timeout.is_some_and(short) {
            LateReader::GrowAtOnce
        } else if self.options.wait == Wait::Spin {
            LateReader::Spin
        } else {
            LateReader::Sleep
        };
        self.peers.late_policy().set(policy);
    }

    /// Sets the routing id of this socket in later connections: 1 to 255 bytes. A ROUTER that it connects to addresses it
    /// by this id.
    ///
    /// A ROUTER makes ids of five bytes that begin with a zero for peers without one. An id that an application gives
    /// may begin with a zero, too: a ROUTER makes none that a peer of its own has.
    ///
    /// # Errors
    ///
    /// `Value` if it cannot be a routing id.
    ///
    /// ```
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut router, mut worker) = (context.socket(Kind::Router)?, context.socket(Kind::Dealer)?);
    /// router.bind("inproc://work")?;
    /// worker.set_routing_id("worker-1")?;
    /// worker.connect("inproc://work")?;
    /// worker.send("ready")?;
    /// let message = router.recv()?;
    /// assert_eq!(message[0].as_slice(), b"worker-1");
    /// assert_eq!(message[1].as_slice(), b"ready");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_routing_id(&mut self, id: impl AsRef<[u8]>) -> Result<(), OptionError> {
        let id = id.as_ref();
        if id.is_empty() || id.len() > 255 {
            return Err(OptionError::Value);
        }
        self.options.routing_id = id.to_vec();
        Ok(())
    }

    /// Sets the routing id that a ROUTER or REP gives the next peer that it connects to. The peer does not learn it, so it
    /// may have more than 255 bytes.
    ///
    /// # Errors
    ///
    /// `NotSupported` if the socket is of another type, `Value` if the id is empty.
    pub fn set_connect_routing_id(&mut self, id: impl AsRef<[u8]>) -> Result<(), OptionError> {
        let id = id.as_ref();
        if !matches!(self.kind(), Kind::Router | Kind::Rep) {
            return Err(OptionError::NotSupported);
        }
        if id.is_empty() {
            return Err(OptionError::Value);
        }
        self.options.assigned_id = Some(id.to_vec());
        Ok(())
    }

    /// Sets whether ipc connections move to shared memory when the peer can, too, for endpoints that are bound or connected
    /// to afterwards.
    pub fn set_shared_memory(&mut self, share: bool) {
        self.options.share = share;
    }

    /// Sets how many bytes of shared memory the messages that wait for the peers of this socket may use, all peers together;
    /// 4 GiB by default. Beyond that there is no room, whatever the mark admits. A peer for which no message waits is always
    /// sent one. It acts on endpoints that are bound or connected to afterwards.
    pub fn set_shared_limit(&mut self, bytes: u64) {
        self.options.share_limit = bytes;
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
        let carriers = self.peers.carriers();
        carriers.map(|carrier| Connection { carrier }).collect()
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
    /// use ringmq::{Context, Kind, Message, SendRefusal, SetOption};
    ///
    /// let context = Context::new()?;
    /// let mut router = context.socket(Kind::Router)?;
    /// router.set(SetOption::RouterMandatory(true))?;
    /// let refused = router.send(Message::from_iter(["a stranger", "hello"])).unwrap_err();
    /// assert!(matches!(refused.reason, SendRefusal::HostUnreachable));
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

/// A mark in [`Options`](crate::socket::options::Options), where 0 is no limit.
fn mark(messages: Option<u32>) -> u32 {
    messages.map_or(0, |messages| messages.max(1))
}
