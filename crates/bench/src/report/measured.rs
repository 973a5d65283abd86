//! What a run measured.

use std::time::Duration;

use crate::report::histogram::Samples;

/// The result of a run.
#[derive(Debug, Clone)]
pub enum Measured {
    /// The round-trip times.
    Latency(Samples),
    /// The time from before the first message until the far side confirmed the last.
    Throughput(Duration),
    /// Short-lived peers.
    Connect {
        /// The times until a first reply.
        samples: Samples,
        /// The CPU time of the side that connects, in all of its threads.
        near: Duration,
        /// The CPU time of the side that is bound, in all of its threads.
        far: Duration,
    },
    /// The number of bytes by which each side has grown.
    Memory {
        /// The side that connects.
        near: u64,
        /// The side that is bound.
        far: u64,
    },
}
