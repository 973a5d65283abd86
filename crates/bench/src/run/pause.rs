//! The first message after a pause, in one direction.
//!
//! The near side sleeps, reads the clock and sends that time. The far side, which has slept in its receive call, reads
//! the same clock when it has the message: both processes see one `CLOCK_MONOTONIC`. The echo keeps the two sides in
//! step and is not measured, because its sender has just woken and its receiver has not slept long.

use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::error::{Error, MOVED};
use crate::plan::pause::Pause;
use crate::plan::spec::Spec;
use crate::report::histogram::Samples;
use crate::run::carrier::{End, check_stamp, stamp};
use crate::run::progress::Progress;

/// The longest pause before a message that warms up.
const SHORT: Duration = Duration::from_millis(1);

/// Nanoseconds of `CLOCK_MONOTONIC`, which all processes share.
fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Neither field is negative on this clock.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The near side: sleeps, sends the time, and waits for the echo.
pub(crate) fn near<E: End>(
    end: &mut E,
    spec: &Spec,
    Pause(pause): Pause,
    progress: &Progress,
) -> Result<(), Error> {
    let mut message = vec![0; spec.size.0];
    let mut echo = Vec::with_capacity(spec.size.0);
    for n in 0..spec.warmup + spec.count {
        thread::sleep(if n < spec.warmup {
            pause.min(SHORT)
        } else {
            pause
        });
        let start = now();
        stamp(&mut message, start);
        end.send(&message).map_err(Error::os("send", MOVED))?;
        end.recv(&mut echo).map_err(Error::os("receive", MOVED))?;
        check_stamp(&echo, start)?;
        progress.set(n + 1);
    }
    Ok(())
}

/// The far side: records the age of each message, and sends it back.
pub(crate) fn far<E: End>(end: &mut E, spec: &Spec) -> Result<Samples, Error> {
    let mut samples = Samples::new();
    let mut message = Vec::with_capacity(spec.size.0);
    for n in 0..spec.warmup + spec.count {
        end.recv(&mut message)
            .map_err(Error::os("receive", MOVED))?;
        let now = now();
        if n >= spec.warmup {
            let sent = message.first_chunk().copied().map(u64::from_le_bytes);
            samples.record(now.saturating_sub(sent.unwrap_or_default()));
        }
        end.send(&message).map_err(Error::os("send", MOVED))?;
    }
    Ok(samples)
}
