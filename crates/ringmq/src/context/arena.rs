//! What the memory for large bodies is like.

use ringmq_pipe::blocks::{ArenaMemory, HugePagesError};

/// Options of the memory for [blocks](crate::BlockMut): [`Context::set_arena`](crate::Context::set_arena).
///
/// ```
/// use ringmq::{ArenaOptions, Context};
///
/// let context = Context::new()?;
/// let options = ArenaOptions::new().own(true).huge_pages(true).reserve(32 << 20);
/// context.set_arena(&options)?;
/// assert_eq!(context.arena_usage().bytes, 32 << 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArenaOptions {
    pub(super) own: bool,
    pub(super) memory: ArenaMemory,
}

impl ArenaOptions {
    /// The defaults: the arena of the process, ordinary pages that are mapped when the memory is made, and no memory before
    /// it is needed.
    pub fn new() -> ArenaOptions {
        ArenaOptions::default()
    }

    /// Whether the context has an arena of its own; false by default. It has it from then on: later calls change its
    /// options. If false, the options are those of the arena of the process, which all other contexts share.
    ///
    /// The memory goes back to the kernel when the context and its sockets are gone: that of each segment with its last
    /// frame.
    #[must_use]
    pub fn own(mut self, own: bool) -> ArenaOptions {
        self.own = own;
        self
    }

    /// Whether the memory has huge pages, if the kernel gives them; false by default. They are transparent huge pages, of 2
    /// MiB on most machines, which need no privilege and no set-up, but Linux 6.1. Without them the memory has ordinary
    /// pages, and the event [`OrdinaryPages`](crate::EventKind::OrdinaryPages) says why.
    #[must_use]
    pub fn huge_pages(mut self, huge: bool) -> ArenaOptions {
        self.memory.huge_pages = huge;
        self
    }

    /// Whether all pages of a segment are mapped when it is made; true by default. If false, the first write to each page
    /// is a page fault, and the call that makes a segment is shorter.
    #[must_use]
    pub fn prefault(mut self, prefault: bool) -> ArenaOptions {
        self.memory.prefault = prefault;
        self
    }

    /// Bytes that are made at once, and stay when they are not in use; 0 by default. The arena still grows beyond that.
    #[must_use]
    pub fn reserve(mut self, bytes: usize) -> ArenaOptions {
        self.memory.reserve = bytes;
        self
    }
}

/// The memory for blocks of a context, or of the process: [`Context::arena_usage`](crate::Context::arena_usage).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ArenaUsage {
    /// Bytes of memory, in use or not.
    pub bytes: usize,
    /// Those of segments that have huge pages.
    pub huge_bytes: usize,
    /// Why the last segment that was to have huge pages has ordinary ones. `None` if it has huge ones, or none was to.
    pub refused: Option<HugePagesError>,
}
