//! The ring of elements: a plain queue is its oracle.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use ringmq_ring::{BODY_MOST, Consumer, elements};

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

/// An element, or bytes: what goes in, and what comes out.
#[derive(Debug, Clone, PartialEq)]
enum Item {
    Element(u64),
    Bytes(Vec<u8>),
}

/// An element of three words, so that bytes have room for 24 in the slot.
type Element = (u64, Arc<()>, u64);

fn take(consumer: &mut Consumer<Element>) -> Option<Item> {
    match consumer.take_bytes(<[u8]>::to_vec) {
        None => consumer.pop().map(|element| Item::Element(element.0)),
        Some(bytes) => Some(Item::Bytes(bytes)),
    }
}

/// Bytes and elements in turn, of all lengths, with chunks whose memory is too small, and with groups that are taken back.
#[test]
fn bytes_between_elements() {
    for seed in 1..100 {
        let mut steps = Steps(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let alive = Arc::new(());
        let (mut producer, mut consumer) = elements(0);
        let (mut published, mut pushed) = (VecDeque::new(), VecDeque::new());
        let mut next = 0_u64;
        let mut refused = 0;
        // Lengths grow, so that the memory of chunks is made anew.
        let longest = [8, 24, 25, 64, 300, BODY_MOST as u64 + 1][steps.below(6) as usize];
        for step in 0..3000 {
            match steps.below(16) {
                0..=6 => {
                    let len = steps.below(longest * (step / 1000 + 1) / 3 + 1) as usize;
                    let bytes = vec![next as u8; len];
                    next += 1;
                    if producer.push_bytes(&bytes) {
                        pushed.push_back(Item::Bytes(bytes));
                    } else {
                        // No memory of the chunk's is left, or never was enough.
                        assert!(len > size_of::<Element>(), "{len}");
                        refused += 1;
                    }
                }
                7 => {
                    producer.push((next, Arc::clone(&alive), 0));
                    pushed.push_back(Item::Element(next));
                    next += 1;
                }
                8..=9 => {
                    producer.publish();
                    published.append(&mut pushed);
                }
                10 => {
                    producer.rollback();
                    pushed.clear();
                }
                _ => {
                    assert_eq!(consumer.is_ready(), !published.is_empty());
                    let front = published.front();
                    let element = consumer.peek().map(|element| Item::Element(element.0));
                    assert!(element.is_none() || element.as_ref() == front);
                    assert_eq!(take(&mut consumer), published.pop_front());
                }
            }
            let elements = |items: &VecDeque<Item>| {
                let elements = items.iter();
                elements
                    .filter(|item| matches!(item, Item::Element(_)))
                    .count()
            };
            let inside = elements(&published) + elements(&pushed);
            assert_eq!(Arc::strong_count(&alive), 1 + inside);
        }
        assert!(refused < next / 2, "{refused} of {next}");
        drop((producer, consumer));
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

/// A body that is longer than those before finds no room in a chunk, and room in the next one.
#[test]
fn room_grows_with_the_next_chunk() {
    let (mut producer, mut consumer) = elements::<Element>(0);
    assert!(producer.push_bytes(&[1; 40]));
    let mut count = 1;
    while producer.push_bytes(&[2; BODY_MOST]) {
        count += 1;
    }
    // The chunk has 64 lines for bodies.
    assert_eq!(count, 4);
    assert!(!producer.push_bytes(&[3; BODY_MOST + 1]));
    for _ in count..64 {
        assert!(producer.push_bytes(&[4; 24]));
    }
    for _ in 0..64 {
        assert!(producer.push_bytes(&[5; BODY_MOST]));
    }
    producer.publish();
    let mut bodies = Vec::new();
    while let Some(Item::Bytes(bytes)) = take(&mut consumer) {
        bodies.push((bytes[0], bytes.len()));
    }
    assert_eq!(bodies[0], (1, 40));
    assert_eq!(bodies[1..4], [(2, BODY_MOST); 3]);
    assert_eq!(bodies[4..64], [(4, 24); 60]);
    assert_eq!(bodies[64..], [(5, BODY_MOST); 64]);
}

/// Bytes of a thread that gets ahead by many chunks, which go round.
#[test]
fn bytes_between_threads() {
    const COUNT: u64 = 200_000;
    let (mut producer, mut consumer) = elements::<Element>(0);
    let source = thread::spawn(move || {
        let mut steps = Steps(7);
        for number in 0..COUNT {
            let len = 8 + steps.below(400) as usize;
            let mut bytes = vec![number as u8; len];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            if !producer.push_bytes(&bytes) {
                producer.push((number, Arc::new(()), 0));
            }
            producer.publish();
        }
    });
    let mut next = 0;
    while next < COUNT {
        match take(&mut consumer) {
            Some(Item::Element(number)) => {
                assert_eq!(number, next);
                next += 1;
            }
            Some(Item::Bytes(bytes)) => {
                assert_eq!(bytes[..8], next.to_le_bytes());
                assert!(bytes[8..].iter().all(|&byte| byte == next as u8));
                next += 1;
            }
            None => thread::yield_now(),
        }
    }
    source.join().unwrap();
}
