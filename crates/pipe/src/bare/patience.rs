//! How long an operation may take.

use std::time::Instant;

/// How long an operation may take.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// Look once, and arm the descriptor if the program polls it.
    None,
    /// Look once, and nothing else: the caller already has bytes to return.
    Never,
    /// Wait, until a deadline if there is one.
    Until(Option<Instant>),
}
