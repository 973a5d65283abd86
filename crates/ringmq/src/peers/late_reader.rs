//! What a send does for a late reader.

use ringmq_pipe::remote::{LatePolicy, LateReader};

use crate::peers::Peers;

impl Peers {
    /// What a send does for a late reader before a ring grows.
    pub(crate) fn late_policy(&mut self) -> &mut LatePolicy {
        &mut self.late_policy
    }

    /// Lets sends grow a ring at once, unless this send `admits` to wait for a late reader. Returns the setting that
    /// [`take_time`](Peers::take_time) is to restore.
    #[inline(always)]
    pub(crate) fn hurry(&mut self, admits: bool) -> Option<LateReader> {
        if admits {
            return None;
        }
        let before = self.late_policy.get();
        self.late_policy.set(LateReader::GrowAtOnce);
        Some(before)
    }

    /// Restores the setting that [`hurry`](Peers::hurry) returned. To be called after the send.
    #[inline(always)]
    pub(crate) fn take_time(&mut self, before: Option<LateReader>) {
        if let Some(before) = before {
            self.late_policy.set(before);
        }
    }
}
