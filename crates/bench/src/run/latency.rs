//! Round trips, one at a time.

use std::time::Instant;

use crate::error::{Error, MOVED};
use crate::plan::spec::Spec;
use crate::report::histogram::Samples;
use crate::run::carrier::{End, check_stamp, stamp};
use crate::run::progress::Progress;

/// The near side: sends a message, waits for the echo, and records the time from before the send call to after the
/// receive call. The time includes one reading of the clock.
pub(crate) fn near<E: End>(
    end: &mut E,
    spec: &Spec,
    progress: &Progress,
) -> Result<Samples, Error> {
    let mut samples = Samples::new();
    let mut message = vec![0; spec.size.0];
    let mut echo = Vec::with_capacity(spec.size.0);
    for n in 0..spec.warmup + spec.count {
        stamp(&mut message, n);
        let start = Instant::now();
        end.send(&message).map_err(Error::os("send", MOVED))?;
        end.recv(&mut echo).map_err(Error::os("receive", MOVED))?;
        let took = start.elapsed();
        check_stamp(&echo, n)?;
        if n >= spec.warmup {
            samples.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
        progress.set(n + 1);
    }
    Ok(samples)
}

/// The far side: sends each message back.
pub(crate) fn far<E: End>(end: &mut E, spec: &Spec) -> Result<(), Error> {
    let mut message = Vec::with_capacity(spec.size.0);
    for _ in 0..spec.warmup + spec.count {
        end.recv(&mut message)
            .map_err(Error::os("receive", MOVED))?;
        end.send(&message).map_err(Error::os("send", MOVED))?;
    }
    Ok(())
}
