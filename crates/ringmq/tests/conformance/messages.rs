//! Messages and their parts: whole or not at all, however they are sent and received.

use ringmq::{Frame, Kind, Message, Socket};
use ringmq_testing::{Bytes, soon};

use crate::world::{World, comes, is_empty, put, take};

rules!(
    messages_of_all_sizes_come_in_order,
    a_message_comes_with_all_its_parts,
    parts_may_be_received_one_by_one,
    a_message_that_was_not_finished_is_not_sent,
    slices_and_frames_arrive_however_they_are_received,
    the_bytes_of_every_part_are_aligned,
    what_has_no_room_in_a_slice_is_dropped,
    a_refused_message_comes_back_whole,
);

/// Types whose messages differ in what goes with them: nothing, an empty part, and a topic.
pub(crate) const KINDS: [(Kind, Kind); 6] = [
    (Kind::Pull, Kind::Push),
    (Kind::Pair, Kind::Pair),
    (Kind::Dealer, Kind::Dealer),
    (Kind::Rep, Kind::Req),
    (Kind::Rep, Kind::Dealer),
    (Kind::Sub, Kind::Xpub),
];

/// Two that have met, the first of which receives. A SUB has subscribed to everything.
pub(crate) fn pair(world: &World, kinds: (Kind, Kind)) -> (Socket, Socket) {
    let (mut to, mut from) = (world.socket(kinds.0), world.socket(kinds.1));
    if kinds.0 == Kind::Sub {
        to.subscribe("").unwrap();
    }
    world.meet(&mut to, &mut from);
    if kinds.0 == Kind::Sub {
        comes(&mut from, "\x01");
    }
    (to, from)
}

/// What every type but a DEALER to a REP can send as it is.
pub(crate) fn envelope(from: &mut Socket, kinds: (Kind, Kind)) {
    if kinds == (Kind::Rep, Kind::Dealer) {
        from.send_part(Frame::new().with_more(true)).unwrap();
    }
}

/// A REP answers before it receives again.
pub(crate) fn answer(to: &mut Socket, from: &mut Socket) {
    if to.kind() == Kind::Rep {
        put(to, &["thanks"]);
        from.recv_deadline(soon()).unwrap();
    }
}

pub(crate) fn filled(seed: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Bytes::new(seed as u64).fill(0, &mut bytes);
    bytes
}

fn messages_of_all_sizes_come_in_order(world: &World) {
    let (mut pull, mut push) = world.pair(Kind::Pull, Kind::Push);
    push.set_linger(None);
    let len = |number: usize| number * number % 5_000;
    ringmq_testing::scope(|scope| {
        scope.spawn(move || {
            for number in 0..2_000 {
                let parts = [filled(number, len(number)), vec![1; 3]];
                push.send(parts.into_iter().collect::<Message>()).unwrap();
            }
            push.send(vec![9; 32 << 20]).unwrap();
        });
        for number in 0..2_000 {
            let received = pull.recv_deadline(soon()).unwrap();
            assert_eq!(received.len(), 2);
            assert!(received[0][..] == filled(number, len(number)));
        }
        let received = pull.recv_deadline(soon()).unwrap();
        assert!(received[0].len() == 32 << 20 && received[0].iter().all(|byte| *byte == 9));
    });
}

fn a_message_comes_with_all_its_parts(world: &World) {
    for kinds in KINDS {
        let (mut to, mut from) = pair(world, kinds);
        for count in [1, 2, 3, 100] {
            envelope(&mut from, kinds);
            for number in 0..count {
                let part = Frame::from(&filled(number, number * 7)[..]);
                from.send_part(part.with_more(number + 1 < count)).unwrap();
                if number + 1 < count {
                    is_empty_or_not_its_turn(&mut to);
                }
            }
            let received = to.recv_deadline(soon()).unwrap();
            assert_eq!(received.len(), count);
            for (number, part) in received.iter().enumerate() {
                assert!(part[..] == filled(number, number * 7));
            }
            answer(&mut to, &mut from);
        }
    }
}

fn is_empty_or_not_its_turn(socket: &mut Socket) {
    assert!(socket.try_recv().is_err());
}

fn parts_may_be_received_one_by_one(world: &World) {
    for kinds in KINDS {
        let (mut to, mut from) = pair(world, kinds);
        envelope(&mut from, kinds);
        put(&mut from, &["one", "", "three"]);
        for (part, more) in [("one", true), ("", true), ("three", false)] {
            let received = to.recv_part().unwrap();
            assert_eq!((&received[..], received.more()), (part.as_bytes(), more));
            assert_eq!(to.has_more(), more);
        }
        answer(&mut to, &mut from);
    }
}

/// A socket that is closed in the middle of a message has sent nothing of it.
fn a_message_that_was_not_finished_is_not_sent(world: &World) {
    let (mut pull, place) = world.bound(Kind::Pull);
    let mut push = world.connected(Kind::Push, &place);
    push.set_linger(None);
    put(&mut push, &["whole", "message"]);
    assert_eq!(take(&mut pull), ["whole", "message"]);
    for part in ["half", "of a message"] {
        push.send_part(Frame::from(part).with_more(true)).unwrap();
    }
    drop(push);
    let mut push = world.connected(Kind::Push, &place);
    put(&mut push, &["another"]);
    comes(&mut pull, "another");
}

