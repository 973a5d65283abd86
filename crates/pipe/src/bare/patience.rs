//! How long an operation may take.

use std::time::Instant;

/// How long an operation may take.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// Look once, and arm the descriptor if somebody polls it.
    None,
    /// Look once, and nothing else: the caller has something already.
    Never,
    /// Wait, until a deadline if there is one.
    Until(Option<Instant>),
}
