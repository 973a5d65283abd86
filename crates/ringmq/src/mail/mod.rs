//! Values that cross threads: commands to sockets, orders to I/O threads, and what these carry.
//!
//! This room imports no other one.

mod bounds;
mod carrier;
mod commands;
mod connection;
pub(crate) mod ends;
mod event;
mod failure;
mod host;
mod marks;
mod notices;
pub(crate) mod pipes;
mod reply;
mod required;
pub(crate) mod row;
mod shared;
mod shared_memory;
mod spare;
mod watch;

pub(crate) use bounds::Bounds;
pub use carrier::{Carrier, ZmtpReason};
pub(crate) use commands::{
    Attachment, Batches, Command, Connect, Far, Link, Listen, Newcomer, OpenUdp, Order, PipeId,
    SharedOffer, Stats, Zap,
};
pub use connection::Connection;
pub(crate) use connection::Identity;
pub(crate) use ends::{Conflates, SessionPipe};
pub(crate) use event::Addresses;
pub use event::{EventKind, HandshakeFailure, MonitorEvent};
pub(crate) use failure::Failure;
pub use host::StreamWork;
pub(crate) use host::{Host, Led, Waiter};
pub(crate) use marks::Marks;
pub(crate) use notices::Notices;
pub(crate) use reply::Reply;
pub(crate) use row::RowOrNone;
pub(crate) use shared::{Downgrade, Unsent, Upgrade};
pub use shared_memory::SharedMemory;
pub(crate) use spare::Spare;
pub(crate) use watch::{Sink, Watch, WeakWatch};
