//! A poll reports every end: of one direction, of the pipe, of the peer's life.

use std::time::Duration;

use ringmq_pipe::{Receiver, RecvError, SendError, Sender, Wait};
use ringmq_testing::{role, watchdog};

use crate::ends::{STRATEGIES, meet, name_of};
use crate::events::{Edges, is_readable, poll};
use crate::faces::{Give, Take};
use crate::peer::{End, LAST, end, options, play};

/// The time that an end may take to show.
const PROMISE: Duration = Duration::from_secs(1);

/// When it does so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before the descriptors are fetched.
    Early,
    /// After a look in vain, and before the first poll.
    Armed,
    /// While we poll, or about then.
    Meanwhile,
}

/// The receiver is woken for what is left, and for the end behind it.
fn is_received(what: End, receiver: &mut Receiver, data: Option<&Edges>, case: &str) {
    let (mut came, mut message) = (0u64, Vec::new());
    let over = loop {
        let woken = match data {
            Some(data) => data.wait(Some(PROMISE)),
            None => poll(receiver, Some(PROMISE)),
        };
        assert!(woken, "{case}: {came} messages, and no more");
        let outcome = loop {
            match receiver.try_recv(&mut message) {
                Ok(()) => assert_eq!(message, came.to_le_bytes(), "{case}"),
                Err(error) => break error,
            }
            came += 1;
        };
        if !matches!(outcome, RecvError::WouldBlock) {
            break outcome;
        }
    };
    assert_eq!(came, LAST, "{case}");
    match what {
        End::Death => assert!(matches!(over, RecvError::PeerDied), "{case}: {over}"),
        _ => assert!(matches!(over, RecvError::Closed), "{case}: {over}"),
    }
    let read = Take::Read.take(receiver, &mut message);
    match what {
        End::Death => assert!(matches!(read, Err(RecvError::PeerDied)), "{case}: {read:?}"),
        _ => assert!(read.is_ok() && message.is_empty(), "{case}: {read:?}"),
    }
    assert!(poll(receiver, Some(PROMISE)), "{case}: it stays over");
}

/// The sender is woken for the end, whatever it tries next.
fn is_refused(what: End, sender: &mut Sender, room: Option<&Edges>, case: &str) {
    let woken = match room {
        Some(room) => room.wait(Some(PROMISE)),
        None => poll(sender, Some(PROMISE)),
    };
    assert!(woken, "{case}: the sender was not woken");
    for give in Give::ALL {
        let error = give.give(sender, &[0; 100]).unwrap_err();
        match what {
            End::Death => assert!(matches!(error, SendError::PeerDied), "{case}: {error}"),
            _ => assert!(matches!(error, SendError::Closed), "{case}: {error}"),
        }
    }
    assert!(poll(sender, Some(PROMISE)), "{case}: it stays over");
}

/// One end of a peer, at one time, as one kind of user sees it.
fn see(test: &str, wait: Wait, what: End, when: When, edge: bool) {
    let case = format!("{wait:?}, {what:?}, {when:?}, edges: {edge}");
    let (pipe, mut actor) = meet(test, "ends", &[name_of(wait)], &options(wait));
    assert_eq!(actor.hear(), "ready");
    let (mut sender, mut receiver) = pipe.split();
    Give::Send.fill(&mut sender, &[0; 100]);
    if when == When::Early {
        end(&mut actor, what, true);
    }
    let watched = edge.then(|| (Edges::of(&sender), Edges::of(&receiver)));
    if when != When::Early {
        assert!(is_readable(&sender) && is_readable(&receiver), "{case}");
        if let Some((room, data)) = &watched {
            assert!(room.take() && data.take(), "{case}");
        }
        assert_eq!(Give::Send.fill(&mut sender, &[0; 100]), 0);
        assert!(Take::Recv.finds_nothing(&mut receiver), "{case}");
        assert!(!is_readable(&sender) && !is_readable(&receiver), "{case}");
        end(&mut actor, what, when == When::Armed);
    }

    if what != End::Deafness {
        let data = watched.as_ref().map(|(_, data)| data);
        is_received(what, &mut receiver, data, &case);
    }
    if what != End::HalfClose {
        let room = watched.as_ref().map(|(room, _)| room);
        is_refused(what, &mut sender, room, &case);
    }
    // The other direction stands.
    if what == End::HalfClose && when != When::Early {
        assert!(!is_readable(&sender), "{case}: there is no room");
        assert_eq!(Give::Send.fill(&mut sender, &[0; 100]), 0);
    }
    if what == End::Deafness && when != When::Early {
        assert!(!is_readable(&receiver), "{case}: there is nothing");
        assert!(Take::Recv.finds_nothing(&mut receiver), "{case}");
    }
}

#[test]
fn every_end_makes_readable() {
    const TEST: &str = "endings::every_end_makes_readable";
    if role().is_some() {
        return play();
    }
    let _guard = watchdog(Duration::from_secs(120));
    for wait in STRATEGIES {
        for what in [End::HalfClose, End::Deafness, End::Close, End::Death] {
            for when in [When::Early, When::Armed, When::Meanwhile] {
                for edge in [false, true] {
                    see(TEST, wait, what, when, edge);
                }
            }
        }
    }
}

/// A sender that has room is also woken by the death of its peer, and can ask for it. Messages that it sends
/// nevertheless are lost with the ring.
#[test]
fn a_sender_with_room_is_woken_by_a_death() {
    const TEST: &str = "endings::a_sender_with_room_is_woken_by_a_death";
    if role().is_some() {
        return play();
    }
    let _guard = watchdog(Duration::from_secs(20));
    for ask in [false, true] {
        let (mut pipe, mut actor) = meet(TEST, "ends", &["park"], &options(Wait::Park));
        assert_eq!(actor.hear(), "ready");
        let edges = Edges::of(pipe.sender());
        assert!(edges.take());
        end(&mut actor, End::Death, true);
        assert!(edges.wait(Some(PROMISE)));
        let error = if ask {
            pipe.sender().check_peer().unwrap_err()
        } else {
            let full = (0..4096).find_map(|_| pipe.sender().try_send(&[0; 100]).err());
            full.unwrap()
        };
        assert!(matches!(error, SendError::PeerDied), "{error}");
        let error = pipe.sender().try_send(b"").unwrap_err();
        assert!(matches!(error, SendError::PeerDied), "{error}");
    }
}
