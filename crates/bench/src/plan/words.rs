//! The words of a measurement: the work, the transport and the way to wait.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// What the two sides do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// Round trips, one at a time.
    Latency,
    /// Messages in one direction, as many as possible.
    Throughput,
    /// The time from the creation of a context to the first reply, measured once for each of many short-lived peers.
    Connect,
    /// The memory that an idle connection costs each side.
    Memory,
}

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// The pipe of `ringmq-pipe`.
    Pipe,
    /// A Unix stream socket.
    Unix,
    /// TCP over the loopback device.
    Tcp,
    /// A kernel pipe for each direction.
    OsPipe,
    /// An eventfd for each direction. It wakes a sleeper and carries 8 bytes.
    Eventfd,
    /// Bare shared memory. Latency: a flag in its own cache line, the payload in further lines. Throughput: a ring of
    /// chunks with one copy in and one copy out.
    Cacheline,
    /// ZeroMQ sockets in two threads of one process.
    ZmqInproc,
    /// ZeroMQ sockets over a Unix socket.
    ZmqIpc,
    /// ZeroMQ sockets over TCP.
    ZmqTcp,
}

/// How a side waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wait {
    /// Poll in user space without sleeping.
    Spin,
    /// Sleep in the kernel at once.
    Park,
    /// Spin for a while, then sleep.
    Adaptive,
}

/// Finds the value of `all` whose name is `word`. The error says that `word` is no `what`.
pub(crate) fn by_name<T: Copy + fmt::Display>(
    all: &[T],
    what: &'static str,
    word: &str,
) -> Result<T, Error> {
    let names: Vec<_> = all.iter().map(T::to_string).collect();
    let at = names.iter().position(|name| name == word);
    at.map(|at| all[at]).ok_or_else(|| Error::Word {
        word: word.to_owned(),
        what,
        remedy: names.join(", "),
    })
}

impl Work {
    const ALL: [Work; 4] = [Work::Latency, Work::Throughput, Work::Connect, Work::Memory];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Work::Latency => "latency",
            Work::Throughput => "throughput",
            Work::Connect => "connect",
            Work::Memory => "memory",
        }
    }
}

impl Transport {
    /// All transports, in the order of the documentation.
    pub const ALL: [Transport; 9] = [
        Transport::Pipe,
        Transport::Unix,
        Transport::Tcp,
        Transport::OsPipe,
        Transport::Eventfd,
        Transport::Cacheline,
        Transport::ZmqInproc,
        Transport::ZmqIpc,
        Transport::ZmqTcp,
    ];

    /// The transports of ZeroMQ sockets.
    pub const ZMQ: [Transport; 3] = [Transport::ZmqInproc, Transport::ZmqIpc, Transport::ZmqTcp];

    /// Returns true for a transport of ZeroMQ sockets.
    pub fn is_zmq(self) -> bool {
        Transport::ZMQ.contains(&self)
    }

    /// The way to wait that is used by default.
    pub fn default_wait(self) -> Wait {
        match self {
            Transport::Pipe | Transport::ZmqInproc | Transport::ZmqIpc | Transport::ZmqTcp => {
                Wait::Adaptive
            }
            Transport::Cacheline => Wait::Spin,
            _ => Wait::Park,
        }
    }

    /// Returns true if messages do not pass through the kernel.
    pub(crate) fn is_memory(self) -> bool {
        matches!(
            self,
            Transport::Pipe | Transport::Cacheline | Transport::ZmqInproc
        )
    }

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Pipe => "pipe",
            Transport::Unix => "unix",
            Transport::Tcp => "tcp",
            Transport::OsPipe => "os-pipe",
            Transport::Eventfd => "eventfd",
            Transport::Cacheline => "cacheline",
            Transport::ZmqInproc => "zmq-inproc",
            Transport::ZmqIpc => "zmq-ipc",
            Transport::ZmqTcp => "zmq-tcp",
        }
    }
}

impl Wait {
    /// All ways to wait.
    pub const ALL: [Wait; 3] = [Wait::Spin, Wait::Park, Wait::Adaptive];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Wait::Spin => "spin",
            Wait::Park => "park",
            Wait::Adaptive => "adaptive",
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Work {
    type Err = Error;
    fn from_str(word: &str) -> Result<Work, Error> {
        by_name(&Work::ALL, "work", word)
    }
}

impl FromStr for Transport {
    type Err = Error;
    fn from_str(word: &str) -> Result<Transport, Error> {
        by_name(&Transport::ALL, "transport", word)
    }
}

impl FromStr for Wait {
    type Err = Error;
    fn from_str(word: &str) -> Result<Wait, Error> {
        by_name(&Wait::ALL, "way to wait", word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for transport in Transport::ALL {
            assert_eq!(
                transport.to_string().parse::<Transport>().unwrap(),
                transport
            );
        }
        for wait in Wait::ALL {
            assert_eq!(wait.to_string().parse::<Wait>().unwrap(), wait);
        }
        let error = "udp".parse::<Transport>().unwrap_err().to_string();
        assert!(
            error.contains("`udp` is no transport") && error.contains("os-pipe"),
            "{error}"
        );
    }
}
