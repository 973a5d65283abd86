//! One connection, on its I/O thread.

pub(crate) mod broken;
pub(crate) mod carry;
pub(crate) mod closing;
pub(crate) mod ends;
pub(crate) mod fallback;
pub(crate) mod handoff;
pub(crate) mod kinds;
pub(crate) mod readiness;
pub(crate) mod session_events;
pub(crate) mod stream;
pub(crate) mod supply;
