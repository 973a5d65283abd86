//! ROUTER and DEALER.

mod world;

use std::sync::Arc;

use ringmq_message::{Frame, Properties};
use ringmq_pattern::{AttachError, Kind, Peer, RecvPartError, Remote, SendPartError, SetOption};
use world::{START, Stage, frames};

/// The routing id that a ROUTER makes.
fn made(count: u32) -> String {
    let number = (START + count).to_be_bytes();
    format!("\0{}", String::from_utf8_lossy(&number))
}

#[test]
fn a_router_names_senders_and_sends_to_named_peers() {
    let mut router = Stage::new(Kind::Router);
    router.join_as(0, "alice").unwrap();
    router.join(1);
    router.join(2);
    router.give(0, "a|b");
    router.give(1, "");
    router.give(2, "c");
    assert!(router.can_recv());
    assert_eq!(router.recv().unwrap(), "alice|a|b");
    assert_eq!(router.recv().unwrap(), made(0) + "|");
    assert_eq!(router.recv().unwrap(), made(1) + "|c");
    assert_eq!(router.recv(), Err(RecvPartError::Empty));
    assert!(!router.can_recv() && router.can_send());
    router.send("alice|x|y").unwrap();
    router.send(&(made(1) + "|")).unwrap();
    assert_eq!(router.got(0), ["x|y"]);
    assert_eq!(router.got(1), [""; 0]);
    assert_eq!(router.got(2), [""]);
}

#[test]
fn poll_in_the_middle_of_a_message_says_yes() {
    let mut router = Stage::with(Kind::Router, 1);
    router.give(0, "a|b");
    for part in [made(0).as_str(), "a", "b"] {
        assert!(router.can_recv());
        assert_eq!(router.recv_part().unwrap().as_slice(), part.as_bytes());
    }
    assert!(!router.can_recv());
}

#[test]
fn the_id_has_the_properties_of_the_message() {
    let mut router = Stage::with(Kind::Router, 1);
    let properties = Arc::new(Properties::new());
    let mut message = frames("a");
    message[0].set_properties(Some(Arc::clone(&properties)));
    router.give_frames(0, message);
    for _ in 0..2 {
        let frame = router.recv_part().unwrap();
        assert!(Arc::ptr_eq(frame.properties().unwrap(), &properties));
    }
    router.give(0, "b");
    assert!(router.recv_part().unwrap().properties().is_none());
}

#[test]
fn what_cannot_be_delivered_is_dropped() {
    let mut router = Stage::new(Kind::Router);
    router.join_as(0, "a").unwrap();
    router.send("unknown|x|y").unwrap();
    router.send("a").unwrap();
    router.pipe(0).room = 0;
    router.send("a|x").unwrap();
    router.pipe(0).room = 1;
    router.send("a|y").unwrap();
    assert_eq!(router.got(0), ["y"]);
}

#[test]
fn a_mandatory_router_says_so() {
    let mut router = Stage::new(Kind::Router);
    router.set(SetOption::RouterMandatory(true));
    assert!(!router.can_send());
    router.join_as(0, "a").unwrap();
    assert!(router.can_send());
    assert!(matches!(
        router.send("b|x"),
        Err(SendPartError::HostUnreachable(_))
    ));
    router.pipe(0).room = 1;
    router.send("a|x").unwrap();
    assert!(!router.can_send());
    assert!(matches!(
        router.send("a|y"),
        Err(SendPartError::WouldBlock(_))
    ));
    assert_eq!(router.got(0), ["x"]);
    router.send("a|y").unwrap();
    assert_eq!(router.got(0), ["y"]);
    // A peer that has gone never has room again, also while its last message is unread.
    (router.pipe(0).room, router.pipe(0).gone) = (0, true);
    assert!(matches!(
        router.send("a|z"),
        Err(SendPartError::HostUnreachable(_))
    ));
    router.leave(0);
    assert!(matches!(
        router.send("a|z"),
        Err(SendPartError::HostUnreachable(_))
    ));
}

#[test]
fn the_rest_of_a_message_goes_nowhere_once_its_peer_has_gone() {
    let mut router = Stage::new(Kind::Router);
    router.join_as(0, "a").unwrap();
    router.send_part("a").unwrap();
    router.send_part("x").unwrap();
    router.leave(0);
    router.join_as(0, "a").unwrap();
    router.send("y|z").unwrap();
    router.send("a|whole").unwrap();
    assert_eq!(router.got(0), ["whole"]);
}

#[test]
fn the_rest_of_a_message_is_received_once_its_peer_has_gone() {
    let mut router = Stage::new(Kind::Router);
    for taken in 0..3 {
        router.join_as(0, "a").unwrap();
        router.give(0, "x|y");
        let mut parts = vec!["y", "x", "a"];
        for _ in 0..=taken {
            assert_eq!(
                router.recv_part().unwrap().as_slice(),
                parts.pop().unwrap().as_bytes()
            );
        }
        router.leave(0);
        while let Some(part) = parts.pop() {
            assert_eq!(router.recv_part().unwrap().as_slice(), part.as_bytes());
        }
        assert_eq!(router.recv(), Err(RecvPartError::Empty));
    }
}

