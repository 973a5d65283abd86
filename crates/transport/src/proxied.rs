//! What is said to a proxy, on its socket.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::BorrowedFd;

use ringmq_sys::{receive_some, send_some};

use crate::endpoint::TcpPlace;
use crate::socks::{Exchange, SocksError, SocksProxy};

/// A connection to a proxy that is to become one to a peer.
#[derive(Debug)]
pub(crate) struct Proxied {
    exchange: Exchange,
}

/// How far it has come.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The socket carries the peer's bytes from now on.
    Connected,
    /// Nothing goes at once.
    Waits,
    Refused(SocksError),
}

impl Proxied {
    pub(crate) fn new(proxy: &SocksProxy, to: &TcpPlace) -> Result<Proxied, SocksError> {
        let exchange = Exchange::new(proxy, to)?;
        Ok(Proxied { exchange })
    }

    /// Sends and receives until the socket has no room, or nothing has come.
    pub(crate) fn advance(&mut self, socket: BorrowedFd<'_>) -> io::Result<Progress> {
        while !self.exchange.is_connected() {
            let step = match self.exchange.output() {
                [] => self.receive(socket),
                output => {
                    let sent = send_some(socket, &[IoSlice::new(output)]);
                    sent.map(|bytes| {
                        self.exchange.sent(bytes);
                        Ok(())
                    })
                }
            };
            match step {
                Ok(Ok(())) => {}
                Ok(Err(refused)) => return Ok(Progress::Refused(refused)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Progress::Waits),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Progress::Connected)
    }

    fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<Result<(), SocksError>> {
        // The longest answer has 262 bytes.
        let mut bytes = [0; 262];
        let wanted = self.exchange.wanted().min(bytes.len());
        match receive_some(socket, &mut bytes[..wanted])? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            received => Ok(self.exchange.received(&bytes[..received])),
        }
    }
}
