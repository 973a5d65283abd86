//! Why shared memory fails for a connection.

/// Why one direction of a connection cannot go on in shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The peer broke the protocol.
    Corrupt,
    /// This side has no memory or descriptors for a message that it sends, or the message is too long for a record.
    CannotSend,
    /// This side has no memory, mapping or descriptors for what it receives.
    CannotReceive,
    /// A part is longer than this side admits.
    TooLong {
        /// Bytes of the part.
        size: u64,
        /// Bytes that a part may have.
        limit: u64,
    },
    /// A REQ received something else than a reply.
    NoReply,
}
