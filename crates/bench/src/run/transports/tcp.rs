//! TCP over the loopback device, without Nagle's algorithm.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::error::{Error, SHORT_OF};
use crate::plan::spec::Spec;
use crate::run::job::Side;
use crate::run::mechanism::{Ends, Mechanism, Wires};
use crate::run::transports::stream::Stream;

pub(crate) struct Tcp;

/// Two ends of one connection.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, from) = listener.accept()?;
    if from != near.local_addr()? {
        return Err(io::Error::other("somebody else connected first"));
    }
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

impl Mechanism for Tcp {
    type End = Stream<TcpStream, TcpStream>;

    fn prepare(_: &Spec) -> Result<Wires, Error> {
        let remedy = "see that the loopback device is up (ip link set lo up)";
        let (near, far) = pair().map_err(Error::os("connect over 127.0.0.1", remedy))?;
        Ok(Wires {
            near: vec![near.into()],
            far: vec![far.into()],
            address: String::new(),
        })
    }

    fn attach(spec: &Spec, _: Side, wires: Ends) -> Result<Self::End, Error> {
        let [socket] = wires.take()?;
        let reader = TcpStream::from(socket);
        let writer = reader
            .try_clone()
            .map_err(Error::os("copy a descriptor", SHORT_OF))?;
        Ok(Stream::new(reader, writer, spec.size.0))
    }
}
