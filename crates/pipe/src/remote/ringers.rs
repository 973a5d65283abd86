//! The bells of peers, one descriptor for each.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};

use ringmq_sys::{AdoptRingerError, Ringer};

/// The bells that the connections of one thread ring. Connections to one socket of a peer share one descriptor.
#[derive(Debug, Default)]
pub struct Ringers {
    known: HashMap<u64, Weak<Ringer>>,
    /// Those without a connection are removed when there are so many.
    sweep: usize,
}

/// Bells that are known before those that are gone are looked for.
const SWEEP: usize = 16;

impl Ringers {
    /// Takes a descriptor that a peer sent as its bell.
    ///
    /// # Errors
    ///
    /// [`AdoptRingerError`]; the descriptor is closed in any case.
    pub(super) fn adopt(&mut self, fd: OwnedFd) -> Result<Arc<Ringer>, AdoptRingerError> {
        let number = Ringer::pipe_number(fd.as_fd());
        if let Some(known) = number.and_then(|number| self.known.get(&number)?.upgrade()) {
            return Ok(known);
        }
        let ringer = Arc::new(Ringer::adopt(fd)?);
        if let Some(number) = number {
            if self.known.len() >= self.sweep.max(SWEEP) {
                self.known.retain(|_, known| known.strong_count() > 0);
                self.sweep = 2 * self.known.len();
            }
            self.known.insert(number, Arc::downgrade(&ringer));
        }
        Ok(ringer)
    }
}
