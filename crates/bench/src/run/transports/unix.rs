//! A Unix stream socket.

use std::os::unix::net::UnixStream;

use crate::error::{Error, SHORT_OF};
use crate::plan::spec::Spec;
use crate::run::job::Side;
use crate::run::mechanism::{Ends, Mechanism, Wires};
use crate::run::transports::stream::Stream;

pub(crate) struct Unix;

impl Mechanism for Unix {
    type End = Stream<UnixStream, UnixStream>;

    fn prepare(_: &Spec) -> Result<Wires, Error> {
        let (near, far) =
            UnixStream::pair().map_err(Error::os("create a pair of Unix sockets", SHORT_OF))?;
        Ok(Wires {
            near: vec![near.into()],
            far: vec![far.into()],
            address: String::new(),
        })
    }

    fn attach(spec: &Spec, _: Side, wires: Ends) -> Result<Self::End, Error> {
        let [socket] = wires.take()?;
        let reader = UnixStream::from(socket);
        let writer = reader
            .try_clone()
            .map_err(Error::os("copy a descriptor", SHORT_OF))?;
        Ok(Stream::new(reader, writer, spec.size.0))
    }
}
