//! Pipes within a process: marks, sleeps, ends, and sleepers that are found late.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use ringmq_pipe::Wait;
use ringmq_pipe::local::{Mailbox, Receiver, Sender, Waker, conflating, pipe};
use ringmq_pipe::sleeper::Sleeper;
use ringmq_pipe::waiting::Slept;
use ringmq_testing::{Random, scope, seed, watchdog};

/// Sends the number as a message of one to three elements.
fn send(sender: &mut Sender<u64>, number: u64) {
    let parts = number % 3 + 1;
    for part in 1..=parts {
        sender.push(number, part == parts).unwrap();
    }
}

/// Receives the message that `send` has sent.
#[track_caller]
fn receive(receiver: &mut Receiver<u64>, number: u64) {
    for _ in 0..number % 3 + 1 {
        assert_eq!(receiver.pop(), Some(number));
    }
    receiver.done().unwrap();
}

/// Both sides wait in each strategy, with marks at which each message is a sleep, and others.
#[test]
fn nothing_is_lost_however_both_wait() {
    let _guard = watchdog(Duration::from_secs(120));
    let seed = seed();
    for wait in [Wait::Park, Wait::Adaptive, Wait::Spin] {
        for mark in [1, 2, 3, 7, 1000, 0] {
            let count = if wait == Wait::Spin { 2000 } else { 20_000 };
            let mut here = Sleeper::new(wait).unwrap();
            let mut there = Sleeper::new(wait).unwrap();
            let (mut sender, mut receiver) =
                pipe(mark, there.bellpull().into(), here.bellpull().into());
            scope(|scope| {
                scope.spawn(move || {
                    let mut random = Random::new(seed);
                    for number in 0..count {
                        if !sender.has_room() {
                            here.wait(|| sender.has_room(), None).unwrap();
                        }
                        send(&mut sender, number);
                        if random.one_in(500) {
                            random.dawdle(Duration::from_micros(80));
                        }
                    }
                });
                let mut random = Random::new(seed);
                for number in 0..count {
                    if !receiver.is_ready() {
                        there.wait(|| receiver.is_ready(), None).unwrap();
                    }
                    receive(&mut receiver, number);
                    if random.one_in(500) {
                        random.dawdle(Duration::from_micros(80));
                    }
                }
                there.wait(|| receiver.is_at_end(), None).unwrap();
            });
        }
    }
}

/// The mark is exact, and credit comes back in steps of half of it.
#[test]
fn credit_comes_back_in_steps() {
    for (mark, step) in [(1, 1), (2, 1), (3, 2), (4, 2), (10, 5), (1000, 500)] {
        let (mut sender, mut receiver) = pipe(mark, Waker::unset(), Waker::unset());
        let mut sent = 0;
        while sender.has_room() {
            send(&mut sender, sent);
            sent += 1;
        }
        assert_eq!(sent, mark);
        for number in 0..step - 1 {
            receive(&mut receiver, number);
            assert!(!sender.has_room());
        }
        receive(&mut receiver, step - 1);
        for _ in 0..step {
            assert!(sender.has_room());
            send(&mut sender, sent);
            sent += 1;
        }
        assert!(!sender.has_room());
        sender.set_mark(0);
        assert!(sender.has_room());
    }
}

#[test]
fn a_message_is_whole_or_absent() {
    let (mut sender, mut receiver) = pipe(0, Waker::unset(), Waker::unset());
    sender.push(1, false).unwrap();
    assert!(!receiver.is_ready() && sender.is_in_midst());
    sender.rollback();
    sender.push(2, false).unwrap();
    sender.push(3, true).unwrap();
    sender.push(4, false).unwrap();
    drop(sender);
    assert_eq!((receiver.pop(), receiver.pop()), (Some(2), Some(3)));
    assert!(receiver.is_at_end());
    assert_eq!(receiver.pop(), None);
}

#[test]
fn a_sender_knows_that_its_receiver_has_gone() {
    let (mut sender, receiver) = pipe(1, Waker::unset(), Waker::unset());
    assert!(!sender.is_orphaned());
    send(&mut sender, 0);
    drop(receiver);
    assert!(sender.is_orphaned());
}

/// A receiver that comes late finds what was sent before, and what is sent afterwards wakes it.
#[test]
fn a_sleeper_that_is_found_late() {
    let _guard = watchdog(Duration::from_secs(60));
    for _ in 0..200 {
        let waker = Waker::unset();
        let (mut sender, mut receiver) = pipe(0, waker.clone(), Waker::unset());
        scope(|scope| {
            scope.spawn(move || {
                for number in 0..100 {
                    send(&mut sender, number);
                }
            });
            let mut sleeper = Sleeper::new(Wait::Park).unwrap();
            waker.find(sleeper.bellpull());
            for number in 0..100 {
                if !receiver.is_ready() {
                    sleeper.wait(|| receiver.is_ready(), None).unwrap();
                }
                receive(&mut receiver, number);
            }
        });
    }
}

#[test]
fn a_deadline_ends_every_wait() {
    for wait in [Wait::Park, Wait::Adaptive, Wait::Spin] {
        let mut sleeper = Sleeper::new(wait).unwrap();
        let deadline = Instant::now() + Duration::from_millis(20);
        let slept = sleeper.wait(|| false, Some(deadline)).unwrap_err();
        assert!(matches!(slept, Slept::TimedOut));
        assert!(Instant::now() >= deadline);
    }
}

