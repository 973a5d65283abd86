//! Messages over a byte stream of the kernel. All have one size, so that no length stands between them.
//!
//! Each message is written with one call and read with another. A reader that took as much as there is with each call
//! was two to three times slower across two cores: it empties the stream and sleeps, and the writer pays for the wake.

use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::fd::OwnedFd;

use crate::error::{Error, SHORT_OF};
use crate::plan::spec::Spec;
use crate::run::carrier::{Carrier, End, Ends, Wires};
use crate::run::job::Side;

/// An end that reads one stream and writes another, or the same.
#[derive(Debug)]
pub(crate) struct Stream<R, W> {
    reader: R,
    writer: W,
    size: usize,
}

impl<R: Read, W: Write> Stream<R, W> {
    pub(crate) fn new(reader: R, writer: W, size: usize) -> Self {
        Stream {
            reader,
            writer,
            size,
        }
    }
}

impl<R: Read, W: Write> End for Stream<R, W> {
    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.writer.write_all(message)
    }

    #[inline]
    fn recv(&mut self, message: &mut Vec<u8>) -> io::Result<()> {
        message.resize(self.size, 0);
        self.reader.read_exact(message)
    }
}

/// A socket that is a byte stream in both directions.
pub(crate) trait StreamSocket: Read + Write + From<OwnedFd> + Into<OwnedFd> {
    /// Creates the two ends of one connection.
    fn pair() -> Result<(Self, Self), Error>;
}

/// The carrier of such a socket.
#[derive(Debug)]
pub(crate) struct Duplex<S>(PhantomData<S>);

impl<S: StreamSocket> Carrier for Duplex<S> {
    type End = Stream<S, S>;

    fn prepare(_: &Spec) -> Result<Wires, Error> {
        let (near, far) = S::pair()?;
        Ok(Wires {
            near: vec![near.into()],
            far: vec![far.into()],
            ..Wires::default()
        })
    }

    fn attach(spec: &Spec, _: Side, wires: Ends) -> Result<Self::End, Error> {
        let [reader] = wires.take()?;
        let writer = reader
            .try_clone()
            .map_err(Error::os("copy a descriptor", SHORT_OF))?;
        Ok(Stream::new(S::from(reader), S::from(writer), spec.size.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_many_is_handed_out() {
        let bytes: Vec<u8> = (0..30).collect();
        let mut stream = Stream::new(bytes.as_slice(), Vec::new(), 3);
        let mut last = Vec::new();
        stream.recv_many(&mut last, 10).unwrap();
        assert_eq!(last, [27, 28, 29]);
        let error = stream.recv_many(&mut last, 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
