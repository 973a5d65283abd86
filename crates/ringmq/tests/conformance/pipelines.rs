//! PUSH, PULL and PAIR; and taking turns, which most types do alike.

use ringmq::{Kind, Message, Wait};

use crate::world::{World, comes, fill, is_empty, is_full, message, put, take, warm};
use ringmq_testing::until;

rules!(
    senders_take_their_peers_in_turn,
    receivers_take_from_their_peers_in_turn,
    a_sender_without_a_peer_has_no_room,
    a_full_peer_is_passed_over,
    a_pair_talks_both_ways,
    a_pair_has_one_peer_at_a_time,
    many_push_to_one_that_pulls,
);

/// One message to each peer, and the next round goes in the same order.
fn senders_take_their_peers_in_turn(world: &World) {
    const PEERS: usize = 3;
    const ROUNDS: usize = 4;
    for (sending, receiving) in [(Kind::Push, Kind::Pull), (Kind::Dealer, Kind::Dealer)] {
        let mut sender = world.socket(sending);
        let mut peers = world.crowd(&mut sender, receiving, PEERS);
        for number in 0..PEERS * ROUNDS {
            sender.send(number.to_string()).unwrap();
        }
        for peer in &mut peers {
            let first: usize = take(peer)[0].parse().unwrap();
            for round in 1..ROUNDS {
                comes(peer, &(first + round * PEERS).to_string());
            }
            is_empty(peer);
        }
    }
    // A REQ asks its peers in turn.
    let mut req = world.socket(Kind::Req);
    let mut peers = world.crowd(&mut req, Kind::Rep, PEERS);
    let mut asked = Vec::new();
    for _ in 0..PEERS * ROUNDS {
        put(&mut req, &["question"]);
        let mut who = None;
        until(|| {
            who = peers.iter_mut().position(|peer| peer.try_recv().is_ok());
            who.is_some()
        });
        asked.push(who.unwrap());
        put(&mut peers[who.unwrap()], &["answer"]);
        comes(&mut req, "answer");
    }
    assert!(asked.chunks(PEERS).all(|round| *round == asked[..PEERS]));
    asked.truncate(PEERS);
    asked.sort_unstable();
    assert_eq!(asked, [0, 1, 2]);
}

/// A peer that has sent much does not keep the others waiting.
fn receivers_take_from_their_peers_in_turn(world: &World) {
    const EACH: usize = 5;
    for (receiving, sending) in [
        (Kind::Pull, Kind::Push),
        (Kind::Dealer, Kind::Dealer),
        (Kind::Router, Kind::Dealer),
        (Kind::Sub, Kind::Pub),
        (Kind::Xsub, Kind::Xpub),
    ] {
        let mut receiver = world.socket(receiving);
        match receiving {
            Kind::Sub => receiver.subscribe("").unwrap(),
            Kind::Xsub => receiver.send("\x01").unwrap(),
            _ => {}
        }
        let mut peers = world.crowd(&mut receiver, sending, 3);
        if matches!(receiving, Kind::Sub | Kind::Xsub) {
            subscribed(&mut receiver, &mut peers);
        }
        for peer in &mut peers {
            if !matches!(receiving, Kind::Sub | Kind::Xsub) {
                warm(peer, &mut receiver, 1);
            }
        }
        let before = world.arrived(&mut receiver);
        for (name, peer) in peers.iter_mut().enumerate() {
            for _ in 0..EACH {
                peer.send(name.to_string()).unwrap();
            }
        }
        world.until_arrived(&mut receiver, before, 3 * EACH as u64);
        for _ in 0..EACH {
            let mut round: Vec<String> = (0..3)
                .map(|_| {
                    let received = receiver.try_recv().unwrap();
                    String::from_utf8(received[received.len() - 1].to_vec()).unwrap()
                })
                .collect();
            round.sort_unstable();
            assert_eq!(round, ["0", "1", "2"], "{receiving:?}");
        }
        is_empty(&mut receiver);
    }
}

/// Waits until each publisher has the subscription, and the subscriber nothing more to receive.
fn subscribed(subscriber: &mut ringmq::Socket, publishers: &mut [ringmq::Socket]) {
    for publisher in publishers {
        until(|| {
            publisher.send("begin").unwrap();
            subscriber.try_recv().is_ok()
        });
        // A publisher drops what exceeds the marks, and the first word may have come to them.
        let mut last = 0;
        until(|| {
            last += 1;
            publisher.send(format!("begun {last}")).unwrap();
            let mut received = std::iter::from_fn(|| subscriber.try_recv().ok());
            received
                .any(|word| word[word.len() - 1].as_slice() == format!("begun {last}").as_bytes())
        });
    }
}

