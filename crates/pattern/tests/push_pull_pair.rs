//! PUSH, PULL and PAIR; what they say of balancing and fair queueing holds for DEALER and REQ, too.

mod world;

use ringmq_message::Frame;
use ringmq_pattern::{AttachError, Kind, Pattern, RecvPartError, SendPartError, SetOption};
use ringmq_testing::{Random, seed};
use world::{Stage, frames, text};

#[test]
fn push_gives_each_peer_its_turn() {
    let mut push = Stage::with(Kind::Push, 3);
    for message in ["a", "b|b", "c", "d", "e"] {
        push.send(message).unwrap();
    }
    assert_eq!(push.got(0), ["a", "d"]);
    assert_eq!(push.got(1), ["b|b", "e"]);
    assert_eq!(push.got(2), ["c"]);
}

#[test]
fn push_passes_over_full_peers_and_refuses_when_all_are() {
    let mut push = Stage::with(Kind::Push, 2);
    assert!(push.can_send());
    push.pipe(0).room = 1;
    push.pipe(1).room = 2;
    for message in ["a", "b", "c"] {
        push.send(message).unwrap();
    }
    assert!(!push.can_send());
    let refused = push.send("d|e").unwrap_err();
    assert!(matches!(&refused, SendPartError::WouldBlock(frame) if frame.more()));
    assert_eq!(&refused.into_frame()[..], b"d");
    // A peer that has room again is looked at again.
    assert_eq!(push.got(1), ["b", "c"]);
    assert!(push.can_send());
    push.send("d|e").unwrap();
    assert_eq!(push.got(1), ["d|e"]);
    assert_eq!(push.got(0), ["a"]);
}

#[test]
fn every_socket_type_has_a_routing() {
    for kind in (0..=u8::MAX).filter_map(|number| Kind::try_from(number).ok()) {
        assert_eq!(Pattern::new(kind, 0).kind(), kind);
    }
}

#[test]
fn push_without_peers_would_block() {
    let mut push = Stage::new(Kind::Push);
    assert!(!push.can_send() && !push.can_recv());
    assert!(matches!(push.send("a"), Err(SendPartError::WouldBlock(_))));
    assert_eq!(push.recv(), Err(RecvPartError::NotSupported));
}

#[test]
fn a_message_begun_is_ended_whatever_the_mark_says() {
    let mut push = Stage::with(Kind::Push, 1);
    push.pipe(0).room = 1;
    push.send_part("a").unwrap();
    push.pipe(0).room = 0;
    assert!(push.can_send());
    push.send("b|c").unwrap();
    assert_eq!(push.got(0), ["a|b|c"]);
}

#[test]
fn when_the_peer_goes_in_mid_message_the_rest_is_swallowed() {
    for kind in [Kind::Push, Kind::Dealer, Kind::Pair] {
        let mut stage = Stage::with(kind, 1);
        stage.send_part("a").unwrap();
        stage.leave(0);
        stage.join(1);
        assert!(stage.can_send());
        assert!(matches!(
            stage.send_part("b"),
            Err(SendPartError::Broken(_))
        ));
        stage.send_part("b").unwrap();
        stage.send("c").unwrap();
        stage.send("whole|again").unwrap();
        assert_eq!(stage.got(1), ["whole|again"], "{kind:?}");
    }
}

#[test]
fn when_the_last_part_is_refused_the_message_is_over() {
    let mut push = Stage::with(Kind::Push, 2);
    push.send_part("a").unwrap();
    push.leave(0);
    assert!(matches!(push.send("b"), Err(SendPartError::Broken(_))));
    push.send("c|d").unwrap();
    assert_eq!(push.got(1), ["c|d"]);
}

