//! Topics, found by what begins with them.

/// A map from topics to values, each kept once.
///
/// A radix tree: a node stands for one or more bytes, and every node but the root has a value or at least two
/// children. Nodes lie in one vector, so nothing, not even dropping it, follows the depth of a topic down the stack.
/// The number of a node does not change while it has a value.
#[derive(Debug)]
pub(crate) struct Trie<V> {
    nodes: Vec<Node<V>>,
    /// Numbers that are free.
    free: Vec<u32>,
    topics: usize,
}

#[derive(Debug)]
struct Node<V> {
    /// The bytes between the parent and here.
    label: Vec<u8>,
    parent: u32,
    /// By the first byte of their labels, in order.
    children: Vec<(u8, u32)>,
    value: Option<V>,
}

const ROOT: u32 = 0;

impl<V> Trie<V> {
    pub(crate) fn new() -> Trie<V> {
        Trie {
            nodes: vec![Node::new(ROOT, Vec::new())],
            free: Vec::new(),
            topics: 0,
        }
    }

    /// How many topics have a value.
    pub(crate) fn len(&self) -> usize {
        self.topics
    }

    fn node(&mut self, at: u32) -> &mut Node<V> {
        &mut self.nodes[at as usize]
    }

    fn child(&self, at: u32, byte: u8) -> Result<usize, usize> {
        let children = &self.nodes[at as usize].children;
        children.binary_search_by_key(&byte, |(first, _)| *first)
    }

    fn add_node(&mut self, node: Node<V>) -> u32 {
        match self.free.pop() {
            Some(at) => {
                *self.node(at) = node;
                at
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        }
    }

    /// The node of a topic, made if there is none, and its value, made if it has none.
    pub(crate) fn entry(&mut self, topic: &[u8], new: impl FnOnce() -> V) -> (u32, &mut V) {
        let at = self.make(topic);
        if self.node(at).value.is_none() {
            self.topics += 1;
        }
        (at, self.node(at).value.get_or_insert_with(new))
    }

    fn make(&mut self, topic: &[u8]) -> u32 {
        let (mut at, mut rest) = (ROOT, topic);
        while let Some(first) = rest.first() {
            let place = match self.child(at, *first) {
                Ok(place) => place,
                Err(place) => {
                    let leaf = self.add_node(Node::new(at, rest.to_vec()));
                    self.node(at).children.insert(place, (*first, leaf));
                    return leaf;
                }
            };
            let below = self.node(at).children[place].1;
            let label = &self.node(below).label;
            let same = label.iter().zip(rest).take_while(|(a, b)| a == b).count();
            if same == label.len() {
                at = below;
            } else {
                at = self.split(at, place, below, same);
            }
            rest = &rest[same..];
        }
        at
    }

    /// Puts a node between `above` and its child `below`, after `same` bytes of the child's label.
    fn split(&mut self, above: u32, place: usize, below: u32, same: usize) -> u32 {
        let tail = self.node(below).label.split_off(same);
        let mut head = std::mem::replace(&mut self.node(below).label, tail);
        head.shrink_to_fit();
        let between = self.add_node(Node::new(above, head));
        let first = self.node(below).label[0];
        self.node(between).children.push((first, below));
        self.node(below).parent = between;
        self.node(above).children[place].1 = between;
        between
    }

    /// The node of a topic that has a value.
    pub(crate) fn find(&self, topic: &[u8]) -> Option<u32> {
        let (mut at, mut rest) = (ROOT, topic);
        while let Some(first) = rest.first() {
            let place = self.child(at, *first).ok()?;
            at = self.nodes[at as usize].children[place].1;
            rest = rest.strip_prefix(&self.nodes[at as usize].label[..])?;
        }
        self.nodes[at as usize].value.as_ref().map(|_| at)
    }

    /// The value of a topic that was [found](Trie::find).
    pub(crate) fn get(&self, at: u32) -> Option<&V> {
        self.nodes.get(at as usize)?.value.as_ref()
    }

    /// The value of a node.
    pub(crate) fn value(&mut self, at: u32) -> Option<&mut V> {
        self.node(at).value.as_mut()
    }

    /// The topic of a node.
    pub(crate) fn topic(&self, at: u32) -> Vec<u8> {
        let (mut at, mut topic) = (at, Vec::new());
        while at != ROOT {
            let node = &self.nodes[at as usize];
            topic.extend(node.label.iter().rev());
            at = node.parent;
        }
        topic.reverse();
        topic
    }

    /// Takes the value from a node, and the node from the tree if nothing needs it.
    pub(crate) fn remove(&mut self, at: u32) -> Option<V> {
        let value = self.node(at).value.take()?;
        self.topics -= 1;
        let (parent, children) = (self.node(at).parent, self.node(at).children.len());
        if at != ROOT && children == 0 {
            let first = self.node(at).label[0];
            if let Ok(place) = self.child(parent, first) {
                self.node(parent).children.remove(place);
            }
            self.release(at);
            self.join(parent);
        } else {
            self.join(at);
        }
        if self.topics == 0 {
            // Nothing but the root is left: what a flood of topics has taken is given back.
            self.nodes.truncate(1);
            self.nodes.shrink_to(64);
            self.free = Vec::new();
        }
        Some(value)
    }

    /// Makes a node one with its only child, if it stands for nothing else.
    fn join(&mut self, at: u32) {
        let node = self.node(at);
        let &[(_, below)] = &node.children[..] else {
            return;
        };
        if at == ROOT || node.value.is_some() {
            return;
        }
        let (parent, mut label) = (node.parent, std::mem::take(&mut node.label));
        let first = label[0];
        label.extend_from_slice(&self.node(below).label);
        self.node(below).label = label;
        self.node(below).parent = parent;
        if let Ok(place) = self.child(parent, first) {
            self.node(parent).children[place].1 = below;
        }
        self.release(at);
    }

    fn release(&mut self, at: u32) {
        *self.node(at) = Node::new(ROOT, Vec::new());
        self.free.push(at);
    }

    /// The values of all topics that `text` begins with, the shortest first.
    #[inline]
    pub(crate) fn prefixes<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = &'a V> {
        let mut next = Some(ROOT);
        let mut rest = text;
        let nodes = std::iter::from_fn(move || {
            let at = next?;
            next = rest.first().and_then(|first| {
                let place = self.child(at, *first).ok()?;
                let below = self.nodes[at as usize].children[place].1;
                rest = rest.strip_prefix(&self.nodes[below as usize].label[..])?;
                Some(below)
            });
            Some(&self.nodes[at as usize].value)
        });
        nodes.flatten()
    }

    /// Calls `found` for all topics, in order.
    pub(crate) fn for_each(&self, mut found: impl FnMut(&[u8], &V)) {
        let mut topic = Vec::new();
        let mut stack = vec![(ROOT, 0)];
        while let Some((at, above)) = stack.pop() {
            let node = &self.nodes[at as usize];
            topic.truncate(above);
            topic.extend_from_slice(&node.label);
            if let Some(value) = &node.value {
                found(&topic, value);
            }
            let children = node.children.iter().rev();
            stack.extend(children.map(|(_, child)| (*child, topic.len())));
        }
    }
}

impl<V> Node<V> {
    fn new(parent: u32, label: Vec<u8>) -> Node<V> {
        Node {
            label,
            parent,
            children: Vec::new(),
            value: None,
        }
    }
}

#[cfg(test)]
mod tests;
