//! ZeroMQ sockets, fast between the processes of one machine.
//!
//! A server that answers requests, and a client that waits for at most a second:
//!
//! ```
//! use std::time::Duration;
//!
//! use ringmq::{Context, Kind, RecvError, SocketOptions};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let context = Context::new()?;
//!
//!     let mut server = context.socket(Kind::Rep)?;
//!     server.bind("ipc://*")?;
//!     let endpoint = server.last_endpoint().to_owned();
//!     let serving = std::thread::spawn(move || -> Result<(), RecvError> {
//!         let request = server.recv()?;
//!         let reply = request[0].to_ascii_uppercase();
//!         server.send(reply).expect("a REP that has received can send");
//!         Ok(())
//!     });
//!
//!     let options = SocketOptions::new().recv_timeout(Duration::from_secs(1));
//!     let mut client = context.socket_with(Kind::Req, &options)?;
//!     client.connect(&endpoint)?;
//!     client.send("hello")?;
//!     match client.recv() {
//!         Ok(reply) => assert_eq!(reply[0].as_slice(), b"HELLO"),
//!         Err(RecvError::TimedOut) => println!("no reply"),
//!         Err(error) => return Err(error.into()),
//!     }
//!     serving.join().expect("the server does not panic")?;
//!     Ok(())
//! }
//! ```
//!
//! The two sockets may be in two processes. If both are ringmq's and of one user, an `ipc://` connection moves to shared
//! memory by itself, and so does a `tcp://` connection within one machine; [`SharedMemory`] chooses which do. With every
//! other ZeroMQ, and with other machines, a connection speaks ZMTP. `inproc://` stays within the process.
//!
//! # What there is
//!
//! | to | use |
//! | --- | --- |
//! | make sockets, and end them all | [`Context`] |
//! | choose marks, timeouts and all else | [`SocketOptions`], [`Socket::options`] |
//! | send and receive messages | [`Socket::send`], [`Socket::recv`], with `try_` not waiting, with `_deadline` until a time |
//! | send a message of several parts | [`Message`], or [`Socket::send_part`] |
//! | send and receive bytes where they lie | [`Socket::send_slice`], [`Socket::recv_slice`] |
//! | filter by topic | [`Socket::subscribe`], or by group [`Socket::join`] |
//! | send and receive udp datagrams | [`Kind::Dgram`] with [`datagram_address`], or [`Kind::Radio`] and [`Kind::Dish`] |
//! | wait for several sockets | [`Poller`] |
//! | wait in an async runtime | [`Socket::watch`] |
//! | pass messages on between two sockets | [`proxy`], [`Proxy`] |
//! | encrypt, and know who peers are | [`Security`], [`Authenticator`] |
//! | see connections come and go | [`Monitor`], [`Socket::connections`] |
//! | see what the processes of this machine are doing | [`status`] |
//!
//! Every error becomes an [`std::io::Error`] by `From`.
//!
//! # Words
//!
//! - **Frame**: one part of a message. **Message**: all of its parts.
//! - **Peer**: a socket that this socket is connected with. **Pipe**: the queue between a socket and one peer.
//! - **High-water mark** (HWM): how many messages may wait in a pipe.
//! - **Pattern**: how a socket type chooses the peers that it sends to and receives from.
//! - **Endpoint**: an address to bind or connect to, such as `tcp://127.0.0.1:5555`.
//! - **Wait**: how a call waits: it *spins*, *parks*, or does what pays (*adaptive*).
//!
//! # The path of one message, over inproc
//!
//! 1. [`Socket::send`] asks its pattern for a peer that has room.
//! 2. It writes each part into the ring of that peer's pipe, and publishes all of them with the last: one cache line
//!    travels.
//! 3. It looks whether the other socket sleeps, and rings its bell if so.
//! 4. [`Socket::recv`] of the other socket, in its own thread, takes the parts out.
//!
//! No other thread takes part.
#![forbid(unsafe_code)]

mod authenticator;
mod block;
mod context;
mod error;
mod mail;
mod monitor;
mod names;
mod peers;
mod poller;
mod proxy;
mod reactor;
mod registry;
mod session;
mod socket;
pub mod status;
mod switch;
mod udp;

pub use authenticator::{
    AuthenticationRequest, Authenticator, AuthenticatorError, RunningAuthenticator,
};
pub use block::BlockMut;
pub use context::{ArenaOptions, ArenaUsage, Context};
pub use error::{
    EndpointError, OptionError, RecvError, SendError, SocketError, TerminateError, UnsentError,
};
pub use mail::{
    Carrier, Connection, EventKind, HandshakeFailure, MonitorEvent, SharedMemory, ZmtpReason,
};
pub use monitor::{Monitor, MonitorError};
pub use poller::{Interest, Item, PollError, Poller, Readiness};
pub use proxy::{Proxy, ProxyEnd, ProxyError, proxy};
pub use ringmq_message::{Frame, InvalidGroup, Kind, Message, ParseKindError, Properties};
pub use ringmq_pattern::SetOption;
pub use ringmq_pipe::blocks::HugePagesError;
pub use ringmq_pipe::remote::RefusalReason;
pub use ringmq_pipe::{Vow, Wait};
pub use ringmq_sys::{Credentials, ErrorNumber, ThreadOptions};
pub use ringmq_transport::{
    AddressError, BindError, IpcFilter, Keepalive, ListenError, ParseEndpointError, ReconnectStop,
    ResolveError, SocksProxy, Subnet, SubnetError, UdpError, datagram_address, endpoint_bytes,
    endpoint_text,
};
pub use ringmq_zmtp::{
    Credentials as PeerCredentials, Heartbeat, KeyError, KeyPair, Login, NoRandom, PublicKey,
    Refusal, SecretKey, User, Verdict, z85,
};
pub use socket::readiness::{Events, Watched};
pub use socket::{Security, Socket, SocketOptions, generate_key_pair};

// For the C library alone: monitors that are libzmq's, and waits that let go of their sockets, which threads share there.
#[doc(hidden)]
pub use mail::StreamWork;
#[doc(hidden)]
pub use monitor::{PlainMonitorError, plain::EventFormat};
#[doc(hidden)]
pub use poller::{PollPause, PollStep, PollWait};
#[doc(hidden)]
pub use proxy::{ProxyPause, ProxyProgress, ProxyStep};
// The first two are for the command, which asks peers without a socket of ringmq, and looks at other processes.
#[doc(hidden)]
pub use ringmq_sys::{cpu::quota_of as cpu_quota_of, peer_credentials, poll::SignalMask, rest};
#[doc(hidden)]
pub use socket::{patience::Woken, pause::Pause};
