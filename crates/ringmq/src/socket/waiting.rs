//! What a call waits for.

use ringmq_pattern::Ready;
use ringmq_pipe::local::Mailbox;
use ringmq_pipe::waiting::{Awaited, Company, Slept};

use crate::mail::Command;
use crate::peers::Peers;

/// Mail, and messages to read or room to write.
pub(crate) struct Waiting<'a> {
    pub(crate) peers: &'a mut Peers,
    pub(crate) mailbox: &'a Mailbox<Command>,
    pub(crate) ready: Ready,
    /// A spin ends when a peer stirs, without a closer look: the receive that follows is one, and may find no message. The
    /// next wait of the same call looks closely.
    pub(crate) trusts: bool,
    /// Subscriptions wait until there is room.
    pub(crate) is_behind: bool,
    /// Whether another thread wants the socket.
    pub(crate) wanted: Option<&'a (dyn Fn() -> bool + Send + Sync)>,
}

impl Awaited for Waiting<'_> {
    type Error = Slept;

    #[inline(always)]
    fn look(&mut self) -> bool {
        self.mailbox.has_mail()
            || (self.ready == Ready::Readable && self.peers.any_readable())
            // In one place, because it is compiled into each spin.
            || ((self.is_behind || self.ready == Ready::Writable) && self.peers.any_writable())
    }

    /// The heart of a spin.
    #[inline(always)]
    fn stirs(&mut self) -> bool {
        self.mailbox.has_mail()
            || self.is_behind
            || self.ready == Ready::Writable
            || self.peers.any_may_be_readable()
    }

    #[inline(always)]
    fn is_it(&mut self) -> bool {
        self.trusts || self.look()
    }

    fn company(&mut self, here: u32) -> Company {
        self.peers.company(here)
    }

    fn received(&self) -> u64 {
        self.peers.received()
    }

    fn settle(&mut self) {
        self.peers.show();
    }

    fn is_wanted(&self) -> bool {
        self.wanted.is_some_and(|wanted| wanted())
    }
}
