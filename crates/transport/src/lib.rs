//! Endpoints, listeners, dialers and byte streams over tcp and Unix sockets, and datagrams over udp.
//!
//! ```text
//!   "tcp://eth0:*"                                        "tcp://host:5555"
//!        │ parse                                               │ parse
//!    Endpoint                                              Endpoint
//!        │ Listener::bind: resolve, bind, listen               │ dial: look up, connect
//!    Listener ◀─────────────── the network ───────────────▶ Connecting ──┐ refused, timed out:
//!        │ accept: filter, options                  poll: options │      │ the next address, or
//!     Stream  ◀─────────────── bytes ─────────────────────────▶ Stream   └▶ DialError → Backoff
//! ```
//!
//! # The contract
//!
//! - **No threads, no clocks, no events of its own.** Sockets are non-blocking `mio` sources that the
//!   caller registers; moments are given to it; [`Backoff`] only computes. What a call finds out, it
//!   returns.
//! - **Nothing blocks but names.** The system's resolver looks names of hosts up in [`Listener::bind`] and
//!   in [`Answer::look_up`], which may take many seconds. [`dial`] never asks it: it returns
//!   [`Dial::Named`], and the caller asks in a thread that may wait. Addresses, interfaces and ipc never
//!   wait.
//! - **No failure ends the process.** [`AcceptError::setback`] tells a newcomer's bad luck from a
//!   shortage and from the end of the listener; libzmq asserts on most of them.
//! - **Nothing is left behind**: no path, no directory, no descriptor, on any way out. Paths of
//!   listeners that were given by descriptor are not ours, and stay.
//! - **No signals.** A write to a peer that is gone is an error, also in a C program that left
//!   `SIGPIPE` alone.
//!
//! inproc endpoints are parsed here and connected above: they have no byte stream. udp has none either: see [`UdpSocket`].

#![forbid(unsafe_code)]

mod backoff;
mod dialer;
mod endpoint;
mod filter;
mod folder;
mod listener;
mod options;
mod proxied;
mod resolve;
mod socks;
mod source;
mod stream;
mod tuning;
mod udp;

pub use backoff::{Backoff, ReconnectStop};
pub use dialer::{Connecting, Dial, DialError, Named, dial};
pub use endpoint::{
    Endpoint, Host, ParseEndpointError, TcpAddress, TcpPlace, UdpAddress, endpoint_bytes,
    endpoint_text,
};
pub use filter::{IpcFilter, Subnet, SubnetError};
pub use listener::{AcceptError, ListenError, Listener};
pub use options::{Keepalive, Options};
pub use resolve::{Answer, ResolveError, canonical};
#[doc(no_inline)]
pub use ringmq_sys::{Address, AddressError, BindError, Setback, Steal};
pub use socks::{SocksError, SocksProxy};
pub use stream::Stream;
pub use tuning::is_within_machine;
pub use udp::{
    DATAGRAM_MOST, UdpError, UdpSocket, datagram_address, datagram_name, split_datagram,
};
