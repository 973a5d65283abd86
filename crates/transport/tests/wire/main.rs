//! Endpoints, listeners, dialers and streams over the real kernel, on loopback.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

mod backoff;
mod dialing;
mod endpoints;
mod exhausted;
mod filtering;
mod listening;
mod proxies;
mod reactor;
mod streams;
mod udp;
