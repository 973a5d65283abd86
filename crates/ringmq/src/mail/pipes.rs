//! Makes the pipes between a socket and a session.

use std::io;
use std::sync::Arc;

use ringmq_message::Frame;
use ringmq_pipe::local::{Announcement, Bell, Post, Receiver, Sender, Waker};

use crate::mail::commands::{Attachment, Far, Link, Order, PipeId};
use crate::mail::ends::{SessionPipe, direction};
use crate::mail::event::Addresses;
use crate::mail::spare::Spare;

/// Activates a session.
struct SessionBell {
    post: Post<Order>,
    id: PipeId,
}

impl Bell for SessionBell {
    fn ring(&self) -> io::Result<()> {
        // An I/O thread that has ended has no sessions.
        let _ = self.post.send(Order::Activate(self.id));
        Ok(())
    }
}

/// Makes the direction from a session to its socket. `session` wakes the session.
pub(crate) fn inbound(link: &Link, session: &Waker) -> (Sender<Frame>, Receiver<Frame>) {
    let socket = Waker::from(link.bellpull.clone());
    let (conflates, mark) = (link.conflates.receiving, link.marks.receiving);
    direction(conflates, mark, socket, session.clone())
}

/// Makes the direction from a socket to its session. `session` wakes the session.
fn outbound(link: &Link, session: &Waker) -> (Sender<Frame>, Receiver<Frame>) {
    let socket = Waker::from(link.bellpull.clone());
    let (conflates, mark) = (link.conflates.sending, link.marks.sending);
    direction(conflates, mark, session.clone(), socket)
}

/// The pipe from a socket to its session for what follows shared memory. `session` wakes the session.
pub(crate) fn spare(link: &Link, session: &Waker) -> Arc<Spare> {
    let socket = Waker::from(link.bellpull.clone());
    let (conflates, mark) = (link.conflates.sending, link.marks.sending);
    Spare::new(conflates, mark, session.clone(), socket)
}

/// Makes the pipe between a socket and a session: the socket's ends, and the session's.
pub(crate) fn session_pipe(
    link: &Link,
    id: PipeId,
    post: &Post<Order>,
) -> (Attachment, SessionPipe) {
    let announcement = Announcement::new();
    let bell = Arc::new(SessionBell {
        post: post.clone(),
        id,
    });
    let waker = Waker::from(announcement.bellpull(bell));
    let (sender, outbound) = outbound(link, &waker);
    let (inbound, receiver) = inbound(link, &waker);
    (
        Attachment {
            id,
            sender,
            receiver,
            routing_id: Vec::new(),
            probed: false,
            marks: Some(link.marks),
            addresses: Addresses::default(),
            identity: Box::default(),
            farewell: None,
            far: Far::Session(post.clone()),
            datagrams: false,
        },
        SessionPipe {
            inbound,
            outbound,
            announcement,
            waker,
        },
    )
}
