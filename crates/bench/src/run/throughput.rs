//! Messages in one direction, as many as possible.

use std::time::{Duration, Instant};

use crate::error::{Error, MOVED};
use crate::plan::spec::Spec;
use crate::run::carrier::{End, check_stamp, stamp};
use crate::run::progress::Progress;

/// The near side: sends all messages and waits until the far side confirms them. The first pass warms up, the second is
/// measured.
pub(crate) fn near<E: End>(
    end: &mut E,
    spec: &Spec,
    progress: &Progress,
) -> Result<Duration, Error> {
    let mut message = vec![0; spec.size.0];
    let mut answer = Vec::with_capacity(spec.size.0);
    let mut took = Duration::ZERO;
    for count in [spec.warmup, spec.count] {
        let start = Instant::now();
        end.send_many(&mut message, count, progress)
            .map_err(Error::os("send", MOVED))?;
        end.recv(&mut answer).map_err(Error::os("receive", MOVED))?;
        took = start.elapsed();
        check_stamp(&answer, count)?;
    }
    progress.set(spec.count);
    Ok(took)
}

/// The far side: receives all messages, checks that the last one carries their number, and confirms them.
pub(crate) fn far<E: End>(end: &mut E, spec: &Spec) -> Result<(), Error> {
    let mut message = vec![0; spec.size.0];
    for count in [spec.warmup, spec.count] {
        end.recv_many(&mut message, count)
            .map_err(Error::os("receive", MOVED))?;
        check_stamp(&message, count)?;
        stamp(&mut message, count);
        end.send(&message).map_err(Error::os("send", MOVED))?;
    }
    Ok(())
}
