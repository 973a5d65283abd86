//! Why a connection ends.

use ringmq_message::Kind;

/// Why a connection cannot go on. All but [`NoMemory`](Error::NoMemory) are the peer's doing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It began with something else than a greeting, as ZMTP 1.0 does.
    #[error("the peer sent no greeting: it speaks ZMTP 1.0, or something else")]
    Unversioned,
    /// It speaks an older version, and we were not told to accept that.
    #[error("the peer speaks an older ZMTP, of revision {revision}")]
    OldVersion {
        /// The number in its greeting: 0 or 1.
        revision: u8,
    },
    /// It wants another mechanism.
    #[error("the peer's mechanism is {theirs}, ours is {ours}")]
    Mechanism {
        /// What we want.
        ours: &'static str,
        /// What it wants.
        theirs: String,
    },
    /// It sent a part of a message before the handshake was done.
    #[error("a frame of {size} bytes before the end of the handshake")]
    DataInHandshake {
        /// Bytes of its payload.
        size: u64,
    },
    /// It sent a command that has no place where it came.
    #[error("the command {name:?} has no place in the handshake")]
    UnexpectedCommand {
        /// The name of the command.
        name: String,
    },
    /// A frame is longer than we were told to accept.
    #[error("a frame of {size} bytes, of which {limit} are allowed")]
    TooLong {
        /// Bytes of its payload.
        size: u64,
        /// As many are allowed.
        limit: u64,
    },
    /// A message has more parts than we were told to accept.
    #[error("a message of more than {limit} parts")]
    TooManyParts {
        /// As many are allowed.
        limit: usize,
    },
    /// Subscriptions came between two parts of a message, where they have to be kept until its end. RFC 37 has none there.
    #[error(
        "{bytes} bytes of subscriptions between two parts of a message, of which {limit} are kept"
    )]
    SubscriptionsWithin {
        /// Bytes that would have to be kept.
        bytes: usize,
        /// As many are kept.
        limit: usize,
    },
    /// A command is longer than anything needs.
    #[error("a command of {size} bytes, of which {limit} are allowed")]
    CommandTooLong {
        /// Bytes of its body.
        size: u64,
        /// As many are allowed.
        limit: u64,
    },
    /// A frame of ZMTP 1.0 has no room for its flags.
    #[error("a frame without flags")]
    NoFlags,
    /// The name of a command does not fit the command, or is empty.
    #[error("a command of {size} bytes, of which {name} are said to be the name")]
    MalformedCommand {
        /// Bytes that the name is said to have.
        name: usize,
        /// Bytes of the body.
        size: usize,
    },
    /// The reason in an ERROR does not fit.
    #[error("an ERROR with {size} bytes of data, of which {reason} are said to be the reason")]
    MalformedError {
        /// Bytes that the reason is said to have.
        reason: usize,
        /// Bytes that follow the name of the command.
        size: usize,
    },
    /// A PING without a time to live.
    #[error("a PING with {size} bytes of data: it has at least 2")]
    MalformedPing {
        /// Bytes that follow the name of the command.
        size: usize,
    },
    /// Its properties cannot be read.
    #[error("metadata is wrong at byte {at}: {wrong}")]
    Metadata {
        /// Where the property begins.
        at: usize,
        /// What is wrong with it.
        wrong: BadMetadata,
    },
    /// It belongs to a socket that ours has nothing to say to.
    #[error("a peer of type {theirs:?}, which {ours} does not talk to")]
    SocketType {
        /// The type of our socket.
        ours: Kind,
        /// What it says is the type of its socket.
        theirs: String,
    },
    /// Its routing id is too long.
    #[error("a routing id of {len} bytes: it has at most 255")]
    RoutingId {
        /// Bytes in it.
        len: u64,
    },
    /// It does not want us.
    #[error("the peer refuses: {reason:?}")]
    Refused {
        /// Why, in its words; those of an authenticator are three digits.
        reason: String,
    },
    /// It was not ready in time.
    #[error("no end of the handshake in time")]
    HandshakeTimeout,
    /// It did not answer a PING in time.
    #[error("no answer to a PING in time")]
    HeartbeatTimeout,
    /// It fell silent for longer than it asked us to wait.
    #[error("the peer fell silent for longer than it said it would")]
    SilentTooLong,
    /// There is no memory for what the peer sent.
    #[error("no memory for {bytes} bytes")]
    NoMemory {
        /// As many were asked for.
        bytes: usize,
    },
}

/// What is wrong with metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    /// The property is longer than what there is of it.
    #[error("it ends too early")]
    Short,
    /// The name is empty, or has characters that cannot be shown.
    #[error("no property has such a name")]
    Name,
    /// A name comes a second time; upper and lower case make no difference.
    #[error("the property is there twice")]
    Twice,
    /// There are too many.
    #[error("there are more than {limit} properties")]
    TooMany {
        /// As many are allowed.
        limit: usize,
    },
}

/// What a monitor of a socket can say of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The peer broke the protocol. The number is the `ZMQ_PROTOCOL_ERROR_*` of `zmq.h`.
    Protocol(u32),
    /// An authenticator refused: 300, 400 or 500, as in RFC 27.
    Refused(u16),
    /// Nothing.
    None,
}

impl Error {
    /// What a monitor of the socket can say of it.
    pub fn detail(&self) -> Detail {
        Detail::Protocol(match self {
            Error::Mechanism { .. } => 0x1100_0002,
            Error::DataInHandshake { .. } | Error::UnexpectedCommand { .. } => 0x1000_0001,
            Error::MalformedCommand { .. } | Error::MalformedPing { .. } => 0x1000_0011,
            Error::CommandTooLong { .. } => 0x1000_0011,
            Error::MalformedError { .. } => 0x1000_0015,
            Error::Metadata { .. } | Error::SocketType { .. } | Error::RoutingId { .. } => {
                0x1000_0018
            }
            Error::TooLong { .. } | Error::NoFlags | Error::OldVersion { .. } => 0x1000_0000,
            Error::TooManyParts { .. } | Error::SubscriptionsWithin { .. } => 0x1000_0000,
            Error::Refused { reason } => {
                return match reason.as_str() {
                    "300" => Detail::Refused(300),
                    "400" => Detail::Refused(400),
                    "500" => Detail::Refused(500),
                    _ => Detail::Protocol(0x1000_0000),
                };
            }
            Error::Unversioned
            | Error::HandshakeTimeout
            | Error::HeartbeatTimeout
            | Error::SilentTooLong
            | Error::NoMemory { .. } => return Detail::None,
        })
    }
}
