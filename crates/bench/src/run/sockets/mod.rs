//! ZeroMQ sockets as a mechanism.

pub(crate) mod connect;
pub(crate) mod joint;
pub(crate) mod library;
mod loaded;
pub(crate) mod memory;
mod ours;
