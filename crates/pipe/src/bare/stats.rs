//! Counters of a half of a pipe. They are private words of the half that counts: reading them costs the peer nothing.

/// How waits ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waits {
    pub(crate) spun: u64,
    pub(crate) slept: u64,
    pub(crate) spurious: u64,
}

/// What a half of a pipe has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Whole messages, or calls of `write` or `read` that moved bytes.
    pub messages: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Times that the peer's doorbell was rung: system calls.
    pub rings: u64,
    /// Waits that ended while spinning.
    pub spun: u64,
    /// Sleeps in the kernel.
    pub slept: u64,
    /// Wake-ups without anything to show for them.
    pub spurious: u64,
}

impl Stats {
    pub(crate) fn with(mut self, waits: Waits) -> Stats {
        self.spun = waits.spun;
        self.slept = waits.slept;
        self.spurious = waits.spurious;
        self
    }
}
