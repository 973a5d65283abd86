//! Frames and multipart messages, and the socket types.
//!
//! ```text
//!   Message  =  Frame  Frame  ...  Frame          every one but the last has `more`
//!               |
//!               +-- up to 45 bytes: inline, no allocation
//!               +-- a Vec that one owner fills            (until it is shared)
//!               +-- bytes::Bytes that many own            (foreign memory, too)
//!               +-- properties of the peer it came from   (shared by all frames of a connection)
//! ```
//!
//! A [`Frame`] is 56 bytes: with a word to say that it is there it fills one cache line of a ring.
//!
//! ```
//! use ringmq_message::{Frame, Message};
//!
//! let message: Message = ["topic", "payload"].into_iter().collect();
//! assert_eq!(message.len(), 2);
//! assert!(message[0].more() && !message[1].more());
//! assert_eq!(&message[1][..], b"payload");
//! let large = Frame::from(vec![7; 1 << 20]);
//! let again = large.clone();
//! assert_eq!(large.as_ptr(), again.as_ptr());
//! ```

mod foreign;
mod frame;
mod kind;
mod message;
mod payload;
mod properties;
mod spare;

pub use foreign::{ForeignMemory, LARGE, LargeMemory, provide_large_memory};
pub use frame::Frame;
pub use kind::{Kind, ParseKindError};
pub use message::Message;
pub use payload::INLINE;
pub use properties::{InvalidGroup, LONGEST_GROUP, Properties, names};
pub use spare::{Lent, body_memory, drop_sent, lend_memory};
