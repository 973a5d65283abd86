//! Both halves of an end together.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use ringmq_sys::Credentials as PeerCredentials;

use super::receiver::Receiver;
use super::sender::Sender;

/// One end of a pipe: it sends to the other end, and receives from it.
///
/// Made by [`Options::connect`](crate::Options::connect), [`Listener::accept`](crate::Listener::accept)
/// or [`Options::pair`](crate::Options::pair). Used as one, or [split](Pipe::split) for two threads.
#[derive(Debug)]
pub struct Pipe {
    // Dropped in this order: the peer sees the end of what was sent before it sees that the receiver is closed.
    sender: Sender,
    receiver: Receiver,
}

impl Pipe {
    pub(crate) fn new(sender: Sender, receiver: Receiver) -> Pipe {
        Pipe { sender, receiver }
    }

    /// The sending half.
    #[inline]
    pub fn sender(&mut self) -> &mut Sender {
        &mut self.sender
    }

    /// The receiving half.
    #[inline]
    pub fn receiver(&mut self) -> &mut Receiver {
        &mut self.receiver
    }

    /// Splits the pipe into its halves. Each may go to a thread of its own. Each closes its direction when it
    /// is dropped.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }

    /// The credentials of the peer, from the kernel.
    pub fn peer_credentials(&self) -> PeerCredentials {
        self.receiver.peer_credentials()
    }
}

/// As [`Receiver`]'s.
impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.receiver.read(into)
    }

    fn read_vectored(&mut self, into: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.receiver.read_vectored(into)
    }
}

/// As [`Sender`]'s.
impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sender.write(bytes)
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        self.sender.write_vectored(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sender.flush()
    }
}

/// As [`Receiver`]'s: readable while there is something to receive.
impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}

/// The number of the same descriptor.
impl AsRawFd for Pipe {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
