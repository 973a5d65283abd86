//! How ZeroMQ's socket types route messages.
//!
//! ```text
//!   application        socket                    pattern (this crate)
//!       |                |                           |
//!       |-- one part --->|-- send(frame, pipes) ---->|  who gets it?
//!       |                |<-- can_write(peer) -------|
//!       |                |<-- write(peer, frame) ----|
//!       |<-- one part ---|-- recv(pipes) ----------->|  whose turn is it?
//!       |                |<-- read(peer) ------------|
//!       |                |                           |
//!       |                |-- attach, detach, hiccup, activated -->
//! ```
//!
//! A [`Pattern`] routes, it does not carry: the socket owns one pipe per peer, and lends them all as [`Pipes`] to each
//! call. It has no threads, clocks or sockets of its own, so every rule can be tried without any.
//!
//! # The contract
//!
//! * Messages go part by part. The peers are chosen, and asked for room, at the first part; the others follow it. What
//!   a peer leaves unfinished, or is left with, is whole or absent.
//! * A peer that was found without a message, or without room, is not asked again before the socket says
//!   [`activated`](Pattern::activated).
//! * Who cannot be part of the pattern is [not attached](AttachError), and why goes up as a value.
//! * Behaviour is libzmq's. Where libzmq would abort, or would mix messages, a message is dropped instead.
//!
//! # Subscriptions
//!
//! They travel in pipes as the parts that applications see: a byte 1 to subscribe, 0 to unsubscribe, then the topic. A
//! peer may subscribe to [a million topics of 64 MiB together](SetOption::XpubLimits); one that wants more is terminated.
//!
//! The high-water mark does not count for them: libzmq drops what exceeds it, and the publisher never sends these
//! topics. A pipe holds at most twice as many as there were topics at any time, beyond the mark. What exceeds that, too,
//! is sent when there is room again, once for each topic.
//!
//! ```
//! use std::collections::VecDeque;
//! use ringmq_message::Frame;
//! use ringmq_pattern::{Kind, Pattern, Peer, Pipes, Remote};
//!
//! /// Pipes without limits: of what is written, and of what is to be read.
//! #[derive(Default)]
//! struct Model([(Vec<Frame>, VecDeque<Frame>); 2]);
//!
//! impl Pipes for Model {
//!     fn can_write(&mut self, _: Peer) -> bool {
//!         true
//!     }
//!     fn can_read(&mut self, peer: Peer) -> bool {
//!         !self.0[peer.0 as usize].1.is_empty()
//!     }
//!     fn write(&mut self, peer: Peer, frame: Frame) {
//!         self.0[peer.0 as usize].0.push(frame);
//!     }
//!     fn rollback(&mut self, _: Peer) {}
//!     fn read(&mut self, peer: Peer) -> Option<Frame> {
//!         self.0[peer.0 as usize].1.pop_front()
//!     }
//!     fn put_off(&mut self, _: Peer) {}
//!     fn terminate(&mut self, _: Peer) {}
//! }
//!
//! let mut pipes = Model::default();
//! let mut push = Pattern::new(Kind::Push, 0);
//! for peer in [Peer(0), Peer(1)] {
//!     push.attach(peer, Remote::default(), &mut pipes)?;
//! }
//! for text in ["a", "b", "c"] {
//!     push.send(Frame::from(text), &mut pipes)?;
//! }
//! assert_eq!(pipes.0[0].0, [Frame::from("a"), Frame::from("c")]);
//! assert_eq!(pipes.0[1].0, [Frame::from("b")]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod pattern;
mod queues;
mod route;
mod topics;
mod types;

pub use pattern::Pattern;
pub use ringmq_message::Kind;
pub use route::{
    AttachError, OptionError, Peer, Pipes, Ready, RecvPartError, Remote, RouteError, SendPartError,
    SetOption, Take,
};
