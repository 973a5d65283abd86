//! What a call waits for.

use std::sync::Arc;

use ringmq_pattern::Ready;
use ringmq_pipe::local::Mailbox;
use ringmq_pipe::waiting::{Awaited, Beside, Company, Slept};

use crate::mail::{Command, Host, Waiter};
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
    /// The I/O thread whose work this thread does while it waits, and what it is to that.
    pub(crate) host: Option<&'a Arc<dyn Host>>,
    pub(crate) waiter: Option<Waiter>,
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
        if let Some(waiter) = &self.waiter {
            waiter.glance();
        }
        self.mailbox.has_mail()
            || self.is_behind
            || self.ready == Ready::Writable
            || self.peers.any_may_be_readable()
    }

    #[inline(always)]
    fn is_it(&mut self) -> bool {
        self.trusts || self.look()
    }

    #[inline(always)]
    fn pauses(&self) -> u32 {
        // A look at the kernel takes so long.
        if self.waiter.is_some() { 16 } else { 1 }
    }

    fn company(&mut self, here: u32) -> Company {
        if self.host.is_none() || !self.peers.come_by_stream() {
            return self.peers.company(here);
        }
        if !self.waiter.as_ref().is_some_and(Waiter::leads) {
            // The I/O thread brings it, wherever the peer runs.
            return Company::Unknown;
        }
        match self.peers.company(here) {
            // The spins show by themselves whether they pay.
            Company::Unknown => Company::Elsewhere,
            known => known,
        }
    }

    fn received(&self) -> u64 {
        self.peers.received()
    }

    #[inline]
    fn lead(&mut self) -> Option<Beside> {
        let host = self.host?;
        if let Some(waiter) = &self.waiter {
            return waiter.go_on();
        }
        if !self.peers.come_by_stream() {
            return None;
        }
        let (waiter, beside) = Waiter::begin(host)?;
        self.waiter = Some(waiter);
        beside
    }

    fn serve(&mut self) {
        if let Some(waiter) = &self.waiter {
            waiter.serve();
        }
    }

    fn check(&mut self) -> Result<bool, Slept> {
        // What is due by the clock, of which the kernel does not tell.
        self.serve();
        Ok(self.look())
    }

    fn settle(&mut self) {
        self.peers.show();
    }

    fn is_wanted(&self) -> bool {
        self.wanted.is_some_and(|wanted| wanted())
    }
}
