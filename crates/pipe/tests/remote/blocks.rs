//! Messages whose long parts are blocks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ringmq_pipe::blocks::{Arena, Block, Keep, LentBlock, Readers};
use ringmq_pipe::remote::{OutPart, PartPlace, PushError, Receiver, Sender};
use ringmq_pipe::{Vow, Wait};

use crate::world::{pattern, take, world};

const GIB: u64 = 1 << 30;
const LONG: usize = 100_000;

/// A block with a pattern, and what keeps it.
fn block(number: usize, len: usize) -> (Arc<Block>, Keep) {
    let mut block = Arena::current().unwrap().allocate(len).unwrap();
    block.as_mut_slice()[..len].copy_from_slice(&pattern(number, len));
    let block = Arc::new(block);
    (Arc::clone(&block), block as Keep)
}

/// A block that begins and ends with a number, and what keeps it.
pub(crate) fn numbered(number: usize, len: usize) -> (Arc<Block>, Keep) {
    let mut block = Arena::current().unwrap().allocate(len).unwrap();
    let bytes = &mut block.as_mut_slice()[..len];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[len - 8..].copy_from_slice(&number.to_le_bytes());
    let block = Arc::new(block);
    (Arc::clone(&block), block as Keep)
}

fn send(sender: &mut Sender, number: usize, len: usize) -> Result<Arc<Block>, PushError> {
    let (block, keep) = block(number, len);
    sender.push_blocks(&[OutPart::Block(&block, len, &keep)])?;
    Ok(block)
}

/// Takes a message of one part, and holds it where it lies.
fn hold(receiver: &mut Receiver) -> Option<LentBlock> {
    // SAFETY: both ends are this test's, which does not write to what it has sent.
    let vow = unsafe { Vow::new() };
    let incoming = receiver.peek()?;
    let contents = receiver.contents(&incoming).unwrap();
    let (place, len) = contents.parts().next().unwrap();
    let held = receiver.hold(place, len, vow);
    receiver.done(incoming);
    held
}

#[test]
fn a_block_is_read_where_the_sender_has_filled_it_and_comes_home() {
    let mut world = world(0, 0, GIB);
    for number in 0..1000 {
        let block = send(&mut world.sender, number, LONG).unwrap();
        // The test, and the loan.
        assert_eq!(Arc::strong_count(&block), 2);
        let memory = world.sender.memory();
        assert_eq!(take(&mut world.receiver).unwrap(), [pattern(number, LONG)]);
        assert!(memory <= 64 << 10, "nothing but names is in the ring");
        // The next send finds that it is home.
        send(&mut world.sender, number, LONG).unwrap();
        assert_eq!(Arc::strong_count(&block), 1);
        take(&mut world.receiver).unwrap();
    }
}

#[test]
fn parts_in_blocks_and_parts_in_the_record_make_one_message() {
    let mut world = world(0, 0, GIB);
    let (first, first_keep) = block(1, LONG);
    let (second, second_keep) = block(2, 1);
    let short = pattern(3, 13);
    let parts = [
        OutPart::Bytes(&short),
        OutPart::Block(&first, LONG, &first_keep),
        OutPart::Bytes(b""),
        OutPart::Block(&second, 1, &second_keep),
        OutPart::Bytes(b"end"),
    ];
    world.sender.push_blocks(&parts).unwrap();
    assert_eq!(
        take(&mut world.receiver).unwrap(),
        [
            short.clone(),
            pattern(1, LONG),
            Vec::new(),
            pattern(2, 1),
            b"end".to_vec()
        ]
    );
}

#[test]
fn a_block_that_is_held_is_not_given_back_until_it_is_dropped() {
    let mut world = world(0, 0, GIB);
    let block = send(&mut world.sender, 7, LONG).unwrap();
    let held = hold(&mut world.receiver).unwrap();
    assert_eq!(held.as_slice(), pattern(7, LONG));
    for number in 0..100 {
        send(&mut world.sender, number, LONG).unwrap();
        take(&mut world.receiver).unwrap();
    }
    assert_eq!(Arc::strong_count(&block), 2);
    assert_eq!(held.as_slice(), pattern(7, LONG));
    drop(held);
    send(&mut world.sender, 0, LONG).unwrap();
    assert_eq!(Arc::strong_count(&block), 1);
}

