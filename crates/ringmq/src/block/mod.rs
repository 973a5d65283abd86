//! Long bodies in memory that peers of this machine can read.

mod spare;

use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use ringmq_message::{ForeignMemory, Frame};
use ringmq_pipe::blocks::{Arena, Block, BlockName, Keep, LentBlock};

use crate::error::SocketError;

/// Memory for a body, to be written before it is sent: [`Context::block`](crate::Context::block).
///
/// Peers in shared memory read it where it lies. It can be sent by any socket, also of another context, and any number of
/// times.
///
/// ```
/// use ringmq::{Context, Kind};
///
/// let context = Context::new()?;
/// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
/// pull.bind("inproc://images")?;
/// push.connect("inproc://images")?;
/// let mut image = context.block(1920 * 1080 * 3)?;
/// image.fill(0x80);
/// let image = image.freeze();
/// push.send(image.clone())?;
/// push.send(image)?;
/// assert!(pull.recv()?[0].iter().all(|byte| *byte == 0x80));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BlockMut {
    frame: Frame,
}

impl BlockMut {
    /// Of `len` bytes, in this arena, if there is one. They are those of an earlier block, or zeros.
    ///
    /// # Errors
    ///
    /// [`SocketError::Os`]: there is no memory.
    pub(crate) fn new(arena: Option<&Arena>, len: usize) -> Result<BlockMut, SocketError> {
        let frame = match arena.and_then(|arena| unwritten(arena, len)) {
            Some(frame) => frame,
            None => Frame::zeroed(len)
                .map_err(|_| SocketError::Os(std::io::ErrorKind::OutOfMemory.into()))?,
        };
        Ok(BlockMut { frame })
    }

    /// Ends writing: a frame of all bytes, which is sent without a copy, and of which clones share the memory.
    pub fn freeze(mut self) -> Frame {
        self.frame.share();
        self.frame
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.frame.len()
    }

    /// Returns true if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.frame.is_empty()
    }
}

impl Deref for BlockMut {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.frame
    }
}

impl DerefMut for BlockMut {
    /// In a forked child the bytes are copied first: the block is its parent's.
    fn deref_mut(&mut self) -> &mut [u8] {
        self.frame.as_mut_slice()
    }
}

impl fmt::Debug for BlockMut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockMut")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// A block of this process.
#[derive(Debug)]
pub(crate) struct Body(pub(crate) Block);

/// A block of a peer, read where it lies.
#[derive(Debug)]
struct Held(LentBlock);

impl ForeignMemory for Body {
    fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    fn as_ptr(&self) -> *mut u8 {
        self.0.place().0.as_ptr()
    }

    fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        // A forked child maps the memory of its parent, and would write there.
        (!self.0.is_inherited()).then(|| self.0.as_mut_slice())
    }

    fn is_inherited(&self) -> bool {
        self.0.is_inherited()
    }
}

impl ForeignMemory for Held {
    fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    fn as_ptr(&self) -> *mut u8 {
        self.0.as_slice().as_ptr().cast_mut()
    }

    fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        None
    }

    fn is_inherited(&self) -> bool {
        self.0.is_inherited()
    }
}

/// Bytes of the shortest body that is worth a block if its readers copy it out: the ring is as quick for shorter ones.
pub(crate) const COPIED_OUT_LEAST: usize = 16 << 10;

/// A socket of this process was set to read in place.
static IN_PLACE: OnceLock<()> = OnceLock::new();

/// A socket reads in place. Its peers, which most often are set alike, gain from blocks that are shorter.
pub(crate) fn reads_in_place() {
    // A later call changes nothing.
    let _ = IN_PLACE.set(());
}

/// Returns true if a body of `len` bytes is worth a block, for peers that read as those of this process most often do.
#[inline]
fn is_worth_it(len: usize) -> bool {
    len >= COPIED_OUT_LEAST || IN_PLACE.get().is_some()
}

