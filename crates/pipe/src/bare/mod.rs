//! The bare pipe: its set-up, and the two halves of an end.

mod bytes;
mod error;
mod handshake;
mod layout;
mod listener;
mod meeting;
mod offer;
mod options;
mod patience;
mod pipe;
mod receiver;
mod sender;
mod shared;
mod slot;
mod stats;
mod wait;

pub use error::{ConnectError, ListenError, OptionsError, RecvError, SendError};
pub use listener::Listener;
pub use offer::OfferError;
pub use options::Options;
pub use pipe::Pipe;
pub use receiver::Receiver;
pub use sender::Sender;
pub use slot::{Claim, Lent};
pub use stats::Stats;
