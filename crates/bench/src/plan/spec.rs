//! What is to be measured.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Error;
use crate::plan::cpu::{self, Pin};
use crate::plan::size::Size;
use crate::plan::sockets::{Face, Pattern, Sockets};
use crate::run::pause::{self, Pause};

/// What the two sides do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// A message there and back, one at a time.
    Latency,
    /// Messages one way, as many as go.
    Throughput,
    /// From the making of a context until the first reply, once for each of many short-lived peers.
    Connect,
    /// What a connection that is silent costs each side in memory.
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
    /// A pipe of the kernel, one for each direction.
    OsPipe,
    /// An eventfd for each direction: it wakes, and carries 8 bytes.
    Eventfd,
    /// Bare shared memory. Latency: a flag in its own cache line, payload in further lines. Throughput:
    /// a ring of chunks, copied in and copied out.
    Cacheline,
    /// ZeroMQ sockets of one process, in two threads.
    ZmqInproc,
    /// ZeroMQ sockets over a Unix socket.
    ZmqIpc,
    /// ZeroMQ sockets over TCP.
    ZmqTcp,
}

/// How a side waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wait {
    /// Look again and again.
    Spin,
    /// Sleep in the kernel at once.
    Park,
    /// Spin for a while, then sleep.
    Adaptive,
}

/// The one that is called `word` among `all`.
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

    /// Its name, as it is read and written.
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
    /// All of them, in the order of the documentation.
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

    /// Those that ZeroMQ sockets use.
    pub const ZMQ: [Transport; 3] = [Transport::ZmqInproc, Transport::ZmqIpc, Transport::ZmqTcp];

    /// Is it one of them?
    pub fn is_zmq(self) -> bool {
        Transport::ZMQ.contains(&self)
    }

    /// How it waits if nothing else is asked for.
    pub fn default_wait(self) -> Wait {
        match self {
            Transport::Pipe | Transport::ZmqInproc | Transport::ZmqIpc | Transport::ZmqTcp => {
                Wait::Adaptive
            }
            Transport::Cacheline => Wait::Spin,
            _ => Wait::Park,
        }
    }

    /// Does it carry messages without the kernel?
    fn is_memory(self) -> bool {
        matches!(
            self,
            Transport::Pipe | Transport::Cacheline | Transport::ZmqInproc
        )
    }

    /// Its name, as it is read and written.
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
    /// All of them.
    pub const ALL: [Wait; 3] = [Wait::Spin, Wait::Park, Wait::Adaptive];

    /// Its name, as it is read and written.
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

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// What the two sides do.
    pub work: Work,
    /// What carries the messages.
    pub transport: Transport,
    /// Which sockets, if they are ZeroMQ's.
    pub sockets: Sockets,
    /// How both sides wait.
    pub wait: Wait,
    /// Payload of a message.
    pub size: Size,
    /// Messages that are measured.
    pub count: u64,
    /// Messages before them that are not.
    pub warmup: u64,
    /// The CPUs of the near and the far side.
    pub pin: Pin,
    /// How long the near side sleeps before each message, if it does: then latency is of one way.
    pub pause: Option<Pause>,
}

impl Spec {
    /// The defaults of `work` over `transport`: two CPUs if there are two, 64 bytes if it carries any
    /// number, some hundred milliseconds on the machines that we know.
    pub fn new(work: Work, transport: Transport) -> Spec {
        let size = match (transport, work) {
            (Transport::Eventfd, _) => Size(8),
            (Transport::Cacheline, Work::Latency) => Size(0),
            _ => Size(64),
        };
        let spec = Spec {
            work,
            transport,
            sockets: Sockets::of(work),
            wait: transport.default_wait(),
            size,
            count: 0,
            warmup: 0,
            pin: cpu::default_pin(),
            pause: None,
        };
        let count = spec.default_count();
        spec.with_count(count)
    }

