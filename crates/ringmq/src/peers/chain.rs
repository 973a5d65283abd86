//! A chain of sources of frames. They are read one after the other: a connection may go over to shared memory, and
//! back.

use std::collections::VecDeque;
use std::iter;
use std::mem;

use ringmq_message::Frame;
use ringmq_pipe::local::Receiver;

use crate::peers::local_source::LocalSource;

/// Sources of the frames of one direction. The socket reads one chain for each peer, and the session another.
#[derive(Debug)]
pub(crate) struct Chain<M> {
    pub(super) front: Source<M>,
    /// The sources that are read once the front is at its end.
    pub(super) next: VecDeque<Source<M>>,
}

/// One source of frames. `M` is the shared memory that this side reads.
#[derive(Debug)]
pub(super) enum Source<M> {
    /// A pipe of this process.
    Local(LocalSource),
    /// Shared memory.
    Memory(Box<M>),
    /// Parts of messages that were read before, the last part first.
    Parts(Vec<Frame>),
}

/// Shared memory that frames are read from.
pub(crate) trait Memory {
    /// Returns true if a part can be read. If it is the first of a message, all its parts can be.
    fn is_ready(&mut self) -> bool;

    /// Takes the next part.
    fn pop(&mut self) -> Option<Frame>;

    /// Returns true if nothing can be read now, nor later.
    fn is_at_end(&mut self) -> bool;
}

impl<M> Chain<M> {
    pub(super) fn of(front: Source<M>) -> Chain<M> {
        Chain {
            front,
            next: VecDeque::new(),
        }
    }

    /// A chain of one pipe of this process.
    pub(crate) fn local(receiver: Receiver<Frame>) -> Chain<M> {
        Chain::of(Source::Local(receiver.into()))
    }

    pub(super) fn sources(&mut self) -> impl Iterator<Item = &mut Source<M>> {
        iter::once(&mut self.front).chain(&mut self.next)
    }

    pub(super) fn last(&mut self) -> &mut Source<M> {
        self.next.back_mut().unwrap_or(&mut self.front)
    }

    /// Counts a message as read. To be called after its last part.
    #[inline(always)]
    pub(crate) fn done(&mut self) {
        if let Source::Local(local) = &mut self.front {
            // The credit is stored. A sender that cannot be woken sees it with its next call.
            let _ = local.receiver.done();
        }
    }

    /// Shows in the status page how many messages came by the pipe of this process that is read.
    #[inline]
    pub(crate) fn show(&mut self) {
        if let Source::Local(local) = &mut self.front {
            local.receiver.show();
        }
    }

    /// Sets the high-water mark of the pipes of this process.
    pub(crate) fn set_mark(&mut self, mark: u64) {
        for source in self.sources() {
            if let Source::Local(local) = source {
                local.receiver.set_mark(mark);
            }
        }
    }
}

impl<M: Memory> Chain<M> {
    /// Adds the sources of another chain, to be read after those of this one.
    pub(crate) fn then(&mut self, other: Chain<M>) {
        self.next.push_back(other.front);
        self.next.extend(other.next);
        // A socket that only sends never reads, and would keep the memory of every peer that has gone.
        self.drop_ended();
    }

    /// Adds the sources of another chain, to be read before what is left of this one.
    pub(crate) fn first(&mut self, other: Chain<M>) {
        self.drop_ended();
        let rest = mem::replace(&mut self.front, other.front);
        self.next.push_front(rest);
        for source in other.next.into_iter().rev() {
            self.next.push_front(source);
        }
    }

    /// Drops the sources at the front that are at their end, but for the last one.
    pub(super) fn drop_ended(&mut self) {
        while !self.next.is_empty() && self.front.is_at_end() {
            if let Some(next) = self.next.pop_front() {
                self.front = next;
            }
        }
    }

    /// Returns true if a part can be read. If it is the first of a message, all its parts can be.
    #[inline(always)]
    pub(crate) fn is_ready(&mut self) -> bool {
        self.front.is_ready() || (!self.next.is_empty() && self.go_on())
    }

    #[cold]
    fn go_on(&mut self) -> bool {
        self.drop_ended();
        self.front.is_ready()
    }

    /// Takes the next part.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        if self.next.is_empty() {
            self.front.pop()
        } else {
            self.pop_further()
        }
    }

    #[cold]
    fn pop_further(&mut self) -> Option<Frame> {
        if self.is_ready() {
            self.front.pop()
        } else {
            None
        }
    }

    /// Returns true if everything was read, and nothing more can come.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.drop_ended();
        self.next.is_empty() && self.front.is_at_end()
    }
}

impl<M: Memory> Source<M> {
    #[inline(always)]
    fn is_ready(&mut self) -> bool {
        match self {
            Source::Local(local) => local.receiver.is_ready(),
            Source::Memory(memory) => memory.is_ready(),
            Source::Parts(parts) => !parts.is_empty(),
        }
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Frame> {
        match self {
            Source::Local(local) => local.pop(),
            Source::Memory(memory) => memory.pop(),
            Source::Parts(parts) => parts.pop(),
        }
    }

    fn is_at_end(&mut self) -> bool {
        match self {
            Source::Local(local) => local.receiver.is_at_end(),
            Source::Memory(memory) => memory.is_at_end(),
            Source::Parts(parts) => parts.is_empty(),
        }
    }
}
