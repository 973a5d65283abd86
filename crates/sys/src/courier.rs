//! What carries descriptors while a connection stands.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// Bytes of a note, which goes with each descriptor.
const NOTE: usize = 16;

/// One end of a pair of sockets by which two processes hand each other descriptors, one at a time, each with a note.
/// Neither call ever sleeps.
///
/// ```
/// use std::os::fd::AsFd;
/// use ringmq_sys::{Courier, Event};
///
/// let (ours, theirs) = Courier::pair()?;
/// ours.send([1; 16], Event::new()?.as_fd())?;
/// let (note, _fd) = theirs.receive()?.expect("it was sent");
/// assert_eq!(note, [1; 16]);
/// assert!(theirs.receive()?.is_none());
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Courier {
    fd: OwnedFd,
}

impl Courier {
    /// Both ends; one of them travels to the peer.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn pair() -> io::Result<(Courier, Courier)> {
        let (left, right) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        Ok((Courier { fd: left }, Courier { fd: right }))
    }

    /// Takes a descriptor that a peer sent as its end of a pair.
    ///
    /// # Errors
    /// `InvalidInput` if it is no Unix socket of packets; it is closed then.
    pub fn adopt(fd: OwnedFd) -> io::Result<Courier> {
        let unix = rustix::net::sockopt::socket_domain(&fd)? == AddressFamily::UNIX;
        if unix && rustix::net::sockopt::socket_type(&fd)? == SocketType::SEQPACKET {
            Ok(Courier { fd })
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    /// Hands over a descriptor, or does not.
    ///
    /// # Errors
    /// `WouldBlock` and `ETOOMANYREFS` when too much is under way, `BrokenPipe` when the peer is gone, and whatever
    /// else sendmsg(2) answers. Nothing was sent then.
    pub fn send(&self, note: [u8; NOTE], fd: BorrowedFd<'_>) -> io::Result<()> {
        let fds = [fd];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fits = control.push(SendAncillaryMessage::ScmRights(&fds));
        debug_assert!(fits, "there is space for one");
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let pieces = [IoSlice::new(&note)];
        rustix::net::sendmsg(&self.fd, &pieces, &mut control, flags)?;
        Ok(())
    }

    /// Takes what the peer has handed over, if it has.
    ///
    /// # Errors
    /// `InvalidData` if what came is not a note with one descriptor; `UnexpectedEof` if the peer has closed its end and
    /// everything was taken; `OutOfMemory` if the kernel could not hand the descriptor over, because this process has as
    /// many as it may have. The descriptor is lost then.
    pub fn receive(&self) -> io::Result<Option<([u8; NOTE], OwnedFd)>> {
        let mut note = [0; NOTE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let mut pieces = [IoSliceMut::new(&mut note)];
        let mut receive = || rustix::net::recvmsg(&self.fd, &mut pieces, &mut control, flags);
        // That the peer closed its end with something unread is said once, and before what it has sent.
        let came = match receive().or_else(|errno| match errno {
            Errno::CONNRESET => receive(),
            errno => Err(errno),
        }) {
            Ok(came) => came,
            Err(Errno::AGAIN) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        // Each descriptor has its owner before anything is judged.
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                fds.extend(rights);
            }
        }
        if came.bytes == 0 && fds.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let lost = ReturnFlags::CTRUNC | ReturnFlags::TRUNC;
        match fds.pop() {
            Some(fd) if fds.is_empty() && came.bytes == NOTE && !came.flags.intersects(lost) => {
                Ok(Some((note, fd)))
            }
            None if came.bytes == NOTE && came.flags.contains(ReturnFlags::CTRUNC) => {
                Err(io::ErrorKind::OutOfMemory.into())
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The descriptor to send to the peer.
impl AsFd for Courier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    #[test]
    fn what_was_sent_outlives_the_sender() {
        let (ours, theirs) = Courier::pair().unwrap();
        // Unread descriptors of the other direction do not spoil this one.
        theirs.send([7; 16], Event::new().unwrap().as_fd()).unwrap();
        for number in 0..3 {
            ours.send([number; 16], Event::new().unwrap().as_fd())
                .unwrap();
        }
        drop(ours);
        for number in 0..3 {
            assert_eq!(theirs.receive().unwrap().unwrap().0, [number; 16]);
        }
        assert!(theirs.receive().is_err());
    }

    #[test]
    fn a_socket_of_another_kind_is_refused() {
        let (ours, _theirs) = crate::Stream::pair().unwrap();
        assert!(Courier::adopt(ours.into()).is_err());
        assert!(Courier::adopt(crate::Doorbell::new().unwrap().1).is_err());
        let (_ours, theirs) = Courier::pair().unwrap();
        assert!(Courier::adopt(theirs.fd).is_ok());
    }
}