#[test]
fn a_block_that_is_sent_and_held_twice_comes_home_with_the_last() {
    let mut world = world(0, 0, GIB);
    let (block, keep) = block(5, LONG);
    let part = [OutPart::Block(&block, LONG, &keep)];
    world.sender.push_blocks(&part).unwrap();
    world.sender.push_blocks(&part).unwrap();
    let first = hold(&mut world.receiver).unwrap();
    let second = hold(&mut world.receiver).unwrap();
    drop(first);
    send(&mut world.sender, 0, LONG).unwrap();
    assert!(Arc::strong_count(&block) > 2);
    assert_eq!(second.as_slice(), pattern(5, LONG));
    drop(second);
    send(&mut world.sender, 0, LONG).unwrap();
    assert_eq!(Arc::strong_count(&block), 2);
}

#[test]
fn a_receiver_that_holds_all_it_may_copies_the_rest() {
    let mut world = world(0, 0, GIB);
    let mut held = Vec::new();
    loop {
        send(&mut world.sender, held.len(), LONG).unwrap();
        match hold(&mut world.receiver) {
            Some(block) => held.push(block),
            None => break,
        }
    }
    assert_eq!(held.len(), 14);
    for (number, held) in held.iter().enumerate() {
        assert_eq!(held.as_slice(), pattern(number, LONG));
    }
    // Any of them makes room.
    held.remove(5);
    send(&mut world.sender, 99, LONG).unwrap();
    assert_eq!(
        hold(&mut world.receiver).unwrap().as_slice(),
        pattern(99, LONG)
    );
}

#[test]
fn blocks_that_are_out_are_limited_and_a_drop_wakes_the_sender() {
    // The ring counts, too.
    let limit = 10 * LONG as u64 + (64 << 10);
    let mut world = world(0, 0, limit);
    let mut sent = 0;
    while send(&mut world.sender, sent, LONG).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, 10);
    assert_eq!(
        send(&mut world.sender, 0, LONG).unwrap_err(),
        PushError::Full
    );
    let held = hold(&mut world.receiver).unwrap();
    let (mut sender, mut sending) = (world.sender, world.sending);
    let waiting = std::thread::spawn(move || {
        let deadline = Some(Instant::now() + Duration::from_secs(30));
        sending.set_wait(Wait::Park);
        let woken = sending.wait(|| send(&mut sender, 10, LONG).is_ok(), deadline);
        woken.unwrap();
        sender
    });
    std::thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished(), "the block is held");
    drop(held);
    let _sender = waiting.join().unwrap();
    for number in 1..=10 {
        assert_eq!(take(&mut world.receiver).unwrap(), [pattern(number, LONG)]);
    }
}

#[test]
fn a_block_longer_than_the_limit_is_sent_when_nothing_else_is_out() {
    let mut world = world(0, 0, 1 << 20);
    send(&mut world.sender, 1, 8 << 20).unwrap();
    assert_eq!(
        send(&mut world.sender, 2, LONG).unwrap_err(),
        PushError::Full
    );
    assert_eq!(take(&mut world.receiver).unwrap(), [pattern(1, 8 << 20)]);
    send(&mut world.sender, 2, LONG).unwrap();
}

#[test]
fn a_peer_that_cannot_be_told_of_the_memory_gets_a_copy_in_the_ring() {
    let mut world = world(0, 0, GIB);
    // The ring is there before the stream has no room.
    world.sender.push(&pattern(0, 100_000)).unwrap();
    take(&mut world.receiver).unwrap();
    // ORDERING: one thread.
    world.stream.is_jammed.store(true, Ordering::Relaxed);
    let block = send(&mut world.sender, 1, LONG).unwrap();
    assert_eq!(Arc::strong_count(&block), 1, "it is not lent");
    assert_eq!(take(&mut world.receiver).unwrap(), [pattern(1, LONG)]);
    // ORDERING: as above.
    world.stream.is_jammed.store(false, Ordering::Relaxed);
    let block = send(&mut world.sender, 2, LONG).unwrap();
    assert_eq!(Arc::strong_count(&block), 2);
    assert_eq!(take(&mut world.receiver).unwrap(), [pattern(2, LONG)]);
}

