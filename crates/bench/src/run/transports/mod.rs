//! The mechanisms that carry messages, one file each.

pub(crate) mod cacheline;
pub(crate) mod chunks;
pub(crate) mod eventfd;
pub(crate) mod os_pipe;
pub(crate) mod pipe;
mod stream;
pub(crate) mod tcp;
pub(crate) mod unix;
