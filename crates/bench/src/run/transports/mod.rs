//! The carriers that carry messages without ZeroMQ sockets, one file each.

pub(crate) mod cacheline;
pub(crate) mod chunks;
pub(crate) mod eventfd;
pub(crate) mod os_pipe;
pub(crate) mod pipe;
pub(crate) mod stream;
mod tcp;
mod unix;
