//! DGRAM, and RADIO whose peers are datagrams.

mod world;

use ringmq_message::Frame;
use ringmq_pattern::{AttachError, Kind, Peer, RecvPartError, Remote, SendPartError};
use world::Stage;

#[test]
fn a_dgram_has_messages_of_two_parts() {
    let mut dgram = Stage::with(Kind::Dgram, 1);
    assert!(dgram.pattern.is_transparent() && dgram.pattern.has_two_parts());
    for _ in 0..2 {
        assert!(matches!(dgram.send("a"), Err(SendPartError::Multipart(_))));
        dgram.send_part("there").unwrap();
        assert!(matches!(
            dgram.send_part("b"),
            Err(SendPartError::Multipart(_))
        ));
        assert_eq!(dgram.got(0), [""; 0]);
        dgram.send("c").unwrap();
        assert_eq!(dgram.got(0), ["there|c"]);
    }
    dgram.give(0, "here|d");
    assert!(dgram.can_recv());
    assert_eq!(dgram.recv(), Ok("here|d".to_owned()));
    assert_eq!(dgram.recv(), Err(RecvPartError::Empty));
}

#[test]
fn a_dgram_is_bound_once() {
    let mut dgram = Stage::new(Kind::Dgram);
    assert!(!dgram.can_send());
    assert!(matches!(
        dgram.send_part("there"),
        Err(SendPartError::State(_))
    ));
    dgram.join(0);
    assert_eq!(dgram.join_as(1, ""), Err(AttachError::SecondPeer));
    assert!(dgram.world.pipes[1].terminated);
    dgram.leave(1);
    dgram.pipe(0).room = 0;
    assert!(!dgram.can_send());
    assert!(matches!(
        dgram.send_part("there"),
        Err(SendPartError::WouldBlock(_))
    ));
    dgram.pipe(0).room = 10;
    dgram
        .pattern
        .activated(Peer(0), ringmq_pattern::Ready::Writable, &mut dgram.world);
    // It leaves in the middle of a message.
    dgram.send_part("there").unwrap();
    dgram.leave(0);
    assert!(matches!(dgram.send("a"), Err(SendPartError::Broken(_))));
    assert!(matches!(
        dgram.send_part("there"),
        Err(SendPartError::State(_))
    ));
    dgram.join(2);
    dgram.send_part("there").unwrap();
    dgram.send("b").unwrap();
    assert_eq!(dgram.got(2), ["there|b"]);
}

#[test]
fn a_radio_sends_everything_to_who_cannot_join() {
    let mut radio = Stage::with(Kind::Radio, 1);
    radio.pipe(1);
    let remote = Remote {
        subscribe_to_all: true,
        ..Remote::default()
    };
    let Stage { pattern, world, .. } = &mut radio;
    pattern.attach(Peer(1), remote, world).unwrap();
    radio.give(0, "\x01a");
    for group in ["a", "b", ""] {
        let frame = Frame::from("text").with_group(group).unwrap();
        radio.pattern.send(frame, &mut radio.world).unwrap();
    }
    assert_eq!(radio.got(0), ["a|text"]);
    assert_eq!(radio.got(1), ["a|text", "b|text", "|text"]);
    radio.leave(1);
    let frame = Frame::from("text").with_group("a").unwrap();
    radio.pattern.send(frame, &mut radio.world).unwrap();
    assert_eq!(radio.got(0), ["a|text"]);
}
