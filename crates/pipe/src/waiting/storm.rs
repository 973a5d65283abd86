//! A limit on the wake-ups without news that a peer can cause.

use std::io;
use std::time::{Duration, Instant};

use ringmq_sys::poll;

/// Wake-ups without news, in a row, before each further one is followed by a pause.
const FREE: u32 = 16;
/// The pause, in which no doorbell wakes the thread.
const PAUSE: Duration = Duration::from_millis(1);
/// A wake-up without news that comes so long after the last one begins a new row.
const FORGOTTEN: Duration = Duration::from_millis(100);

/// Limits what a doorbell can cost that is rung without end: some 1,000 wake-ups a second that bring nothing,
/// whichever process rings it. A ring that comes in a pause stays in the doorbell and ends the next sleep, so that none
/// is lost: a message is at most a millisecond late.
///
/// ```
/// use ringmq_pipe::waiting::Storm;
///
/// let mut storm = Storm::default();
/// for _ in 0..20 {
///     // A sleep ended, and a look found nothing.
///     storm.found_nothing(None)?;
/// }
/// storm.found_news();
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Default)]
pub struct Storm {
    in_a_row: u32,
    last: Option<Instant>,
}

impl Storm {
    /// Records a wake-up that brought something.
    #[inline]
    pub fn found_news(&mut self) {
        self.in_a_row = 0;
    }

    /// Records a wake-up that brought nothing. Pauses if there were many, until the deadline at most.
    ///
    /// # Errors
    ///
    /// `Interrupted` if a signal was handled in the pause. Otherwise what ppoll(2) answers; nothing is expected.
    pub fn found_nothing(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        if self.count() { rest(deadline) } else { Ok(()) }
    }

    /// Records a wake-up that brought nothing, and returns true if the caller has to pause.
    pub(crate) fn count(&mut self) -> bool {
        let now = Instant::now();
        let last = self.last.replace(now);
        if last.is_some_and(|last| now - last > FORGOTTEN) {
            self.in_a_row = 0;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.in_a_row >= FREE
    }
}

/// Pauses. No doorbell wakes the thread meanwhile.
pub(crate) fn rest(deadline: Option<Instant>) -> io::Result<()> {
    let until = Instant::now() + PAUSE;
    let until = deadline.map_or(until, |deadline| deadline.min(until));
    poll::readable(&[], Some(until)).map(drop)
}
