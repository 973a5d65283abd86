//! One measurement.

use std::fmt;
use std::time::Duration;

use crate::plan::cpu::{self, Pin};
use crate::plan::large::{FarSides, Large, in_flight};
use crate::plan::mechanism::Mechanism;
use crate::plan::pause::{self, Pause};
use crate::plan::size::Size;
use crate::plan::sockets::{Face, Sockets};
use crate::plan::words::{Transport, Wait, Work};

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// What the two sides do.
    pub work: Work,
    /// What carries the messages.
    pub transport: Transport,
    /// The sockets, if the transport is one of ZeroMQ sockets.
    pub sockets: Sockets,
    /// The security mechanism of the sockets.
    pub mechanism: Mechanism,
    /// How both sides wait.
    pub wait: Wait,
    /// Payload of a message in bytes.
    pub size: Size,
    /// Number of measured messages.
    pub count: u64,
    /// Number of messages before these, which are not measured.
    pub warmup: u64,
    /// The CPUs of the near and the far side.
    pub pin: Pin,
    /// How long the near side sleeps before each message. With a pause, latency is measured in one direction.
    pub pause: Option<Pause>,
    /// How bodies are made and read, if they are large ones.
    pub large: Option<Large>,
}

impl Spec {
    /// The defaults of `work` over `transport`: two CPUs if there are two, 64 bytes if the transport carries any
    /// number, and a count that takes some hundred milliseconds on usual machines.
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
            mechanism: Mechanism::Null,
            wait: transport.default_wait(),
            size,
            count: 0,
            warmup: 0,
            pin: cpu::default_pin(),
            pause: None,
            large: None,
        };
        let count = spec.default_count();
        spec.with_count(count)
    }

    /// Sets the payload, and the default count for it.
    #[must_use]
    pub fn with_size(self, size: Size) -> Spec {
        let spec = Spec { size, ..self };
        let count = spec.default_count();
        spec.with_count(count)
    }

    /// Sets the count. A tenth of it warms up, but at most 10,000 round trips, and in one direction at least as many
    /// large bodies as may be on their way.
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
        let warmup = match (self.work, self.large) {
            (Work::Throughput, Some(_)) => warmup.max(in_flight(self.size)),
            _ => warmup,
        };
        Spec {
            count,
            warmup,
            ..self
        }
    }

    /// Sets the pause before each message, and the default count for it.
    #[must_use]
    pub fn with_pause(self, pause: Pause) -> Spec {
        let pause = Some(pause);
        let spec = Spec { pause, ..self };
        let count = spec.default_count();
        spec.with_count(count)
    }

    /// Sets the CPUs of the two sides.
    #[must_use]
    pub fn with_pin(self, pin: Pin) -> Spec {
        Spec { pin, ..self }
    }

    /// Sets the way to wait.
    #[must_use]
    pub fn with_wait(self, wait: Wait) -> Spec {
        Spec { wait, ..self }
    }

    /// Sets the ZeroMQ sockets, and their default way to wait.
    #[must_use]
    pub fn with_sockets(self, sockets: Sockets) -> Spec {
        Spec {
            sockets,
            wait: default_wait(self.transport, sockets.face),
            ..self
        }
    }

    /// Sets the security mechanism of the sockets.
    #[must_use]
    pub fn with_mechanism(self, mechanism: Mechanism) -> Spec {
        Spec { mechanism, ..self }
    }

    /// Sets how large bodies are made and read. The count stays.
    #[must_use]
    pub fn with_large(self, large: Large) -> Spec {
        let (large, count) = (Some(large), self.count);
        Spec { large, ..self }.with_count(count)
    }

    /// The number of far sides.
    pub(crate) fn far_sides(&self) -> usize {
        let far_sides = self.large.map(|large| large.far_sides);
        far_sides.unwrap_or_default().get()
    }

    /// The choices below work and transport, to be printed.
    pub(crate) fn choices(&self) -> Choices<'_> {
        Choices(self)
    }

    /// The number of messages that takes some hundred milliseconds, or three seconds with pauses.
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
}

/// The default way to wait of sockets of `face` over `transport`; `face` matters only for ZeroMQ sockets.
pub(super) fn default_wait(transport: Transport, face: Face) -> Wait {
    match face {
        Face::Stock if transport.is_zmq() => Wait::Park,
        _ => transport.default_wait(),
    }
}

/// The choices of a [`Spec`] below work and transport, as text: `park, 64 B, pin 0,1`.
#[derive(Debug)]
pub(crate) struct Choices<'a>(&'a Spec);

impl fmt::Display for Choices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spec {
            transport,
            sockets: Sockets { pattern, face },
            mechanism,
            wait,
            size,
            pin,
            pause,
            large,
            ..
        } = self.0;
        if transport.is_zmq() {
            write!(f, "{pattern}, {face}, ")?;
        }
        if *mechanism != Mechanism::Null {
            write!(f, "{mechanism}, ")?;
        }
        write!(f, "{wait}, {size}, pin {pin}")?;
        if let Some(pause) = pause {
            write!(f, ", after {pause}")?;
        }
        if let Some(Large {
            bodies,
            touch,
            far_sides,
        }) = large
        {
            write!(f, ", {bodies}, {touch}")?;
            if *far_sides != FarSides::default() {
                write!(f, ", to {far_sides}")?;
            }
        }
        Ok(())
    }
}

/// The text in errors: `latency of unix (park, 64 B, pin 0,1)`.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} ({})",
            self.work,
            self.transport,
            self.choices()
        )
    }
}
