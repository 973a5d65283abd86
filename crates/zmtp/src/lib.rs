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
//!   [`large_target`](Connection::large_target) is where to append it.
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
//! # Mechanisms
//!
//! A [`Mechanism`] is one of NULL, PLAIN and CURVE, and says which end we are. The peer has to name the same one.
//!
//! * An authenticator is asked by an event. The handshake of a server of PLAIN, and any with
//!   [`Settings::authenticate`], stops at [`Event::Authenticate`]. It goes on with [`decide`](Connection::decide), which
//!   may be much later. Until then `receive` takes nothing more, and the time for the handshake runs.
//! * Random bytes come from the caller, as the time does: see [`Random`].
//! * With CURVE each frame is a box. It is encrypted where it waits to be written. A box of up to 1 KiB is decrypted in
//!   memory of the connection, a longer one where it was received. Nothing of that is on the path of a message by NULL.
//! * Secrets are wiped when they are dropped, and compared in constant time. Nonces count by one, so a message that
//!   was taken out of the stream is noticed, and so is one that comes twice. A cookie is good for one INITIATE, within
//!   60 seconds, on its own connection. Keys of a low order are refused.
//! * Whatever is wrong in a handshake, the peer only sees that the connection ends. It is told a reason if the
//!   authenticator [denies](Refusal) it.
//!
//! ```text
//!   PLAIN   client                     server          CURVE   client                     server
//!             | -- HELLO ---------------> | Authenticate         | -- HELLO ---------------> |
//!             | <------------- WELCOME -- | decide               | <------------- WELCOME -- |
//!             | -- INITIATE ------------> |                      | -- INITIATE ------------> | Authenticate
//!             | <--------------- READY -- |                      | <--------------- READY -- | decide
//! ```
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
//! Routing ids may begin with a 0, as in libzmq. Of CURVE, MESSAGE is taken as a message and as a command; of PLAIN, so is
//! the ERROR that libzmq misspells. What libzmq takes and we refuse: properties named twice, commands
//! above 64 KiB, commands without a name, a PING without a time to live, gaps in the nonces of CURVE, and a `User-Id` that
//! a peer gives itself.
//!
//! Sources: RFC 37 (ZMTP 3.1), 23 (3.0), 15 (2.0), 13 (1.0), 24 (PLAIN), 26 (CURVE) and 32 (Z85) of <https://rfc.zeromq.org>, and the behaviour of libzmq.
#![forbid(unsafe_code)]

mod authenticate;
mod body;
mod command;
mod connection;
mod decoder;
mod error;
mod event;
mod greeting;
mod head;
mod keys;
mod life;
mod mechanism;
mod metadata;
mod output;
mod peer;
mod sealed;
mod sealing;
mod settings;
pub mod z85;

pub use authenticate::{Credentials, Login, Refusal, User, Verdict};
pub use connection::{Connection, command_bytes};
pub use error::{BadMetadata, Detail, Error};
pub use event::{Command, Event};
pub use keys::{KeyError, KeyPair, NoRandom, PublicKey, Random, SecretKey};
pub use peer::Peer;
pub use ringmq_message::Kind;
pub use settings::{
    BadSettings, CurveClient, CurveServer, Heartbeat, Limits, Mechanism, RawSettings, Settings,
};
