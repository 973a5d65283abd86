//! Messages over a byte stream of the kernel: of one size, so nothing stands between them.
//!
//! Each message is written with one call and read with another. A reader that took as much as there is
//! with each call was two to three times slower across two cores: it runs dry and sleeps, and the
//! writer pays for waking it.

use std::io::{self, Read, Write};

use crate::run::mechanism::End;

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
