//! What the options are.

use std::time::Duration;

use ringmq_pipe::Wait;
use ringmq_transport::{IpcFilter, Keepalive, ReconnectStop, SocksProxy, Steal, Subnet};
use ringmq_zmtp::Heartbeat;

use crate::mail::SharedMemory;
use crate::socket::options::SocketOptions;

impl SocketOptions {
    /// See [`send_hwm`](SocketOptions::send_hwm), in messages.
    pub fn get_send_hwm(&self) -> Option<u32> {
        (self.send_mark > 0).then_some(self.send_mark)
    }

    /// See [`recv_hwm`](SocketOptions::recv_hwm), in messages.
    pub fn get_recv_hwm(&self) -> Option<u32> {
        (self.recv_mark > 0).then_some(self.recv_mark)
    }

    /// See [`send_timeout`](SocketOptions::send_timeout).
    pub fn get_send_timeout(&self) -> Option<Duration> {
        self.send_timeout
    }

    /// See [`recv_timeout`](SocketOptions::recv_timeout).
    pub fn get_recv_timeout(&self) -> Option<Duration> {
        self.recv_timeout
    }

    /// See [`linger`](SocketOptions::linger). If it was not set, and no socket has this value yet, it is `None`.
    pub fn get_linger(&self) -> Option<Duration> {
        self.linger.flatten()
    }

    /// See [`wait`](SocketOptions::wait). `None` if it was not set, and no socket has this value yet.
    pub fn get_wait(&self) -> Option<Wait> {
        self.wait
    }

    /// See [`shared_memory`](SocketOptions::shared_memory). `None` if it was not set, and no socket has this value yet.
    pub fn get_shared_memory(&self) -> Option<SharedMemory> {
        self.share
    }

    /// Returns true if no connection uses shared memory.
    pub(crate) fn shares_nothing(&self) -> bool {
        matches!(self.share, None | Some(SharedMemory::Off))
    }

    /// See [`accept_older`](SocketOptions::accept_older). `None` if it was not set, and no socket has this value yet.
    pub fn get_accept_older(&self) -> Option<bool> {
        self.accept_older
    }

    /// See [`shared_limit`](SocketOptions::shared_limit), in bytes.
    pub fn get_shared_limit(&self) -> u64 {
        self.share_limit
    }

    /// See [`conflate`](SocketOptions::conflate).
    pub fn get_conflate(&self) -> bool {
        self.conflate
    }

    /// See [`routing_id`](SocketOptions::routing_id). Empty if there is none.
    pub fn get_routing_id(&self) -> &[u8] {
        self.routing_id.as_deref().unwrap_or_default()
    }

    /// See [`stream_notify`](SocketOptions::stream_notify).
    pub fn get_stream_notify(&self) -> bool {
        self.stream_notify
    }

    /// See [`immediate`](SocketOptions::immediate).
    pub fn get_immediate(&self) -> bool {
        self.immediate
    }

    /// See [`max_message`](SocketOptions::max_message), in bytes.
    pub fn get_max_message(&self) -> Option<u64> {
        self.max_message
    }

    /// See [`reconnect_interval`](SocketOptions::reconnect_interval).
    pub fn get_reconnect_interval(&self) -> Option<Duration> {
        self.reconnect
    }

    /// See [`reconnect_interval_max`](SocketOptions::reconnect_interval_max).
    pub fn get_reconnect_interval_max(&self) -> Duration {
        self.reconnect_most
    }

    /// See [`reconnect_stop`](SocketOptions::reconnect_stop).
    pub fn get_reconnect_stop(&self) -> ReconnectStop {
        self.reconnect_stop
    }

    /// See [`handshake_timeout`](SocketOptions::handshake_timeout).
    pub fn get_handshake_timeout(&self) -> Option<Duration> {
        self.handshake
    }

    /// See [`heartbeat`](SocketOptions::heartbeat).
    pub fn get_heartbeat(&self) -> Option<Heartbeat> {
        self.heartbeat
    }

    /// See [`recv_batch`](SocketOptions::recv_batch), in bytes.
    pub fn get_recv_batch(&self) -> usize {
        self.batches.receiving
    }

    /// See [`send_batch`](SocketOptions::send_batch), in bytes.
    pub fn get_send_batch(&self) -> usize {
        self.batches.sending
    }

    /// See [`affinity`](SocketOptions::affinity).
    pub fn get_affinity(&self) -> u64 {
        self.affinity
    }

    /// See [`backlog`](SocketOptions::backlog), in connections.
    pub fn get_backlog(&self) -> i32 {
        self.transport.backlog
    }

    /// See [`ipv6`](SocketOptions::ipv6).
    pub fn get_ipv6(&self) -> bool {
        self.transport.ipv6
    }

    /// See [`type_of_service`](SocketOptions::type_of_service).
    pub fn get_type_of_service(&self) -> u32 {
        self.transport.tos
    }

    /// See [`priority`](SocketOptions::priority).
    pub fn get_priority(&self) -> u32 {
        self.transport.priority
    }

    /// See [`device`](SocketOptions::device).
    pub fn get_device(&self) -> &[u8] {
        &self.transport.device
    }

    /// See [`send_buffer`](SocketOptions::send_buffer), in bytes.
    pub fn get_send_buffer(&self) -> Option<usize> {
        self.transport.send_buffer
    }

    /// See [`recv_buffer`](SocketOptions::recv_buffer), in bytes.
    pub fn get_recv_buffer(&self) -> Option<usize> {
        self.transport.receive_buffer
    }

    /// See [`busy_poll`](SocketOptions::busy_poll), in microseconds.
    pub fn get_busy_poll(&self) -> u32 {
        self.transport.busy_poll
    }

    /// See [`multicast_hops`](SocketOptions::multicast_hops).
    pub fn get_multicast_hops(&self) -> u32 {
        self.transport.multicast_hops
    }

    /// See [`multicast_loop`](SocketOptions::multicast_loop).
    pub fn get_multicast_loop(&self) -> bool {
        self.transport.multicast_loop
    }

    /// See [`keepalive`](SocketOptions::keepalive).
    pub fn get_keepalive(&self) -> Keepalive {
        self.transport.keepalive
    }

    /// See [`max_retransmit`](SocketOptions::max_retransmit).
    pub fn get_max_retransmit(&self) -> Option<Duration> {
        some(self.transport.max_retransmit)
    }

    /// See [`connect_timeout`](SocketOptions::connect_timeout).
    pub fn get_connect_timeout(&self) -> Option<Duration> {
        some(self.transport.connect_timeout)
    }

    /// See [`socks_proxy`](SocketOptions::socks_proxy).
    pub fn get_socks_proxy(&self) -> Option<&SocksProxy> {
        self.transport.socks_proxy.as_ref()
    }

    /// See [`accept_tcp_from`](SocketOptions::accept_tcp_from).
    pub fn get_accept_tcp_from(&self) -> &[Subnet] {
        &self.transport.accept_from
    }

    /// See [`accept_ipc_from`](SocketOptions::accept_ipc_from).
    pub fn get_accept_ipc_from(&self) -> &IpcFilter {
        &self.transport.accept_whom
    }

    /// See [`steal`](SocketOptions::steal).
    pub fn get_steal(&self) -> bool {
        matches!(self.transport.steal, Steal::Always)
    }

    /// The properties that were [added](SocketOptions::property), as names and values, in their order.
    pub fn get_properties(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let properties = self.properties.iter();
        properties.map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

/// A time that is not left to the system.
fn some(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}
