//! Subscriptions as they go through pipes.

use ringmq_message::Frame;

/// The first byte of a subscription, and of an unsubscription. A topic follows.
pub(crate) const SUBSCRIBE: u8 = 1;
pub(crate) const UNSUBSCRIBE: u8 = 0;

/// A subscription, or an unsubscription, as it goes to publishers.
pub(crate) fn subscription(kind: u8, topic: &[u8]) -> Frame {
    let mut bytes = Vec::with_capacity(1 + topic.len());
    bytes.push(kind);
    bytes.extend_from_slice(topic);
    Frame::from(bytes)
}
