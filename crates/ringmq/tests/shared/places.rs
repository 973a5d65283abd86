//! Where the sockets of a test meet, over ipc. tests/shared_tcp has the other file of this name: over tcp.

use std::os::unix::net::UnixStream;

use ringmq_testing::{Scratch, abstract_name};

/// Descriptors of a connection in shared memory: the Unix socket.
pub(crate) const OF_CONNECTION: usize = 1;
/// Descriptors that an I/O thread has once a connection of its listeners has gone over.
pub(crate) const OF_THREAD: usize = 0;

/// Places and names that belong to one test.
#[derive(Debug)]
pub(crate) struct Places {
    folder: Scratch,
}

impl Places {
    pub(crate) fn new() -> Places {
        Places {
            folder: Scratch::new(),
        }
    }

    /// The endpoint of this name: the same with each call.
    pub(crate) fn endpoint(&self, name: &str) -> String {
        format!("ipc://{}", self.path(name))
    }

    /// An endpoint to which other users may come.
    #[allow(clippy::unused_self, reason = "over tcp it is one of these places")]
    pub(crate) fn public(&self, name: &str) -> String {
        format!("ipc://{}", abstract_name(name))
    }

    /// The path of a file.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path(name)
    }

    /// Connects to the endpoint of this name without a socket of the library.
    pub(crate) fn dial(&self, name: &str) -> UnixStream {
        UnixStream::connect(self.path(name)).unwrap()
    }
}
