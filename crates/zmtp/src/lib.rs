//! The ZeroMQ wire protocol, ZMTP 3.1, as a state machine: bytes in, frames out, and the other way round.
//!
//! Nothing here reads, writes, waits, or knows what time it is. A [`Connection`] is one end of one connection. The
//! caller has the stream and the clock, and drives it:
//!
//! ```text
//!                    caller                      Connection                   caller
//!
//!   from the peer:   bytes read  -- receive -->  head | payload  -- Event --> Frame, Subscribe, ...
//!                    read into   <- target ---   a long payload
//!                                -- filled -->
//!   to the peer:     bytes to write <- output -  run of bytes    <-- send --- Frame
//!                                   -- sent --->  + long payloads <- subscribe, command
//!   time:            sleep until <- deadline --  PING, timeouts
//!                                -- tick ----->
//! ```
//!
//! # The contract
//!
//! * *In*: [`receive`](Connection::receive) takes bytes from the front of what was read, until there is an [`Event`];
//!   who cannot take another event stops calling it and keeps the bytes. While a long payload comes,
//!   [`large_target`](Connection::large_target) is where to read it to.
//! * *Out*: [`output`](Connection::output) is what to write, [`sent`](Connection::sent) says how much was. There may be
//!   something to write after `new`, `receive`, `tick`, and whatever sends.
//! * *Time* is what has passed since a moment of the caller's choice, and never goes back. At the
//!   [`deadline`](Connection::deadline), which changes with every call, [`tick`](Connection::tick) is due. What has
//!   been read is to be received first: it may be the sign of life that the deadline is about.
//! * An [`Error`] is the end of the connection: every later call gives it again. What waits in `output` may still be
//!   written.
//! * A peer gets no memory for its word alone: what a frame takes follows the bytes of it that came, and all else
//!   has limits. Answers to PINGs do not pile up for a peer that does not read.
//!
//! # The path of one message
//!
//! 1. [`send`](Connection::send) puts two bytes, and a copy of the payload, behind what waits to be written; a payload
//!    above 4 KiB is not copied but becomes a slice of its own.
//! 2. The caller writes all slices at once, and says how much went.
//! 3. The peer reads what there is, and calls [`receive`](Connection::receive) in a loop:
//! 4. two bytes are a head; it is checked; the payload is copied into a [`Frame`](ringmq_message::Frame), which
//!    allocates if it has more than 45 bytes.
//! 5. What is left of a frame at the end of the input is kept, and the next input goes on with it.
//!
//! Parts of a message are events of their own. Commands may come between them and end nothing.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use ringmq_message::Frame;
//! use ringmq_zmtp::{Connection, Event, Settings, Kind};
//!
//! /// Moves what one end has to say to the other, and returns what that makes of it.
//! fn pass(from: &mut Connection, to: &mut Connection) -> Result<Vec<Event>, ringmq_zmtp::Error> {
//!     let bytes: Vec<u8> = from.output().flatten().copied().collect();
//!     from.sent(bytes.len());
//!     let (mut input, mut events) = (&bytes[..], Vec::new());
//!     while let Some(event) = to.receive(&mut input, Duration::ZERO)? {
//!         events.push(event);
//!     }
//!     Ok(events)
//! }
//!
//! let mut push = Connection::new(Settings::new(Kind::Push), Duration::ZERO);
//! let mut pull = Connection::new(Settings::new(Kind::Pull), Duration::ZERO);
//! while !(push.is_ready() && pull.is_ready()) {
//!     pass(&mut push, &mut pull)?;
//!     pass(&mut pull, &mut push)?;
//! }
//! push.send(Frame::from("hello"));
//! assert_eq!(pass(&mut push, &mut pull)?, [Event::Frame(Frame::from("hello"))]);
//! # Ok::<(), ringmq_zmtp::Error>(())
//! ```
//!
//! # Liberal in, strict out
//!
//! We announce 3.1, answer later versions in it, and speak 3.0 to those of that version. Undefined flags, MORE on a
//! command, unknown commands after the handshake, a READY without a socket type: all that is taken as libzmq takes it.
//! Routing ids may begin with a 0, as in libzmq. What libzmq takes and we refuse: properties named twice, commands
//! above 64 KiB, commands without a name, and a PING without a time to live.
//!
//! Sources: RFC 37 (ZMTP 3.1), 23 (3.0), 15 (2.0) and 13 (1.0) of <https://rfc.zeromq.org>, and the behaviour of libzmq.
#![forbid(unsafe_code)]

mod body;
mod command;
mod connection;
mod decoder;
mod error;
mod event;
mod greeting;
mod head;
mod life;
mod mechanism;
mod metadata;
mod output;
mod peer;
mod settings;

pub use connection::{Connection, command_bytes};
pub use error::{BadMetadata, Detail, Error};
pub use event::{Command, Event};
pub use peer::Peer;
pub use ringmq_message::Kind;
pub use settings::{BadSettings, Heartbeat, Limits, Mechanism, RawSettings, Settings};
