//! Options of the connections that a socket makes and accepts.

use std::time::Duration;

use ringmq_transport::ReconnectStop;
use ringmq_zmtp::Heartbeat;

use crate::socket::options::SocketOptions;

impl SocketOptions {
    /// The routing id of the socket: 1 to 255 bytes; none by default. A ROUTER that it connects to addresses it by this
    /// id. A STREAM replaces it by the id of the connection that it has made last.
    ///
    /// A ROUTER makes ids of five bytes that begin with a zero for peers without one. An id that an application gives
    /// may begin with a zero, too: a ROUTER makes none that a peer of its own has.
    ///
    /// An id of another length is refused where the options are used, as [`OptionError::Value`](crate::OptionError::Value).
    ///
    /// ```
    /// use ringmq::{Context, Kind, SocketOptions};
    ///
    /// let context = Context::new()?;
    /// let mut router = context.socket(Kind::Router)?;
    /// router.bind("inproc://work")?;
    /// let options = SocketOptions::new().routing_id("worker-1");
    /// let mut worker = context.socket_with(Kind::Dealer, &options)?;
    /// worker.connect("inproc://work")?;
    /// worker.send("ready")?;
    /// let message = router.recv()?;
    /// assert_eq!(message[0].as_slice(), b"worker-1");
    /// assert_eq!(message[1].as_slice(), b"ready");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn routing_id(mut self, id: impl AsRef<[u8]>) -> SocketOptions {
        self.routing_id = Some(id.as_ref().to_vec());
        self
    }

    /// Whether empty messages say when a connection of a STREAM, or of a
    /// [raw ROUTER](crate::SetOption::RouterRaw), is made and when it ends; true by default.
    #[must_use]
    pub fn stream_notify(mut self, notify: bool) -> SocketOptions {
        self.stream_notify = notify;
        self
    }

    /// A property that peers see in the messages of this socket, on tcp and ipc connections. There may be several; the
    /// first value of a name stays; names have no case. None by default.
    ///
    /// A name has 2 to 255 printable ASCII characters and begins with `X-`, but not with `X-Ringmq`. A value is not empty.
    /// All names and values have at most 32 KiB. Others are refused where the options are used, as
    /// [`OptionError::Value`](crate::OptionError::Value).
    #[must_use]
    pub fn property(mut self, name: &str, value: impl AsRef<[u8]>) -> SocketOptions {
        self.add_property(name, value.as_ref());
        self
    }

    /// Whether messages are queued for completed connections only; false by default, when they are queued for connections
    /// that are still being made, too. If true, messages that wait for a peer that goes are lost.
    #[must_use]
    pub fn immediate(mut self, immediate: bool) -> SocketOptions {
        self.immediate = immediate;
        self
    }

    /// The greatest payload of a frame that is accepted from a peer, in bytes. `None`, the default, is no limit.
    #[must_use]
    pub fn max_message(mut self, bytes: impl Into<Option<u64>>) -> SocketOptions {
        self.max_message = bytes.into();
        self
    }

    /// The time between two attempts to connect; 100 ms by default. `None` makes one attempt only.
    #[must_use]
    pub fn reconnect_interval(mut self, interval: impl Into<Option<Duration>>) -> SocketOptions {
        self.reconnect = interval.into();
        self
    }

    /// The longest time between two attempts to connect. If it is greater than
    /// [`reconnect_interval`](SocketOptions::reconnect_interval), each wait is twice the one before, up to this. Zero, the
    /// default, leaves all waits the same.
    #[must_use]
    pub fn reconnect_interval_max(mut self, interval: Duration) -> SocketOptions {
        self.reconnect_most = interval;
        self
    }

    /// What ends the attempts to connect; nothing by default. A peer that breaks the protocol is never tried again; a peer
    /// of a type that does not fit is.
    #[must_use]
    pub fn reconnect_stop(mut self, stop: ReconnectStop) -> SocketOptions {
        self.reconnect_stop = stop;
        self
    }

    /// How long a handshake may take; 30 s by default. `None` is without end.
    #[must_use]
    pub fn handshake_timeout(mut self, time: impl Into<Option<Duration>>) -> SocketOptions {
        self.handshake = time.into();
        self
    }

    /// Heartbeats, which find out that a silent peer is gone. `None`, the default, sends none.
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: impl Into<Option<Heartbeat>>) -> SocketOptions {
        self.heartbeat = heartbeat.into();
        self
    }

    /// How many bytes of a tcp or ipc connection are decoded, at most, before the socket sees the messages in them; 8 KiB by
    /// default. More means fewer wake-ups and a longer wait for the first message of a burst. 0 is 1.
    #[must_use]
    pub fn recv_batch(mut self, bytes: usize) -> SocketOptions {
        self.batches.receiving = bytes.max(1);
        self
    }

    /// How many bytes of messages are gathered, at most, for one write to a tcp or ipc connection; 64 KiB by default. The
    /// message that reaches the limit is written whole. 0 is 1.
    #[must_use]
    pub fn send_batch(mut self, bytes: usize) -> SocketOptions {
        self.batches.sending = bytes.max(1);
        self
    }

    /// Which I/O threads may serve tcp and ipc endpoints: a bit for each of the first 64. 0, the default, is all of them.
    #[must_use]
    pub fn affinity(mut self, threads: u64) -> SocketOptions {
        self.affinity = threads;
        self
    }
}
