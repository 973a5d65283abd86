//! The run of a measurement: two processes, what carries their messages, and a supervisor.

mod carrier;
mod choose;
pub(crate) mod compare;
mod job;
mod large;
mod latency;
mod load;
mod memory;
mod pause;
pub(crate) mod peer;
pub(crate) mod program;
mod progress;
pub(crate) mod protocol;
mod side;
pub(crate) mod sockets;
pub(crate) mod supervise;
mod throughput;
mod transports;
