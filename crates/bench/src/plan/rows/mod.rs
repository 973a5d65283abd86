//! The rows of a comparison.

pub(crate) mod busy;
pub(crate) mod pauses;
pub(crate) mod pipe;
pub(crate) mod sockets;
