//! Whether a send waits for a late reader.

use ringmq_pipe::remote::{LatePolicy, LateReader};

use crate::peers::Peers;
use crate::socket::patience::Patience;

impl Peers {
    /// What is done for a late reader before a ring grows.
    pub(crate) fn late_policy(&mut self) -> &mut LatePolicy {
        &mut self.late_policy
    }

    /// From now on a send makes memory at once, if `patience` does not admit more. Gives what has to be set again
    /// afterwards.
    #[inline(always)]
    pub(crate) fn hurry(&mut self, patience: Patience) -> Option<LateReader> {
        if patience.admits_late_reader() {
            return None;
        }
        let before = self.late_policy.get();
        self.late_policy.set(LateReader::GrowAtOnce);
        Some(before)
    }

    /// After a send for which [`hurry`](Peers::hurry) gave this.
    #[inline(always)]
    pub(crate) fn take_time(&mut self, before: Option<LateReader>) {
        if let Some(before) = before {
            self.late_policy.set(before);
        }
    }
}
