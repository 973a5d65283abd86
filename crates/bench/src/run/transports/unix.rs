//! A Unix stream socket.

use std::os::unix::net::UnixStream;

use crate::error::{Error, SHORT_OF};
use crate::run::transports::stream::StreamSocket;

impl StreamSocket for UnixStream {
    fn pair() -> Result<(UnixStream, UnixStream), Error> {
        UnixStream::pair().map_err(Error::os("create a pair of Unix sockets", SHORT_OF))
    }
}
