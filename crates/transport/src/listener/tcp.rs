//! Listening on tcp.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use socket2::{Domain, Socket, Type};

use super::{AcceptError, ListenError};
use crate::endpoint::{Endpoint, TcpAddress};
use crate::options::Options;
use crate::resolve::Purpose;
use crate::stream::Stream;
use crate::tuning::{Refused, addresses, at, mark, open, tune};

#[derive(Debug)]
pub(super) struct TcpListener {
    socket: Socket,
}

impl From<Refused> for AcceptError {
    fn from(Refused { step, source }: Refused) -> AcceptError {
        AcceptError::Option { step, source }
    }
}

impl TcpListener {
    pub(super) fn bind(
        address: &TcpAddress,
        options: &Options,
    ) -> Result<(TcpListener, Endpoint), ListenError> {
        if let Some(source) = &address.source {
            // It has no meaning here; libzmq wants it to be right all the same.
            addresses(source, Purpose::Source, options, None)?;
        }
        let text = || Endpoint::Tcp(address.clone()).to_string();
        let found = addresses(&address.place, Purpose::Bind, options, None)?;
        // A name may stand for several; libzmq listens on the first. There is at least one.
        let Some(own) = found.first() else {
            return Err(ListenError::NoStream { endpoint: text() });
        };
        TcpListener::listen(own, options).map_err(|Refused { step, source }| ListenError::Os {
            step,
            endpoint: text(),
            source,
        })
    }

    fn listen(own: &SocketAddr, options: &Options) -> Result<(TcpListener, Endpoint), Refused> {
        let socket = open(own, options)?;
        socket.set_reuse_address(true).map_err(at("SO_REUSEADDR"))?;
        socket.bind(&(*own).into()).map_err(at("bind"))?;
        socket.listen(options.backlog).map_err(at("listen"))?;
        let bound = bound(&socket).map_err(at("getsockname"))?;
        Ok((TcpListener { socket }, bound))
    }

    pub(super) fn adopt(fd: OwnedFd) -> io::Result<(TcpListener, Endpoint)> {
        let socket = Socket::from(fd);
        let internet = [Domain::IPV4, Domain::IPV6].contains(&socket.domain()?);
        if !internet || socket.r#type()? != Type::STREAM || !socket.is_listener()? {
            let what = "not a tcp socket that listens";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        socket.set_nonblocking(true)?;
        socket.set_cloexec(true)?;
        let bound = bound(&socket)?;
        Ok((TcpListener { socket }, bound))
    }

    pub(super) fn accept(&self, options: &Options) -> Result<Stream, AcceptError> {
        let (socket, peer) = self.socket.accept().map_err(AcceptError::Os)?;
        let peer = peer.as_socket().ok_or_else(|| {
            let nameless = io::ErrorKind::ConnectionAborted.into();
            AcceptError::Os(nameless)
        })?;
        let filters = &options.accept_from;
        if !filters.is_empty() && !filters.iter().any(|filter| filter.holds(peer.ip())) {
            let peer = peer.ip().to_string();
            return Err(AcceptError::Filtered { peer });
        }
        socket.set_nonblocking(true).map_err(at("O_NONBLOCK"))?;
        mark(&socket, &peer, options)?;
        tune(&socket, options)?;
        Ok(Stream::tcp(socket))
    }
}

/// What the socket is bound to.
fn bound(socket: &Socket) -> io::Result<Endpoint> {
    match socket.local_addr()?.as_socket() {
        Some(own) => Ok(Endpoint::Tcp(own.into())),
        None => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
