//! Events as messages, the way libzmq writes them.

use ringmq_message::{Frame, Message};
use ringmq_sys::ErrorNumber;
use ringmq_transport::endpoint_bytes;

use crate::mail::{HandshakeFailure, MonitorEvent, Occurrence};

/// How an event becomes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventFormat {
    /// Two parts: the event in 16 bits and a value in 32; the endpoint.
    One,
    /// The event in 64 bits; the number of values; the values, each a part of 64 bits; the local endpoint; the remote one.
    Two,
}

/// An event in numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    /// Its bit.
    pub(crate) event: u64,
    value: u64,
    second: Option<u64>,
}

/// The bit of [`Occurrence::PipeStats`], for which the first format has no room.
pub(crate) const PIPE_STATS: u64 = 0x1_0000;

/// An event in numbers. What is ours alone has none.
pub(crate) fn numbers(occurrence: &Occurrence) -> Option<Numbers> {
    let (event, value) = match occurrence {
        Occurrence::Connected { fd } => (0x0001, signed(*fd)),
        Occurrence::ConnectDelayed => (0x0002, of(ErrorNumber::UNDER_WAY)),
        Occurrence::ConnectRetried { after } => {
            let millis = u64::try_from(after.as_millis());
            (0x0004, millis.unwrap_or(u64::MAX))
        }
        Occurrence::Listening { fd } => (0x0008, signed(*fd)),
        Occurrence::BindFailed { error } => (0x0010, of(*error)),
        Occurrence::Accepted { fd } => (0x0020, signed(*fd)),
        Occurrence::AcceptFailed { error } => (0x0040, of(*error)),
        Occurrence::Closed { fd } => (0x0080, signed(fd.unwrap_or(-1))),
        Occurrence::CloseFailed { error } => (0x0100, of(*error)),
        Occurrence::Disconnected { fd } => (0x0200, signed(*fd)),
        Occurrence::MonitorStopped => (0x0400, 0),
        Occurrence::HandshakeSucceeded => (0x1000, 0),
        Occurrence::HandshakeFailed(failure) => match failure {
            HandshakeFailure::NoDetail(error) => (0x0800, of(*error)),
            HandshakeFailure::Protocol(code) => (0x2000, (*code).into()),
            HandshakeFailure::Auth(status) => (0x4000, (*status).into()),
        },
        Occurrence::PipeStats { sending, .. } => (PIPE_STATS, *sending),
        Occurrence::RoutingIdTaken { .. }
        | Occurrence::Travels { .. }
        | Occurrence::MemoryFull { .. }
        | Occurrence::Lost { .. } => return None,
    };
    let second = match occurrence {
        Occurrence::PipeStats { receiving, .. } => Some(*receiving),
        _ => None,
    };
    Some(Numbers {
        event,
        value,
        second,
    })
}

/// A number that may be -1, as descriptors that are not known are.
fn signed(number: i32) -> u64 {
    i64::from(number).cast_unsigned()
}

fn of(error: ErrorNumber) -> u64 {
    signed(error.get())
}

/// The message that an event is.
pub(crate) fn message(event: &MonitorEvent, numbers: Numbers, format: EventFormat) -> Message {
    let mut message = Message::new();
    let mut put = |bytes: &[u8]| message.push(Frame::copy_from_slice(bytes));
    match format {
        EventFormat::One => {
            // What does not fit is not asked for in this format, or is -1.
            let (number, value) = (numbers.event as u16, numbers.value as u32);
            let mut first = [0; 6];
            first[..2].copy_from_slice(&number.to_ne_bytes());
            first[2..].copy_from_slice(&value.to_ne_bytes());
            put(&first);
            put(&endpoint_bytes(bare(event, event.endpoint())));
        }
        EventFormat::Two => {
            let count = 1 + u64::from(numbers.second.is_some());
            for number in [numbers.event, count, numbers.value] {
                put(&number.to_ne_bytes());
            }
            if let Some(second) = numbers.second {
                put(&second.to_ne_bytes());
            }
            put(&endpoint_bytes(bare(event, &event.local)));
            put(&endpoint_bytes(&event.remote));
        }
    }
    message
}

/// libzmq tells where it could not bind without the scheme.
fn bare<'a>(event: &MonitorEvent, endpoint: &'a str) -> &'a str {
    match (&event.occurrence, endpoint.split_once("://")) {
        (Occurrence::BindFailed { .. }, Some((_, address))) => address,
        _ => endpoint,
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::mail::Addresses;

    fn bytes(event: &MonitorEvent, format: EventFormat) -> Vec<Vec<u8>> {
        let numbers = numbers(&event.occurrence).unwrap();
        let frames = message(event, numbers, format).into_frames();
        frames.iter().map(|frame| frame.to_vec()).collect()
    }

    #[test]
    fn the_formats_are_those_of_the_manual() {
        let addresses = Addresses {
            local: "tcp://127.0.0.1:6".to_owned(),
            remote: "tcp://127.0.0.1:5".to_owned(),
            connects: true,
        };
        let event = addresses.event(Occurrence::Disconnected { fd: 7 });
        let one = bytes(&event, EventFormat::One);
        assert_eq!(one[0][..2], 0x200_u16.to_ne_bytes());
        assert_eq!(one[0][2..], 7_u32.to_ne_bytes());
        assert_eq!(one[1..], [b"tcp://127.0.0.1:5".to_vec()]);
        let two = bytes(&event, EventFormat::Two);
        let numbers = [0x200_u64, 1, 7].map(|number| number.to_ne_bytes().to_vec());
        assert_eq!(two[..3], numbers);
        let ends = [b"tcp://127.0.0.1:6".to_vec(), b"tcp://127.0.0.1:5".to_vec()];
        assert_eq!(two[3..], ends);
    }

    #[test]
    fn an_endpoint_that_was_not_bound_has_no_scheme() {
        let error = ErrorKind::AddrInUse.into();
        let event = MonitorEvent::at("tcp://127.0.0.1:5", Occurrence::BindFailed { error });
        let parts = bytes(&event, EventFormat::One);
        assert_eq!(parts[0][2..], 98_u32.to_ne_bytes());
        assert_eq!(parts[1], b"127.0.0.1:5");
    }

    #[test]
    fn what_is_not_known_is_minus_one() {
        let event = Addresses::default().event(Occurrence::Closed { fd: None });
        assert_eq!(
            bytes(&event, EventFormat::One)[0][2..],
            (-1_i32).to_ne_bytes()
        );
    }
}
