//! Whether to spin, to sleep, or both.

/// How an end waits for the other: for data, or for room.
///
/// Two ends may wait in different ways. Neither way spins where it could only lose: when this process
/// may use one CPU or less (affinity, cgroup quota), or while both ends run on the same CPU, every
/// strategy sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Wait {
    /// Looks again and again, and never sleeps: least latency, a whole CPU.
    Spin,
    /// Sleeps in the kernel at once: no CPU, a wake-up for each wait.
    Park,
    /// Spins while this has lately been cheaper than a wake-up, for 50 µs at most, then sleeps.
    #[default]
    Adaptive,
}
