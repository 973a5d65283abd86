//! `libzmq.so.5`: ZeroMQ's C interface over ringmq. The contract of each function is in `include/zmq.h`.
//!
//! ```text
//!   C program --> extern "C" function --> catch --> check handles, convert --> ringmq
//!                          |                                                     |
//!                errno, -1 or NULL <------------ Errno (errors.rs) <-------------+
//! ```
//!
//! # What callers keep
//!
//! This is the safety contract of every `extern "C"` function here, and what `SAFETY` comments call *the caller's
//! contract*: a pointer is null or points to what the header says, of the size that goes with it, for as long as the
//! call lasts; a `zmq_msg_t` is used by one thread at a time, and was initialised, or lies in memory that can be read.
//!
//! # What they need not keep
//!
//! Handles are never given back to the allocator, only used again: one that was closed, or is of the wrong kind, is an
//! error. Threads that use a socket at the same time take turns, and a call that waits leaves the socket to others
//! (docs/libzmq.md). No panic leaves a function.

mod arguments;
mod boundary;
mod capability;
mod context;
mod counter;
mod curve;
mod errors;
mod get_option;
mod groups;
mod handle;
mod iovec;
mod message;
mod monitor;
mod named_peers;
mod numbers;
mod poll;
mod poller;
mod proxy;
mod security;
mod set_option;
mod socket;
mod stopwatch;
mod stored;
mod thread;
mod timers;
mod transfer;
mod z85;
