//! Messages with large bodies, which are made anew, written in part, and read in part.

use std::io;
use std::time::Instant;

use crate::error::{Error, MOVED};
use crate::plan::spec::Spec;
use crate::plan::words::Work;
use crate::report::histogram::Samples;
use crate::run::job::Side;
use crate::run::progress::Progress;

/// The small messages before the others, each of which the far sides confirm. They give sockets the time to move to
/// shared memory, which takes some milliseconds.
const SMALL: u64 = 100;

/// The end of one side.
pub(crate) trait LargeEnd {
    /// Makes a body, writes `stamp` to the words that are touched, and sends it.
    fn send(&mut self, stamp: u64) -> io::Result<()>;

    /// Receives a body and reads the words that are touched. Returns one that is not `stamp`, or `stamp`.
    fn recv(&mut self, stamp: u64) -> io::Result<u64>;

    /// Makes the bodies of further messages small, or of the size of the run.
    fn set_small(&mut self, small: bool);

    /// Tells the near side that this one has received what was sent until now.
    fn confirm(&mut self) -> io::Result<()>;

    /// Waits until all far sides have confirmed.
    fn wait_until_confirmed(&mut self) -> io::Result<()>;
}

/// A side's part in a run, and its answer: of the near side the figures, of a far side the number of messages that
/// have arrived.
pub(crate) fn side<E: LargeEnd>(
    end: &mut E,
    side: Side,
    spec: &Spec,
    progress: &Progress,
) -> Result<String, Error> {
    end.set_small(true);
    let answers = spec.work == Work::Latency;
    for n in 0..SMALL {
        match side {
            Side::Near => {
                send(end, n)?;
                if answers {
                    recv(end, n)?;
                } else {
                    wait(end)?;
                }
            }
            Side::Far => {
                recv(end, n)?;
                if answers {
                    send(end, n)?;
                } else {
                    confirm(end)?;
                }
            }
        }
    }
    end.set_small(false);
    match (side, answers) {
        (Side::Near, true) => Ok(round_trips(end, spec, progress)?.encode()),
        (Side::Near, false) => one_way(end, spec, progress),
        (Side::Far, _) => far(end, spec, answers),
    }
}

/// The near side of round trips.
fn round_trips<E: LargeEnd>(
    end: &mut E,
    spec: &Spec,
    progress: &Progress,
) -> Result<Samples, Error> {
    let mut samples = Samples::new();
    for n in 0..spec.warmup + spec.count {
        let start = Instant::now();
        send(end, n)?;
        recv(end, n)?;
        let took = start.elapsed();
        if n >= spec.warmup {
            samples.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
        progress.set(n + 1);
    }
    Ok(samples)
}

/// The near side of messages in one direction, and the time that they took in nanoseconds. The first pass warms up.
fn one_way<E: LargeEnd>(end: &mut E, spec: &Spec, progress: &Progress) -> Result<String, Error> {
    let (mut took, mut sent) = (0, 0);
    for count in [spec.warmup, spec.count] {
        let start = Instant::now();
        for _ in 0..count {
            send(end, sent)?;
            sent += 1;
            progress.set(sent);
        }
        wait(end)?;
        took = start.elapsed().as_nanos();
    }
    Ok(took.to_string())
}

/// A far side.
fn far<E: LargeEnd>(end: &mut E, spec: &Spec, answers: bool) -> Result<String, Error> {
    let mut arrived = 0;
    for count in [spec.warmup, spec.count] {
        for _ in 0..count {
            recv(end, arrived)?;
            if answers {
                send(end, arrived)?;
            }
            arrived += 1;
        }
        if !answers {
            confirm(end)?;
        }
    }
    Ok(arrived.to_string())
}

#[inline]
fn send<E: LargeEnd>(end: &mut E, n: u64) -> Result<(), Error> {
    end.send(n).map_err(Error::os("send", MOVED))
}

/// Receives message `n`, and checks that it is this one.
#[inline]
fn recv<E: LargeEnd>(end: &mut E, n: u64) -> Result<(), Error> {
    let found = end.recv(n).map_err(Error::os("receive", MOVED))?;
    if found == n {
        return Ok(());
    }
    Err(Error::Stamp {
        what: found,
        expected: n,
    })
}

fn confirm<E: LargeEnd>(end: &mut E) -> Result<(), Error> {
    end.confirm().map_err(Error::os("confirm", MOVED))
}

fn wait<E: LargeEnd>(end: &mut E) -> Result<(), Error> {
    let confirmed = end.wait_until_confirmed();
    confirmed.map_err(Error::os("wait until all has arrived", MOVED))
}