#[test]
fn peers_that_come_and_go_leave_a_message_under_way_alone() {
    let mut push = Stage::with(Kind::Push, 3);
    push.send("a").unwrap();
    push.send_part("b").unwrap();
    push.leave(0);
    push.leave(2);
    push.join(3);
    push.send("b").unwrap();
    assert_eq!(push.got(1), ["b|b"]);
    push.send("c").unwrap();
    push.send("d").unwrap();
    assert_eq!((push.got(1).len(), push.got(3).len()), (1, 1));
}

#[test]
fn pull_takes_whole_messages_in_turn() {
    let mut pull = Stage::with(Kind::Pull, 3);
    for message in ["a1|a1", "a2", "a3"] {
        pull.give(0, message);
    }
    pull.give(1, "b1");
    pull.give(2, "c1|c1");
    let mut received = Vec::new();
    while pull.can_recv() {
        received.push(pull.recv().unwrap());
    }
    assert_eq!(received, ["a1|a1", "b1", "c1|c1", "a2", "a3"]);
    assert_eq!(pull.recv(), Err(RecvPartError::Empty));
    assert!(matches!(
        pull.send("x"),
        Err(SendPartError::NotSupported(_))
    ));
    assert!(!pull.can_send());
}

#[test]
fn what_is_left_of_a_message_is_received_after_its_peer_has_gone() {
    for kind in [Kind::Pull, Kind::Dealer, Kind::Pair] {
        let mut stage = Stage::with(kind, 1);
        stage.give(0, "a|b|c");
        stage.give(0, "lost");
        assert_eq!(&stage.recv_part().unwrap()[..], b"a");
        stage.leave(0);
        // Another peer gets the number, sends, and goes.
        stage.join(0);
        stage.give(0, "d");
        assert!(stage.can_recv());
        assert_eq!(stage.recv().unwrap(), "b|c");
        assert_eq!(stage.recv().unwrap(), "d");
        stage.leave(0);
        assert_eq!(stage.recv(), Err(RecvPartError::Empty));
    }
}

#[test]
fn another_peer_that_goes_does_not_mix_messages() {
    let mut pull = Stage::with(Kind::Pull, 3);
    pull.give(0, "x");
    pull.give(1, "y");
    pull.give(2, "a|b");
    pull.give(1, "z");
    assert_eq!(pull.recv().unwrap(), "x");
    assert_eq!(pull.recv().unwrap(), "y");
    assert_eq!(&pull.recv_part().unwrap()[..], b"a");
    pull.leave(0);
    assert_eq!(pull.recv().unwrap(), "b");
    assert_eq!(pull.recv().unwrap(), "z");
}

#[test]
fn idle_peers_are_not_asked_for_each_message() {
    let mut pull = Stage::with(Kind::Pull, 1000);
    assert_eq!(pull.recv(), Err(RecvPartError::Empty));
    for _ in 0..100 {
        pull.give(500, "a");
        assert_eq!(pull.recv().unwrap(), "a");
    }
    let looks: u64 = pull.world.pipes.iter().map(|pipe| pipe.looks).sum();
    assert!(looks < 1500, "{looks}");
}

#[test]
fn pair_has_one_peer_at_a_time() {
    let mut pair = Stage::with(Kind::Pair, 1);
    assert_eq!(pair.join_as(1, ""), Err(AttachError::SecondPeer));
    assert!(pair.pipe(1).terminated);
    pair.leave(1);
    pair.send("a|b").unwrap();
    pair.give(0, "c|d");
    assert_eq!(pair.got(0), ["a|b"]);
    assert_eq!(pair.recv().unwrap(), "c|d");
    pair.leave(0);
    assert!(!pair.can_send() && !pair.can_recv());
    assert!(matches!(pair.send("e"), Err(SendPartError::WouldBlock(_))));
    pair.join(1);
    pair.send("e").unwrap();
    assert_eq!(pair.got(1), ["e"]);
    pair.pipe(1).room = 0;
    assert!(matches!(pair.send("f"), Err(SendPartError::WouldBlock(_))));
}

