//! One end of one connection.

mod early;
mod raw;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use ringmq_message::{Frame, Kind, Properties};

use crate::command;
use crate::decoder::Decoder;
use crate::error::Error;
use crate::event::Event;
use crate::head::Framing;
use crate::life::Life;
use crate::output::Output;
use crate::peer::Peer;
use crate::sealed::Sealed;
use crate::settings::Settings;
use early::Early;
use raw::Raw;
use traffic::Pong;

/// One end of one connection: see the [crate](crate) for how it is driven.
#[derive(Debug)]
pub struct Connection {
    settings: Settings,
    stage: Stage,
    decoder: Decoder,
    output: Output,
    sender: Sender,
    life: Life,
    /// Parts of the message that comes, and bytes of subscriptions that came between them.
    parts: usize,
    within: usize,
    /// An answer that waits until the peer reads what we have sent.
    pong: Option<Pong>,
    peer: Option<Peer>,
    properties: Option<Arc<Properties>>,
}

/// How far it is.
#[derive(Debug)]
enum Stage {
    /// The peer is not known yet.
    Early(Box<Early>),
    /// Messages and commands pass.
    Traffic,
    /// They pass in boxes.
    Sealed,
    /// Bytes pass.
    Raw(Raw),
    /// It is over.
    Failed(Error),
}

/// How frames are sent.
#[derive(Debug)]
enum Sender {
    /// Not yet.
    None,
    /// As they are.
    Clear,
    /// In boxes.
    Sealed(Box<Sealed>),
}

impl Connection {
    /// A connection that has just been made, at the time `now`. There is something to write at once, unless it is
    /// [raw](Settings::raw): then it is ready with the first call of [`receive`](Connection::receive), even for no input.
    ///
    /// # Panics
    ///
    /// If [`Settings::check`] refuses.
    pub fn new(settings: Settings, now: Duration) -> Connection {
        if let Err(bad) = settings.check() {
            panic!("settings that no peer can be told: {bad}");
        }
        let mut output = Output::default();
        let mut decoder = Decoder::new(&settings);
        let (stage, handshake_timeout) = match settings.raw {
            None => {
                let early = Early::new(&settings, &mut output);
                (Stage::Early(Box::new(early)), settings.handshake_timeout)
            }
            Some(raw) => {
                decoder.set_framing(Framing::None);
                (Stage::Raw(Raw::new(raw)), None)
            }
        };
        Connection {
            stage,
            decoder,
            output,
            sender: Sender::None,
            life: Life::new(now, handshake_timeout),
            parts: 0,
            within: 0,
            pong: None,
            peer: None,
            properties: None,
            settings,
        }
    }

    /// Takes bytes from the front of `input`, which was read until the time `now`, up to the end of the next event.
    /// `None` says that all are taken; until then it is to be called again.
    ///
    /// # Errors
    ///
    /// What the peer did wrong. The connection is over.
    #[inline]
    pub fn receive(&mut self, input: &mut &[u8], now: Duration) -> Result<Option<Event>, Error> {
        if matches!(self.stage, Stage::Traffic)
            && let Some((payload, more)) = self.decoder.next_whole(input)
        {
            self.life.heard();
            if (more || self.parts != 0)
                && let Err(error) = self.count(more)
            {
                self.stage = Stage::Failed(error.clone());
                return Err(error);
            }
            let mut frame = Frame::copy_from_slice(payload);
            frame.set_more(more);
            if let Some(properties) = &self.properties {
                frame.set_properties(Some(Arc::clone(properties)));
            }
            return Ok(Some(Event::Frame(frame)));
        }
        self.receive_any(input, now)
    }

    /// As [`receive`](Connection::receive), for a message of one part that is all there, of which `take` gets to see the
    /// bytes, and says whether it takes them. Returns false if it did not, or if something else comes next: nothing was taken
    /// from `input` then. The message has the [properties](Connection::set_properties) of all.
    #[inline(always)]
    pub fn receive_bytes(&mut self, input: &mut &[u8], take: impl FnOnce(&[u8]) -> bool) -> bool {
        if !matches!(self.stage, Stage::Traffic) || self.parts != 0 {
            return false;
        }
        let mut rest = *input;
        match self.decoder.next_whole(&mut rest) {
            Some((payload, false)) if take(payload) => {
                *input = rest;
                self.life.heard();
                true
            }
            _ => false,
        }
    }

