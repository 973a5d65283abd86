//! When to try again, and when not to.

use std::time::Duration;

use crate::dialer::DialError;

/// The greatest wait: libzmq counts milliseconds in an `int`.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// How long to wait before each further attempt (`RECONNECT_IVL`, `RECONNECT_IVL_MAX`).
///
/// Without a most, each wait is the interval and a random part of it again. With one, the first is the
/// interval, each further one is twice the last, none is longer than the most, and nothing is random.
///
/// ```
/// use std::time::Duration;
/// use ringmq_transport::Backoff;
///
/// let ms = Duration::from_millis;
/// let mut backoff = Backoff::new(Some(ms(100)), ms(300));
/// let waits: Vec<_> = (0..4).filter_map(|_| backoff.next(7)).collect();
/// assert_eq!(waits, [ms(100), ms(200), ms(300), ms(300)]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    interval: Option<Duration>,
    most: Duration,
    last: Option<Duration>,
}

impl Backoff {
    /// For `RECONNECT_IVL` (None for -1) and `RECONNECT_IVL_MAX` (zero for none). An interval of zero
    /// is never, too, as in libzmq.
    #[must_use]
    pub fn new(interval: Option<Duration>, most: Duration) -> Backoff {
        Backoff {
            interval: interval.filter(|interval| !interval.is_zero()),
            most,
            last: None,
        }
    }

    /// How long to wait from now on; None for ever. `random` is any number.
    pub fn next(&mut self, random: u32) -> Option<Duration> {
        let interval = self.interval?;
        if self.most.is_zero() {
            let part = interval.as_millis().max(1);
            // Less than the interval, which fits.
            let jitter = Duration::from_millis((u128::from(random) % part) as u64);
            return Some(interval.saturating_add(jitter).min(LONGEST));
        }
        let candidate = self.last.map_or(interval, |last| last.saturating_mul(2));
        let wait = candidate.min(self.most).min(LONGEST);
        self.last = Some(wait);
        Some(wait)
    }

    /// Returns true if there is never another attempt.
    #[must_use]
    pub fn is_never(&self) -> bool {
        self.interval.is_none()
    }

    /// Begins anew: a connection was made.
    pub fn reset(&mut self) {
        self.last = None;
    }
}

/// What ends all trying (`RECONNECT_STOP`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReconnectStop {
    /// The connection was refused. A SOCKS5 proxy that refuses, or is refused, does not count, as in libzmq.
    pub refused: bool,
    /// The handshake failed.
    pub handshake_failed: bool,
    /// The connection was refused after the application had disconnected some endpoint.
    pub after_disconnect: bool,
}

impl ReconnectStop {
    /// Whether a failed attempt is the last one; `disconnected` says whether the application has
    /// disconnected. (A failed handshake is its session's business.)
    #[must_use]
    pub fn ends_after(self, error: &DialError, disconnected: bool) -> bool {
        error.is_refusal() && (self.refused || (self.after_disconnect && disconnected))
    }
}
