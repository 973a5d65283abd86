//! What ringmq asks of the Linux kernel: sealed memory, descriptors over sockets, doorbells, waiting.
//!
//! ```text
//!     process A                                                       process B
//!  ┌─────────────────────────┐     memfd, sealed: A writes      ┌─────────────────────────┐
//!  │ OwnMemory  (read-write) │ ───────────────────────────────▶ │ Mapping     (read-only) │
//!  │ Mapping    (read-only)  │ ◀─────────────────────────────── │ OwnMemory  (read-write) │
//!  │                         │     memfd, sealed: B writes      │                         │
//!  │ Readiness               │                                  │ Readiness               │
//!  │  ├ Doorbell (read end)  │ ◀──────── one byte ───────────── │  Ringer                 │
//!  │  └ pidfd of B           │                                  │                         │
//!  │ Ringer                  │ ───────── one byte ────────────▶ │  Doorbell, pidfd of A   │
//!  └────────────┬────────────┘                                  └────────────┬────────────┘
//!               └──────── Stream: frames, descriptors, who is there ─────────┘
//!                         (made by UnixListener and Stream::connect)
//! ```
//!
//! # The contract
//!
//! - **Own memory only.** [`OwnMemory`] is allocated and then sealed before its descriptor can leave
//!   the process, so that its receiver can neither write, shrink, grow nor punch it. [`adopt`] checks all of that on
//!   what a peer sent, *before* the first touch: after it, no behaviour of the peer can make a read of the mapping
//!   fault.
//! - **No references into shared memory.** A [`Mapping`] is an address and a length. What may be done
//!   with it is the business of the crate that does it (`ringmq-ring`).
//! - **Nothing blocks that was not asked to.** Every call that may sleep takes a deadline on the
//!   monotonic clock ([`std::time::Instant`]; `None` waits for ever). A peer can make none of the
//!   others sleep: not by a full doorbell, not by clearing flags, not by sending a descriptor whose
//!   file system is the peer's own program.
//! - **Descriptors are owned at once**, are always close-on-exec, and are closed on every way out.
//! - **A forked child is harmless.** It holds none of the mappings ([`ForkMark`] says so without a
//!   system call) and removes no socket path.
//! - **Errors carry the numbers.** [`std::io::Error`] where the kernel speaks, an enum where we judge.
//!   No call panics because of its environment, and none prints.
//!
//! # What is asked of the platform
//!
//! | need | call | since Linux | without it |
//! | --- | --- | --- | --- |
//! | memory with seals | `memfd_create`, `F_SEAL_FUTURE_WRITE` | 5.1 | error: stay on the socket |
//! | not in the child | `MADV_DONTFORK`, `MADV_WIPEONFORK` | 4.14 | error |
//! | touch ahead | `MADV_POPULATE_READ/WRITE` | 5.14 | each page is read |
//! | huge pages | `MADV_COLLAPSE` of a memfd | 6.1 | ordinary pages; `OwnMemory::huge_pages` says so |
//! | own open file description | `/proc/self/fd` | 2.2 | a socket pair is the doorbell |
//! | sleep with nanoseconds | `epoll_pwait2` | 5.11 | milliseconds, rounded up |
//! | death of a process | `pidfd_open`, `SO_PASSPIDFD` | 5.3, 6.5 | the socket's hang-up alone |
//! | the sleeper pays | `membarrier(GLOBAL_EXPEDITED)` | 4.16 | publishers fence |
//!
//! `libc` and `rustix` are used here so that the crates above need neither.

mod address;
mod adoption;
pub mod barrier;
mod cgroup;
pub mod cpu;
mod deadline;
mod doorbell;
mod error_number;
mod event;
mod fork;
mod huge;
mod inspection;
mod interface;
mod listener;
mod mapping;
mod memory;
mod page;
pub mod poll;
mod process;
mod readiness;
mod reserve;
mod ringer;
mod setback;
mod signal;
mod socket;
mod sparse;
mod thread;
mod transfer;

pub use address::{Address, AddressError};
pub use adoption::{AdoptMemoryError, adopt, adopt_file};
pub use deadline::rest;
pub use doorbell::{Doorbell, allow_other_uid};
pub use error_number::ErrorNumber;
pub use event::Event;
pub use fork::{ForkMark, lock_despite_fork};
pub use huge::HugePagesError;
pub use inspection::MemoryInspector;
pub use interface::{interface_addresses, interface_index, interface_name};
pub use listener::{BindError, ListenOptions, Steal, UnixListener};
pub use mapping::{Mapping, can_map};
pub use memory::{CreateError, OwnMemory};
pub use page::page_size;
pub use process::{has_ended, is_running};
pub use readiness::{Epoll, Readiness, Wake, wait_poll};
pub use reserve::Reserve;
pub use ringer::{AdoptRingerError, Ringer};
pub use setback::{Setback, most_descriptors, most_mappings};
pub use signal::{SignalGate, without_signals};
pub use socket::{Ancillary, Came, Credentials, NotConnected, RecvError, Stream, peer_credentials};
pub use sparse::{SparseMemory, file_number};
pub use thread::{ThreadKey, ThreadOptions, duplicate, uncancelled};
pub use transfer::{
    begin_connect, incoming_cpu, is_at_end, receive_behind, receive_some, send_some,
};