    /// Receives what is not simply a frame that is all there.
    #[inline(never)]
    fn receive_any(&mut self, input: &mut &[u8], now: Duration) -> Result<Option<Event>, Error> {
        if !input.is_empty() {
            self.life.heard();
        }
        let received = match self.stage {
            Stage::Traffic => self.receive_traffic(input, now),
            Stage::Sealed => self.receive_sealed(input, now),
            _ => self.receive_early(input, now),
        };
        if let Err(error) = &received {
            self.stage = Stage::Failed(error.clone());
        }
        received
    }

    /// Where to append the bytes that come next, of a frame that is long and not all there, so that they are read to where
    /// they will stay; and how many at most, for which there is memory. `None` when an ordinary read is better, or when there
    /// is no memory, which [`receive`](Connection::receive) then says.
    pub fn large_target(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        match self.stage {
            Stage::Failed(_) | Stage::Raw(_) => None,
            _ => self.decoder.target(),
        }
    }

    /// Says that `n` bytes have been appended to the [target](Connection::large_target). If they are the last of the
    /// frame, [`receive`](Connection::receive) gives it, even for no more input.
    ///
    /// # Panics
    ///
    /// If they are more than the frame has, or not so many were appended.
    pub fn large_filled(&mut self, n: usize) {
        if n != 0 {
            self.life.heard();
            self.decoder.filled(n);
        }
    }

    /// Sends a part of a message, without its properties.
    ///
    /// Nothing limits how much may wait, so look at [`pending`](Connection::pending) before.
    ///
    /// # Panics
    ///
    /// If the connection has never been [ready](Event::Ready).
    #[inline]
    pub fn send(&mut self, frame: Frame) {
        match self.sender {
            Sender::Clear => self.output.push_frame(self.decoder.framing(), frame),
            _ => self.send_sealed(&frame),
        }
    }

