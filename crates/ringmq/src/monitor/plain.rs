//! Events as libzmq's messages, and the socket that sends them.

use std::collections::VecDeque;

use ringmq_message::{Frame, Message};
use ringmq_sys::ErrorNumber;
use ringmq_transport::endpoint_bytes;

use crate::error::SendError;
use crate::mail::{EventKind, HandshakeFailure, MonitorEvent, Sink};
use crate::monitor::MOST;
use crate::socket::Socket;

/// The format of the message of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventFormat {
    /// Two parts: the event in 16 bits and a value in 32 bits; the endpoint.
    One,
    /// A part each: the event in 64 bits, the number of values in 64 bits, each value in 64 bits, the local endpoint, the
    /// remote endpoint.
    Two,
}

/// The numbers of an event.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    /// The bit of the event.
    event: u64,
    value: u64,
    second: Option<u64>,
}

/// The bit of [`EventKind::PipeStats`]. It does not fit into [`EventFormat::One`].
const PIPE_STATS: u64 = 0x1_0000;

/// The numbers of an event; `None` if libzmq does not know it.
fn numbers(kind: &EventKind) -> Option<Numbers> {
    let (event, value) = match kind {
        EventKind::Connected { fd } => (0x0001, signed(*fd)),
        EventKind::ConnectDelayed => (0x0002, of(ErrorNumber::UNDER_WAY)),
        EventKind::ConnectRetried { after } => {
            let millis = u64::try_from(after.as_millis());
            (0x0004, millis.unwrap_or(u64::MAX))
        }
        EventKind::Listening { fd } => (0x0008, signed(*fd)),
        EventKind::BindFailed { error } => (0x0010, of(*error)),
        EventKind::Accepted { fd } => (0x0020, signed(*fd)),
        EventKind::AcceptFailed { error } => (0x0040, of(*error)),
        EventKind::Closed { fd } => (0x0080, signed(fd.unwrap_or(-1))),
        EventKind::CloseFailed { error } => (0x0100, of(*error)),
        EventKind::Disconnected { fd } => (0x0200, signed(*fd)),
        EventKind::MonitorStopped => (0x0400, 0),
        EventKind::HandshakeSucceeded => (0x1000, 0),
        EventKind::HandshakeFailed(failure) => match failure {
            HandshakeFailure::NoDetail(error) => (0x0800, of(*error)),
            HandshakeFailure::Protocol(code) => (0x2000, (*code).into()),
            HandshakeFailure::Auth(status) => (0x4000, (*status).into()),
        },
        EventKind::PipeStats { sending, .. } => (PIPE_STATS, *sending),
        EventKind::RoutingIdTaken { .. }
        | EventKind::CarrierChanged { .. }
        | EventKind::MemoryFull { .. }
        | EventKind::BodiesCopied
        | EventKind::OrdinaryPages { .. }
        | EventKind::Lost { .. } => return None,
    };
    let second = match kind {
        EventKind::PipeStats { receiving, .. } => Some(*receiving),
        _ => None,
    };
    Some(Numbers {
        event,
        value,
        second,
    })
}

/// The bits of a number that may be -1, which stands for an unknown descriptor.
fn signed(number: i32) -> u64 {
    i64::from(number).cast_unsigned()
}

fn of(error: ErrorNumber) -> u64 {
    signed(error.get())
}

/// The message of an event.
fn message(event: &MonitorEvent, numbers: Numbers, format: EventFormat) -> Message {
    let mut message = Message::new();
    let mut put = |bytes: &[u8]| message.push(Frame::copy_from_slice(bytes));
    match format {
        EventFormat::One => {
            // In this format the application cannot ask for an event whose numbers do not fit. -1 is -1 in 32 bits.
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

/// The endpoint as libzmq writes it: without the scheme if a bind failed.
fn bare<'a>(event: &MonitorEvent, endpoint: &'a str) -> &'a str {
    match (&event.kind, endpoint.split_once("://")) {
        (EventKind::BindFailed { .. }, Some((_, address))) => address,
        _ => endpoint,
    }
}

/// Sends events on a socket.
#[derive(Debug)]
pub(crate) struct PlainSink {
    socket: Socket,
    /// The bits of the events that the application has asked for.
    events: u64,
    format: EventFormat,
    /// Messages that wait for a reader to connect.
    waiting: VecDeque<Message>,
}

impl PlainSink {
    /// A sink that sends, on `socket`, the events whose bits are in `events`.
    pub(crate) fn new(socket: Socket, events: u64, format: EventFormat) -> PlainSink {
        PlainSink {
            socket,
            events,
            format,
            waiting: VecDeque::new(),
        }
    }

    fn send(&mut self, event: &MonitorEvent) {
        let asked_for = numbers(&event.kind).filter(|it| self.events & it.event != 0);
        let Some(numbers) = asked_for else {
            return;
        };
        if self.waiting.len() < MOST as usize {
            self.waiting.push_back(message(event, numbers, self.format));
        }
        self.flush();
    }
}

impl Sink for PlainSink {
    fn put(&mut self, event: MonitorEvent) {
        self.send(&event);
    }

    fn stop(mut self: Box<Self>) {
        self.send(&MonitorEvent::at("", EventKind::MonitorStopped));
    }

    fn flush(&mut self) {
        while let Some(message) = self.waiting.pop_front() {
            let Err(error) = self.socket.try_send(message) else {
                continue;
            };
            // The message waits while no reader is connected. If one is and its pipe is full, the message is lost:
            // nothing tells this sink when the reader has made room, so it would be late, with the next event.
            let unread = matches!(error.reason, SendError::WouldBlock)
                && self.socket.connections().is_empty();
            if unread {
                self.waiting.push_front(error.message);
                return;
            }
        }
    }

    fn wants_stats(&self) -> bool {
        self.events & PIPE_STATS != 0
    }

    /// The reader's socket is of the same context, whose shutdown ends its calls.
    fn ends_with_context(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::mail::Addresses;

    fn bytes(event: &MonitorEvent, format: EventFormat) -> Vec<Vec<u8>> {
        let numbers = numbers(&event.kind).unwrap();
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
        let event = addresses.event(EventKind::Disconnected { fd: 7 });
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
        let event = MonitorEvent::at("tcp://127.0.0.1:5", EventKind::BindFailed { error });
        let parts = bytes(&event, EventFormat::One);
        assert_eq!(parts[0][2..], 98_u32.to_ne_bytes());
        assert_eq!(parts[1], b"127.0.0.1:5");
    }

    #[test]
    fn what_is_not_known_is_minus_one() {
        let event = Addresses::default().event(EventKind::Closed { fd: None });
        assert_eq!(
            bytes(&event, EventFormat::One)[0][2..],
            (-1_i32).to_ne_bytes()
        );
    }
}