/// The bytes of a frame are aligned to 8, and to 16 if they lie outside of it.
#[track_caller]
fn assert_aligned(frame: &Frame) {
    let least = if frame.len() <= 45 { 8 } else { 16 };
    assert_eq!(frame.as_ptr().addr() % least, 0, "{frame:?}");
}

fn slices_and_frames_arrive_however_they_are_received(world: &World) {
    for kinds in KINDS {
        let (mut to, mut from) = pair(world, kinds);
        let mut kept = Frame::new();
        let mut room = [0; 100_000];
        let lens = [0, 1, 45, 46, 64, 4_000, 90_000, 64, 3];
        for (round, len) in lens.into_iter().enumerate() {
            let bytes = filled(round, len);
            envelope(&mut from, kinds);
            if round % 2 == 0 {
                from.send_slice(&bytes).unwrap();
            } else {
                let mut frame = Frame::try_copy(&bytes).unwrap();
                from.send_part_from(&mut frame).unwrap();
                assert!(frame.is_empty());
            }
            if round % 3 == 0 {
                assert_eq!(to.recv_slice(&mut room).unwrap(), len);
                assert!(room[..len] == bytes);
            } else if round % 4 == 1 {
                // Memory as a C program may have it. As many bytes as there are have been written.
                let mut fresh = Vec::<u8>::with_capacity(100_000);
                assert_eq!(to.recv_uninit(fresh.spare_capacity_mut()).unwrap(), len);
                let written = &mut fresh.spare_capacity_mut()[..len];
                // SAFETY: as many bytes as the part has are initialised (`recv_uninit`).
                assert!(unsafe { written.assume_init_ref() } == bytes);
            } else {
                to.recv_part_into(&mut kept).unwrap();
                assert!(kept[..] == bytes && !kept.more());
                assert_aligned(&kept);
            }
            assert!(!to.has_more());
            answer(&mut to, &mut from);
        }
    }
}

fn the_bytes_of_every_part_are_aligned(world: &World) {
    for kinds in [KINDS[0], KINDS[2], (Kind::Router, Kind::Dealer)] {
        let (mut to, mut from) = pair(world, kinds);
        for len in (0..=70).chain([1_000, 1_001, 9_001, 90_003]) {
            let sent = vec![3; len];
            // Two messages of several parts, of which the parts behind begin at odd places, and one of one part.
            for parts in [
                vec![&sent[..], &b"x"[..], &sent[..]],
                vec![&b""[..], &sent[..]],
                vec![&sent[..]],
            ] {
                from.send(parts.iter().copied().collect::<Message>())
                    .unwrap();
                let received = to.recv_deadline(soon()).unwrap();
                let begin = received.len() - parts.len();
                for (frame, part) in received[begin..].iter().zip(parts) {
                    assert_eq!(&frame[..], part);
                }
                received.iter().for_each(assert_aligned);
                received
                    .into_iter()
                    .for_each(|frame| assert_aligned(&frame));
            }
        }
    }
}

fn what_has_no_room_in_a_slice_is_dropped(world: &World) {
    for kinds in [KINDS[0], KINDS[1], KINDS[2], KINDS[5]] {
        let (mut to, mut from) = pair(world, kinds);
        // Parts before a slice are of its message.
        from.send_part(Frame::from("first").with_more(true))
            .unwrap();
        let mut second = Frame::from("second").with_more(true);
        from.send_part_from(&mut second).unwrap();
        from.send_slice(b"third").unwrap();
        from.send_slice(&[7; 1_000]).unwrap();
        let mut room = [0; 3];
        let mut recv = |to: &mut Socket, len: usize| {
            let there = to.recv_slice(&mut room[..len]).unwrap();
            (there, to.has_more())
        };
        assert_eq!(recv(&mut to, 3), (5, true));
        let mut frame = Frame::new();
        to.recv_part_into(&mut frame).unwrap();
        assert_eq!((&frame[..], frame.more()), (&b"second"[..], true));
        assert_eq!(recv(&mut to, 3), (5, false));
        assert_eq!(recv(&mut to, 0), (1_000, false));
        is_empty(&mut to);
        assert_eq!(&room, b"thi");
    }
}

fn a_refused_message_comes_back_whole(world: &World) {
    let mut push = world.socket(Kind::Push);
    push.set_send_hwm(Some(1));
    push.connect(&world.place()).unwrap();
    put(&mut push, &["fills it"]);
    let sent = crate::world::message(&["one", "", "three"]);
    let refused = push.try_send(sent.clone()).unwrap_err();
    assert_eq!(refused.message, sent);
    let mut frame = Frame::try_copy(&[3; 64]).unwrap();
    push.try_send_part_from(&mut frame).unwrap_err();
    assert_eq!(&frame[..], [3; 64]);
    push.try_send_slice(&frame).unwrap_err();
}
