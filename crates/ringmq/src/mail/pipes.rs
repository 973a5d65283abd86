//! Makes the pipes between a socket and a session.

use std::io;
use std::sync::Arc;

use ringmq_message::Frame;
use ringmq_pipe::local::{Announcement, Bell, Post, Receiver, Sender, Waker};
use ringmq_pipe::status::layout;

use crate::mail::carrier::Carrier;
use crate::mail::commands::{Attachment, Far, Link, Order, PipeId};
use crate::mail::ends::{BYTES_OF_SESSION, SessionPipe, direction_of_bytes, outward};
use crate::mail::event::Addresses;
use crate::mail::host::Host;
use crate::mail::row::{self, RowOrNone, shown};
use crate::mail::spare::Spare;

/// Activates a session.
struct SessionBell {
    post: Post<Order>,
    id: PipeId,
}

/// Works on a session, on the thread that rings. For the pipe of the socket, whose calls hold no lock that a session takes.
struct HelpingBell {
    host: Arc<dyn Host>,
    other: SessionBell,
}

impl Bell for HelpingBell {
    fn ring(&self) -> io::Result<()> {
        match self.host.work_on(self.other.id) {
            true => Ok(()),
            false => self.other.ring(),
        }
    }
}

impl Bell for SessionBell {
    fn ring(&self) -> io::Result<()> {
        // An I/O thread that has ended has no sessions.
        let _ = self.post.send(Order::Activate(self.id));
        Ok(())
    }
}

/// Makes the direction from a session to its socket. `session` wakes the session.
pub(crate) fn inbound(
    link: &Link,
    session: &Waker,
    row: &RowOrNone,
) -> (Sender<Frame>, Receiver<Frame>) {
    let socket = Waker::from(link.bellpull.clone());
    let (conflates, mark) = (link.conflates.receiving, link.marks.receiving);
    let (mut sender, mut receiver) =
        direction_of_bytes(conflates, mark, socket, session.clone(), BYTES_OF_SESSION);
    sender.show_in(shown(row, layout::STREAM_RECEIVED));
    receiver.show_in(shown(row, layout::LOCAL_RECEIVED));
    (sender, receiver)
}

/// Makes the direction from a socket to its session. `session` wakes the session.
fn outbound(link: &Link, session: &Waker, row: &RowOrNone) -> (Sender<Frame>, Receiver<Frame>) {
    let socket = Waker::from(link.bellpull.clone());
    let (conflates, mark) = (link.conflates.sending, link.marks.sending);
    outward(conflates, mark, session.clone(), socket, row)
}

/// The pipe from a socket to its session for what follows shared memory. `session` wakes the session.
pub(crate) fn spare(link: &Link, session: &Waker, row: &RowOrNone) -> Arc<Spare> {
    let socket = Waker::from(link.bellpull.clone());
    let (conflates, mark) = (link.conflates.sending, link.marks.sending);
    Spare::new(conflates, mark, session.clone(), socket, row.clone())
}

/// Makes the pipe between a socket and a session: the socket's ends, and the session's. `row` is the row of the connection in
/// the status page.
pub(crate) fn session_pipe(
    link: &Link,
    id: PipeId,
    (post, host): (&Post<Order>, Arc<dyn Host>),
    row: RowOrNone,
) -> (Attachment, SessionPipe) {
    let announcement = Announcement::new();
    let bell = || SessionBell {
        post: post.clone(),
        id,
    };
    let waker = Waker::from(announcement.bellpull(Arc::new(bell())));
    let helping = HelpingBell {
        host,
        other: bell(),
    };
    let helper = Waker::from(announcement.bellpull(Arc::new(helping)));
    let (sender, outbound) = outbound(link, &helper, &row);
    let (inbound, receiver) = inbound(link, &helper, &row);
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
            row: row.clone(),
        },
        SessionPipe {
            inbound,
            outbound,
            announcement,
            waker,
            row,
        },
    )
}

/// A row for a connection of a session's socket.
pub(crate) fn session_row(
    link: &Link,
    side: row::Side,
    carrier: Carrier,
    endpoint: &str,
) -> RowOrNone {
    row::connection_row(
        &link.row,
        &row::Newcomer {
            kind: link.kind,
            phase: row::Phase::Connecting,
            side,
            carrier,
            marks: link.marks,
            mechanism: Some(&link.settings.mechanism),
            shares: link.sharing.is_some(),
            endpoint,
        },
    )
}
