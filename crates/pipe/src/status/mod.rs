//! The status page of a process: what its sockets and connections are doing, for other processes to read.
//!
//! ```text
//!   socket, session                         /proc/PID/fd/N -> /memfd:ringmq-status
//!     Row ── description, at slow points ──▶ [ process | row | row | row |  not allocated  ]
//!     Shown ── counts, at slow points ─────▶      ▲
//!                                                 └── another process reads it, and nothing else happens
//! ```
//!
//! * **No message path knows of it.** Counts are those that the ends of a pipe keep anyway. An end copies them to its row
//!   at points that are slow already: a look at credit, a wake-up, a sleep.
//! * **No process depends on it.** Without a descriptor or memory there is no page, and no row beyond those that fit.
//! * **Only this process writes it**, and a forked child neither has it nor writes it.

pub mod layout;
mod page;
mod shown;

pub use page::{Page, Row, Writing};
pub use shown::Shown;