#[test]
fn an_envelope_whose_block_was_copied_is_a_message_of_two_parts() {
    let mut world = world(0, 0, GIB);
    // The ring is there before the stream has no room.
    world.sender.push(&pattern(0, LONG)).unwrap();
    take(&mut world.receiver).unwrap();
    // ORDERING: one thread.
    world.stream.is_jammed.store(true, Ordering::Relaxed);
    let (block, keep) = block(1, LONG);
    let parts = [OutPart::Bytes(&[]), OutPart::Block(&block, LONG, &keep)];
    world.sender.push_blocks(&parts).unwrap();
    // A receiver that takes the empty part by itself looks for a block behind it.
    assert_eq!(
        world.receiver.is_enveloped(),
        world.receiver.sole_block(true).is_some()
    );
    let message = take(&mut world.receiver).unwrap();
    assert_eq!(message, [Vec::new(), pattern(1, LONG)]);
}

#[test]
fn a_receiver_without_a_descriptor_for_the_memory_says_so() {
    let mut world = world(0, 0, GIB);
    world.sender.push(&pattern(0, 10)).unwrap();
    take(&mut world.receiver).unwrap();
    // ORDERING: one thread.
    world.stream.loses.store(true, Ordering::Relaxed);
    let sent = send(&mut world.sender, 1, LONG).unwrap();
    assert!(world.receiver.peek().is_none() && world.receiver.is_short());
    drop(world.receiver);
    // The session sends it by another way.
    let mut unread = world.witness.take().unwrap().into_unread();
    let incoming = unread.peek().unwrap();
    let contents = unread.contents(&incoming).unwrap();
    let (place, len) = contents.parts().next().unwrap();
    assert_eq!(len, LONG);
    let kept = unread.kept(place).unwrap().downcast::<Block>().unwrap();
    assert!(Arc::ptr_eq(&kept, &sent));
    assert!(matches!(place, PartPlace::Block(_)));
}

#[test]
fn blocks_outlive_the_sender_as_long_as_they_are_held() {
    let mut world = world(0, 0, GIB);
    let held_block = send(&mut world.sender, 1, LONG).unwrap();
    let unread_block = send(&mut world.sender, 2, LONG).unwrap();
    let held = hold(&mut world.receiver).unwrap();
    drop(world.sender);
    drop(world.witness.take());
    Readers::current().unwrap().tidy();
    assert_eq!(Arc::strong_count(&held_block), 2);
    assert_eq!(Arc::strong_count(&unread_block), 2);
    assert_eq!(take(&mut world.receiver).unwrap(), [pattern(2, LONG)]);
    Readers::current().unwrap().tidy();
    assert_eq!(Arc::strong_count(&unread_block), 1);
    assert_eq!(held.as_slice(), pattern(1, LONG));
    drop(held);
    Readers::current().unwrap().tidy();
    assert_eq!(Arc::strong_count(&held_block), 1);
}

#[test]
fn what_a_receiver_did_not_read_is_free_when_its_slot_is_given_up() {
    let mut world = world(0, 0, GIB);
    let held_block = send(&mut world.sender, 1, LONG).unwrap();
    let unread_block = send(&mut world.sender, 2, LONG).unwrap();
    let held = hold(&mut world.receiver).unwrap();
    let (back_sender, back_receiver) = world._back;
    drop((world.receiver, world.sender, world.witness.take()));
    drop((back_sender, back_receiver));
    std::thread::sleep(Duration::from_millis(150));
    Readers::current().unwrap().tidy();
    // The frame that is held keeps the slot.
    assert_eq!(Arc::strong_count(&held_block), 2);
    assert_eq!(held.as_slice(), pattern(1, LONG));
    drop(held);
    std::thread::sleep(Duration::from_millis(150));
    Readers::current().unwrap().tidy();
    assert_eq!(Arc::strong_count(&held_block), 1);
    assert_eq!(Arc::strong_count(&unread_block), 1);
}

#[test]
fn a_burst_leaves_no_memory_on_either_side() {
    let mut world = world(0, 0, GIB);
    let before = Arena::current().unwrap().bytes();
    for number in 0..200 {
        send(&mut world.sender, number, 1 << 20).unwrap();
    }
    assert!(Arena::current().unwrap().bytes() >= 200 << 20);
    for _ in 0..200 {
        take(&mut world.receiver).unwrap();
    }
    let mappings = ringmq_pipe::mappings();
    // Use goes on, as of one small block now and then.
    for number in 0..8 {
        send(&mut world.sender, number, LONG).unwrap();
        take(&mut world.receiver).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(Arena::current().unwrap().bytes() <= before.max(32 << 20));
    // A mapping here and one there for each segment.
    assert!(ringmq_pipe::mappings() + 10 < mappings);
}
