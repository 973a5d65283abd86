//! What crosses threads: commands to sockets, orders to I/O threads, and the values in them.

pub(crate) mod bounds;
pub(crate) mod carrier;
pub(crate) mod commands;
pub(crate) mod event;
pub(crate) mod orders;
pub(crate) mod reply;
pub(crate) mod watch;
