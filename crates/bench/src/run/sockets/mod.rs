//! ZeroMQ sockets: one interface to each library, and what is measured with them.

pub(crate) mod connect;
pub(crate) mod joint;
pub(crate) mod large;
mod libraries;
pub(crate) mod library;
pub(crate) mod loaded;
pub(crate) mod memory;
pub(crate) mod ours;
mod security;
pub(crate) mod talk;
mod wire;
mod zap;
