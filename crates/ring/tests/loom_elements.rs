//! Publication of elements, and chunks that come back, in every order that the memory model allows.
#![cfg(loom)]

use std::sync::atomic::{AtomicUsize, Ordering};

use loom::thread;
use ringmq_ring::{Consumer, elements};

/// Runs a model, and says how many executions there were.
fn explore(run: impl Fn() + Sync + Send + 'static) -> usize {
    static EXECUTIONS: AtomicUsize = AtomicUsize::new(0);
    let before = EXECUTIONS.load(Ordering::SeqCst);
    loom::model(move || {
        EXECUTIONS.fetch_add(1, Ordering::SeqCst);
        run();
    });
    EXECUTIONS.load(Ordering::SeqCst) - before
}

/// Three elements over chunks of two, the first two at once: each is there whole when its number is, in order.
#[test]
fn elements_are_whole_and_in_order() {
    let executions = explore(|| {
        let (mut producer, mut consumer) = elements(0);
        let source = thread::spawn(move || {
            producer.push(Box::new(0));
            producer.push(Box::new(1));
            producer.publish();
            producer.push(Box::new(2));
            producer.publish();
        });
        let sink = thread::spawn(move || {
            let mut next = 0;
            for _ in 0..4 {
                if let Some(element) = consumer.pop() {
                    assert_eq!(*element, next);
                    next += 1;
                    if next == 1 {
                        // Published together: the second is there with the first.
                        assert!(consumer.is_ready());
                    }
                }
            }
        });
        source.join().unwrap();
        sink.join().unwrap();
    });
    assert!(executions > 10, "{executions}");
}

/// Groups that were deferred are there together, over chunks of two; one that was not finished is not.
#[test]
fn deferred_elements_appear_together() {
    let executions = explore(|| {
        let (mut producer, mut consumer) = elements(0);
        let source = thread::spawn(move || {
            producer.push(Box::new(0));
            producer.defer();
            producer.push(Box::new(1));
            producer.push(Box::new(2));
            producer.defer();
            producer.push(Box::new(3));
            assert!(producer.flush());
            producer.rollback();
        });
        let sink = thread::spawn(move || {
            for _ in 0..2 {
                if let Some(element) = consumer.pop() {
                    assert_eq!(*element, 0);
                    assert_eq!(consumer.pop().map(|element| *element), Some(1));
                    assert_eq!(consumer.pop().map(|element| *element), Some(2));
                    assert!(!consumer.is_ready());
                    break;
                }
            }
        });
        source.join().unwrap();
        sink.join().unwrap();
    });
    assert!(executions > 3, "{executions}");
}

/// An emptied chunk goes round: its last use comes before its next.
#[test]
fn chunks_go_round() {
    let executions = explore(|| {
        let (mut producer, mut consumer) = elements(0);
        for number in 0..3 {
            producer.push(Box::new(number));
            producer.publish();
        }
        let source = thread::spawn(move || {
            for number in 3..6 {
                producer.push(Box::new(number));
                producer.publish();
            }
        });
        let sink = thread::spawn(move || {
            for number in 0..3 {
                assert_eq!(consumer.pop().map(|element| *element), Some(number));
            }
            if let Some(element) = consumer.pop() {
                assert_eq!(*element, 3);
            }
        });
        source.join().unwrap();
        sink.join().unwrap();
    });
    assert!(executions > 10, "{executions}");
}

/// Takes bytes, if there are some. An element stands for bytes that were refused.
fn take(consumer: &mut Consumer<u64>) -> Option<Vec<u8>> {
    match consumer.take_bytes(<[u8]>::to_vec) {
        None => consumer.pop().map(|number| vec![number as u8]),
        bytes => bytes,
    }
}

/// Bytes, in the slot and behind it, are whole and in order, over chunks that come back.
#[test]
fn bodies_go_round() {
    let executions = explore(|| {
        let (mut producer, mut consumer) = elements(0_u64);
        for number in 0..3 {
            assert!(producer.push_bytes(&[number; 100]));
            producer.publish();
        }
        let source = thread::spawn(move || {
            for number in 3..6 {
                let len = if number == 4 { 8 } else { 100 };
                assert!(producer.push_bytes(&[number; 100][..len]));
                producer.publish();
            }
        });
        let sink = thread::spawn(move || {
            for number in 0..3 {
                assert_eq!(take(&mut consumer), Some(vec![number; 100]));
            }
            if let Some(bytes) = take(&mut consumer) {
                assert_eq!(bytes, [3; 100]);
                if let Some(bytes) = take(&mut consumer) {
                    assert_eq!(bytes, [4; 8]);
                }
            }
        });
        source.join().unwrap();
        sink.join().unwrap();
    });
    assert!(executions > 10, "{executions}");
}

/// A chunk comes back while its memory is too small, and gets more.
#[test]
fn memory_for_bodies_is_made_anew() {
    let executions = explore(|| {
        let (mut producer, mut consumer) = elements(0_u64);
        for _ in 0..3 {
            assert!(producer.push_bytes(&[1; 20]));
            producer.publish();
        }
        let source = thread::spawn(move || {
            // The chunk that has room for one line more has none for these, and the next one has.
            for expected in [false, true] {
                let pushed = producer.push_bytes(&[2; 200]);
                assert_eq!(pushed, expected);
                if !pushed {
                    producer.push(7);
                }
                producer.publish();
            }
        });
        let sink = thread::spawn(move || {
            for _ in 0..3 {
                assert_eq!(take(&mut consumer), Some(vec![1; 20]));
            }
            if let Some(bytes) = take(&mut consumer) {
                assert_eq!(bytes, [7]);
                if let Some(bytes) = take(&mut consumer) {
                    assert_eq!(bytes, [2; 200]);
                }
            }
        });
        source.join().unwrap();
        sink.join().unwrap();
    });
    assert!(executions > 10, "{executions}");
}

/// A group over two chunks is taken back, and the next one is published, while the consumer passes the first chunk.
#[test]
fn a_rollback_over_chunks_leaves_no_link() {
    let executions = explore(|| {
        let (mut producer, mut consumer) = elements(0);
        producer.push(Box::new(0));
        producer.publish();
        let source = thread::spawn(move || {
            producer.push(Box::new(9));
            producer.push(Box::new(9));
            producer.rollback();
            for number in 1..4 {
                producer.push(Box::new(number));
                producer.publish();
            }
        });
        let sink = thread::spawn(move || {
            let mut next = 0;
            for _ in 0..4 {
                if let Some(element) = consumer.pop() {
                    assert_eq!(*element, next);
                    next += 1;
                }
            }
        });
        source.join().unwrap();
        sink.join().unwrap();
    });
    assert!(executions > 10, "{executions}");
}

/// The producer takes one of two spare chunks while the consumer adds a third.
#[test]
fn spare_chunks_are_taken_while_others_come() {
    let executions = explore(|| {
        let (mut producer, mut consumer) = elements(0);
        for number in 0..7 {
            producer.push(number);
        }
        producer.publish();
        for number in 0..5 {
            assert_eq!(consumer.pop(), Some(number));
        }
        let source = thread::spawn(move || {
            for number in 7..11 {
                producer.push(number);
                producer.publish();
            }
        });
        let sink = thread::spawn(move || {
            for number in 5..8 {
                if let Some(element) = consumer.pop() {
                    assert_eq!(element, number);
                }
            }
        });
        source.join().unwrap();
        sink.join().unwrap();
    });
    assert!(executions > 10, "{executions}");
}