    /// As [`send`](Connection::send), for the last part of a message, of which it copies the bytes.
    ///
    /// # Panics
    ///
    /// As [`send`](Connection::send).
    #[inline]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        match self.sender {
            Sender::Clear => self.output.push_bytes(self.decoder.framing(), bytes),
            _ => self.send_sealed(&Frame::copy_from_slice(bytes)),
        }
    }

    #[inline(never)]
    fn send_sealed(&mut self, frame: &Frame) {
        self.assert_ready();
        if let Sender::Sealed(sealed) = &mut self.sender {
            let pushed = sealed.push_frame(&mut self.output, frame);
            self.note(pushed);
        }
    }

    /// Sends a message of one frame, of `first` and the bytes that follow it.
    fn send_prefixed(&mut self, first: u8, rest: &[u8]) {
        match &mut self.sender {
            Sender::Sealed(sealed) => {
                let pushed = sealed.push_prefixed(&mut self.output, first, rest);
                self.note(pushed);
            }
            _ => {
                let framing = self.decoder.framing();
                self.output.push_prefixed(framing, first, rest);
            }
        }
    }

    /// Sends a command.
    fn send_command(&mut self, name: &[u8], data: &[u8]) {
        match &mut self.sender {
            Sender::Sealed(sealed) => {
                let pushed = sealed.push_command(&mut self.output, name, data);
                self.note(pushed);
            }
            _ => self.output.push_command(name, data),
        }
    }

    /// Ends the connection if nothing more can be sent.
    fn note(&mut self, pushed: Result<(), Error>) {
        if let Err(error) = pushed
            && !matches!(self.stage, Stage::Failed(_))
        {
            self.stage = Stage::Failed(error);
        }
    }

    /// Tells the peer that we subscribe to what begins with `topic`, or cancel one such subscription: by a command, or by
    /// a message if it speaks an older version than 3.1. A DISH joins or leaves the group `topic`.
    ///
    /// # Panics
    ///
    /// If the connection has never been [ready](Event::Ready).
    pub fn subscribe(&mut self, topic: &[u8], on: bool) {
        self.assert_ready();
        // RFC 48: groups are joined and left by commands.
        if self.settings.socket_type == Kind::Dish {
            let name = if on { command::JOIN } else { command::LEAVE };
            if self.knows_commands() {
                self.output.push_command(name, topic);
            }
            return;
        }
        // RFC 37, The Publish-Subscribe Pattern; RFC 23 has messages for it.
        if self
            .peer
            .as_ref()
            .is_some_and(|peer| peer.version() < (3, 1))
        {
            self.send_prefixed(u8::from(on), topic);
        } else {
            let name = if on {
                command::SUBSCRIBE
            } else {
                command::CANCEL
            };
            self.send_command(name, topic);
        }
    }

    /// Sends a command that is no part of the protocol. A peer that does not know it ignores it; one that speaks
    /// ZMTP 1.0 or 2.0 is not sent it.
    ///
    /// # Panics
    ///
    /// If the connection has never been [ready](Event::Ready), or the name has not 1 to 255 bytes.
    pub fn command(&mut self, name: &str, data: &[u8]) {
        self.assert_ready();
        assert!((1..=255).contains(&name.len()), "a name of 1 to 255 bytes");
        if self.knows_commands() {
            self.send_command(name.as_bytes(), data);
        }
    }

    /// What to write, in this order. No slice is empty; there may be many, so take as many as one write does.
    pub fn output(&self) -> impl Iterator<Item = &[u8]> {
        self.output.slices()
    }

    /// Says that the first `n` bytes of the output have been written.
    ///
    /// # Panics
    ///
    /// If fewer were waiting.
    pub fn sent(&mut self, n: usize) {
        self.output.sent(n);
        self.answer();
    }

    /// Bytes that wait to be written.
    #[inline]
    pub fn pending(&self) -> usize {
        self.output.pending()
    }

    /// When [`tick`](Connection::tick) is due; `None` for never.
    pub fn deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::Failed(_) => None,
            _ => self.life.deadline(),
        }
    }

    /// Does what is due at the time `now`; if nothing is, nothing.
    ///
    /// # Errors
    ///
    /// One of the timeouts, or what was wrong before.
    pub fn tick(&mut self, now: Duration) -> Result<(), Error> {
        if let Stage::Failed(error) = &self.stage {
            return Err(error.clone());
        }
        match self.life.tick(now) {
            Ok(None) => Ok(()),
            Ok(Some(ttl)) => {
                self.ping(ttl);
                Ok(())
            }
            Err(error) => {
                self.stage = Stage::Failed(error.clone());
                Err(error)
            }
        }
    }

    /// Whether frames may be sent, and come.
    #[inline]
    pub fn is_ready(&self) -> bool {
        match &self.stage {
            Stage::Traffic | Stage::Sealed => true,
            Stage::Raw(raw) => raw.is_ready(),
            Stage::Early(_) | Stage::Failed(_) => false,
        }
    }

    /// Who the peer is, once it has said so.
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// Gives all frames that come from now on these properties.
    pub fn set_properties(&mut self, properties: Option<Arc<Properties>>) {
        self.properties = properties;
    }

    /// What it was told at the beginning.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn knows_commands(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.version().0 >= 3)
    }

    #[inline]
    fn assert_ready(&self) {
        assert!(self.peer.is_some(), "the handshake is not done");
    }
}

/// A command as it travels, for a caller that writes it by itself, behind a frame and before the next one. The peer's
/// mechanism must not encrypt, and both sides must have done the handshake of ZMTP 3.
///
/// # Panics
///
/// If the name is not of 1 to 255 bytes.
///
/// ```
/// let bytes = ringmq_zmtp::command_bytes("X-EXAMPLE", b"data");
/// assert_eq!(bytes, b"\x04\x0e\x09X-EXAMPLEdata");
/// ```
pub fn command_bytes(name: &str, data: &[u8]) -> Vec<u8> {
    assert!((1..=255).contains(&name.len()), "a name of 1 to 255 bytes");
    let mut output = Output::default();
    output.push_command(name.as_bytes(), data);
    output.slices().flatten().copied().collect()
}
