//! What a subscriber wants.

use super::trie::Trie;

/// Topics, each with the number of times that it was asked for.
#[derive(Debug)]
pub(crate) struct Topics {
    trie: Trie<u32>,
}

impl Topics {
    pub(crate) fn new() -> Topics {
        Topics { trie: Trie::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.trie.len()
    }

    pub(crate) fn add(&mut self, topic: &[u8]) {
        let (_, count) = self.trie.entry(topic, || 0);
        *count = count.saturating_add(1);
    }

    pub(crate) fn contains(&self, topic: &[u8]) -> bool {
        self.trie.find(topic).is_some()
    }

    /// Says whether that was the last time. A count that has reached its end stays there.
    pub(crate) fn remove(&mut self, topic: &[u8]) -> bool {
        let Some(at) = self.trie.find(topic) else {
            return false;
        };
        match self.trie.value(at) {
            Some(1) | None => self.trie.remove(at).is_some(),
            Some(&mut u32::MAX) => false,
            Some(count) => {
                *count -= 1;
                false
            }
        }
    }

    /// Whether a topic begins `text`.
    #[inline]
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        self.trie.prefixes(text).next().is_some()
    }

    pub(crate) fn for_each(&self, mut found: impl FnMut(&[u8])) {
        self.trie.for_each(|topic, _| found(topic));
    }
}