    /// With messages of `size`, and the number of them that suits it.
    #[must_use]
    pub fn with_size(self, size: Size) -> Spec {
        let spec = Spec { size, ..self };
        let count = spec.default_count();
        spec.with_count(count)
    }

    /// With `count` messages, and a tenth of that to warm up; 10,000 round trips at most.
    #[must_use]
    pub fn with_count(self, count: u64) -> Spec {
        let most = if self.work == Work::Latency {
            10_000
        } else {
            u64::MAX
        };
        let warmup = match self.pause {
            Some(_) => pause::WARMUP,
            None => (count / 10).clamp(1, most),
        };
        Spec {
            count,
            warmup,
            ..self
        }
    }

    /// With a pause before each message, and the number of them that suits it.
    #[must_use]
    pub fn with_pause(self, pause: Pause) -> Spec {
        let pause = Some(pause);
        let spec = Spec { pause, ..self };
        let count = spec.default_count();
        spec.with_count(count)
    }

    /// With both sides pinned, or not.
    #[must_use]
    pub fn with_pin(self, pin: Pin) -> Spec {
        Spec { pin, ..self }
    }

    /// With another way to wait.
    #[must_use]
    pub fn with_wait(self, wait: Wait) -> Spec {
        Spec { wait, ..self }
    }

    /// With other ZeroMQ sockets, which wait as they do by default.
    #[must_use]
    pub fn with_sockets(self, sockets: Sockets) -> Spec {
        Spec {
            sockets,
            wait: default_wait(self.transport, sockets.face),
            ..self
        }
    }

    fn default_count(&self) -> u64 {
        if let Some(pause) = self.pause {
            return pause.fill(Duration::from_secs(3), 10, 10_000);
        }
        let (most, bytes) = match (self.work, self.transport.is_memory()) {
            (Work::Latency, _) => (100_000, 1 << 30),
            (Work::Throughput, true) => (10_000_000, 4 << 30),
            (Work::Throughput, false) => (1_000_000, 1 << 30),
            (Work::Connect | Work::Memory, _) => (1000, 1 << 30),
        };
        (bytes / self.size.0.max(1) as u64).clamp(100, most)
    }

    /// Can this be measured, here?
    ///
    /// # Errors
    ///
    /// [`Error::Choice`] if the choices do not go together, [`Error::Cpu`] if a CPU is not ours.
    pub fn check(&self) -> Result<(), Error> {
        let choice = |what: String, remedy: &str| {
            let remedy = remedy.to_owned();
            Err(Error::Choice { what, remedy })
        };
        let (transport, work) = (self.transport, self.work);
        let chooses =
            transport == Transport::Pipe || transport.is_zmq() && self.sockets.face == Face::Rust;
        if !chooses && self.wait != default_wait(transport, self.sockets.face) {
            return choice(
                match transport.is_zmq() {
                    true => format!("{} knows no --wait {}", self.sockets.face, self.wait),
                    false => format!("{transport} knows no --wait {}", self.wait),
                },
                "leave --wait away, or choose --transport pipe",
            );
        }
        self.check_sockets()?;
        if transport == Transport::Eventfd && work == Work::Throughput {
            return choice(
                "an eventfd adds up what is written: it has no messages to count".to_owned(),
                "measure its latency, or choose --transport os-pipe",
            );
        }
        if transport == Transport::Eventfd && self.size != Size(8) {
            return choice(
                format!("an eventfd carries 8 bytes, not {}", self.size),
                "use --size 8",
            );
        }
        let flag_only = transport == Transport::Cacheline && work == Work::Latency;
        if self.size == Size(0) && !flag_only {
            return choice(
                "a message of 0 bytes carries nothing that could be checked".to_owned(),
                "use --size 1 or more, or `latency --transport cacheline`",
            );
        }
        if self.count == 0 {
            return choice(
                "0 messages take no time".to_owned(),
                "use --count 1 or more",
            );
        }
        if self.pause.is_some() && work != Work::Latency {
            return choice(
                format!("{work} has no pauses"),
                "measure latency, or leave --pause away",
            );
        }
        if self.pause.is_some() && self.size < Size(Pause::STAMP) {
            return choice(
                format!("{} are too short to say when they were sent", self.size),
                "use --size 8 or more",
            );
        }
        self.pin.check()
    }

