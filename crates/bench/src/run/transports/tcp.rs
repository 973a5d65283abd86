//! TCP over the loopback device, without Nagle's algorithm.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::error::Error;
use crate::run::transports::stream::StreamSocket;

impl StreamSocket for TcpStream {
    fn pair() -> Result<(TcpStream, TcpStream), Error> {
        let remedy = "see that the loopback device is up (ip link set lo up)";
        connected().map_err(Error::os("connect over 127.0.0.1", remedy))
    }
}

/// The two ends of one connection.
fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, from) = listener.accept()?;
    if from != near.local_addr()? {
        return Err(io::Error::other("another program connected first"));
    }
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}
