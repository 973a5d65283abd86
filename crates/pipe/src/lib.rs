//! A bare pipe in shared memory, between two processes of one machine.
//!
//! ```text
//!        process A                     Unix socket, once                process B
//!                         ── offer: 2 memfds, 2 doorbells ──▶
//!                         ◀─ offer: 2 memfds, 2 doorbells ───
//!                          (memory for blocks, where there is some)
//!
//!   Sender ──▶ [ ring of A ] ═════════ A writes, B reads ═════════▶ Receiver
//!   Receiver ◀═════════ B writes, A reads ═════════ [ ring of B ] ◀── Sender
//! ```
//!
//! No thread stands between: the sender's thread writes the ring, and the receiver's thread reads it. A system call is
//! made only to wake a peer that sleeps. A small message costs the time that one cache line takes to travel.
//!
//! # Four faces
//!
//! | face | send | receive |
//! | --- | --- | --- |
//! | bytes | [`Write`](std::io::Write), [`try_write`](Sender::try_write) | [`Read`](std::io::Read), [`try_read`](Receiver::try_read) |
//! | messages | [`send`](Sender::send), [`send_batch`](Sender::send_batch) | [`recv`](Receiver::recv) |
//! | slots | [`claim`](Sender::claim), then [`commit`](Claim::commit) | [`recv_in_place`](Receiver::recv_in_place), for a [`Vow`] |
//! | blocks | [`block`](Sender::block), then [`send_block`](Sender::send_block) | [`recv_block`](Receiver::recv_block), for a [`Vow`] |
//!
//! A block is memory beside the ring ([`Options::block_capacity`]): a message in it is never copied, may be as long as that
//! memory, and may be kept by its receiver for any time.
//!
//! Each waits (as [`Wait`] says), has a deadline, or does not wait: then [`AsFd`](std::os::fd::AsFd)
//! gives a descriptor for poll, epoll or an async runtime.
//!
//! # The contract
//!
//! * **Whole or absent.** A peer that is killed at any instruction leaves every message that it has
//!   published readable, and nothing of the one that it was writing.
//! * **No trust.** The peer's memory is mapped read-only, sealed, and checked before it is touched; what
//!   is read from it is copied out and checked. A peer that breaks the protocol gets a typed error on this
//!   end and can do no other harm.
//! * **Death is noticed**: within 100 ms, spinning or asleep, also while a forked child of the peer lives.
//! * **Nothing is left behind**: no names but the listener's path, no threads, no memory.
//! * A forked child cannot use its parent's pipes: every call fails with `Forked` and touches nothing.
//!
//! # Example
//!
//! ```
//! use ringmq_pipe::{Listener, Options};
//!
//! let mut listener = Listener::bind("@ringmq-pipe-doc", &Options::new())?;
//! let server = std::thread::spawn(move || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!     let mut pipe = listener.accept()?;
//!     let mut request = Vec::new();
//!     pipe.receiver().recv(&mut request)?;
//!     request.make_ascii_uppercase();
//!     pipe.sender().send(&request)?;
//!     Ok(())
//! });
//! let mut pipe = Options::new().connect("@ringmq-pipe-doc")?;
//! pipe.sender().send(b"hello")?;
//! let mut reply = Vec::new();
//! pipe.receiver().recv(&mut reply)?;
//! assert_eq!(reply, b"HELLO");
//! # server.join().unwrap().unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bare;
#[doc(hidden)] // For ringmq: it may change at any time.
pub mod blocks;
#[doc(hidden)] // As above.
pub mod local;
mod maps;
#[doc(hidden)] // As above.
pub mod marks;
mod refusal;
#[doc(hidden)] // As above.
pub mod remote;
#[doc(hidden)] // As above.
pub mod sleeper;
#[doc(hidden)] // As above.
pub mod status;
mod vow;
#[doc(hidden)] // As above.
pub mod waiting;

pub use bare::{
    Block, Claim, ConnectError, HeldBlock, Lent, ListenError, Listener, OfferError, Options,
    OptionsError, Pipe, Receiver, RecvError, SendError, Sender, Stats, UnsentBlock,
};
pub use maps::{has_mappings_for_connections, mappings};
pub use refusal::RefusalReason as Reason;
pub use ringmq_ring::Corrupt;
pub use ringmq_sys::{Credentials as PeerCredentials, HugePagesError};
pub use vow::Vow;
pub use waiting::Wait;
