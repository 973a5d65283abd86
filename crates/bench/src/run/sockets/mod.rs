//! ZeroMQ sockets: one interface to each library, and what is measured with them.

pub(crate) mod connect;
pub(crate) mod joint;
mod libraries;
pub(crate) mod library;
pub(crate) mod loaded;
pub(crate) mod memory;
pub(crate) mod ours;
mod security;
pub(crate) mod talk;
mod wire;
mod zap;
