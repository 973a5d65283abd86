//! How sockets of an endpoint are made.

use std::time::Duration;

use ringmq_sys::Steal;

use crate::filter::{IpcFilter, Subnet};
use crate::socks::SocksProxy;

/// Options of listeners, dialers and udp sockets, by the names of libzmq's. The default is libzmq's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `BACKLOG`: connections that may wait to be accepted.
    pub backlog: i32,
    /// `IPV6`: resolve to IPv6, and serve IPv4 through it.
    pub ipv6: bool,
    /// `TOS`, for `IP_TOS` and `IPV6_TCLASS`; 0 leaves it.
    pub tos: u32,
    /// `PRIORITY`, for `SO_PRIORITY`; 0 leaves it.
    pub priority: u32,
    /// `BINDTODEVICE`: the interface to use; empty for any. Needs `CAP_NET_RAW` on older kernels.
    pub device: Vec<u8>,
    /// `SNDBUF` in bytes; None leaves it to the system. Not for ipc, as in libzmq.
    pub send_buffer: Option<usize>,
    /// `RCVBUF` in bytes; None leaves it to the system. Not for ipc, as in libzmq.
    pub receive_buffer: Option<usize>,
    /// `BUSY_POLL` in microseconds; 0 leaves it.
    pub busy_poll: u32,
    /// `MULTICAST_HOPS`: routers that pass a multicast datagram on, and one; 1 stays on the network.
    pub multicast_hops: u32,
    /// `MULTICAST_LOOP`: multicast datagrams also reach sockets of this machine.
    pub multicast_loop: bool,
    /// The four `TCP_KEEPALIVE` options.
    pub keepalive: Keepalive,
    /// `TCP_MAXRT`: how long sent data may stay unacknowledged; zero leaves it to the system.
    pub max_retransmit: Duration,
    /// `CONNECT_TIMEOUT` of one attempt at one tcp address; zero leaves it to the system.
    pub connect_timeout: Duration,
    /// `SOCKS_PROXY` and what belongs to it: tcp connects through it; None connects itself.
    pub socks_proxy: Option<SocksProxy>,
    /// `TCP_ACCEPT_FILTER`: who may connect; empty for all.
    pub accept_from: Vec<Subnet>,
    /// `IPC_FILTER_UID`, `_GID` and `_PID`: who may connect.
    pub accept_whom: IpcFilter,
    /// Permission bits of an ipc path; None leaves them to the umask.
    pub mode: Option<u32>,
    /// Whether a bind takes an ipc path from a socket that listens there.
    pub steal: Steal,
}

/// `TCP_KEEPALIVE` and what belongs to it. None leaves it to the system; the last three count only if
/// `on` says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keepalive {
    /// `TCP_KEEPALIVE`.
    pub on: Option<bool>,
    /// `TCP_KEEPALIVE_CNT`: probes until the connection counts as dead.
    pub count: Option<u32>,
    /// `TCP_KEEPALIVE_IDLE`: silence before the first probe, in whole seconds.
    pub idle: Option<Duration>,
    /// `TCP_KEEPALIVE_INTVL`: time between two probes, in whole seconds.
    pub interval: Option<Duration>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            backlog: 100,
            ipv6: false,
            tos: 0,
            priority: 0,
            device: Vec::new(),
            send_buffer: None,
            receive_buffer: None,
            busy_poll: 0,
            multicast_hops: 1,
            multicast_loop: true,
            keepalive: Keepalive::default(),
            max_retransmit: Duration::ZERO,
            connect_timeout: Duration::ZERO,
            socks_proxy: None,
            accept_from: Vec::new(),
            accept_whom: IpcFilter::default(),
            mode: None,
            steal: Steal::Never,
        }
    }
}
