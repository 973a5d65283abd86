//! What both halves of an end hold in common: its mappings, and what it knows of its peer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use ringmq_sys::{Credentials, ForkMark};

use crate::maps::Map;

/// The mappings of an end, and what it knows of its peer. Both halves keep it alive: every `Mapped` of
/// theirs points into it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) mark: ForkMark,
    pub(super) pidfd: Option<OwnedFd>,
    pub(super) credentials: Credentials,
    /// All memory is mapped before it is used.
    pub(crate) prefault: bool,
    /// The greatest message that this end accepts, and that the peer does.
    pub(crate) own_greatest: u64,
    pub(crate) peer_greatest: u64,
    /// Whether a barrier of ours reaches the peer.
    pub(crate) barrier_reaches_peer: bool,
    /// Whether this end may change between fences and barriers by itself.
    pub(crate) may_change_payment: bool,
    /// Blocks that are held outlive the end, and need these two pages.
    pub(super) own_control: Arc<Map>,
    pub(super) peer_control: Arc<Map>,
    pub(super) _own_ring: Map,
    pub(super) _peer_ring: Map,
}

impl Shared {
    /// Returns true in the process that made the pipe, and false in a child forked from it. One load.
    #[inline(always)]
    pub(crate) fn is_here(&self) -> bool {
        self.mark.is_here()
    }

    pub(crate) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials
    }
}
