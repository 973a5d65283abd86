//! Whether the peer is still there.

use std::time::Duration;

use crate::error::Error;
use crate::settings::Heartbeat;

/// RFC 37, Connection Heartbeating: a PING says after how many tenths of a second of silence to give up.
const TENTH: Duration = Duration::from_millis(100);

/// The times at which something is due.
#[derive(Debug, Default)]
pub(crate) struct Life {
    heartbeat: Option<Heartbeat>,
    /// The handshake has to be done.
    handshake_ends: Option<Duration>,
    /// We send a PING.
    ping_due: Option<Duration>,
    /// The peer has to have said something, since we sent a PING.
    answer_due: Option<Duration>,
    /// The peer has to have said something, since it promised.
    word_due: Option<Duration>,
}

impl Life {
    /// The handshake begins.
    pub(crate) fn new(now: Duration, handshake: Option<Duration>) -> Life {
        Life {
            handshake_ends: handshake.and_then(|most| now.checked_add(most)),
            ..Life::default()
        }
    }

    /// The handshake is done.
    pub(crate) fn ready(&mut self, now: Duration, heartbeat: Option<Heartbeat>) {
        self.handshake_ends = None;
        self.heartbeat = heartbeat.filter(|beat| !beat.interval.is_zero());
        self.ping_due = self
            .heartbeat
            .and_then(|beat| now.checked_add(beat.interval));
    }

    /// The peer said something.
    #[inline]
    pub(crate) fn heard(&mut self) {
        self.answer_due = None;
        self.word_due = None;
    }

    /// The peer promised to say something within so many tenths of a second; 0 for no promise.
    pub(crate) fn promised(&mut self, now: Duration, tenths: u16) {
        if tenths != 0 {
            self.word_due = now.checked_add(TENTH * u32::from(tenths));
        }
    }

    /// The next time at which [`tick`](Life::tick) has something to do.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let due = [
            self.handshake_ends,
            self.ping_due,
            self.answer_due,
            self.word_due,
        ];
        due.into_iter().flatten().min()
    }

    /// Says whether a PING is due, and the time to live in it.
    pub(crate) fn tick(&mut self, now: Duration) -> Result<Option<u16>, Error> {
        let over = |due: Option<Duration>| due.is_some_and(|due| due <= now);
        if over(self.handshake_ends) {
            return Err(Error::HandshakeTimeout);
        }
        if over(self.answer_due) {
            return Err(Error::HeartbeatTimeout);
        }
        if over(self.word_due) {
            return Err(Error::SilentTooLong);
        }
        let Some(beat) = self.heartbeat.filter(|_| over(self.ping_due)) else {
            return Ok(None);
        };
        self.ping_due = now.checked_add(beat.interval);
        if self.answer_due.is_none() && !beat.timeout.is_zero() {
            self.answer_due = now.checked_add(beat.timeout);
        }
        // What is too long for the field becomes the longest that it holds, not what is left of it.
        let tenths = beat.ttl.as_millis() / TENTH.as_millis();
        Ok(Some(u16::try_from(tenths).unwrap_or(u16::MAX)))
    }
}
