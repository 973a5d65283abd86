//! Options that a socket passes on to the connections that are made afterwards.

use std::time::Duration;

use ringmq_transport::{IpcFilter, Keepalive, Steal, Subnet};
use ringmq_zmtp::Heartbeat;

use crate::error::OptionError;
use crate::socket::Socket;

impl Socket {
    /// How many connections may wait to be accepted; 100 by default.
    pub fn set_backlog(&mut self, connections: i32) {
        self.options.transport.backlog = connections;
    }

    /// Whether names stand for IPv6 addresses, too; not by default.
    pub fn set_ipv6(&mut self, ipv6: bool) {
        self.options.transport.ipv6 = ipv6;
    }

    /// The type of service of tcp packets; 0, the default, leaves it to the system.
    pub fn set_type_of_service(&mut self, value: u32) {
        self.options.transport.tos = value;
    }

    /// The priority of tcp packets; 0, the default, leaves it to the system.
    pub fn set_priority(&mut self, value: u32) {
        self.options.transport.priority = value;
    }

    /// The network interface that tcp uses; empty, the default, for any.
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

    /// Bytes that the kernel holds for a tcp connection before they are sent; `None`, the default, leaves it to the
    /// system.
    pub fn set_send_buffer(&mut self, bytes: Option<usize>) {
        self.options.transport.send_buffer = bytes;
    }

    /// Bytes that the kernel holds for a tcp connection until they are read; `None`, the default, leaves it to the
    /// system.
    pub fn set_receive_buffer(&mut self, bytes: Option<usize>) {
        self.options.transport.receive_buffer = bytes;
    }

    /// Microseconds for which the kernel polls the device of a tcp connection; 0, the default, leaves it to the system.
    pub fn set_busy_poll(&mut self, microseconds: u32) {
        self.options.transport.busy_poll = microseconds;
    }

    /// How the kernel finds out that the peer of a silent tcp connection is gone.
    pub fn set_keepalive(&mut self, keepalive: Keepalive) {
        self.options.transport.keepalive = keepalive;
    }

    /// How long what was sent by tcp may stay unacknowledged; zero, the default, leaves it to the system.
    pub fn set_max_retransmit(&mut self, time: Duration) {
        self.options.transport.max_retransmit = time;
    }

    /// How long one attempt to connect by tcp may take; zero, the default, leaves it to the system.
    pub fn set_connect_timeout(&mut self, time: Duration) {
        self.options.transport.connect_timeout = time;
    }

    /// From where tcp connections are accepted; empty, the default, for everywhere.
    pub fn set_accept_from(&mut self, subnets: Vec<Subnet>) {
        self.options.transport.accept_from = subnets;
    }

    /// From whom ipc connections are accepted; from everybody by default.
    pub fn set_accept_whom(&mut self, filter: IpcFilter) {
        self.options.transport.accept_whom = filter;
    }

    /// Whether a bind takes an ipc path from a socket that listens there; not by default.
    pub fn set_steal(&mut self, steal: bool) {
        self.options.transport.steal = if steal { Steal::Always } else { Steal::Never };
    }

    /// Whether messages go to completed connections only; not by default, when they wait for a connection to be made.
    /// What waits for a peer that goes is lost then.
    pub fn set_immediate(&mut self, immediate: bool) {
        self.options.immediate = immediate;
    }

    /// Whether the connections that are made from now on keep the last message only; not by default. PULL and SUB
    /// receive it, PUSH and PUB send it, DEALER does both; other types do not know it. Marks have no meaning then, and
    /// messages are of one part: of others, the last part stays. Within the process, the option of the socket that
    /// connects counts.
    pub fn set_conflate(&mut self, conflate: bool) {
        self.options.conflate = conflate;
    }

    /// Which I/O threads may serve the endpoints that are bound or connected to from now on: a bit for each of the
    /// first 64. 0, the default, for all of them.
    pub fn set_affinity(&mut self, threads: u64) {
        self.options.affinity = threads;
    }

    /// How long a handshake may take; `None` for as long as it likes, 30 s by default.
    pub fn set_handshake_timeout(&mut self, time: Option<Duration>) {
        self.options.handshake = time;
    }

    /// How to find out that a peer has gone without a word; `None`, the default, does not.
    pub fn set_heartbeat(&mut self, heartbeat: Option<Heartbeat>) {
        self.options.heartbeat = heartbeat;
    }
}
