use std::collections::BTreeMap;

use ringmq_testing::{Random, seed};

use super::*;

/// Every node but the root has a value or two children, and stands where its parent looks for it.
fn check<V>(trie: &Trie<V>) {
    let mut reached = 0;
    let mut stack = vec![ROOT];
    while let Some(at) = stack.pop() {
        reached += 1;
        let node = &trie.nodes[at as usize];
        assert!(at == ROOT || node.value.is_some() || node.children.len() > 1);
        assert!(node.children.is_sorted_by(|a, b| a.0 < b.0));
        for (first, child) in &node.children {
            let child_node = &trie.nodes[*child as usize];
            assert_eq!((child_node.label[0], child_node.parent), (*first, at));
            stack.push(*child);
        }
    }
    assert_eq!(reached + trie.free.len(), trie.nodes.len());
}

/// Short topics of few letters, so that they meet.
fn topic(random: &mut Random) -> Vec<u8> {
    let len = random.within(0..7);
    (0..len).map(|_| b"ab\0"[random.within(0..3)]).collect()
}

#[test]
fn it_does_what_a_list_does() {
    let mut random = Random::new(seed());
    let mut trie = Trie::new();
    let mut list: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for step in 0..20_000 {
        let text = topic(&mut random);
        // Now it grows, now it shrinks.
        if random.below(100) < if step / 2000 % 2 == 0 { 60 } else { 35 } {
            let (at, value) = trie.entry(&text, || step);
            assert_eq!(*value, *list.entry(text.clone()).or_insert(step));
            assert_eq!(trie.topic(at), text);
        } else {
            let found = trie.find(&text);
            assert_eq!(found.is_some(), list.contains_key(&text));
            let removed = found.and_then(|at| trie.remove(at));
            assert_eq!(removed, list.remove(&text));
        }
        assert_eq!(trie.len(), list.len());
        let text = topic(&mut random);
        let prefixes: Vec<u64> = trie.prefixes(&text).copied().collect();
        let expected = (0..=text.len()).filter_map(|len| list.get(&text[..len]).copied());
        assert_eq!(prefixes, expected.collect::<Vec<u64>>());
        if step % 64 == 0 {
            check(&trie);
            let mut all = Vec::new();
            trie.for_each(|topic, value| all.push((topic.to_vec(), *value)));
            assert!(all.into_iter().eq(list.clone()));
        }
    }
}

#[test]
fn a_node_with_a_value_keeps_its_number() {
    let mut random = Random::new(seed());
    let mut trie = Trie::new();
    let mut numbers: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    for _ in 0..5000 {
        let text = topic(&mut random);
        if random.one_in(2) {
            numbers.insert(text.clone(), trie.entry(&text, || ()).0);
        } else if let Some(at) = numbers.remove(&text) {
            trie.remove(at);
        }
        if random.one_in(16) {
            for (topic, at) in &numbers {
                assert_eq!(trie.topic(*at), *topic);
            }
        }
    }
}

#[test]
fn depth_costs_no_stack() {
    const LONGEST: usize = 100_000;
    let text = vec![b'x'; LONGEST];
    // A thread with a small stack would not survive a recursion of this depth.
    let deep = move || {
        let mut trie = Trie::new();
        let lens = || (0..LONGEST + 1).step_by(10);
        for len in lens().rev() {
            trie.entry(&text[..len], || len);
        }
        assert!(trie.prefixes(&text).copied().eq(lens()));
        let mut found = 0;
        trie.for_each(|_, _| found += 1);
        assert_eq!(found, lens().count());
        check(&trie);
        for len in lens().take(5000) {
            let at = trie.find(&text[..len]).unwrap();
            assert_eq!(trie.remove(at), Some(len));
        }
        check(&trie);
        assert_eq!(trie.prefixes(&text).count(), found - 5000);
    };
    let thread = std::thread::Builder::new().stack_size(128 * 1024);
    thread.spawn(deep).unwrap().join().unwrap();
}

#[test]
fn a_flood_that_is_over_keeps_no_memory() {
    let mut trie = Trie::new();
    for number in 0..100_000_u32 {
        trie.entry(&number.to_be_bytes(), || ());
    }
    for number in 0..100_000_u32 {
        let at = trie.find(&number.to_be_bytes()).unwrap();
        trie.remove(at);
    }
    assert!(trie.nodes.capacity() < 100 && trie.free.capacity() == 0);
}