#[test]
fn a_taken_id_keeps_its_owner() {
    let mut router = Stage::new(Kind::Router);
    router.join_as(0, "a").unwrap();
    assert_eq!(router.join_as(1, "a"), Err(AttachError::DuplicateId));
    router.give(1, "from the newcomer");
    assert_eq!(router.recv(), Err(RecvPartError::Empty));
    router.send("a|x").unwrap();
    assert_eq!((router.got(0).len(), router.got(1).len()), (1, 0));
    assert!(!router.pipe(0).terminated);
    router.leave(1);
    assert_eq!(router.pattern.peer_by_id(b"a"), Some(Peer(0)));
}

#[test]
fn a_handover_gives_the_id_to_the_newcomer() {
    let mut router = Stage::new(Kind::Router);
    router.set(SetOption::RouterHandover(true));
    router.join_as(0, "a").unwrap();
    router.give(0, "x|y");
    router.give(0, "z");
    assert_eq!(&router.recv_part().unwrap()[..], b"a");
    router.join_as(1, "a").unwrap();
    assert!(router.pipe(0).terminated && !router.pipe(1).terminated);
    router.send("a|to the newcomer").unwrap();
    assert_eq!((router.got(0).len(), router.got(1).len()), (0, 1));
    assert_eq!(router.recv().unwrap(), "x|y");
    // Until it has ended the old one has another name.
    assert_eq!(router.recv().unwrap(), made(0) + "|z");
    router.leave(0);
    assert_eq!(router.pattern.peer_by_id(b"a"), Some(Peer(1)));
    assert_eq!(router.pattern.routing_id(Peer(0)), None);
}

#[test]
fn ids_have_up_to_255_bytes() {
    let mut router = Stage::new(Kind::Router);
    let long = "a".repeat(256);
    assert_eq!(router.join_as(0, &long), Err(AttachError::InvalidId(256)));
    router.join_as(0, &long[1..]).unwrap();
    router.send(&format!("{}|x", &long[1..])).unwrap();
    assert_eq!(router.got(0), ["x"]);
    router.give(0, "y");
    assert_eq!(router.recv().unwrap().len(), 257);
}

#[test]
fn an_assigned_id_counts_before_the_peers_own() {
    let mut router = Stage::new(Kind::Router);
    let mut attach = |peer, own: &[u8], assigned: &[u8]| {
        router.pipe(peer);
        let remote = Remote {
            routing_id: own,
            assigned_id: Some(assigned),
            ..Remote::default()
        };
        router.pattern.attach(Peer(peer), remote, &mut router.world)
    };
    attach(0, b"own", b"assigned").unwrap();
    assert_eq!(
        attach(1, b"other", b"assigned"),
        Err(AttachError::DuplicateId)
    );
    assert_eq!(attach(1, b"other", b""), Err(AttachError::InvalidId(0)));
    assert_eq!(router.pattern.peer_by_id(b"assigned"), Some(Peer(0)));
    assert_eq!(router.pattern.peer_by_id(b"own"), None);
    assert_eq!(router.pattern.routing_id(Peer(0)), Some(&b"assigned"[..]));
}

#[test]
fn made_ids_skip_those_that_peers_have_chosen() {
    let mut router = Stage::new(Kind::Router);
    router.join_as(0, &made(0)).unwrap();
    router.join(1);
    assert_eq!(router.pattern.routing_id(Peer(1)), Some(made(1).as_bytes()));
}

#[test]
fn a_probe_is_the_first_thing_a_peer_gets() {
    for kind in [Kind::Router, Kind::Dealer, Kind::Req] {
        let mut stage = Stage::new(kind);
        stage.set(SetOption::ProbeRouter(true));
        stage.join(0);
        assert_eq!(stage.got(0), [""], "{kind:?}");
        stage.pipe(1).room = 0;
        stage.join(1);
        assert_eq!(stage.got(1), [""; 0]);
    }
}

/// A ROUTER may have to know who a peer is after its pipe was made, and the probe written.
#[test]
fn a_probe_that_was_written_is_not_written_again() {
    let mut router = Stage::new(Kind::Router);
    assert!(!router.pattern.probes());
    router.set(SetOption::ProbeRouter(true));
    assert!(router.pattern.probes());
    router.pipe(0);
    let remote = Remote {
        probed: true,
        ..Remote::default()
    };
    let attached = router.pattern.attach(Peer(0), remote, &mut router.world);
    attached.unwrap();
    assert_eq!(router.got(0), [""; 0]);
}

#[test]
fn a_dealer_takes_turns_both_ways() {
    let mut dealer = Stage::with(Kind::Dealer, 2);
    for message in ["|a", "b|c", "d"] {
        dealer.send(message).unwrap();
    }
    assert_eq!(dealer.got(0), ["|a", "d"]);
    assert_eq!(dealer.got(1), ["b|c"]);
    for message in ["x1", "x2"] {
        dealer.give(0, message);
    }
    dealer.give(1, "y|y");
    let received: Vec<String> = (0..3).map(|_| dealer.recv().unwrap()).collect();
    assert_eq!(received, ["x1", "y|y", "x2"]);
}

#[test]
fn long_parts_are_moved_not_copied() {
    let mut router = Stage::new(Kind::Router);
    router.join_as(0, "a").unwrap();
    let frame = Frame::from(vec![1; 1000]);
    let address = frame.as_ptr();
    router.give_frames(0, vec![frame]);
    router.recv_part().unwrap();
    let frame = router.recv_part().unwrap();
    router.send_part("a").unwrap();
    router.pattern.send(frame, &mut router.world).unwrap();
    assert_eq!(router.pipe(0).outbound[0][0].as_ptr(), address);
}
