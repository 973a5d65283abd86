//! Which directions of which socket types go by shared memory.

use ringmq_pattern::Kind;

/// Whether messages of this kind of socket go by shared memory. Subscriptions go by ZMTP.
pub(crate) fn sends(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Sub | Kind::Xsub | Kind::Dish | Kind::Pull | Kind::Gather
    )
}

/// Whether a send blocks at the mark, so that it may wait for a late reader before that as well.
pub(crate) fn blocks(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Pair
            | Kind::Push
            | Kind::Dealer
            | Kind::Req
            | Kind::Scatter
            | Kind::Client
            | Kind::Channel
    )
}

/// Whether messages to this kind of socket come by shared memory.
pub(crate) fn receives(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Pub | Kind::Xpub | Kind::Radio | Kind::Push | Kind::Scatter
    )
}
