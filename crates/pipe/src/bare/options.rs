//! What can be chosen before a pipe is made.

use std::time::{Duration, Instant};

use super::error::OptionsError;
use super::offer::BLOCKS_MOST;
use crate::waiting::Wait;

/// Options of an end of a pipe. Each end has its own. Only the greatest message length is sent to the peer.
///
/// ```
/// use ringmq_pipe::{Options, Pipe, Wait};
///
/// let options = Options::new().capacity(1 << 20).wait(Wait::Park);
/// let (mut left, mut right) = options.pair()?;
/// left.sender().send(b"hello")?;
/// let mut message = Vec::new();
/// right.receiver().recv(&mut message)?;
/// assert_eq!(message, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) capacity: usize,
    pub(crate) blocks: usize,
    pub(crate) max_message: u64,
    pub(crate) wait: Wait,
    pub(crate) prefault: bool,
    pub(crate) huge_pages: bool,
    pub(crate) other_uids: bool,
    pub(crate) mode: Option<u32>,
    pub(crate) backlog: i32,
    pub(crate) handshake: Duration,
    pub(crate) start: u64,
    pub(crate) fences: Option<bool>,
}

impl Default for Options {
    fn default() -> Self {
        Options::new()
    }
}

impl Options {
    /// The defaults: 1 MiB of ring, messages of up to 1 GiB, adaptive waiting, the same user only,
    /// 5 s for connection set-up.
    pub fn new() -> Options {
        Options {
            capacity: 1 << 20,
            blocks: 0,
            max_message: 1 << 30,
            wait: Wait::default(),
            prefault: false,
            huge_pages: false,
            other_uids: false,
            mode: None,
            backlog: 128,
            handshake: Duration::from_secs(5),
            start: 0,
            fences: None,
        }
    }

    /// Bytes of the ring that this end writes: a power of two from 4 KiB to 2 GiB. The memory is
    /// allocated when the pipe is made. Longer messages flow through in pieces.
    #[must_use]
    pub fn capacity(mut self, bytes: usize) -> Options {
        self.capacity = bytes;
        self
    }

    /// Bytes of memory for [blocks](crate::Sender::block) that this end writes, up to 1 TiB, beside the ring; 0, which is
    /// none, by default. It is rounded up a little, and allocated when the pipe is made. A peer that cannot read blocks
    /// gets copies of them.
    #[must_use]
    pub fn block_capacity(mut self, bytes: usize) -> Options {
        self.blocks = bytes;
        self
    }

    /// The greatest message that this end accepts, in bytes. The peer learns of it and refuses to send
    /// more; one that sends more nevertheless loses the connection. Streams of bytes have no limit.
    #[must_use]
    pub fn max_message(mut self, bytes: u64) -> Options {
        self.max_message = bytes;
        self
    }

    /// How this end waits.
    #[must_use]
    pub fn wait(mut self, wait: Wait) -> Options {
        self.wait = wait;
        self
    }

    /// Maps all memory when the pipe is made, so that neither the first lap of the ring nor the first use of a block takes
    /// page faults. Off by default.
    #[must_use]
    pub fn prefault(mut self, prefault: bool) -> Options {
        self.prefault = prefault;
        self
    }

    /// Gives the memory for [blocks](Options::block_capacity) huge pages, if the kernel has them: Linux 6.1, and from 2 MiB
    /// on. Off by default. Without them the pages are ordinary ones, and
    /// [`Sender::huge_pages_refused`](crate::Sender::huge_pages_refused) says why.
    #[must_use]
    pub fn huge_pages(mut self, huge: bool) -> Options {
        self.huge_pages = huge;
        self
    }

    /// Lets processes of other users connect to this listener. Off by default: they are refused,
    /// whatever the permissions of the path allow. Read SECURITY.md first.
    #[must_use]
    pub fn allow_other_uids(mut self, allow: bool) -> Options {
        self.other_uids = allow;
        self
    }

    /// Permission bits of the listener's path, 0o600 for instance. By default the umask decides.
    #[must_use]
    pub fn mode(mut self, bits: u32) -> Options {
        self.mode = Some(bits);
        self
    }

    /// Connections that may wait to be accepted; 128 by default.
    #[must_use]
    pub fn backlog(mut self, connections: i32) -> Options {
        self.backlog = connections;
        self
    }

    /// The time that connection set-up may take on either side; 5 s by default. Zero means no limit, as does a time that
    /// ends beyond what the clock can say.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Options {
        self.handshake = timeout;
        self
    }

    /// When a set-up that begins now has taken too long; `None` if it may take any time.
    pub(crate) fn handshake_ends(&self, now: Instant) -> Option<Instant> {
        now.checked_add(self.handshake)
            .filter(|_| !self.handshake.is_zero())
    }

    /// The position at which this end's ring starts, for tests that want to see a boundary passed.
    #[doc(hidden)]
    #[must_use]
    pub fn start_position(mut self, position: u64) -> Options {
        self.start = position / 8 * 8;
        self
    }

    /// Who pays for the order before a sleep, once and for all: the peer with fences, or this end with
    /// barriers. For the bench that compares the two.
    #[doc(hidden)]
    #[must_use]
    pub fn ask_fences(mut self, ask: bool) -> Options {
        self.fences = Some(ask);
        self
    }

    pub(super) fn too_many_blocks(&self) -> OptionsError {
        OptionsError::BlockCapacity {
            bytes: self.blocks,
            most: BLOCKS_MOST,
        }
    }

    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        let page = ringmq_sys::page_size();
        if !self.capacity.is_power_of_two()
            || self.capacity < page
            || self.capacity > ringmq_ring::CAPACITY_MOST
        {
            return Err(OptionsError::Capacity {
                bytes: self.capacity,
                least: page,
                most: ringmq_ring::CAPACITY_MOST,
            });
        }
        if self.blocks as u64 > BLOCKS_MOST {
            return Err(self.too_many_blocks());
        }
        if self.max_message == 0 {
            return Err(OptionsError::MaxMessage);
        }
        Ok(())
    }
}
