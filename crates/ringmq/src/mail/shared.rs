//! What a socket and a session pass to each other when a connection changes its carrier.

use std::sync::Arc;

use ringmq_message::{Frame, Properties};
use ringmq_pipe::local::Receiver;
use ringmq_pipe::remote;

use crate::mail::bounds::Bounds;
use crate::mail::carrier::ZmtpReason;
use crate::mail::failure::Failure;
use crate::mail::spare::Spare;

/// Ends in shared memory, for the directions that change over.
#[derive(Debug)]
pub(crate) struct Upgrade {
    pub(crate) sender: Option<remote::Sender>,
    /// The way back from there.
    pub(crate) spare: Option<Arc<Spare>>,
    pub(crate) receiver: Option<remote::Receiver>,
    /// The properties of the peer, for the messages that are received.
    pub(crate) properties: Option<Arc<Properties>>,
    /// The bounds of the messages that are received.
    pub(crate) bounds: Bounds,
}

impl Upgrade {
    /// Both sides have agreed on shared memory. The peer changes over with its next message.
    pub(crate) fn agreed() -> Upgrade {
        Upgrade {
            sender: None,
            spare: None,
            receiver: None,
            properties: None,
            bounds: Bounds::default(),
        }
    }

    /// The socket sends by this sender from now on, and by the spare pipe when it leaves that.
    pub(crate) fn sender(sender: remote::Sender, spare: Arc<Spare>) -> Upgrade {
        Upgrade {
            sender: Some(sender),
            spare: Some(spare),
            receiver: None,
            properties: None,
            bounds: Bounds::default(),
        }
    }

    /// The socket reads the pipe to its end, and then from this receiver.
    pub(crate) fn receiver(
        receiver: remote::Receiver,
        properties: Option<Arc<Properties>>,
        bounds: Bounds,
    ) -> Upgrade {
        Upgrade {
            sender: None,
            spare: None,
            receiver: Some(receiver),
            properties,
            bounds,
        }
    }
}

/// The directions that go back to ZMTP.
#[derive(Debug)]
pub(crate) struct Downgrade {
    /// The socket sends by the spare pipe from now on.
    pub(crate) sends: bool,
    /// The socket's end of a pipe from the session.
    pub(crate) receiver: Option<Receiver<Frame>>,
    pub(crate) why: ZmtpReason,
}

/// A message that a socket has accepted and could not put into shared memory before it closed, and the sender for it.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub(crate) sender: remote::Sender,
    /// The parts of the message, the first one first.
    pub(crate) parts: Vec<Frame>,
    /// Why `sender` can never send it; `None` if there was only no room.
    pub(crate) failure: Option<Failure>,
}
