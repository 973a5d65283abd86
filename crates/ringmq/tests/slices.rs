//! Parts that are sent from slices and frames that stay where they are, and received to such.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use ringmq::{Carrier, Context, Frame, Kind, Message, RecvError, SendError, Socket};
use ringmq_testing::{Bytes, Scratch, watchdog};

const KINDS: [(Kind, Kind); 6] = [
    (Kind::Pull, Kind::Push),
    (Kind::Pair, Kind::Pair),
    (Kind::Dealer, Kind::Dealer),
    (Kind::Rep, Kind::Req),
    (Kind::Rep, Kind::Dealer),
    (Kind::Sub, Kind::Pub),
];

/// Two that are connected. Over ipc, what is sent from now on goes by shared memory.
fn pair(context: &Context, kinds: (Kind, Kind), endpoint: &str) -> (Socket, Socket) {
    let mut to = context.socket(kinds.0).unwrap();
    let mut from = context.socket(kinds.1).unwrap();
    to.bind(endpoint).unwrap();
    from.connect(to.last_endpoint()).unwrap();
    if kinds.0 == Kind::Sub {
        to.subscribe(b"").unwrap();
        // A PUB drops what there is no room for, so there is to be some for the last one.
        let moment = Duration::from_millis(10);
        while to.recv_deadline(Instant::now() + moment).is_err() {
            from.send_slice(b"begin").unwrap();
        }
        from.send_slice(b"ready").unwrap();
        while &to.recv_part().unwrap()[..] != b"ready" {}
    }
    if endpoint.starts_with("ipc") {
        // The other one goes over with the first message, if not before.
        while from
            .connections()
            .iter()
            .all(|one| one.carrier != Carrier::SharedMemory)
        {
            std::thread::yield_now();
        }
    }
    (to, from)
}

/// The bytes of a frame are aligned to 8, and to 16 if they lie outside of it.
#[track_caller]
fn assert_aligned(frame: &Frame) {
    let least = if frame.len() <= 45 { 8 } else { 16 };
    assert_eq!(frame.as_ptr().addr() % least, 0, "{frame:?}");
}

/// What every kind but DEALER to REP can send as it is.
fn envelope(from: &mut Socket, kinds: (Kind, Kind)) {
    if kinds == (Kind::Rep, Kind::Dealer) {
        from.send_part(Frame::new().with_more(true)).unwrap();
    }
}

#[test]
fn slices_and_frames_arrive_however_they_are_received() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let context = Context::new().unwrap();
    let ipc = format!("ipc://{}", scratch.path("s"));
    for endpoint in [&ipc[..], "tcp://127.0.0.1:*", "inproc://s"] {
        for kinds in KINDS {
            let (mut to, mut from) = pair(&context, kinds, endpoint);
            let mut kept = Frame::new();
            let mut room = [0; 100_000];
            for (round, len) in [0, 1, 45, 46, 64, 4_000, 90_000, 64, 3]
                .into_iter()
                .enumerate()
            {
                let mut bytes = vec![0; len];
                Bytes::new(round as u64).fill(0, &mut bytes);
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
                    assert_eq!(room[..len], bytes);
                } else if round % 4 == 1 {
                    // Memory as a C program may have it. As many bytes as there are have been written.
                    let mut fresh = Vec::<u8>::with_capacity(100_000);
                    assert_eq!(to.recv_uninit(fresh.spare_capacity_mut()).unwrap(), len);
                    let written = &mut fresh.spare_capacity_mut()[..len];
                    // SAFETY: as many bytes as the part has are initialised (`recv_uninit`).
                    assert_eq!(unsafe { written.assume_init_ref() }, bytes);
                } else {
                    to.recv_part_into(&mut kept).unwrap();
                    assert_eq!(&kept[..], bytes);
                    assert!(!kept.more());
                    assert_aligned(&kept);
                }
                assert!(!to.has_more());
                if kinds.0 == Kind::Rep {
                    to.send_slice(b"thanks").unwrap();
                    while from.recv_part().unwrap().more() {}
                }
            }
        }
    }
}

#[test]
fn the_bytes_of_every_part_are_aligned() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let context = Context::new().unwrap();
    let ipc = format!("ipc://{}", scratch.path("s"));
    for endpoint in [&ipc[..], "tcp://127.0.0.1:*", "inproc://s"] {
        for kinds in [KINDS[0], KINDS[2], (Kind::Router, Kind::Dealer)] {
            let (mut to, mut from) = pair(&context, kinds, endpoint);
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
                    let received = to.recv().unwrap();
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
}

#[test]
fn parts_before_a_slice_are_of_its_message_and_what_has_no_room_is_dropped() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let context = Context::new().unwrap();
    let ipc = format!("ipc://{}", scratch.path("s"));
    for endpoint in [&ipc[..], "tcp://127.0.0.1:*", "inproc://s"] {
        for kinds in [KINDS[0], KINDS[1], KINDS[2], KINDS[5]] {
            let (mut to, mut from) = pair(&context, kinds, endpoint);
            from.send_part(Frame::from("first").with_more(true))
                .unwrap();
            let mut second = Frame::from("second").with_more(true);
            from.send_part_from(&mut second).unwrap();
            from.send_slice(b"third").unwrap();
            from.send_slice(&[7; 1000]).unwrap();
            let mut room = [0; 3];
            assert_eq!(
                (to.recv_slice(&mut room).unwrap(), to.has_more()),
                (5, true)
            );
            assert_eq!(&room, b"fir");
            let mut frame = Frame::new();
            to.recv_part_into(&mut frame).unwrap();
            assert_eq!((&frame[..], frame.more()), (&b"second"[..], true));
            assert_eq!(
                (to.recv_slice(&mut room).unwrap(), to.has_more()),
                (5, false)
            );
            assert_eq!(
                (to.recv_slice(&mut []).unwrap(), to.has_more()),
                (1000, false)
            );
            assert!(matches!(
                to.try_recv_slice(&mut room),
                Err(RecvError::WouldBlock)
            ));
        }
    }
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
    let (mut to, mut from) = pair(&context, KINDS[0], &ipc);
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
    // What somebody else shares stays as it is.
    frame.share();
    let other = frame.clone();
    from.send_slice(&[6; 200]).unwrap();
    to.recv_part_into(&mut frame).unwrap();
    assert_eq!((&frame[..], &other[..]), (&[6; 200][..], &[5; 200][..]));
}
