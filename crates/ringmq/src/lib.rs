//! ZeroMQ sockets, fast between the processes of one machine.
//!
//! # Words
//!
//! **Frame, Message**: a part, and all of its parts. **Socket**: one end of many conversations. **Pattern**: how a socket
//! type routes. **Peer**: one remote, as a pattern sees it. **Pipe**: what is between a socket and one peer, with a
//! *sender* and a *receiver*. **Mark** (HWM): the messages that may wait in a pipe. **Wait**: *spin*, *park* or
//! *adaptive*. **Endpoint**: where a socket binds or connects. **Monitor**: what happens to the
//! connections of a socket, told as events. **Poller**: waits for several sockets. **Proxy**: passes on what comes, between two.
//!
//! # The path of one message, over inproc
//!
//! 1. [`Socket::send`] has its pattern choose a peer that has room,
//! 2. puts each part into the ring of that peer's pipe, and publishes them with the last one: one cache line travels.
//! 3. It looks whether the other socket sleeps, and rings its bell if it does.
//! 4. [`Socket::recv`] of the other, in its own thread, finds the parts there, and takes them out.
//!
//! No other thread has a hand in it.
#![forbid(unsafe_code)]

mod context;
mod error;
mod mail;
mod monitor;
mod peers;
mod poller;
mod proxy;
mod reactor;
mod registry;
mod session;
mod socket;
mod switch;

pub use context::Context;
pub use error::{
    EndpointRefusal, OptionError, RecvError, SendError, SendRefusal, SocketError, TerminateError,
};
pub use mail::{Carrier, Connection, HandshakeFailure, MonitorEvent, Occurrence, WhyZmtp};
pub use monitor::{Monitor, MonitorError};
pub use poller::{Interest, Item, PollError, Poller, Readiness};
pub use proxy::{Proxy, ProxyEnd, ProxyError, proxy};
pub use ringmq_message::{Frame, Message, Properties};
pub use ringmq_pattern::{Kind, SetOption};
pub use ringmq_pipe::Wait;
pub use ringmq_pipe::remote::Refuse;
pub use ringmq_sys::ErrorNumber;
pub use ringmq_transport::{
    AddressError, BindError, EndpointError, IpcFilter, Keepalive, ListenError, ReconnectStop,
    ResolveError, Subnet, endpoint_bytes, endpoint_text,
};
pub use ringmq_zmtp::Heartbeat;
pub use socket::Socket;
pub use socket::readiness::{Events, Watched};

// For the C library alone: monitors that are libzmq's, and waits that let go of their sockets, which threads share there.
#[doc(hidden)]
pub use monitor::{PlainMonitorError, plain::EventFormat};
#[doc(hidden)]
pub use poller::{PollPause, PollStep, PollWait};
#[doc(hidden)]
pub use proxy::{ProxyPause, ProxyProgress, ProxyStep};
#[doc(hidden)]
pub use ringmq_sys::rest;
#[doc(hidden)]
pub use socket::{patience::Woken, pause::Pause};