fn a_sender_without_a_peer_has_no_room(world: &World) {
    for kind in [Kind::Push, Kind::Dealer, Kind::Pair, Kind::Req] {
        let (mut sender, _) = world.bound(kind);
        is_full(&mut sender);
        assert!(!sender.events().unwrap().writable);
    }
}

fn a_full_peer_is_passed_over(world: &World) {
    for (sending, receiving) in [(Kind::Push, Kind::Pull), (Kind::Dealer, Kind::Dealer)] {
        let mut sender = world.socket(sending);
        sender.set_send_hwm(Some(2));
        let mut peers = world.crowd(&mut sender, receiving, 2);
        let first = fill(&mut sender, &message(&["to both"]));
        let [busy, idle] = &mut peers[..] else {
            unreachable!()
        };
        // The marks of both sides, 2 and 1000, which are two steps of credit.
        assert_eq!(first, 2 * 1_002);
        for _ in 0..1_002 {
            comes(busy, "to both");
        }
        assert_eq!(fill(&mut sender, &message(&["to one"])), 1_002);
        for _ in 0..1_002 {
            comes(busy, "to one");
            comes(idle, "to both");
        }
        is_empty(idle);
    }
}

fn a_pair_talks_both_ways(world: &World) {
    let (mut left, mut right) = world.pair(Kind::Pair, Kind::Pair);
    for round in 0..10 {
        let text = round.to_string();
        put(&mut left, &[&text, "to the right"]);
        put(&mut right, &[&text, "to the left"]);
        assert_eq!(take(&mut left), [&text, "to the left"]);
        assert_eq!(take(&mut right), [&text, "to the right"]);
    }
}

/// Another that comes meanwhile is not heard. When the first one has gone, the next that comes is.
fn a_pair_has_one_peer_at_a_time(world: &World) {
    let (mut bound, place) = world.bound(Kind::Pair);
    let mut first = world.connected(Kind::Pair, &place);
    world.have_met(&mut bound, 1, &mut [&mut first]);
    let mut second = world.connected(Kind::Pair, &place);
    // Whether there is a pipe for it depends on the carrier; it leads nowhere.
    let _ = second.try_send("not heard");
    for round in 0..10 {
        let text = round.to_string();
        put(&mut bound, &[&text]);
        comes(&mut first, &text);
        put(&mut first, &[&text]);
        comes(&mut bound, &text);
    }
    is_empty(&mut second);
    drop(second);
    drop(first);
    until(|| bound.connections().is_empty());
    let mut third = world.connected(Kind::Pair, &place);
    put(&mut third, &["heard"]);
    comes(&mut bound, "heard");
    put(&mut bound, &["answered"]);
    comes(&mut third, "answered");
}

/// From several threads, with marks that are small: each message of each arrives once, in order.
fn many_push_to_one_that_pulls(world: &World) {
    for wait in [Wait::Park, Wait::Adaptive] {
        world.context.set_wait(wait);
        many_push(world);
    }
}

fn many_push(world: &World) {
    const EACH: u32 = 3_000;
    let mut pull = world.socket(Kind::Pull);
    pull.set_recv_hwm(Some(10));
    let crowd = world.crowd(&mut pull, Kind::Push, 4);
    ringmq_testing::scope(|scope| {
        for (sender, mut push) in crowd.into_iter().enumerate() {
            push.set_send_hwm(Some(10));
            push.set_linger(None);
            scope.spawn(move || {
                for number in 0..EACH {
                    let parts = [vec![sender as u8], number.to_ne_bytes().to_vec()];
                    push.send(parts.into_iter().collect::<Message>()).unwrap();
                }
            });
        }
        let mut next = [0_u32; 4];
        let mut received = Message::new();
        for _ in 0..4 * EACH {
            pull.recv_into(&mut received).unwrap();
            let sender = usize::from(received[0][0]);
            assert_eq!(received[1].as_slice(), next[sender].to_ne_bytes());
            next[sender] += 1;
        }
        is_empty(&mut pull);
    });
}
