//! The marks (HWM) of a pipe.

use ringmq_pipe::marks::together;

/// The messages that may wait in each direction of a pipe, as one end sees it. 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) sending: u64,
    pub(crate) receiving: u64,
}

impl Marks {
    /// The marks of a pipe between two sockets, as this one sees it. The marks of both ends add up.
    pub(crate) fn between(self, other: Marks) -> Marks {
        Marks {
            sending: together(self.sending, other.receiving),
            receiving: together(self.receiving, other.sending),
        }
    }
}
