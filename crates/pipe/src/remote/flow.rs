//! What the status page shows of one direction.

use std::sync::Arc;

use crate::status::{Row, Shown, layout};

/// Copies the counts of an end to its row, when the end asks for it.
#[derive(Debug)]
pub(super) struct Flow {
    messages: Shown,
    bytes: Shown,
    /// Positions that jumps have passed over.
    skipped: u64,
}

impl Flow {
    /// Of an end that sends, at its beginning.
    pub(super) fn out(row: &Arc<Row>) -> Box<Flow> {
        Flow::of(row, layout::SHARED_SENT, layout::SHARED_SENT_BYTES)
    }

    /// Of an end that receives, at its beginning.
    pub(super) fn into(row: &Arc<Row>) -> Box<Flow> {
        Flow::of(row, layout::SHARED_RECEIVED, layout::SHARED_RECEIVED_BYTES)
    }

    fn of(row: &Arc<Row>, messages: usize, bytes: usize) -> Box<Flow> {
        Box::new(Flow {
            messages: Shown::new(row, messages),
            bytes: Shown::new(row, bytes),
            skipped: 0,
        })
    }

    /// Shows that so many messages have passed, that the ring is at this position, and how many bytes were in blocks.
    pub(super) fn show(&mut self, messages: u64, position: u64, blocks: u64) {
        self.messages.show(messages);
        let bytes = position.wrapping_sub(self.skipped);
        self.bytes.show(bytes.wrapping_add(blocks));
    }

    /// A jump led from one position to the other.
    pub(super) fn jumped(&mut self, from: u64, to: u64) {
        self.skipped = self.skipped.wrapping_add(to.wrapping_sub(from));
    }

    pub(super) fn row(&self) -> &Row {
        self.messages.row()
    }
}
