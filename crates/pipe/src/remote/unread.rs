//! What a receiver that is gone has not taken, for the sender's side.

use std::collections::TryReserveError;
use std::sync::Arc;

use ringmq_ring::{Kind, Mapped, Reader, WordsMut, words};

use super::contents::{Contents, Incoming, PartPlace, append, contents};
use super::segment::{self, Segments};
use super::{Common, layout};
use crate::blocks::{Keep, Loan, Readers};
use crate::maps::Map;

/// Finds what the receiver has not taken, for another thread than the sender's.
#[derive(Debug)]
pub struct Witness {
    common: Arc<Common>,
    segments: Segments,
    /// `None` when this is dropped.
    loan: Option<Arc<Loan>>,
}

/// The messages that the receiver has not taken, read from the sender's own memory, the oldest first. The sender may still
/// add to them.
#[derive(Debug)]
pub struct Unread {
    witness: Witness,
    reader: Option<Reader<Mapped, WordsMut<1>>>,
    /// The segment that is read: it stays, even if the sender lets go of it. And where it begins.
    memory: Option<Arc<Map>>,
    start: u64,
    /// Where the receiver was. Its word may belong to another connection soon.
    position: u64,
}

impl Witness {
    pub(super) fn new(common: &Arc<Common>, segments: &Segments, loan: &Arc<Loan>) -> Witness {
        Witness {
            common: Arc::clone(common),
            segments: Arc::clone(segments),
            loan: Some(Arc::clone(loan)),
        }
    }

    /// Returns true if the receiver has taken everything that was sent.
    pub fn is_drained(&self) -> bool {
        self.look_ahead().peek().is_none()
    }

    /// Returns true if the sender has closed without a single message: the socket has not gone over, and will not.
    pub fn is_unused(&self) -> bool {
        let segments = segment::lock(&self.segments);
        segments.closed && segments.list.is_empty()
    }

    /// Messages that the receiver has not taken yet, `most` at most. The receiver may take some meanwhile.
    pub fn count(&self, most: u64) -> u64 {
        let mut unread = self.look_ahead();
        let mut count = 0;
        while count < most
            && let Some(incoming) = unread.peek()
        {
            unread.done(incoming);
            count += 1;
        }
        count
    }

    /// The receiver's part of the mark, which is its socket's; 0 is no limit.
    pub fn receiving_mark(&self) -> u64 {
        self.common.seen(layout::RECEIVING_MARK).load()
    }

    /// The mark of this side's socket for what it receives; 0 is no limit.
    pub fn own_receiving_mark(&self) -> u64 {
        self.common.own(layout::RECEIVING_MARK).load()
    }

    /// Reads from where the receiver is now, and takes nothing from it.
    fn look_ahead(&self) -> Unread {
        let witness = Witness {
            common: Arc::clone(&self.common),
            segments: Arc::clone(&self.segments),
            loan: self.loan.clone(),
        };
        witness.into_unread()
    }

    /// Takes over from a receiver that is gone.
    pub fn into_unread(self) -> Unread {
        Unread {
            position: self.common.seen(layout::POSITION).load(),
            witness: self,
            reader: None,
            memory: None,
            start: 0,
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // A forked child has a copy of the arena's state, and perhaps of a lock that another thread held.
        if self.common.mark.is_here()
            && let Some(loan) = self.loan.take()
            && let Some(readers) = Readers::current()
        {
            readers.let_go(loan);
        }
    }
}

impl Unread {
    /// The next message, if there is one.
    pub fn peek(&mut self) -> Option<Incoming> {
        loop {
            if self.reader.is_none() {
                self.begin()?;
            }
            let record = self.reader.as_ref()?.peek().ok()??;
            match record.kind() {
                kind if kind.is_message() => return Some(Incoming { record }),
                Kind::Jump => self.jump()?,
                _ => return None,
            }
        }
    }

    /// Begins where the receiver was.
    fn begin(&mut self) -> Option<()> {
        let position = self.position;
        let segments = segment::lock(&self.witness.segments);
        let mut known = segments.list.iter().rev();
        let segment = known.find(|segment| segment.start <= position)?;
        let (report, _) = words();
        let ring = segment::readable(&segment.memory);
        self.start = segment.start;
        self.reader = Some(Reader::new(ring, report, position).ok()?.growing());
        self.memory = Some(Arc::clone(&segment.memory));
        Some(())
    }

    fn jump(&mut self) -> Option<()> {
        let segments = segment::lock(&self.witness.segments);
        let next = segments.list.iter().find(|next| next.start > self.start)?;
        let ring = segment::readable(&next.memory);
        self.reader.as_mut()?.jump(ring).ok()?;
        self.memory = Some(Arc::clone(&next.memory));
        self.start = next.start;
        Some(())
    }

    /// How many parts a message has, and how long they are; `None` if it makes no sense.
    pub fn contents(&self, incoming: &Incoming) -> Option<Contents> {
        contents(self.reader.as_ref()?, incoming)
    }

    /// What keeps a part that is in a block; `None` for one that is in a record.
    pub fn kept(&self, place: PartPlace) -> Option<Keep> {
        match place {
            PartPlace::Record(_) => None,
            PartPlace::Block(name) => self.witness.loan.as_ref()?.kept(name.encode()),
        }
    }

    /// Copies a part out of the record.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub fn copy(
        &self,
        incoming: &Incoming,
        at: usize,
        len: usize,
    ) -> Result<Vec<u8>, TryReserveError> {
        let mut bytes = Vec::new();
        if let Some(reader) = &self.reader {
            append(reader, &incoming.record, at, len, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// Releases a message.
    pub fn done(&mut self, incoming: Incoming) {
        if let Some(reader) = &mut self.reader {
            let _passed = reader.release(incoming.record);
        }
    }

    /// Returns true if the sender has closed, and everything was taken.
    pub fn is_at_end(&mut self) -> bool {
        // It is closed after its last message, so a look for that comes second.
        let closed = segment::lock(&self.witness.segments).closed;
        closed && self.peek().is_none()
    }
}
