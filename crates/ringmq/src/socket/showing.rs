//! What the status page shows of a socket.

use ringmq_pipe::status::Page;

use crate::mail::row::{self, Newcomer, Phase, Side};
use crate::mail::{Attachment, Carrier, Far};
use crate::socket::Socket;

impl Socket {
    /// Takes a row of the status page, if there is one.
    pub(super) fn begin_to_show(&mut self) {
        self.row = self.registry.page().and_then(Page::row);
        if let Some(row) = &self.row {
            let share = !self.options.shares_nothing();
            row::socket_row(row, self.kind(), self.options.in_force_wait(), share);
        }
        self.sleeper.show_in(self.row.clone());
    }

    /// Shows how the socket waits from now on.
    pub(super) fn show_wait(&self) {
        if let Some(row) = &self.row {
            let share = !self.options.shares_nothing();
            row::set_wait(row, self.kind(), self.options.in_force_wait(), share);
        }
    }

    /// Gives a connection within the process its row. One beyond it has one already.
    pub(super) fn show_attachment(&self, attachment: &mut Attachment, side: Side) {
        if attachment.row.is_some() || !matches!(attachment.far, Far::Socket(_)) {
            return;
        }
        let endpoint = &attachment.identity.endpoint;
        let row = row::connection_row(
            &self.row,
            &Newcomer {
                kind: self.kind(),
                phase: Phase::Ready,
                side,
                carrier: Carrier::Inproc,
                marks: attachment.marks.unwrap_or(self.options.marks()),
                mechanism: None,
                shares: false,
                endpoint,
            },
        );
        // A process never uses the number of a pipe again; that of a session has the first bit.
        let ends = [
            attachment.id.0 << 1 | 1 << 63,
            attachment.id.0 << 1 | 1 << 63 | 1,
        ];
        let (own, peer) = match side {
            Side::Connected => (ends[0], ends[1]),
            Side::Bound => (ends[1], ends[0]),
        };
        row::set_ends(&row, own, peer);
        row::show_socket_ends(&row, &mut attachment.sender, &mut attachment.receiver);
        attachment.row = row;
    }
}
