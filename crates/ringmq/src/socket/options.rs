//! Options of a socket.

use std::time::Duration;

use ringmq_pipe::Wait;
use ringmq_transport::{Options as TransportOptions, ReconnectStop};
use ringmq_zmtp::Heartbeat;

use crate::mail::Marks;

/// What a socket was told, and what it does by default.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) send_mark: u32,
    pub(crate) recv_mark: u32,
    pub(crate) send_timeout: Option<Duration>,
    pub(crate) recv_timeout: Option<Duration>,
    pub(crate) linger: Option<Duration>,
    pub(crate) routing_id: Vec<u8>,
    pub(crate) assigned_id: Option<Vec<u8>>,
    pub(crate) wait: Wait,
    pub(crate) transport: TransportOptions,
    /// Between two attempts to connect; `None` for one attempt.
    pub(crate) reconnect: Option<Duration>,
    /// The longest of these, if they grow.
    pub(crate) reconnect_most: Duration,
    /// What ends all attempts.
    pub(crate) reconnect_stop: ReconnectStop,
    pub(crate) max_message: Option<u64>,
    pub(crate) handshake: Option<Duration>,
    pub(crate) heartbeat: Option<Heartbeat>,
    /// Nothing waits for a connection that is not there.
    pub(crate) immediate: bool,
    /// ipc connections to other ringmq go over to shared memory.
    pub(crate) share: bool,
    /// Bytes of shared memory that may hold what waits for one peer.
    pub(crate) share_limit: u64,
    /// The last message only is kept.
    pub(crate) conflate: bool,
    /// What peers are told of this socket beside its type and routing id.
    pub(crate) properties: Vec<(String, Vec<u8>)>,
    /// Which I/O threads may be used.
    pub(crate) affinity: u64,
}

impl Options {
    pub(crate) fn new(linger: Option<Duration>, wait: Wait, share: bool) -> Options {
        Options {
            send_mark: 1000,
            recv_mark: 1000,
            send_timeout: None,
            recv_timeout: None,
            linger,
            routing_id: Vec::new(),
            assigned_id: None,
            wait,
            transport: TransportOptions::default(),
            reconnect: Some(Duration::from_millis(100)),
            reconnect_most: Duration::ZERO,
            reconnect_stop: ReconnectStop::default(),
            max_message: None,
            handshake: Some(Duration::from_secs(30)),
            heartbeat: None,
            immediate: false,
            share,
            share_limit: 4 << 30,
            conflate: false,
            properties: Vec::new(),
            affinity: 0,
        }
    }

    pub(crate) fn marks(&self) -> Marks {
        Marks {
            sending: self.send_mark.into(),
            receiving: self.recv_mark.into(),
        }
    }
}
