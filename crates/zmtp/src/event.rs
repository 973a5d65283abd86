//! What a connection tells.

use ringmq_message::Frame;

use crate::authenticate::Credentials;

/// What has come from the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The handshake is done: [`peer`](crate::Connection::peer) says who it is, and frames may be sent.
    Ready,
    /// The peer has shown who it is, and an authenticator is to judge it. Until [`decide`](crate::Connection::decide) is
    /// called nothing more is received; the time for the handshake runs on.
    Authenticate(Box<Credentials>),
    /// A part of a message.
    Frame(Frame),
    /// The peer subscribes or cancels by a command. One that does so by a message, as older ones do, is told as that:
    /// a frame that begins with 1 or 0.
    Subscribe {
        /// What the topics that it wants begin with.
        topic: Frame,
        /// Whether it subscribes, or cancels one subscription.
        on: bool,
    },
    /// One of the [extensions](crate::Settings::extensions).
    Command(Box<Command>),
}

/// A command that is no part of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its name.
    pub name: String,
    /// What follows the name.
    pub data: Vec<u8>,
}

// Events pass by value, one for each frame.
const _: () = assert!(size_of::<Event>() <= 64);
