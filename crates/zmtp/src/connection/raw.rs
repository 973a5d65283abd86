//! Connections that carry bytes without a protocol.

use ringmq_message::Frame;

use super::{Connection, Sender, Stage};
use crate::event::Event;
use crate::peer::Peer;
use crate::settings::RawSettings;

/// How far a raw connection is.
#[derive(Debug)]
pub(super) enum Raw {
    /// It has not said that it is ready.
    New(RawSettings),
    /// It has, and is to say by an empty message that the peer is there.
    Announces,
    /// Bytes pass.
    Open,
}

impl Raw {
    pub(super) fn new(settings: RawSettings) -> Raw {
        Raw::New(settings)
    }

    pub(super) fn is_ready(&self) -> bool {
        !matches!(self, Raw::New(_))
    }
}

impl Connection {
    /// Receives all of the input as one message.
    pub(super) fn receive_raw(&mut self, input: &mut &[u8]) -> Option<Event> {
        let Stage::Raw(raw) = &mut self.stage else {
            return None;
        };
        let mut frame = match *raw {
            Raw::New(RawSettings { notify }) => {
                *raw = if notify { Raw::Announces } else { Raw::Open };
                self.peer = Some(Peer::unknown());
                self.sender = Sender::Clear;
                return Some(Event::Ready);
            }
            Raw::Announces => {
                *raw = Raw::Open;
                Frame::new()
            }
            Raw::Open if input.is_empty() => return None,
            Raw::Open => Frame::copy_from_slice(std::mem::take(input)),
        };
        frame.set_properties(self.properties.clone());
        Some(Event::Frame(frame))
    }
}