/// Memory in the arena of the process for a body of `len` bytes that is worth it, if there is a peer that could read it. Its
/// bytes are those of an earlier body, or zeros.
pub(crate) fn large_for_peers(len: usize) -> Option<Arc<dyn ForeignMemory>> {
    if !is_worth_it(len) {
        return None;
    }
    if let Some(body) = spare::take(len) {
        return Some(body);
    }
    let block = Arena::current()?.allocate_for_peers(len)?;
    Some(Arc::new(Body(block)))
}

/// A frame of `len` bytes for a peer in shared memory, to be written. They are those of an earlier body, or zeros. `None`
/// if there is no memory for a block.
pub(crate) fn unwritten(arena: &Arena, len: usize) -> Option<Frame> {
    Frame::from_foreign(Arc::new(Body(arena.allocate(len)?)), len)
}

/// As [`unwritten`], in the arena of a context, of a body that is worth it and if there is a peer that could read it.
pub(crate) fn unwritten_for_peers(arena: &Arena, len: usize) -> Option<Frame> {
    if !is_worth_it(len) {
        return None;
    }
    let block = arena.allocate_for_peers(len)?;
    Frame::from_foreign(Arc::new(Body(block)), len)
}

/// A frame over a block that was sent and not read.
pub(crate) fn frame_of(keep: Keep, len: usize) -> Option<Frame> {
    Frame::from_foreign(keep.downcast::<Body>().ok()?, len)
}

/// A frame over a block of a peer.
pub(crate) fn held_frame(held: LentBlock, len: usize) -> Option<Frame> {
    Frame::from_foreign(Arc::new(Held(held)), len)
}

/// The block that a frame is in; `None` if it is in other memory.
pub(crate) fn body_of(frame: &Frame) -> Option<Arc<Body>> {
    let memory: Arc<dyn Any + Send + Sync> = Arc::clone(frame.foreign_memory()?) as _;
    memory.downcast::<Body>().ok()
}

/// The name of the block that a frame is in; `None` if it is in other memory.
pub(crate) fn name_of(frame: &Frame) -> Option<BlockName> {
    let body: &dyn Any = &**frame.foreign_memory()?;
    Some(body.downcast_ref::<Body>()?.0.name())
}

/// Takes a block that came home, of which `len` bytes were sent.
pub(crate) fn came_home(keep: Keep, len: u64) {
    if let (Ok(body), Ok(len)) = (keep.downcast::<Body>(), usize::try_from(len)) {
        spare::keep(body, len);
    }
}

/// Frees the memory that this thread keeps for its next block, when this is dropped: a pipe to a peer ends.
#[derive(Debug)]
pub(crate) struct EndsSpare;

impl Drop for EndsSpare {
    fn drop(&mut self) {
        spare::clear();
    }
}

/// Gives a frame the block back that was taken out of it.
pub(crate) fn put_back(frame: &mut Frame, keep: Keep, len: usize) {
    if let Ok(body) = keep.downcast::<Body>() {
        frame.put_foreign(body, len);
    }
}

/// The block that a frame is in, and what keeps that; `None` if it is in other memory.
pub(crate) fn block_of(frame: &Frame) -> Option<(&Block, Keep)> {
    let memory = frame.foreign_memory()?;
    let body: &dyn Any = &**memory;
    let block = &body.downcast_ref::<Body>()?.0;
    Some((block, Arc::clone(memory) as Keep))
}

/// The same frame, in a block. `None` if there is no memory for it.
pub(crate) fn copy_to_block(arena: &Arena, frame: &Frame) -> Option<Frame> {
    let mut block = arena.allocate(frame.len())?;
    block.as_mut_slice()[..frame.len()].copy_from_slice(frame);
    let mut copy = Frame::from_foreign(Arc::new(Body(block)), frame.len())?.with_more(frame.more());
    copy.set_properties(frame.properties().cloned());
    Some(copy)
}
