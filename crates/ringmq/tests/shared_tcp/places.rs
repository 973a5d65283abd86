//! Where the sockets of a test meet, over tcp. tests/shared has the other file of this name: over ipc.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::Mutex;

use ringmq_testing::{ReservedPort, Scratch};

/// Descriptors of a connection in shared memory: the Unix socket, and the tcp socket that it has come from.
pub(crate) const OF_CONNECTION: usize = 2;
/// Descriptors that an I/O thread keeps once its listeners have had a connection: the Unix socket to which the other side
/// comes, and the spare descriptor of that.
pub(crate) const OF_THREAD: usize = 2;

/// Places and names that belong to one test.
#[derive(Debug)]
pub(crate) struct Places {
    folder: Scratch,
    ports: Mutex<BTreeMap<String, ReservedPort>>,
}

impl Places {
    pub(crate) fn new() -> Places {
        Places {
            folder: Scratch::new(),
            ports: Mutex::default(),
        }
    }

    fn port(&self, name: &str) -> u16 {
        let mut ports = self.ports.lock().unwrap();
        let port = ports.entry(name.to_owned());
        port.or_insert_with(ReservedPort::new).number()
    }

    /// The endpoint of this name: the same with each call.
    pub(crate) fn endpoint(&self, name: &str) -> String {
        format!("tcp://127.0.0.1:{}", self.port(name))
    }

    /// An endpoint to which other users may come.
    pub(crate) fn public(&self, name: &str) -> String {
        self.endpoint(name)
    }

    /// The path of a file.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path(name)
    }

    /// Connects to the endpoint of this name without a socket of the library.
    pub(crate) fn dial(&self, name: &str) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port(name))).unwrap()
    }
}
