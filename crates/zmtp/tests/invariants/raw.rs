//! Connections that carry bytes without ZMTP: what is read is what was written, whatever it looks like.

use std::time::Duration;

use ringmq_message::Frame;
use ringmq_zmtp::{Connection, Event, Kind, RawSettings, Settings};

use super::{Choices, drain, hello, receive_all};

/// Both directions of one connection.
pub(crate) fn check(choices: &mut impl Choices) {
    let mut settings = Settings::new(choices.of(&[Kind::Stream, Kind::Router]));
    let notify = choices.one_in(2);
    settings.raw = Some(RawSettings { notify });
    // These are for ZMTP only.
    settings.max_message = choices.one_in(2).then_some(1);
    settings.accept_older = choices.one_in(2);
    let mut connection = Connection::new(settings, Duration::ZERO);
    assert!(connection.pending() == 0 && !connection.is_ready());
    assert_eq!(connection.deadline(), None);

    let (mut read, mut want, mut sent) = (Vec::new(), vec![Event::Ready], Vec::new());
    if notify {
        want.push(Event::Frame(Frame::new()));
    }
    for _ in 0..20 {
        if choices.is_over() {
            break;
        }
        let bytes = bytes(choices);
        if connection.is_ready() && choices.one_in(2) {
            connection.send(Frame::from(bytes.clone()).with_more(choices.one_in(2)));
            sent.extend(bytes);
        } else {
            let (events, end) = receive_all(&mut connection, &bytes);
            assert_eq!(end, Ok(()));
            read.extend(events);
            if !bytes.is_empty() {
                want.push(Event::Frame(Frame::from(bytes)));
            }
        }
        assert!(connection.large_target().is_none());
        assert_eq!(connection.tick(Duration::MAX), Ok(()));
    }
    // An input of nothing makes a new connection ready, too.
    read.extend(receive_all(&mut connection, b"").0);
    assert_eq!(read, want);
    assert!(drain(&mut connection) == sent);
}

/// Bytes of a peer: of any kind, or such as a peer of ZMTP sends.
fn bytes(choices: &mut impl Choices) -> Vec<u8> {
    match choices.below(4) {
        0 => hello(choices.of(&Kind::ALL)),
        1 => super::frame(choices.below(8) as u8 | 2, b"a frame"),
        _ => {
            let len = choices.below(40);
            choices.bytes(len)
        }
    }
}
