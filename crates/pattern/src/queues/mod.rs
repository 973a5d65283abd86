//! Which peers a socket receives from, and sends to.

mod balance;
mod fair;
mod fanout;
mod identities;
mod outgoing;
mod rotation;

pub(crate) use balance::Balance;
pub(crate) use fair::{Drops, FairQueue};
pub(crate) use fanout::Fanout;
pub(crate) use identities::Identities;
pub(crate) use outgoing::Outgoing;
