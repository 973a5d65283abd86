//! Peers of SERVER, PEER and ROUTER, by the routing ids under which messages name them.

use std::num::NonZeroU32;

use ringmq_pattern::{Kind, Pipes};

use crate::error::{EndpointError, SendError};
use crate::socket::Socket;

impl Socket {
    /// Connects a PEER to an endpoint, and returns the routing id of the peer there. Messages can be sent to it at once,
    /// before the connection is made. The id stays the same when the connection is made again.
    ///
    /// # Errors
    ///
    /// As [`connect`](Socket::connect). [`EndpointError::NotSupported`] if the socket is no PEER;
    /// [`EndpointError::Immediate`] if it has [`immediate`](crate::SocketOptions::immediate).
    ///
    /// ```
    /// use ringmq::{Context, Kind, Message};
    ///
    /// let context = Context::new()?;
    /// let (mut a, mut b) = (context.socket(Kind::Peer)?, context.socket(Kind::Peer)?);
    /// a.bind("tcp://127.0.0.1:*")?;
    /// let a_of_b = b.connect_peer(a.last_endpoint())?;
    /// b.send(Message::from("question").with_routing_id(Some(a_of_b)))?;
    ///
    /// let question = a.recv()?;
    /// assert_eq!(question[0].as_slice(), b"question");
    /// a.send(Message::from("answer").with_routing_id(question.routing_id()))?;
    ///
    /// let answer = b.recv()?;
    /// assert_eq!(answer[0].as_slice(), b"answer");
    /// assert_eq!(answer.routing_id(), Some(a_of_b));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect_peer(&mut self, endpoint: &str) -> Result<NonZeroU32, EndpointError> {
        if self.kind() != Kind::Peer {
            return Err(EndpointError::NotSupported);
        }
        if self.options.immediate {
            return Err(EndpointError::Immediate);
        }
        self.connect(endpoint)?;
        // The connect has attached the peer as the last thing that it did.
        self.pattern
            .last_number()
            .ok_or(EndpointError::NotSupported)
    }

    /// Ends the connection to one peer of a SERVER or PEER. Messages that were sent to it still leave, for as long as
    /// [linger](Socket::set_linger) allows; those of it that were not received are dropped. A peer that has connected may
    /// connect again, and has another routing id then.
    ///
    /// # Errors
    ///
    /// [`EndpointError::NoPeer`] if no peer has this id, and [`EndpointError::NotSupported`] if the socket is neither a SERVER
    /// nor a PEER.
    ///
    /// ```
    /// use ringmq::{Context, Kind, Message, SendError};
    ///
    /// let context = Context::new()?;
    /// let (mut server, mut client) = (context.socket(Kind::Server)?, context.socket(Kind::Client)?);
    /// server.bind("inproc://service")?;
    /// client.connect("inproc://service")?;
    /// client.send("request")?;
    /// let id = server.recv()?.routing_id();
    /// server.disconnect_peer(id.expect("that of the client"))?;
    /// let error = server.send(Message::from("reply").with_routing_id(id)).unwrap_err();
    /// assert!(matches!(error.reason, SendError::HostUnreachable));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn disconnect_peer(&mut self, id: NonZeroU32) -> Result<(), EndpointError> {
        if !self.kind().uses_routing_ids() {
            return Err(EndpointError::NotSupported);
        }
        self.begin_at_endpoint()?;
        let peer = self.pattern.peer_by_number(id);
        self.detach(peer.ok_or(EndpointError::NoPeer(id))?);
        Ok(())
    }

    /// Returns true if the peer of a ROUTER that has this routing id can take a message now.
    ///
    /// # Errors
    ///
    /// [`SendError::HostUnreachable`] if no peer has the id, and [`SendError::NotSupported`] if the socket is no ROUTER.
    ///
    /// ```
    /// use ringmq::{Context, Kind, SendError, SocketOptions};
    ///
    /// let context = Context::new()?;
    /// let mut router = context.socket(Kind::Router)?;
    /// router.bind("inproc://service")?;
    /// let options = SocketOptions::new().routing_id("worker");
    /// let mut worker = context.socket_with(Kind::Dealer, &options)?;
    /// worker.connect("inproc://service")?;
    /// assert!(router.can_send_to(b"worker")?);
    /// assert!(matches!(router.can_send_to(b"other"), Err(SendError::HostUnreachable)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn can_send_to(&mut self, id: &[u8]) -> Result<bool, SendError> {
        if self.kind() != Kind::Router {
            return Err(SendError::NotSupported);
        }
        self.begin_to_send()?;
        let peer = self.pattern.peer_by_id(id);
        let peer = peer.ok_or(SendError::HostUnreachable)?;
        Ok(self.peers.can_write(peer))
    }
}
