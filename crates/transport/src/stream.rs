//! A connection: bytes, and who is at its ends.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{Arc, OnceLock};

use ringmq_sys::{Address, receive_behind, receive_some, send_some};
use socket2::{SockAddr, SockRef, Socket};

use crate::endpoint::{Endpoint, TcpPlace};

/// A connected byte stream, non-blocking, to be registered with `mio` by its owner.
#[derive(Debug)]
pub struct Stream {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Tcp(Tcp),
    Ipc(Arc<ringmq_sys::Stream>),
}

/// A tcp socket and the addresses of its ends, ours first, once they were asked for. They do not change.
#[derive(Debug)]
struct Tcp {
    socket: Socket,
    ends: OnceLock<[SocketAddr; 2]>,
}

impl Tcp {
    fn ends(&self) -> Option<[SocketAddr; 2]> {
        if self.ends.get().is_none() {
            let [Ok(own), Ok(peer)] = [self.socket.local_addr(), self.socket.peer_addr()] else {
                return None;
            };
            let _ = self.ends.set([own.as_socket()?, peer.as_socket()?]);
        }
        self.ends.get().copied()
    }
}

impl Stream {
    pub(crate) fn tcp(socket: Socket) -> Stream {
        let ends = OnceLock::new();
        Stream {
            inner: Inner::Tcp(Tcp { socket, ends }),
        }
    }

    pub(crate) fn ipc(unix: ringmq_sys::Stream) -> Stream {
        Stream {
            inner: Inner::Ipc(Arc::new(unix)),
        }
    }

    /// Reads what has come; 0 at the end of the stream. Descriptors that came along on ipc are lost:
    /// who expects some receives on [`unix`](Stream::unix).
    ///
    /// # Errors
    /// `WouldBlock` when nothing has come; `ConnectionReset` and its like when the peer is gone.
    pub fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        receive_some(self.as_fd(), into)
    }

    /// As [`read`](Stream::read), behind the bytes that `into` has: at most `most`, and as many as it has capacity for.
    ///
    /// # Errors
    /// As [`read`](Stream::read).
    pub fn read_behind(&self, into: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        receive_behind(self.as_fd(), into, most)
    }

    /// Writes as much of `pieces` as there is room for. Never raises `SIGPIPE`.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; `BrokenPipe` and its like when the peer is gone.
    pub fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        send_some(self.as_fd(), pieces)
    }

    /// The CPU on which the last bytes of a tcp connection came in: that of the peer, if it is on this machine. `None` for
    /// others, and if the kernel does not know.
    #[must_use]
    pub fn incoming_cpu(&self) -> Option<u32> {
        match &self.inner {
            Inner::Tcp(_) => ringmq_sys::incoming_cpu(self.as_fd()),
            Inner::Ipc(_) => None,
        }
    }

    /// Ends one direction, or both. The peer reads to its end what was written before.
    ///
    /// # Errors
    /// `NotConnected` when the peer was faster.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        SockRef::from(self).shutdown(how)
    }

    /// The Unix socket of an ipc connection, which carries descriptors and credentials, too.
    #[must_use]
    pub fn unix(&self) -> Option<&ringmq_sys::Stream> {
        match &self.inner {
            Inner::Tcp(_) => None,
            Inner::Ipc(unix) => Some(unix),
        }
    }

    /// As [`unix`](Stream::unix), for another thread that writes whole frames there while this one has nothing to write.
    /// The connection stands for as long as either has it.
    #[must_use]
    pub fn share_unix(&self) -> Option<Arc<ringmq_sys::Stream>> {
        match &self.inner {
            Inner::Tcp(_) => None,
            Inner::Ipc(unix) => Some(Arc::clone(unix)),
        }
    }

    /// libzmq's `Peer-Address`: the IP address of a tcp peer, `localhost:uid:gid:pid` of an ipc peer
    /// (as the kernel recorded the process that called connect or listen). Empty if the peer is gone already.
    #[must_use]
    pub fn peer_address(&self) -> String {
        match &self.inner {
            Inner::Tcp(tcp) => match tcp.ends() {
                Some([_, peer]) => TcpPlace::from(peer).bare_host(),
                None => String::new(),
            },
            Inner::Ipc(unix) => match unix.peer_cred() {
                Ok(peer) => format!("localhost:{}:{}:{}", peer.uid, peer.gid, peer.pid),
                Err(_) => String::new(),
            },
        }
    }

    /// The addresses of a tcp connection, ours first. `None` over ipc, and if the kernel did not know them any more when they
    /// were asked for first.
    #[must_use]
    pub fn tcp_ends(&self) -> Option<[SocketAddr; 2]> {
        match &self.inner {
            Inner::Tcp(tcp) => tcp.ends(),
            Inner::Ipc(_) => None,
        }
    }

    /// Our end, for monitors: `tcp://192.0.2.1:40000`; `ipc://` alone for the end that connected.
    /// Empty if the kernel does not know any more.
    #[must_use]
    pub fn local_endpoint(&self) -> String {
        if let Some([own, _]) = self.tcp_ends() {
            return Endpoint::Tcp(own.into()).to_string();
        }
        SockRef::from(self)
            .local_addr()
            .map_or_else(|_| String::new(), |own| text(&own))
    }

    /// The peer's end, for monitors, as [`local_endpoint`](Stream::local_endpoint).
    #[must_use]
    pub fn remote_endpoint(&self) -> String {
        if let Some([_, peer]) = self.tcp_ends() {
            return Endpoint::Tcp(peer.into()).to_string();
        }
        SockRef::from(self)
            .peer_addr()
            .map_or_else(|_| String::new(), |peer| text(&peer))
    }
}

impl From<ringmq_sys::Stream> for Stream {
    fn from(unix: ringmq_sys::Stream) -> Stream {
        Stream::ipc(unix)
    }
}

/// An address of the kernel's as an endpoint.
fn text(address: &SockAddr) -> String {
    if let Some(address) = address.as_socket() {
        Endpoint::Tcp(address.into()).to_string()
    } else if let Some(path) = address.as_pathname() {
        Endpoint::Ipc(Address::Path(path.into())).to_string()
    } else if let Some(name) = address.as_abstract_namespace() {
        Endpoint::Ipc(Address::Abstract(name.into())).to_string()
    } else {
        "ipc://".to_owned()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.inner {
            Inner::Tcp(tcp) => tcp.socket.as_fd(),
            Inner::Ipc(unix) => unix.as_fd(),
        }
    }
}

impl AsRawFd for Stream {
    /// The number that `SRCFD` and monitor events tell.
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
