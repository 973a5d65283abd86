//! What a session sends: what the socket gives it, and what a peer that is gone has not taken out of shared memory.

use std::collections::VecDeque;

use ringmq_message::Frame;
use ringmq_pipe::local::Receiver;
use ringmq_pipe::remote::Unread;

use crate::peers::parts::take_parts;

/// The receiving ends of the session, one after the other.
#[derive(Debug)]
pub(crate) struct Outbound {
    front: Source,
    /// What is sent when that is at its end.
    next: VecDeque<Source>,
}

#[derive(Debug)]
enum Source {
    Socket(Receiver<Frame>),
    Unread(Box<Left>),
    /// The parts of a message, the last one first.
    Late(Vec<Frame>),
}

/// What was left in shared memory.
#[derive(Debug)]
struct Left {
    unread: Unread,
    /// The rest of a message, the last part first.
    parts: Vec<Frame>,
}

impl Outbound {
    pub(crate) fn new(receiver: Receiver<Frame>) -> Outbound {
        Outbound {
            front: Source::Socket(receiver),
            next: VecDeque::new(),
        }
    }

    /// Of a socket that has let go, with a message that it could not send any more.
    pub(crate) fn late(mut parts: Vec<Frame>) -> Outbound {
        parts.reverse();
        Outbound {
            front: Source::Late(parts),
            next: VecDeque::new(),
        }
    }

    /// What the peer has not taken of what it had in shared memory.
    pub(crate) fn left(unread: Unread) -> Outbound {
        let parts = Vec::new();
        Outbound {
            front: Source::Unread(Box::new(Left { unread, parts })),
            next: VecDeque::new(),
        }
    }

    /// That one is sent when this is at its end.
    pub(crate) fn then(&mut self, other: Outbound) {
        self.next.push_back(other.front);
        self.next.extend(other.next);
    }

    /// That one is sent before what is left of this, of which a part was.
    pub(crate) fn first(&mut self, other: Outbound) {
        self.go_on();
        let rest = std::mem::replace(&mut self.front, other.front);
        self.next.push_front(rest);
    }

    /// The socket has let go, with a message that it could not send any more: that one comes instead of what it would
    /// have given to the new end.
    pub(crate) fn end_with(&mut self, parts: Vec<Frame>) {
        *self.next.back_mut().unwrap_or(&mut self.front) = Outbound::late(parts).front;
    }

    /// Whether all that is left comes from the socket, by the end that it has now.
    pub(crate) fn is_fresh(&mut self) -> bool {
        self.go_on();
        self.next.is_empty()
    }

    fn go_on(&mut self) {
        while !self.next.is_empty() && self.front.is_at_end() {
            if let Some(next) = self.next.pop_front() {
                self.front = next;
            }
        }
    }

    /// Whether the socket has let go of the end that it had, for whatever reason.
    pub(crate) fn is_let_go(&self) -> bool {
        match self.next.back().unwrap_or(&self.front) {
            Source::Socket(receiver) => receiver.sender_is_gone(),
            Source::Unread(_) | Source::Late(_) => true,
        }
    }

    /// Whether a part is there.
    pub(crate) fn is_ready(&mut self) -> bool {
        self.go_on();
        match &mut self.front {
            Source::Socket(receiver) => receiver.is_ready(),
            Source::Unread(left) => left.is_ready(),
            Source::Late(parts) => !parts.is_empty(),
        }
    }

    /// Takes the next part.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        if !self.next.is_empty() {
            self.go_on();
        }
        match &mut self.front {
            Source::Socket(receiver) => receiver.pop(),
            Source::Unread(left) => left.pop(),
            Source::Late(parts) => parts.pop(),
        }
    }

    /// After the last part of a message.
    #[inline]
    pub(crate) fn done(&mut self) {
        if let Source::Socket(receiver) = &mut self.front {
            // The credit is there, even if its receiver cannot be woken.
            let _ = receiver.done();
        }
    }

    /// The socket has this mark now.
    pub(crate) fn set_mark(&mut self, mark: u64) {
        for source in std::iter::once(&mut self.front).chain(&mut self.next) {
            if let Source::Socket(receiver) = source {
                receiver.set_mark(mark);
            }
        }
    }

    /// Whether the socket has let go, and everything was taken.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.go_on();
        self.next.is_empty() && self.front.is_at_end()
    }
}

impl Source {
    fn is_at_end(&mut self) -> bool {
        match self {
            Source::Socket(receiver) => receiver.is_at_end(),
            Source::Unread(left) => left.parts.is_empty() && left.unread.is_at_end(),
            Source::Late(parts) => parts.is_empty(),
        }
    }
}

impl Left {
    fn is_ready(&mut self) -> bool {
        !self.parts.is_empty() || self.unread.peek().is_some()
    }

    fn pop(&mut self) -> Option<Frame> {
        if !self.parts.is_empty() {
            return self.parts.pop();
        }
        let incoming = self.unread.peek()?;
        let contents = self.unread.contents(&incoming)?;
        let unread = &self.unread;
        // Without memory it stays where it is; the connection will not live long.
        let first = take_parts(&contents, &mut self.parts, |at, len| {
            unread.copy(&incoming, at, len).ok().map(Frame::from)
        })?;
        self.unread.done(incoming);
        Some(first)
    }
}
