//! Options that act on later connections.

use std::time::Duration;

use ringmq_transport::{IpcFilter, Keepalive, Steal, Subnet};
use ringmq_zmtp::Heartbeat;

use crate::error::OptionError;
use crate::socket::Socket;

impl Socket {
    /// Sets how many connections may wait to be accepted; 100 by default.
    pub fn set_backlog(&mut self, connections: i32) {
        self.options.transport.backlog = connections;
    }

    /// Sets whether host names are looked up as IPv6 addresses, too; false by default.
    pub fn set_ipv6(&mut self, ipv6: bool) {
        self.options.transport.ipv6 = ipv6;
    }

    /// Sets the type of service of tcp packets; 0, the default, leaves it to the system.
    pub fn set_type_of_service(&mut self, value: u32) {
        self.options.transport.tos = value;
    }

    /// Sets the priority of tcp packets; 0, the default, leaves it to the system.
    pub fn set_priority(&mut self, value: u32) {
        self.options.transport.priority = value;
    }

    /// Sets the network interface that tcp uses; empty, the default, is any.
    pub fn set_device(&mut self, name: impl AsRef<[u8]>) {
        self.options.transport.device = name.as_ref().to_vec();
    }

    /// Adds a property that peers see in the messages of this socket, on tcp and ipc connections of the endpoints that
    /// are bound or connected to afterwards. The first value of a name stays; names have no case.
    ///
    /// # Errors
    ///
    /// `Value` if the name has not 2 to 255 printable ASCII characters, does not begin with `X-`, or begins with
    /// `X-Ringmq`; if the value is empty; or if all names and values have more than 32 KiB.
    pub fn add_property(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), OptionError> {
        let value = value.as_ref();
        const MOST: usize = 32 << 10;
        let ours = name.get(..8);
        let fits = (2..=255).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            && name.starts_with("X-")
            && !ours.is_some_and(|ours| ours.eq_ignore_ascii_case("X-Ringmq"))
            && !value.is_empty();
        let properties = &mut self.options.properties;
        let known = properties
            .iter()
            .map(|(name, value)| name.len() + value.len());
        if !fits || known.sum::<usize>() + name.len() + value.len() > MOST {
            return Err(OptionError::Value);
        }
        if !properties
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            properties.push((name.to_owned(), value.to_vec()));
        }
        Ok(())
    }

    /// Sets the size of the kernel's send buffer of a tcp connection, in bytes; `None`, the default, leaves it to the
    /// system.
    pub fn set_send_buffer(&mut self, bytes: Option<usize>) {
        self.options.transport.send_buffer = bytes;
    }

    /// Sets the size of the kernel's receive buffer of a tcp connection, in bytes; `None`, the default, leaves it to the
    /// system.
    pub fn set_receive_buffer(&mut self, bytes: Option<usize>) {
        self.options.transport.receive_buffer = bytes;
    }

    /// Sets for how many microseconds the kernel polls the device of a tcp connection; 0, the default, leaves it to the
    /// system.
    pub fn set_busy_poll(&mut self, microseconds: u32) {
        self.options.transport.busy_poll = microseconds;
    }

    /// Sets how the kernel finds out that the peer of a silent tcp connection is gone.
    pub fn set_keepalive(&mut self, keepalive: Keepalive) {
        self.options.transport.keepalive = keepalive;
    }

    /// Sets how long bytes that were sent by tcp may stay unacknowledged; zero, the default, leaves it to the system.
    pub fn set_max_retransmit(&mut self, time: Duration) {
        self.options.transport.max_retransmit = time;
    }

    /// Sets how long one attempt to connect by tcp may take; zero, the default, leaves it to the system.
    pub fn set_connect_timeout(&mut self, time: Duration) {
        self.options.transport.connect_timeout = time;
    }

    /// Sets the networks from which tcp connections are accepted; empty, the default, is all.
    pub fn set_accept_from(&mut self, subnets: Vec<Subnet>) {
        self.options.transport.accept_from = subnets;
    }

    /// Sets the processes, users and groups from which ipc connections are accepted; all by default.
    pub fn set_accept_whom(&mut self, filter: IpcFilter) {
        self.options.transport.accept_whom = filter;
    }

    /// Sets whether a bind takes an ipc path from a socket that listens there; false by default.
    pub fn set_steal(&mut self, steal: bool) {
        self.options.transport.steal = if steal { Steal::Always } else { Steal::Never };
    }

    /// Sets whether messages are queued for completed connections only; false by default, when they are queued for
    /// connections that are still being made, too. If true, messages that wait for a peer that goes are lost.
    pub fn set_immediate(&mut self, immediate: bool) {
        self.options.immediate = immediate;
    }

    /// Sets whether later connections keep the last message only; false by default. It acts on what PULL and SUB receive,
    /// on what PUSH and PUB send, and on both for DEALER; other types do not have it. Marks have no meaning then, and
    /// messages have one part: of a longer message, the last part stays. Within the process, the option of the socket
    /// that connects counts.
    pub fn set_conflate(&mut self, conflate: bool) {
        self.options.conflate = conflate;
    }

    /// Sets which I/O threads may serve later endpoints: a bit for each of the first 64. 0, the default, is all of them.
    pub fn set_affinity(&mut self, threads: u64) {
        self.options.affinity = threads;
    }

    /// Sets how long a handshake may take; `None` is without end, 30 s by default.
    pub fn set_handshake_timeout(&mut self, time: Option<Duration>) {
        self.options.handshake = time;
    }

    /// Sets heartbeats, which find out that a silent peer is gone; `None`, the default, sends none.
    pub fn set_heartbeat(&mut self, heartbeat: Option<Heartbeat>) {
        self.options.heartbeat = heartbeat;
    }
}