#[test]
fn options_of_other_types_are_refused() {
    for kind in [Kind::Pair, Kind::Push, Kind::Pull] {
        let Stage { pattern, world, .. } = &mut Stage::new(kind);
        let option = SetOption::RouterMandatory(true);
        assert!(pattern.set(option, world).is_err());
    }
}

/// Peers give and take as they like, come and go; nothing is lost, mixed, or given out of turn.
#[test]
fn dealers_keep_every_message_whole_and_in_order() {
    let mut random = Random::new(seed());
    let mut stage = Stage::new(Kind::Dealer);
    // What was given and not received, and what was sent and not taken, for each peer.
    let mut given: Vec<Vec<String>> = vec![Vec::new(); 8];
    let mut sent = 0;
    let mut taken = 0;
    for step in 0..50_000 {
        let peer = random.within(0..8);
        let number = peer as u32;
        let attached = stage
            .world
            .pipes
            .get(peer)
            .is_some_and(|pipe| pipe.attached);
        match random.below(6) {
            0 if !attached => stage.join(number),
            0 if random.one_in(20) => {
                taken += stage.got(number).len();
                stage.leave(number);
                given[peer].clear();
            }
            1 if attached => {
                let message = ["m"; 3][..random.within(1..4)].join("|") + &step.to_string();
                stage.give(number, &message);
                given[peer].push(message);
            }
            2 if attached => taken += stage.got(number).len(),
            3 => {
                let room = stage.world.pipes.iter();
                let room = room
                    .filter(|pipe| pipe.attached)
                    .any(|pipe| pipe.outbound.len() < pipe.room);
                assert_eq!(stage.can_send(), room);
                assert_eq!(stage.send("a|b").is_ok(), room);
                sent += usize::from(room);
            }
            _ => {
                let waits = given.iter().any(|messages| !messages.is_empty());
                assert_eq!(stage.can_recv(), waits);
                let Ok(message) = stage.recv() else {
                    assert!(!waits);
                    continue;
                };
                let from = given.iter_mut().find(|all| all.first() == Some(&message));
                from.unwrap().remove(0);
            }
        }
    }
    let left: usize = stage
        .world
        .pipes
        .iter()
        .map(|pipe| pipe.outbound.len())
        .sum();
    assert_eq!(sent, taken + left);
}

/// Between two messages of a peer that always has one, each of the others gets its turn once.
#[test]
fn busy_peers_share_evenly() {
    let mut random = Random::new(seed());
    for _ in 0..200 {
        let peers = random.within(1..20) as u32;
        let mut pull = Stage::with(Kind::Pull, peers);
        let mut push = Stage::with(Kind::Push, peers);
        let mut counts = vec![0_u32; peers as usize];
        for _ in 0..random.within(0..5) {
            let peer = random.below(u64::from(peers)) as u32;
            pull.give(peer, &peer.to_string());
            pull.recv().unwrap();
        }
        for peer in 0..peers {
            for _ in 0..5 {
                pull.give(peer, &format!("{peer}|x"));
            }
        }
        for round in 1..=5 {
            for _ in 0..peers {
                let message = frames(&pull.recv().unwrap());
                counts[text(&[message[0].clone().with_more(false)])
                    .parse::<usize>()
                    .unwrap()] += 1;
                push.send("a").unwrap();
            }
            assert!(counts.iter().all(|count| *count == round), "{counts:?}");
            assert!(
                push.world
                    .pipes
                    .iter()
                    .all(|pipe| pipe.outbound.len() == round as usize)
            );
        }
    }
}

#[test]
fn long_parts_are_moved_not_copied() {
    let mut push = Stage::with(Kind::Push, 1);
    let frame = Frame::from(vec![1; 1000]);
    let address = frame.as_ptr();
    push.pattern.send(frame, &mut push.world).unwrap();
    assert_eq!(push.pipe(0).outbound[0][0].as_ptr(), address);
}
