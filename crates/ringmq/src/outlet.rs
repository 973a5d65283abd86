//! Where the messages for a peer go: to a pipe of this process, or to one in shared memory.

use ringmq_message::Frame;
use ringmq_pipe::{local, remote};

/// The sending end of a peer's pipe.
#[derive(Debug)]
pub(crate) enum Outlet {
    /// To a socket of this process, or to a session.
    Local(local::Sender<Frame>),
    /// To a socket of another process.
    Shared(Box<Shared>),
}

/// The sending end of a pipe in shared memory, where a record is a whole message.
#[derive(Debug)]
pub(crate) struct Shared {
    sender: remote::Sender,
    /// The parts of a message that is not sent yet.
    parts: Vec<Frame>,
    /// It has its last part, and there was no room for it.
    waits: bool,
    /// It can never be sent this way; or not now, for want of memory or descriptors.
    broken: bool,
    short: bool,
    /// The other end is gone.
    refuses: bool,
}

impl Outlet {
    pub(crate) fn shared(sender: remote::Sender) -> Outlet {
        Outlet::Shared(Box::new(Shared {
            sender,
            parts: Vec::new(),
            waits: false,
            broken: false,
            short: false,
            refuses: false,
        }))
    }

    /// Whether the mark admits one more message.
    #[inline(always)]
    pub(crate) fn has_room(&mut self) -> bool {
        match self {
            Outlet::Local(sender) => sender.has_room(),
            Outlet::Shared(shared) => shared.has_room(),
        }
    }

    /// Whether the mark is reached, for all that is known. In shared memory there is nothing to be learnt late.
    pub(crate) fn is_spent(&self) -> bool {
        match self {
            Outlet::Local(sender) => sender.is_spent(),
            Outlet::Shared(_) => false,
        }
    }

    /// Adds a part of a message, and sends that with the last one. A peer that cannot be woken finds it at its next
    /// call.
    #[inline(always)]
    pub(crate) fn push(&mut self, frame: Frame, last: bool) {
        match self {
            Outlet::Local(sender) => {
                let _ = sender.push(frame, last);
            }
            Outlet::Shared(shared) => shared.push(frame, last),
        }
    }

    /// Takes back the parts of a message that has had no last one.
    pub(crate) fn rollback(&mut self) {
        match self {
            Outlet::Local(sender) => sender.rollback(),
            Outlet::Shared(shared) if shared.waits => {}
            Outlet::Shared(shared) => shared.parts.clear(),
        }
    }

    /// The other end is gone: no more messages are taken.
    pub(crate) fn refuse(&mut self) {
        match self {
            Outlet::Local(sender) => sender.refuse(),
            Outlet::Shared(shared) => shared.refuses = true,
        }
    }

    /// Messages that were sent, and that the other end has not reported.
    pub(crate) fn waiting(&self) -> u64 {
        match self {
            Outlet::Local(sender) => sender.waiting(),
            Outlet::Shared(shared) => shared.sender.waiting(),
        }
    }

    /// Whether a message has begun, and not had its last part.
    pub(crate) fn is_in_midst(&self) -> bool {
        match self {
            Outlet::Local(sender) => sender.is_in_midst(),
            Outlet::Shared(shared) => !shared.waits && !shared.parts.is_empty(),
        }
    }

    /// Whether the pipe cannot be used any more.
    #[inline(always)]
    pub(crate) fn is_broken(&self) -> bool {
        match self {
            Outlet::Local(_) => false,
            Outlet::Shared(shared) => shared.broken,
        }
    }

    /// Whether that is for want of memory or descriptors.
    pub(crate) fn is_short(&self) -> bool {
        match self {
            Outlet::Local(_) => false,
            Outlet::Shared(shared) => shared.short,
        }
    }

    /// A message that was accepted and could not be sent.
    pub(crate) fn take_back(&mut self) -> Vec<Frame> {
        match self {
            Outlet::Local(_) => Vec::new(),
            Outlet::Shared(shared) => std::mem::take(&mut shared.parts),
        }
    }
}

impl Shared {
    /// The CPU that the other end last ran on, as far as is known.
    pub(crate) fn cpu(&self) -> Option<u32> {
        self.sender.cpu()
    }

    #[inline]
    fn has_room(&mut self) -> bool {
        if self.refuses || (self.waits && !self.try_again()) {
            return false;
        }
        self.sender.has_room()
    }

    #[cold]
    fn try_again(&mut self) -> bool {
        if !self.broken {
            self.send();
        }
        !self.waits
    }

    #[inline]
    fn push(&mut self, frame: Frame, last: bool) {
        if !last || !self.parts.is_empty() {
            self.parts.push(frame);
            if last {
                self.send();
            }
            return;
        }
        if let Err(refused) = self.sender.push(&frame) {
            self.parts.push(frame);
            self.refused(refused);
        }
    }

    fn send(&mut self) {
        let sent = match &self.parts[..] {
            [] => Ok(()),
            [one] => self.sender.push(one),
            parts => self.sender.push_parts(parts.iter().map(Frame::as_slice)),
        };
        match sent {
            Ok(()) => {
                self.parts.clear();
                self.waits = false;
            }
            Err(refused) => self.refused(refused),
        }
    }

    /// The mark has admitted it, so it waits here.
    #[cold]
    fn refused(&mut self, refused: remote::PushError) {
        self.waits = true;
        self.broken = refused != remote::PushError::Full;
        self.short = refused == remote::PushError::Resources;
    }

    /// Our part of the mark.
    pub(crate) fn set_mark(&mut self, mark: u64) {
        self.sender.set_mark(mark);
    }
}
