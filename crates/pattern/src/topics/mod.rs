//! Subscriptions: their bytes, and the topics that peers are subscribed to.

mod changes;
mod counted;
mod subscribers;
mod subscription;
mod trie;

pub(crate) use changes::Changes;
pub(crate) use counted::Topics;
pub(crate) use subscribers::{Removed, Subscribers};
pub(crate) use subscription::{SUBSCRIBE, UNSUBSCRIBE, subscription};
