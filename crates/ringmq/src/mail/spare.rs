//! The pipe by which a socket sends when it leaves shared memory.

use std::sync::{Arc, Mutex, PoisonError};

use ringmq_message::Frame;
use ringmq_pipe::local::{Receiver, Sender, Waker};

use crate::mail::ends::outward;
use crate::mail::row::RowOrNone;

/// The pipe from a socket to its session for what follows shared memory. The first side that needs it makes it, and leaves
/// the other end here. So the session has what a socket without memory sends next, whether that calls again or not.
#[derive(Debug)]
pub(crate) struct Spare {
    conflates: bool,
    mark: u64,
    session: Waker,
    socket: Waker,
    row: RowOrNone,
    left: Mutex<Option<End>>,
}

/// The end that is left for the other side.
#[derive(Debug)]
enum End {
    Sender(Sender<Frame>),
    Receiver(Receiver<Frame>),
}

impl Spare {
    /// The pipe is not made yet. The wakers wake the two sides.
    pub(crate) fn new(
        conflates: bool,
        mark: u64,
        session: Waker,
        socket: Waker,
        row: RowOrNone,
    ) -> Arc<Spare> {
        Arc::new(Spare {
            conflates,
            mark,
            session,
            socket,
            row,
            left: Mutex::new(None),
        })
    }

    /// The end of the socket, which takes it once.
    pub(crate) fn sender(&self) -> Sender<Frame> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(End::Sender(sender)) = left.take_if(|end| matches!(end, End::Sender(_))) {
            return sender;
        }
        let (sender, receiver) = self.make();
        *left = Some(End::Receiver(receiver));
        sender
    }

    /// The end of the session, which takes it once.
    pub(crate) fn receiver(&self) -> Receiver<Frame> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(End::Receiver(receiver)) = left.take_if(|end| matches!(end, End::Receiver(_))) {
            return receiver;
        }
        let (sender, receiver) = self.make();
        *left = Some(End::Sender(sender));
        receiver
    }

    fn make(&self) -> (Sender<Frame>, Receiver<Frame>) {
        let (session, socket) = (self.session.clone(), self.socket.clone());
        outward(self.conflates, self.mark, session, socket, &self.row)
    }
}
