//! What a socket receives from a peer: what comes by a pipe of this process, and what the peer wrote to shared memory.

use std::sync::Arc;

use ringmq_message::{Frame, Properties};
use ringmq_pipe::Vow;
use ringmq_pipe::remote::{self, Room};

use crate::mail::{Bounds, Failure};
use crate::peers::chain::{Chain, Source};
use crate::peers::shared_source::SharedSource;

/// The chain that a socket reads for a peer.
pub(crate) type Inlet = Chain<SharedSource>;

impl Inlet {
    /// A chain of the shared memory that a peer writes to.
    pub(crate) fn shared(
        receiver: remote::Receiver,
        properties: Option<Arc<Properties>>,
        bounds: Bounds,
        vow: Option<Vow>,
    ) -> Inlet {
        let shared = SharedSource::new(receiver, properties, bounds, vow);
        Chain::of(Source::Memory(Box::new(shared)))
    }

    /// A chain of one message of one part.
    pub(crate) fn message(message: Frame) -> Inlet {
        Chain::of(Source::Parts(vec![message]))
    }

    fn shared_sources(&mut self) -> impl Iterator<Item = &mut SharedSource> {
        self.sources().filter_map(|source| match source {
            Source::Memory(shared) => Some(&mut **shared),
            Source::Local(_) | Source::Parts(_) => None,
        })
    }

    /// The peer writes to shared memory no more. What it has published can still be received. If that is not too much,
    /// it is copied out, and keeps neither memory nor descriptors.
    pub(crate) fn sender_is_gone(&mut self) {
        for source in self.sources() {
            if let Source::Memory(shared) = source
                && let Some(left) = shared.sender_is_gone()
            {
                *source = Source::Parts(left);
            }
        }
    }

    /// This side has ended the connection by itself. What was not read in shared memory is the peer's to send again.
    pub(crate) fn stop(&mut self) {
        for shared in self.shared_sources() {
            shared.stop();
        }
    }

    /// Returns false if [`is_ready`](Chain::is_ready) would say the same as when it last was false.
    #[inline(always)]
    pub(crate) fn may_be_ready(&mut self) -> bool {
        match &mut self.front {
            Source::Memory(shared) if self.next.is_empty() => shared.may_be_ready(),
            _ => self.is_ready(),
        }
    }

    /// Takes the next part and copies as much of it to `into` as there is room for. Gives its length, and whether more
    /// parts follow.
    #[inline(always)]
    pub(crate) fn pop_slice(&mut self, into: &mut Room<'_>) -> Option<(usize, bool)> {
        if self.next.is_empty() {
            match &mut self.front {
                Source::Memory(shared) => {
                    if let Some(len) = shared.pop_slice(into) {
                        return Some((len, false));
                    }
                }
                Source::Local(local) => {
                    if let Some(taken) = local.pop_slice(into) {
                        return Some(taken);
                    }
                }
                Source::Parts(_) => {}
            }
        }
        let frame = self.pop()?;
        into.copy_from(&frame);
        Some((frame.len(), frame.more()))
    }

    /// Takes an empty first part that others follow, if there is one in shared memory. Returns true if it did.
    #[inline(always)]
    pub(crate) fn pop_delimiter(&mut self) -> bool {
        match &mut self.front {
            Source::Memory(shared) if self.next.is_empty() => shared.pop_delimiter(),
            _ => false,
        }
    }

    /// Takes the next part to a frame. Gives whether more parts follow.
    #[inline(always)]
    pub(crate) fn pop_to(&mut self, frame: &mut Frame) -> Option<bool> {
        if self.next.is_empty() {
            match &mut self.front {
                Source::Memory(shared) => {
                    if shared.pop_to(frame) {
                        return Some(false);
                    }
                }
                Source::Local(local) => {
                    if let Some(more) = local.pop_to(frame) {
                        return Some(more);
                    }
                }
                Source::Parts(_) => {}
            }
        }
        *frame = self.pop()?;
        Some(frame.more())
    }

    /// Sets whether parts that lie in blocks are not copied out.
    pub(crate) fn set_vow(&mut self, vow: Option<Vow>) {
        for shared in self.shared_sources() {
            shared.set_vow(vow);
        }
    }

    /// Sets this side's part of the high-water mark of shared memory.
    pub(crate) fn set_shared_mark(&mut self, mark: u64) {
        for shared in self.shared_sources() {
            shared.set_mark(mark);
        }
    }

    /// The number of messages that wait in shared memory. The session counts those that wait elsewhere.
    pub(crate) fn waiting_shared(&self) -> u64 {
        let sources = std::iter::once(&self.front).chain(&self.next);
        sources
            .map(|source| match source {
                Source::Memory(shared) => shared.waiting(),
                Source::Local(_) | Source::Parts(_) => 0,
            })
            .sum()
    }

    /// The CPU that the other end last ran on, as far as is known.
    pub(crate) fn cpu(&self) -> Option<u32> {
        match &self.front {
            Source::Local(local) => local.receiver.cpu(),
            Source::Memory(shared) => shared.cpu(),
            Source::Parts(_) => None,
        }
    }

    /// Returns true if the source at the front cannot be read on, and the session does not know it.
    #[inline(always)]
    pub(crate) fn has_failed(&self) -> bool {
        match &self.front {
            Source::Local(_) | Source::Parts(_) => false,
            Source::Memory(shared) => shared.health.is_unreported(),
        }
    }

    /// Gives the failure that the session is to be told of, once.
    pub(crate) fn report(&mut self) -> Option<Failure> {
        match &mut self.front {
            Source::Local(_) | Source::Parts(_) => None,
            Source::Memory(shared) => shared.health.report(),
        }
    }

    /// A failure is to be reported once more.
    pub(crate) fn report_again(&mut self) {
        for shared in self.shared_sources() {
            shared.health.report_again();
        }
    }
}
