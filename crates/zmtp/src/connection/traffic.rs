//! Messages, and the commands between them.

use std::time::Duration;

use ringmq_message::{Frame, Kind};

use super::{Connection, Sender};
use crate::command;
use crate::error::Error;
use crate::event::{Command, Event};

/// RFC 37, Connection Heartbeating: of the context in a PING as many bytes come back.
const CONTEXT: usize = 16;

/// While more bytes than this wait to be written, nothing is added that the peer can cause.
const BACKLOG: usize = 64 << 10;

/// What it costs to keep a subscription, beside its bytes.
const KEEPING: usize = 64;

/// The context that an answer repeats.
pub(super) type Pong = Frame;

impl Connection {
    /// Receives a part of a message, or does what commands say until there is an event.
    pub(super) fn receive_traffic(
        &mut self,
        input: &mut &[u8],
        now: Duration,
    ) -> Result<Option<Event>, Error> {
        loop {
            let Some((mut frame, is_command)) = self.decoder.next(input)? else {
                return Ok(None);
            };
            if !is_command {
                self.count(frame.more())?;
                if let Some(properties) = &self.properties {
                    frame.set_properties(Some(properties.clone()));
                }
                return Ok(Some(Event::Frame(frame)));
            }
            if let Some(event) = self.obey(&frame, now)? {
                return Ok(Some(event));
            }
        }
    }

    /// Receives boxes: a part of a message, or commands until there is an event.
    #[inline(never)]
    pub(super) fn receive_sealed(
        &mut self,
        input: &mut &[u8],
        now: Duration,
    ) -> Result<Option<Event>, Error> {
        loop {
            let Sender::Sealed(sealed) = &mut self.sender else {
                return Ok(None);
            };
            let opened = match self.decoder.next_whole(input) {
                Some((body, _)) => sealed.open_slice(body)?,
                None => match self.decoder.next(input)? {
                    Some((body, _)) => sealed.open_frame(body)?,
                    None => return Ok(None),
                },
            };
            let mut frame = opened.frame;
            let size = frame.len() as u64;
            if opened.command {
                let limit = self.settings.limits.command as u64;
                if size > limit {
                    return Err(Error::CommandTooLong { size, limit });
                }
                if let Some(event) = self.obey(&frame, now)? {
                    return Ok(Some(event));
                }
                continue;
            }
            if let Some(limit) = self.settings.max_message.filter(|limit| size > *limit) {
                return Err(Error::TooLong { size, limit });
            }
            self.count(frame.more())?;
            if let Some(properties) = &self.properties {
                frame.set_properties(Some(properties.clone()));
            }
            return Ok(Some(Event::Frame(frame)));
        }
    }

    /// Does what a command says.
    fn obey(&mut self, body: &[u8], now: Duration) -> Result<Option<Event>, Error> {
        let (name, data) = command::split(body)?;
        match name {
            command::PING => self.pinged(data, now)?,
            // That it came is all there is to it.
            command::PONG => (),
            command::SUBSCRIBE => return self.subscription(data, true),
            command::CANCEL => return self.subscription(data, false),
            command::JOIN if self.settings.socket_type == Kind::Radio => {
                return self.subscription(data, true);
            }
            command::LEAVE if self.settings.socket_type == Kind::Radio => {
                return self.subscription(data, false);
            }
            command::ERROR => return Err(command::refusal(data)),
            _ => return Ok(self.extension(name, data)),
        }
        Ok(None)
    }

    /// An extension, if we were told of it; all others are ignored.
    fn extension(&self, name: &[u8], data: &[u8]) -> Option<Event> {
        let mut known = self.settings.extensions.iter();
        let known = known.find(|known| known.as_bytes() == name)?;
        Some(Event::Command(Box::new(Command {
            name: known.clone(),
            data: data.to_vec(),
        })))
    }

    /// Counts a part of a message, which others follow or not.
    pub(super) fn count(&mut self, more: bool) -> Result<(), Error> {
        if !more {
            (self.parts, self.within) = (0, 0);
            return Ok(());
        }
        self.parts += 1;
        let limit = self.settings.limits.parts;
        if self.parts >= limit {
            return Err(Error::TooManyParts { limit });
        }
        Ok(())
    }

    /// A subscription. Between two parts of a message, the receiver of the event keeps it until the message ends.
    fn subscription(&mut self, topic: &[u8], on: bool) -> Result<Option<Event>, Error> {
        if self.parts > 0 {
            self.within += topic.len() + KEEPING;
            let (bytes, limit) = (self.within, self.settings.limits.command);
            if bytes > limit {
                return Err(Error::SubscriptionsWithin { bytes, limit });
            }
        }
        let topic = Frame::copy_from_slice(topic);
        Ok(Some(Event::Subscribe { topic, on }))
    }

    fn pinged(&mut self, data: &[u8], now: Duration) -> Result<(), Error> {
        let Some((ttl, context)) = data.split_first_chunk::<2>() else {
            return Err(Error::MalformedPing { size: data.len() });
        };
        self.life.promised(now, u16::from_be_bytes(*ttl));
        let context = &context[..context.len().min(CONTEXT)];
        self.pong = Some(Frame::copy_from_slice(context));
        self.answer();
        Ok(())
    }

    /// Sends the answer that is owed, unless the peer does not read: then the next PING takes its place.
    pub(super) fn answer(&mut self) {
        if self.output.pending() <= BACKLOG
            && let Some(context) = self.pong.take()
        {
            self.send_command(command::PONG, &context);
        }
    }

    /// Sends a PING, unless the peer does not read: then it has enough to answer to.
    pub(super) fn ping(&mut self, ttl: u16) {
        if self.output.pending() <= BACKLOG {
            self.send_command(command::PING, &ttl.to_be_bytes());
        }
    }
}
