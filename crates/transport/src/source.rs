//! What `mio` polls: the descriptors of listeners, dialers, streams and udp sockets.

use std::io;
use std::os::fd::AsRawFd;

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::dialer::Connecting;
use crate::listener::Listener;
use crate::stream::Stream;
use crate::udp::UdpSocket;

/// Each is polled by its descriptor, whatever that is at the time.
macro_rules! polled_by_descriptor {
    ($($source:ty),*) => {
        $(impl Source for $source {
            fn register(
                &mut self,
                to: &Registry,
                token: Token,
                interest: Interest,
            ) -> io::Result<()> {
                SourceFd(&self.as_raw_fd()).register(to, token, interest)
            }

            fn reregister(
                &mut self,
                to: &Registry,
                token: Token,
                interest: Interest,
            ) -> io::Result<()> {
                SourceFd(&self.as_raw_fd()).reregister(to, token, interest)
            }

            fn deregister(&mut self, from: &Registry) -> io::Result<()> {
                SourceFd(&self.as_raw_fd()).deregister(from)
            }
        })*
    };
}

polled_by_descriptor!(Listener, Connecting, Stream, UdpSocket);
