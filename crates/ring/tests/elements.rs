//! The ring of elements: a plain queue is its oracle.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use ringmq_ring::elements;

/// xorshift: the same steps in every run.
struct Steps(u64);

impl Steps {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn what_a_queue_does() {
    for seed in 1..200 {
        let mut steps = Steps(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let alive = Arc::new(());
        let start = [0, 63, (1 << 32) - 5][steps.below(3) as usize];
        let (mut producer, mut consumer) = elements(start);
        let (mut published, mut pushed) = (VecDeque::new(), VecDeque::new());
        let mut deferred = VecDeque::new();
        let mut next = 0_u64;
        for _ in 0..2000 {
            match steps.below(19) {
                0..=6 => {
                    producer.push((next, Arc::clone(&alive)));
                    pushed.push_back(next);
                    next += 1;
                }
                // What is behind deferred elements is seen with these.
                7..=9 if deferred.is_empty() => {
                    producer.publish();
                    published.append(&mut pushed);
                }
                7..=9 | 16 => {
                    producer.defer();
                    deferred.append(&mut pushed);
                }
                17 => {
                    assert_eq!(producer.flush(), !deferred.is_empty());
                    published.append(&mut deferred);
                }
                10 => {
                    producer.rollback();
                    pushed.clear();
                }
                _ => {
                    assert_eq!(consumer.peek().map(|it| it.0), published.front().copied());
                    assert_eq!(consumer.is_ready(), !published.is_empty());
                    assert_eq!(consumer.pop().map(|it| it.0), published.pop_front());
                }
            }
            assert_eq!(producer.has_unpublished(), !pushed.is_empty());
            assert_eq!(
                Arc::strong_count(&alive),
                1 + published.len() + deferred.len() + pushed.len()
            );
            let inside = published.len() + deferred.len() + pushed.len();
            assert_eq!(
                consumer.position() - start + inside as u64,
                producer.position() - start
            );
        }
        // The end that goes last frees what was not taken.
        if seed % 2 == 0 {
            drop(producer);
            published.append(&mut deferred);
            assert_eq!(consumer.pop().map(|it| it.0), published.pop_front());
            drop(consumer);
        } else {
            drop(consumer);
            producer.push((next, Arc::clone(&alive)));
            producer.publish();
            drop(producer);
        }
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

#[test]
fn two_threads_in_order() {
    let (mut producer, mut consumer) = elements(0);
    let source = thread::spawn(move || {
        let mut steps = Steps(7);
        let mut number = 0_u64;
        while number < 300_000 {
            for _ in 0..=steps.below(5) {
                producer.push(vec![number; 2]);
                number += 1;
            }
            if steps.below(9) == 0 {
                // The consumer never sees these.
                producer.publish();
                producer.push(vec![]);
                producer.push(vec![]);
                producer.rollback();
            }
            producer.publish();
        }
        number
    });
    let mut next = 0;
    while next < 300_000 {
        match consumer.pop() {
            Some(element) => {
                assert_eq!(element, [next, next]);
                next += 1;
            }
            None => thread::yield_now(),
        }
    }
    let sent = source.join().unwrap();
    while consumer.pop().is_some() {
        next += 1;
    }
    assert_eq!(next, sent);
}
