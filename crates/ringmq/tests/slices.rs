//! Frames that are received into again. What arrives, and how, are rules of tests/conformance.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ringmq::{Carrier, Context, Frame, Kind, RecvError, SendError, Socket};
use ringmq_testing::{Scratch, until, watchdog};

/// A PULL and a PUSH in shared memory.
fn pair(context: &Context, endpoint: &str) -> (Socket, Socket) {
    let mut to = context.socket(Kind::Pull).unwrap();
    let mut from = context.socket(Kind::Push).unwrap();
    to.bind(endpoint).unwrap();
    from.connect(endpoint).unwrap();
    // The other one goes over with the first message, if not before.
    until(|| {
        let connections = from.connections();
        connections.len() == 1 && connections[0].carrier == Carrier::SharedMemory
    });
    (to, from)
}

#[test]
fn a_frame_that_was_refused_is_as_it_was_and_memory_is_used_again() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut push = context.socket(Kind::Push).unwrap();
    let mut frame = Frame::try_copy(&[3; 64]).unwrap();
    let refused = push.try_send_part_from(&mut frame).unwrap_err();
    assert!(matches!(refused, SendError::WouldBlock));
    assert_eq!(&frame[..], [3; 64]);
    let refused = push.try_send_slice(&frame).unwrap_err();
    assert!(matches!(refused, SendError::WouldBlock));
    assert!(matches!(
        push.try_recv_part_into(&mut frame),
        Err(RecvError::NotSupported)
    ));
    assert_eq!(&frame[..], [3; 64]);
    let mut pull = context.socket(Kind::Pull).unwrap();
    let refused = pull.try_send_slice(b"no").unwrap_err();
    assert!(matches!(refused, SendError::NotSupported));

    let scratch = Scratch::new();
    let ipc = format!("ipc://{}", scratch.path("s"));
    let (mut to, mut from) = pair(&context, &ipc);
    let mut place = None;
    for _ in 0..3 {
        from.send_slice(&[5; 200]).unwrap();
        to.recv_part_into(&mut frame).unwrap();
        assert_eq!(&frame[..], [5; 200]);
        // The first one may need more than there was.
        let here = frame.as_ptr();
        assert!(place.is_none_or(|place| place == here));
        place = Some(here);
    }
    // A frame that has another owner keeps its bytes.
    frame.share();
    let other = frame.clone();
    from.send_slice(&[6; 200]).unwrap();
    to.recv_part_into(&mut frame).unwrap();
    assert_eq!((&frame[..], &other[..]), (&[6; 200][..], &[5; 200][..]));
}
