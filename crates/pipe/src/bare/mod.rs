//! The bare pipe: its set-up, and the two halves of an end.

mod block;
mod block_face;
mod bytes;
mod error;
mod handshake;
mod held;
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

pub use block::{Block, UnsentBlock};
pub use error::{ConnectError, ListenError, OptionsError, RecvError, SendError};
pub use held::HeldBlock;
pub use listener::Listener;
pub use offer::OfferError;
pub use options::Options;
pub use pipe::Pipe;
pub use receiver::Receiver;
pub use sender::Sender;
pub use slot::{Claim, Lent};
pub use stats::Stats;
