//! One side of a run: the process that the supervisor starts.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::error::Error;
use crate::plan::cpu::{self, Pin};
use crate::plan::sockets::Face;
use crate::plan::spec::{Spec, Transport, Work};
use crate::run::job::{Job, Side};
use crate::run::mechanism::{self, End, Ends, Mechanism, Visit};
use crate::run::memory::Progress;
use crate::run::sockets::joint::{Joint, Ours, OwnC, Plain, Sockets, Stock, within};
use crate::run::sockets::{connect, memory};
use crate::run::supervise::PEER_MARK;
use crate::run::{latency, load, pause, throughput};

/// What an answer to the supervisor begins with.
pub(crate) const DONE: &str = "done";
pub(crate) const FAILED: &str = "failed";

/// Does what the supervisor says: the whole work of a process that [`run`](crate::run()) started as a
/// [`Program`](crate::Program). Its standard input is a socket to the supervisor.
///
/// # Errors
///
/// Only [`Error::NoSupervisor`], if there is none; what fails later is told to the supervisor.
pub fn peer() -> Result<(), Error> {
    if let Some(supervisor) = std::env::var_os(PEER_MARK).and_then(|mark| load::supervisor(&mark)) {
        return Err(load::compute(supervisor));
    }
    // Before anything can take time: nobody outlives the supervisor.
    let lost = |error: rustix::io::Errno| Error::NoSupervisor(error.to_string());
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(lost)?;
    let stdin = io::stdin();
    let (job, descriptors) = Job::recv(&stdin)?;
    // A supervisor that died before the first line of this function sends no signal any more.
    if getppid().map_or(0, |pid| pid.as_raw_nonzero().get()) != job.supervisor {
        return Err(Error::NoSupervisor("it has died".to_owned()));
    }
    let answer = match work(job, descriptors) {
        Ok(answer) => format!("{DONE} {answer}"),
        Err(error) => format!("{FAILED} {error}"),
    };
    tell(&stdin, answer.as_bytes())
}

/// Tells the supervisor why this side, or a thread of it, failed.
pub(crate) fn fail(error: &Error) {
    // A supervisor that is gone asks no more.
    let _ = tell(io::stdin(), format!("{FAILED} {error}").as_bytes());
}

fn tell(supervisor: impl AsFd, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        match rustix::io::write(&supervisor, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::NoSupervisor(error.to_string())),
        }
    }
    Ok(())
}

fn work(job: Job, mut descriptors: Vec<OwnedFd>) -> Result<String, Error> {
    if let Pin::Cpus(near, far) = job.spec.pin {
        cpu::pin(if job.side == Side::Near { near } else { far })?;
    }
    if descriptors.is_empty() {
        return Err(Error::NoSupervisor("no descriptors came".to_owned()));
    }
    let progress = Progress::adopt(descriptors.remove(0))?;
    let ends = Ends {
        fds: descriptors,
        address: job.address,
    };
    if job.spec.transport.is_zmq() {
        return match job.spec.sockets.face {
            Face::Rust => work_of_sockets::<Ours>(&job.spec, job.side, ends, &progress),
            Face::Plain => work_of_sockets::<Plain>(&job.spec, job.side, ends, &progress),
            Face::C => work_of_sockets::<OwnC>(&job.spec, job.side, ends, &progress),
            Face::Stock => work_of_sockets::<Stock>(&job.spec, job.side, ends, &progress),
        };
    }
    let run = Run {
        spec: &job.spec,
        side: job.side,
        ends,
        progress: &progress,
    };
    mechanism::with(&job.spec, run)
}

/// What only sockets can do; else what all can.
fn work_of_sockets<C: Sockets>(
    spec: &Spec,
    side: Side,
    ends: Ends,
    progress: &Progress,
) -> Result<String, Error> {
    match spec.work {
        Work::Connect => connect::side::<C>(spec, side, ends, progress),
        Work::Memory => memory::side::<C>(spec, side, ends, progress),
        _ if spec.transport == Transport::ZmqInproc => within::<C>(spec, side, progress),
        _ => Run {
            spec,
            side,
            ends,
            progress,
        }
        .visit::<Joint<C>>(),
    }
}

struct Run<'a> {
    spec: &'a Spec,
    side: Side,
    ends: Ends,
    progress: &'a Progress,
}

impl Visit for Run<'_> {
    type Answer = Result<String, Error>;

    fn visit<M: Mechanism>(self) -> Result<String, Error> {
        let mut end = M::attach(self.spec, self.side, self.ends)?;
        match self.side {
            Side::Near => near(&mut end, self.spec, self.progress),
            Side::Far => far(&mut end, self.spec),
        }
    }
}

/// The near side of a run of messages, and what it has to say.
pub(crate) fn near<E: End>(end: &mut E, spec: &Spec, progress: &Progress) -> Result<String, Error> {
    if let Some(pause) = spec.pause {
        pause::near(end, spec, pause, progress)?;
        return Ok(String::new());
    }
    if spec.work == Work::Latency {
        return Ok(latency::near(end, spec, progress)?.encode());
    }
    let took = throughput::near(end, spec, progress)?;
    Ok(took.as_nanos().to_string())
}

/// The far side, and what it has to say: nothing, if the near side has the clock.
pub(crate) fn far<E: End>(end: &mut E, spec: &Spec) -> Result<String, Error> {
    if spec.pause.is_some() {
        return Ok(pause::far(end, spec)?.encode());
    }
    if spec.work == Work::Latency {
        latency::far(end, spec)?;
    } else {
        throughput::far(end, spec)?;
    }
    Ok(String::new())
}
