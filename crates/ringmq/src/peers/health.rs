//! Whether an end in shared memory can be used.

use crate::mail::Failure;

/// The state of one end in shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// The end can be used, as far as is known.
    Sound,
    /// The end cannot be used, and the session does not know it.
    Failed(Failure),
    /// The end cannot be used, and the session was told.
    Reported(Failure),
}

impl Health {
    /// Returns true if the end can be used, as far as is known.
    #[inline(always)]
    pub(super) fn is_sound(self) -> bool {
        matches!(self, Health::Sound)
    }

    /// Returns true if the end cannot be used, and the session does not know it.
    #[inline(always)]
    pub(super) fn is_unreported(self) -> bool {
        matches!(self, Health::Failed(_))
    }

    /// Why the end cannot be used, if it cannot.
    pub(super) fn failure(self) -> Option<Failure> {
        match self {
            Health::Sound => None,
            Health::Failed(why) | Health::Reported(why) => Some(why),
        }
    }

    /// The end cannot be used. A failure is reported once, also if another reason is found later.
    pub(super) fn fail(&mut self, why: Failure) {
        *self = match self {
            Health::Sound | Health::Failed(_) => Health::Failed(why),
            Health::Reported(_) => Health::Reported(why),
        };
    }

    /// Gives the failure that is to be reported, once.
    pub(super) fn report(&mut self) -> Option<Failure> {
        let Health::Failed(why) = *self else {
            return None;
        };
        *self = Health::Reported(why);
        Some(why)
    }

    /// A failure is to be reported once more.
    pub(super) fn report_again(&mut self) {
        if let Health::Reported(why) = *self {
            *self = Health::Failed(why);
        }
    }
}