    /// Can these sockets do this work?
    fn check_sockets(&self) -> Result<(), Error> {
        let choice = |what: String, remedy: &str| {
            let remedy = remedy.to_owned();
            Err(Error::Choice { what, remedy })
        };
        let (work, transport) = (self.work, self.transport);
        if !transport.is_zmq() {
            return match work {
                Work::Latency | Work::Throughput => Ok(()),
                Work::Connect | Work::Memory => choice(
                    format!("{work} is measured of ZeroMQ sockets, not of {transport}"),
                    "use --transport zmq-ipc or zmq-tcp",
                ),
            };
        }
        match (work, self.sockets.pattern) {
            (Work::Connect | Work::Memory, _) if transport == Transport::ZmqInproc => choice(
                format!("{work} is measured between processes"),
                "use --transport zmq-ipc or zmq-tcp",
            ),
            (Work::Throughput, Pattern::ReqRep) => choice(
                "REQ sends nothing before it has the answer".to_owned(),
                "use --pattern push-pull or pair",
            ),
            (Work::Connect, Pattern::Pair | Pattern::PushPull) => choice(
                "a first reply takes a request".to_owned(),
                "use --pattern req-rep",
            ),
            (Work::Memory, Pattern::Pair | Pattern::ReqRep) => choice(
                "many connections of one socket, each with a message, take a PUSH".to_owned(),
                "use --pattern push-pull",
            ),
            _ => Ok(()),
        }
    }
}

/// How sockets or anything else over `transport` wait if nothing is said.
fn default_wait(transport: Transport, face: Face) -> Wait {
    match face {
        Face::Stock if transport.is_zmq() => Wait::Park,
        _ => transport.default_wait(),
    }
}

/// As in an error: `latency of unix (park, 64 B, CPUs 0,1)`.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spec {
            work,
            transport,
            sockets: Sockets { pattern, face },
            wait,
            size,
            pin,
            pause,
            ..
        } = self;
        write!(f, "{work} of {transport} (")?;
        if transport.is_zmq() {
            write!(f, "{pattern}, {face}, ")?;
        }
        write!(f, "{wait}, {size}, pin {pin}")?;
        if let Some(pause) = pause {
            write!(f, ", after {pause}")?;
        }
        write!(f, ")")
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

    #[test]
    fn choices_that_do_not_go_together_name_a_remedy() {
        let eventfd = Spec::new(Work::Latency, Transport::Eventfd);
        let pause = Pause(Duration::from_millis(1));
        assert!(eventfd.clone().with_pause(pause).check().is_ok());
        assert!(eventfd.check().is_ok());
        let refused = [
            (eventfd.clone().with_size(Size(64)), "--size 8"),
            (eventfd.clone().with_wait(Wait::Spin), "leave --wait away"),
            (eventfd.with_count(0), "--count 1"),
            (Spec::new(Work::Throughput, Transport::Eventfd), "os-pipe"),
            (
                Spec::new(Work::Latency, Transport::Unix).with_size(Size(0)),
                "--size 1",
            ),
            (
                Spec::new(Work::Throughput, Transport::Unix).with_pause(pause),
                "--pause away",
            ),
            (
                Spec::new(Work::Latency, Transport::Unix)
                    .with_size(Size(7))
                    .with_pause(pause),
                "--size 8",
            ),
        ];
        for (spec, remedy) in refused {
            let error = spec.check().unwrap_err().to_string();
            assert!(error.contains(remedy), "{error}");
        }
        let flag_only = Spec::new(Work::Latency, Transport::Cacheline);
        assert_eq!(flag_only.size, Size(0));
        assert!(flag_only.check().is_ok());
    }
}