/// Many post, one takes; a closed mailbox gives commands back.
#[test]
fn commands_come_in_order_of_each() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut sleeper = Sleeper::new(Wait::Park).unwrap();
    let mut mailbox = Mailbox::new(sleeper.bellpull().into());
    let post = mailbox.post();
    scope(|scope| {
        for thread in 0..3 {
            let post = mailbox.post();
            scope.spawn(move || {
                for number in 0..1000 {
                    post.send((thread, number)).unwrap();
                }
            });
        }
        let mut next = [0; 3];
        for _ in 0..3000 {
            if !mailbox.has_mail() {
                sleeper.wait(|| mailbox.has_mail(), None).unwrap();
            }
            let (thread, number) = mailbox.take().unwrap();
            assert_eq!(number, next[thread]);
            next[thread] += 1;
        }
        assert!(mailbox.take().is_none());
    });
    drop(mailbox);
    assert_eq!(post.send((0, 0)), Err((0, 0)));
}

/// What is taken back is not there any more, and what is there is still in order.
#[test]
fn commands_can_be_taken_back() {
    let sleeper = Sleeper::new(Wait::Park).unwrap();
    let mut mailbox = Mailbox::new(sleeper.bellpull().into());
    let post = mailbox.post();
    let is_of = |who: u32| move |command: &(u32, u32)| command.0 == who;
    for number in 0..3 {
        post.send((1, number)).unwrap();
        post.send((2, number)).unwrap();
    }
    assert_eq!(mailbox.take(), Some((1, 0)));
    let back = post.take_back(|command| *command == (1, 0), is_of(1));
    assert_eq!(back, None);
    let back = post.take_back(|command| *command == (1, 1), is_of(1));
    assert_eq!(back, Some(vec![(1, 1), (1, 2)]));
    post.send((1, 3)).unwrap();
    for command in [(2, 0), (2, 1), (2, 2), (1, 3)] {
        assert!(mailbox.has_mail());
        assert_eq!(mailbox.take(), Some(command));
    }
    assert!(!mailbox.has_mail());
    post.send((1, 4)).unwrap();
    let back = post.take_back(is_of(1), is_of(2));
    assert_eq!(back, Some(vec![]));
    let back = post.take_back(is_of(1), is_of(1));
    assert_eq!(back, Some(vec![(1, 4)]));
    assert!(!mailbox.has_mail());
    assert_eq!(mailbox.take(), None);
}

/// The receiver sees some of the messages, in order, and the last one for certain, however it waits.
#[test]
fn the_last_message_of_a_conflating_pipe_always_arrives() {
    const LAST: u64 = 20_000;
    let _guard = watchdog(Duration::from_secs(60));
    let seed = seed();
    for wait in [Wait::Park, Wait::Adaptive, Wait::Spin] {
        let mut there = Sleeper::new(wait).unwrap();
        let (mut sender, mut receiver) = conflating(there.bellpull().into(), Waker::unset());
        scope(|scope| {
            scope.spawn(move || {
                let mut random = Random::new(seed);
                for number in 1..=LAST {
                    assert!(sender.has_room());
                    sender.push(number, true).unwrap();
                    if random.one_in(500) {
                        random.dawdle(Duration::from_micros(80));
                    }
                }
            });
            let mut before = 0;
            while before < LAST {
                if !receiver.is_ready() {
                    there.wait(|| receiver.is_ready(), None).unwrap();
                }
                let number = receiver.pop().unwrap();
                receiver.done().unwrap();
                assert!(number > before, "{number} after {before}");
                before = number;
            }
            assert_eq!(receiver.pop(), None);
        });
        assert!(receiver.is_at_end());
    }
}

/// What was not the last when the sender went is not there, and what was is.
#[test]
fn a_conflating_pipe_keeps_one_element_to_the_end() {
    let (mut sender, mut receiver) = conflating(Waker::unset(), Waker::unset());
    for number in 0..10 {
        sender.push(number, false).unwrap();
        assert!(!receiver.is_ready() && !sender.is_in_midst());
    }
    sender.set_mark(1);
    for number in 10..20 {
        sender.push(number, true).unwrap();
        assert!(sender.has_room());
    }
    drop(sender);
    assert!(!receiver.is_at_end());
    assert_eq!(receiver.pop(), Some(19));
    assert!(receiver.is_at_end());
}

#[test]
fn a_sender_that_is_to_refuse_has_no_room() {
    for mark in [0, 5] {
        let (mut sender, mut receiver) = pipe(mark, Waker::unset(), Waker::unset());
        sender.push(1, true).unwrap();
        assert!(sender.has_room());
        sender.refuse();
        assert!(!sender.has_room());
        assert_eq!(receiver.pop(), Some(1));
        receiver.done().unwrap();
        assert!(!sender.has_room());
    }
}

/// A sender whose mark became smaller has had messages received of which no credit came back.
#[test]
fn credit_that_a_smaller_mark_makes_due_comes_back_at_once() {
    let (mut sender, mut receiver) = pipe(1000, Waker::unset(), Waker::unset());
    for number in 0..400 {
        sender.push(number, true).unwrap();
        assert_eq!(receiver.pop(), Some(number));
        receiver.done().unwrap();
    }
    sender.set_mark(2);
    assert!(!sender.has_room());
    receiver.set_mark(2);
    assert!(sender.has_room());
}
