//! What the sender shows in the status page, at points that are slow already.

use std::mem;
use std::sync::Arc;

use super::Sender;
use crate::remote::flow::Flow;
use crate::status::{Row, layout};

impl Sender {
    /// Shows from now on in this row what was sent: at slow points, and with [`show`](Sender::show).
    pub fn show_in(&mut self, row: Option<&Arc<Row>>) {
        self.flow = row.map(Flow::out);
        self.show_memory();
        self.show();
    }

    /// Shows what was sent so far. Does nothing if that is shown already.
    #[inline]
    pub fn show(&mut self) {
        if self.flow.is_some() {
            self.show_flow();
        }
    }

    fn show_flow(&mut self) {
        let (waiting, mark) = (self.waiting(), self.mark);
        let position = self.writer.as_ref().map_or(0, |writer| writer.position());
        let Some(flow) = &mut self.flow else {
            return;
        };
        flow.show(self.sent, position, self.blocks.sent_bytes);
        flow.row().set(layout::SHARED_WAITING, waiting);
        flow.row()
            .set(layout::SHARED_MARK, if mark == u64::MAX { 0 } else { mark });
        flow.row().add(layout::RINGS, mem::take(&mut self.rings));
    }

    /// Shows how much memory the segments have.
    pub(super) fn show_memory(&self) {
        if let Some(flow) = &self.flow {
            flow.row().set(layout::MEMORY, self.memory());
        }
    }
}
