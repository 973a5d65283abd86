//! Why a connection ends.

use crate::authenticate::Refusal;
use crate::keys::NoRandom;
use ringmq_message::Kind;

/// Why a connection cannot go on. All but [`NoMemory`](Error::NoMemory), [`NoRandom`](Error::NoRandom) and
/// [`NoncesSpent`](Error::NoncesSpent) are the peer's doing.
///
/// The peer sees no difference between them: the connection ends. Only [`Denied`](Error::Denied) may be told to it.
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
    /// It is a server, as we are. Of libzmq's peers this is not known: both wait until the handshake has taken too long.
    #[error("both ends are servers")]
    BothServers,
    /// It sent a part of a message before the handshake was done.
    #[error("a frame of {size} bytes before the end of the handshake")]
    DataInHandshake {
        /// Bytes of its payload.
        size: u64,
    },
    /// It sent a command that has no place where it came.
    #[error("the command {name:?} has no place here")]
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
    /// A HELLO of another size, version or form.
    #[error("a HELLO that is wrong in its {size} bytes of data")]
    MalformedHello {
        /// Bytes that follow the name of the command.
        size: usize,
    },
    /// A WELCOME of PLAIN that is not empty.
    #[error("a WELCOME with {size} bytes of data: it has none")]
    MalformedWelcome {
        /// Bytes that follow the name of the command.
        size: usize,
    },
    /// An INITIATE that is too short.
    #[error("an INITIATE with {size} bytes of data: it has at least 248")]
    MalformedInitiate {
        /// Bytes that follow the name of the command.
        size: usize,
    },
    /// A READY of CURVE that is too short.
    #[error("a READY with {size} bytes of data: it has at least 24")]
    MalformedReady {
        /// Bytes that follow the name of the command.
        size: usize,
    },
    /// A MESSAGE of CURVE that is too short.
    #[error("a MESSAGE of {size} bytes: it has at least 33")]
    MalformedMessage {
        /// Bytes of the body.
        size: usize,
    },
    /// Something of CURVE came twice, or something was left out. Nonces count by one.
    #[error("the nonce {nonce} after {last}")]
    Sequence {
        /// The nonce that came.
        nonce: u64,
        /// The one before.
        last: u64,
    },
    /// A box of CURVE cannot be opened: its key is another one, or it is not as it was sent.
    #[error("the box in a {command} cannot be opened")]
    Cryptographic {
        /// The name of the command.
        command: &'static str,
    },
    /// A public key of CURVE is of a low order, such as zeros.
    #[error("a public key that protects nothing")]
    WeakKey,
    /// The cookie in an INITIATE is too old.
    #[error("an INITIATE more than 60 seconds after the WELCOME")]
    CookieExpired,
    /// The client's long-term key does not vouch for its key of this connection and this server.
    #[error("the vouch in an INITIATE is for something else")]
    Vouch,
    /// The authenticator does not want it.
    #[error("the authenticator refuses the peer: {}", refusal.status())]
    Denied {
        /// Why.
        refusal: Refusal,
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
    /// There are no random bytes to make keys of.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    /// We have sent 2^64 - 1 messages by CURVE, and no nonce is left for another one.
    #[error("no nonce is left")]
    NoncesSpent,
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
    /// What a monitor of the socket can say of it. Each number is what libzmq's monitor says of the same.
    pub fn detail(&self) -> Detail {
        Detail::Protocol(match self {
            Error::Mechanism { .. } => 0x1100_0002,
            Error::DataInHandshake { .. } | Error::UnexpectedCommand { .. } => 0x1000_0001,
            Error::Sequence { .. } => 0x1000_0002,
            Error::Vouch => 0x1000_0003,
            Error::MalformedCommand { .. } | Error::MalformedPing { .. } => 0x1000_0011,
            Error::CommandTooLong { .. } => 0x1000_0011,
            Error::MalformedMessage { .. } => 0x1000_0012,
            Error::MalformedHello { .. } => 0x1000_0013,
            Error::MalformedInitiate { .. } => 0x1000_0014,
            Error::MalformedError { .. } => 0x1000_0015,
            Error::MalformedReady { .. } => 0x1000_0016,
            Error::MalformedWelcome { .. } => 0x1000_0017,
            Error::Metadata { .. } | Error::SocketType { .. } | Error::RoutingId { .. } => {
                0x1000_0018
            }
            Error::Cryptographic { .. } | Error::WeakKey | Error::CookieExpired => 0x1100_0001,
            Error::TooLong { .. } | Error::NoFlags | Error::OldVersion { .. } => 0x1000_0000,
            Error::TooManyParts { .. } | Error::SubscriptionsWithin { .. } => 0x1000_0000,
            Error::Denied { refusal } => return Detail::Refused(refusal.status()),
            Error::Refused { reason } => {
                return match reason.as_str() {
                    "300" => Detail::Refused(300),
                    "400" => Detail::Refused(400),
                    "500" => Detail::Refused(500),
                    _ => Detail::Protocol(0x1000_0000),
                };
            }
            Error::Unversioned
            | Error::BothServers
            | Error::HandshakeTimeout
            | Error::HeartbeatTimeout
            | Error::SilentTooLong
            | Error::NoRandom(_)
            | Error::NoncesSpent
            | Error::NoMemory { .. } => return Detail::None,
        })
    }
}
