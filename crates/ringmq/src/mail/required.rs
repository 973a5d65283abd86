//! Shared memory that is required: a connection without it is refused.

use std::sync::{Mutex, PoisonError};

use crate::mail::carrier::ZmtpReason;

/// What the connections of an endpoint have in common that are refused without shared memory.
#[derive(Debug, Default)]
pub(crate) struct Required {
    /// The reason that was logged last. A peer that tries again and again is logged once.
    logged: Mutex<Option<ZmtpReason>>,
}

impl Required {
    /// Notes a refusal. Returns true if it is to be logged: the one before had another reason, or there was none.
    pub(crate) fn is_new(&self, why: ZmtpReason) -> bool {
        let locked = self.logged.lock();
        let mut logged = locked.unwrap_or_else(PoisonError::into_inner);
        logged.replace(why) != Some(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_logged_once_until_it_changes() {
        let required = Required::default();
        let (one, other) = (ZmtpReason::NotOffered, ZmtpReason::Resources);
        let seen = [one, one, other, other, one].map(|why| required.is_new(why));
        assert_eq!(seen, [true, false, true, false, true]);
    }
}
