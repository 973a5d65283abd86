//! Publication of elements, and chunks that come back, in every order that the memory model allows.
#![cfg(loom)]

use std::sync::atomic::{AtomicUsize, Ordering};

use loom::thread;
use ringmq_ring::elements;

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
