//! What the status page shows of the peers of a socket.

use ringmq_pattern::Peer;
use ringmq_pipe::status::layout;

use crate::peers::Peers;
use crate::peers::outlet::Outlet;

/// Peers whose counts are shown before a sleep. A socket with more shows those of the others before its next sleeps.
const SHOWN: usize = 32;

impl Peers {
    /// Shows how many messages were sent and received. A sleep follows, or a call found nothing.
    pub(crate) fn show(&mut self) {
        let count = self.entries.len();
        if count <= SHOWN {
            for (_, entry) in &mut self.entries {
                entry.show();
            }
            return;
        }
        let capacity = self.entries.capacity();
        for _ in 0..SHOWN {
            self.next_shown = (self.next_shown + 1) % capacity;
            if let Some(entry) = self.entries.get_mut(self.next_shown) {
                entry.show();
            }
        }
    }

    /// Counts a message that is dropped because the peer has no room.
    #[cold]
    pub(super) fn show_dropped(&mut self, peer: Peer) {
        let entry = self.entries.get(peer.0 as usize);
        if let Some(row) = entry.and_then(|entry| entry.row.as_ref()) {
            row.add(layout::DROPPED, 1);
        }
    }
}

impl super::entry::Entry {
    fn show(&mut self) {
        if self.row.is_some() {
            match &mut self.sender {
                Outlet::Local(sender) => sender.show(),
                Outlet::Shared(shared) => shared.show(),
                Outlet::Closed => {}
            }
            self.receiver.show();
        }
    }
}
