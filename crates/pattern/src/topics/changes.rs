//! Subscriptions that a publisher has not been sent yet.

use std::collections::BTreeMap;

/// Topics whose state one publisher has to be sent, once its pipe has room.
///
/// A topic is here at most once, however often it was subscribed to and cancelled. One whose state came back to what
/// the publisher was sent last is not here at all. So there are never more than the topics that the publisher was
/// sent, and those that are subscribed to now.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// With each topic: whether the publisher holds it, as far as this side has sent; `None` if that is not known.
    topics: BTreeMap<Box<[u8]>, Option<bool>>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Notes that a topic that was sent as `sent` is `wanted` from now on. If it was noted before, what was sent is
    /// known already.
    pub(crate) fn note(&mut self, topic: &[u8], sent: Option<bool>, wanted: bool) {
        match self.topics.get(topic) {
            Some(known) if *known == Some(wanted) => {
                self.topics.remove(topic);
            }
            None if sent != Some(wanted) => {
                self.topics.insert(topic.into(), sent);
            }
            _ => {}
        }
    }

    /// Forgets what was noted when a connection is made anew, but for topics that are not `wanted`: the pipe may hold a
    /// subscription to one. At most `most` of these are kept. A publisher may send messages of those that are not,
    /// and the subscriber passes over them.
    pub(crate) fn begin_anew(&mut self, most: usize, wanted: impl Fn(&[u8]) -> bool) {
        let mut kept = 0;
        self.topics.retain(|topic, sent| {
            let keep = kept < most && !wanted(topic);
            kept += usize::from(keep);
            *sent = None;
            keep
        });
    }

    /// Takes the next topic.
    pub(crate) fn take(&mut self) -> Option<Box<[u8]>> {
        self.topics.pop_first().map(|(topic, _)| topic)
    }
}

#[cfg(test)]
mod tests {
    use super::Changes;

    #[test]
    fn what_comes_back_to_what_was_sent_is_no_change() {
        let mut changes = Changes::default();
        changes.note(b"new", Some(false), true);
        changes.note(b"new", Some(true), false);
        assert!(changes.is_empty());
        changes.note(b"held", Some(true), true);
        assert!(changes.is_empty());
        changes.note(b"held", Some(true), false);
        changes.note(b"held", Some(false), true);
        changes.note(b"held", Some(true), false);
        assert_eq!(changes.take().as_deref(), Some(&b"held"[..]));
        assert!(changes.is_empty());
    }

    #[test]
    fn what_may_have_been_sent_is_sent_whatever_it_is() {
        let mut changes = Changes::default();
        changes.note(b"a", None, true);
        changes.note(b"a", Some(true), false);
        changes.note(b"a", Some(false), true);
        assert!(changes.take().is_some() && changes.take().is_none());
    }

    #[test]
    fn a_new_connection_may_be_sent_old_subscriptions() {
        let mut changes = Changes::default();
        for topic in [b"a", b"b", b"c", b"d"] {
            changes.note(topic, Some(true), false);
        }
        changes.begin_anew(2, |topic| topic == b"b");
        changes.note(b"a", Some(false), true);
        let left: Vec<_> = std::iter::from_fn(|| changes.take()).collect();
        assert_eq!(left, [Box::from(&b"a"[..]), Box::from(&b"c"[..])]);
    }
}
