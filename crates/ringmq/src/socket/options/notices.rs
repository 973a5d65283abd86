//! Messages about connections.

use crate::socket::options::SocketOptions;

/// Each acts on endpoints that are bound or connected to afterwards.
impl SocketOptions {
    /// A message that each peer gets first, once for each connection, also when it is made again. Empty, the default, is
    /// none. DEALER, ROUTER, CLIENT, SERVER and PEER send it; other types do not.
    ///
    /// ```
    /// use ringmq::{Context, Kind, SocketOptions};
    ///
    /// let context = Context::new()?;
    /// let options = SocketOptions::new().hello_message("welcome");
    /// let mut server = context.socket_with(Kind::Server, &options)?;
    /// server.bind("inproc://service")?;
    /// let mut client = context.socket(Kind::Client)?;
    /// client.connect("inproc://service")?;
    /// assert_eq!(client.recv()?[0].as_slice(), b"welcome");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn hello_message(mut self, message: impl AsRef<[u8]>) -> SocketOptions {
        self.notices.hello = message.as_ref().to_vec();
        self
    }

    /// A message that the socket receives last of a peer that had connected to it, once the connection has ended. It comes
    /// behind everything that the peer has sent. Empty, the default, is none. ROUTER, SERVER and PEER have it.
    ///
    /// ```
    /// use ringmq::{Context, Kind, SocketOptions};
    ///
    /// let context = Context::new()?;
    /// let options = SocketOptions::new().disconnect_message("gone");
    /// let mut server = context.socket_with(Kind::Server, &options)?;
    /// server.bind("inproc://service")?;
    /// let mut client = context.socket(Kind::Client)?;
    /// client.connect("inproc://service")?;
    /// client.send("one word")?;
    /// drop(client);
    /// assert_eq!(server.recv()?[0].as_slice(), b"one word");
    /// assert_eq!(server.recv()?[0].as_slice(), b"gone");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn disconnect_message(mut self, message: impl AsRef<[u8]>) -> SocketOptions {
        self.notices.disconnect = message.as_ref().to_vec();
        self
    }

    /// A message that the socket receives when it has lost a tcp or ipc connection that it had made. It comes behind
    /// everything that the peer has sent, and before what a later connection brings. Empty, the default, is none. DEALER,
    /// CLIENT and PEER have it.
    #[must_use]
    pub fn hiccup_message(mut self, message: impl AsRef<[u8]>) -> SocketOptions {
        self.notices.hiccup = message.as_ref().to_vec();
        self
    }

    /// Whether a ROUTER receives an empty message when a tcp or ipc connection was made, behind the routing id of the peer;
    /// false by default. Raw ROUTERs have [`stream_notify`](SocketOptions::stream_notify).
    ///
    /// ```
    /// use ringmq::{Context, Kind, SocketOptions};
    ///
    /// let context = Context::new()?;
    /// let options = SocketOptions::new().notify_connect(true).notify_disconnect(true);
    /// let mut router = context.socket_with(Kind::Router, &options)?;
    /// router.bind("tcp://127.0.0.1:*")?;
    /// let options = SocketOptions::new().routing_id("worker-1");
    /// let mut worker = context.socket_with(Kind::Dealer, &options)?;
    /// worker.connect(router.last_endpoint())?;
    /// let made = router.recv()?;
    /// assert!(made[0].as_slice() == b"worker-1" && made[1].is_empty());
    /// drop(worker);
    /// assert_eq!(router.recv()?, made);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn notify_connect(mut self, notify: bool) -> SocketOptions {
        self.notices.on_connect = notify;
        self
    }

    /// Whether a ROUTER receives an empty message when a tcp or ipc connection has ended, behind everything that the peer
    /// has sent; false by default.
    #[must_use]
    pub fn notify_disconnect(mut self, notify: bool) -> SocketOptions {
        self.notices.on_disconnect = notify;
        self
    }

    /// See [`hello_message`](SocketOptions::hello_message).
    pub fn get_hello_message(&self) -> &[u8] {
        &self.notices.hello
    }

    /// See [`disconnect_message`](SocketOptions::disconnect_message).
    pub fn get_disconnect_message(&self) -> &[u8] {
        &self.notices.disconnect
    }

    /// See [`hiccup_message`](SocketOptions::hiccup_message).
    pub fn get_hiccup_message(&self) -> &[u8] {
        &self.notices.hiccup
    }

    /// See [`notify_connect`](SocketOptions::notify_connect).
    pub fn get_notify_connect(&self) -> bool {
        self.notices.on_connect
    }

    /// See [`notify_disconnect`](SocketOptions::notify_disconnect).
    pub fn get_notify_disconnect(&self) -> bool {
        self.notices.on_disconnect
    }
}
