//! The run of a measurement: two processes, what carries their messages, and a supervisor.

pub mod compare;
pub(crate) mod job;
pub(crate) mod latency;
pub(crate) mod load;
pub(crate) mod mechanism;
pub(crate) mod memory;
pub(crate) mod pause;
pub(crate) mod peer;
pub(crate) mod sockets;
pub(crate) mod supervise;
pub(crate) mod throughput;
pub(crate) mod transports;
