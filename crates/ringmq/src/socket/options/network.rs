//! Options of tcp, of udp and of ipc.

use std::time::Duration;

use ringmq_transport::{IpcFilter, Keepalive, SocksProxy, Steal, Subnet};

use crate::socket::options::SocketOptions;

impl SocketOptions {
    /// The SOCKS5 proxy through which tcp connects; `None`, the default, connects without one. The proxy looks up the names
    /// of hosts. It has [`connect_timeout`](SocketOptions::connect_timeout) to answer, or 30 s without one.
    ///
    /// ```
    /// use ringmq::{SocketOptions, SocksProxy};
    ///
    /// let proxy: SocksProxy = "proxy.example:1080".parse()?;
    /// let options = SocketOptions::new().socks_proxy(proxy.user("name", "password"));
    /// # Ok::<(), ringmq::ParseEndpointError>(())
    /// ```
    #[must_use]
    pub fn socks_proxy(mut self, proxy: impl Into<Option<SocksProxy>>) -> SocketOptions {
        self.transport.socks_proxy = proxy.into();
        self
    }

    /// How many connections may wait to be accepted; 100 by default.
    #[must_use]
    pub fn backlog(mut self, connections: i32) -> SocketOptions {
        self.transport.backlog = connections;
        self
    }

    /// Whether host names are looked up as IPv6 addresses, too; false by default.
    #[must_use]
    pub fn ipv6(mut self, ipv6: bool) -> SocketOptions {
        self.transport.ipv6 = ipv6;
        self
    }

    /// The type of service of tcp and udp packets, 0 to 255; 0, the default, leaves it to the system.
    #[must_use]
    pub fn type_of_service(mut self, value: u32) -> SocketOptions {
        self.transport.tos = value;
        self
    }

    /// The priority of tcp and udp packets (`SO_PRIORITY`); 0, the default, leaves it to the system.
    #[must_use]
    pub fn priority(mut self, value: u32) -> SocketOptions {
        self.transport.priority = value;
        self
    }

    /// The network interface that tcp and udp use; empty, the default, is any.
    #[must_use]
    pub fn device(mut self, name: impl AsRef<[u8]>) -> SocketOptions {
        self.transport.device = name.as_ref().to_vec();
        self
    }

    /// The size of the kernel's send buffer of a tcp connection or udp socket, in bytes; `None`, the default, leaves it to the
    /// system.
    #[must_use]
    pub fn send_buffer(mut self, bytes: impl Into<Option<usize>>) -> SocketOptions {
        self.transport.send_buffer = bytes.into();
        self
    }

    /// The size of the kernel's receive buffer of a tcp connection or udp socket, in bytes; `None`, the default, leaves it to the
    /// system.
    #[must_use]
    pub fn recv_buffer(mut self, bytes: impl Into<Option<usize>>) -> SocketOptions {
        self.transport.receive_buffer = bytes.into();
        self
    }

    /// For how many microseconds the kernel polls the device of a tcp connection or udp socket; 0, the default, leaves it to the
    /// system.
    #[must_use]
    pub fn busy_poll(mut self, microseconds: u32) -> SocketOptions {
        self.transport.busy_poll = microseconds;
        self
    }

    /// How far a multicast datagram of a RADIO goes: 1, the default, stays on the network, and each router that passes it
    /// on takes one away.
    #[must_use]
    pub fn multicast_hops(mut self, hops: u32) -> SocketOptions {
        self.transport.multicast_hops = hops;
        self
    }

    /// Whether a multicast datagram of a RADIO reaches sockets of this machine, too; true by default.
    #[must_use]
    pub fn multicast_loop(mut self, reflect: bool) -> SocketOptions {
        self.transport.multicast_loop = reflect;
        self
    }

    /// How the kernel finds out that the peer of a silent tcp connection is gone; left to the system by default.
    #[must_use]
    pub fn keepalive(mut self, keepalive: Keepalive) -> SocketOptions {
        self.transport.keepalive = keepalive;
        self
    }

    /// How long bytes that were sent by tcp may stay unacknowledged; `None`, the default, leaves it to the system, as does
    /// zero.
    #[must_use]
    pub fn max_retransmit(mut self, time: impl Into<Option<Duration>>) -> SocketOptions {
        self.transport.max_retransmit = time.into().unwrap_or_default();
        self
    }

    /// How long one attempt to connect by tcp may take; `None`, the default, leaves it to the system, as does zero.
    #[must_use]
    pub fn connect_timeout(mut self, time: impl Into<Option<Duration>>) -> SocketOptions {
        self.transport.connect_timeout = time.into().unwrap_or_default();
        self
    }

    /// The networks from which tcp connections are accepted; empty, the default, is all.
    #[must_use]
    pub fn accept_tcp_from(mut self, subnets: impl Into<Vec<Subnet>>) -> SocketOptions {
        self.transport.accept_from = subnets.into();
        self
    }

    /// The processes, users and groups from which ipc connections are accepted; all by default.
    #[must_use]
    pub fn accept_ipc_from(mut self, filter: IpcFilter) -> SocketOptions {
        self.transport.accept_whom = filter;
        self
    }

    /// Whether a bind takes an ipc path from a socket that listens there, or from an empty file of this user; false by
    /// default.
    #[must_use]
    pub fn steal(mut self, steal: bool) -> SocketOptions {
        self.transport.steal = if steal { Steal::Always } else { Steal::Never };
        self
    }
}
