//! Messages about connections, which a socket sends and receives by itself.

use ringmq_message::Frame;
use ringmq_pattern::Kind;

/// What a socket wants to be told of its connections, and what it tells its peers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notices {
    /// The first message that each peer gets; empty for none.
    pub(crate) hello: Vec<u8>,
    /// What the socket receives last of a peer that had connected to it; empty for none.
    pub(crate) disconnect: Vec<u8>,
    /// What the socket receives when it has lost a connection that it had made; empty for none.
    pub(crate) hiccup: Vec<u8>,
    /// An empty message says that a tcp or ipc connection was made.
    pub(crate) on_connect: bool,
    /// An empty message says that a tcp or ipc connection has ended.
    pub(crate) on_disconnect: bool,
}

impl Notices {
    /// Those that a socket of this type has; `None` if there is none.
    pub(crate) fn of(&self, kind: Kind) -> Option<Box<Notices>> {
        let (client, server) = match kind {
            Kind::Dealer | Kind::Client => (true, false),
            Kind::Router | Kind::Server => (false, true),
            Kind::Peer => (true, true),
            _ => return None,
        };
        let of = |is_there: bool, message: &Vec<u8>| match is_there {
            true => message.clone(),
            false => Vec::new(),
        };
        let notices = Notices {
            hello: self.hello.clone(),
            disconnect: of(server, &self.disconnect),
            hiccup: of(client, &self.hiccup),
            on_connect: kind == Kind::Router && self.on_connect,
            on_disconnect: kind == Kind::Router && self.on_disconnect,
        };
        (notices != Notices::default()).then(|| Box::new(notices))
    }

    /// The message that a peer gets first.
    pub(crate) fn greeting(&self) -> Option<Frame> {
        message(&self.hello)
    }

    /// The message that the socket receives last of a peer within the process.
    pub(crate) fn farewell(&self) -> Option<Frame> {
        message(&self.disconnect)
    }

    /// The messages that the socket receives when a tcp or ipc connection has ended. `dialed`: it had made it.
    pub(crate) fn at_end(&self, dialed: bool) -> impl Iterator<Item = Frame> + use<> {
        let empty = self.on_disconnect.then(Frame::new);
        let last = message(if dialed {
            &self.hiccup
        } else {
            &self.disconnect
        });
        empty.into_iter().chain(last)
    }
}

fn message(bytes: &[u8]) -> Option<Frame> {
    (!bytes.is_empty()).then(|| Frame::from(bytes))
}
