//! One side of a run: the process that the supervisor starts.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::error::Error;
use crate::plan::cpu::{self, Pin};
use crate::plan::words::{Transport, Work};
use crate::run::carrier::{Ends, Visit};
use crate::run::choose::{self, VisitSockets};
use crate::run::job::{Job, Side};
use crate::run::load;
use crate::run::progress::Progress;
use crate::run::protocol::{DONE, FAILED, PEER_MARK, tell};
use crate::run::side::Run;
use crate::run::sockets::joint::{Joint, within};
use crate::run::sockets::talk::Sockets;
use crate::run::sockets::{connect, large, memory};
use crate::run::transports::pipe;

/// Does the job that the supervisor sends: the whole work of a process that [`run`](crate::run()) started as a
/// [`Program`](crate::Program). The standard input of this process is a socket to the supervisor.
///
/// # Errors
///
/// Only [`Error::NoSupervisor`], if there is no supervisor. A later failure is reported to the supervisor.
pub fn peer() -> Result<(), Error> {
    if let Some(supervisor) = std::env::var_os(PEER_MARK).and_then(|mark| load::supervisor(&mark)) {
        return Err(load::compute(supervisor));
    }
    // This comes first, so that no side outlives the supervisor.
    let lost = |error: rustix::io::Errno| Error::NoSupervisor(error.to_string());
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(lost)?;
    let stdin = io::stdin();
    let (job, descriptors) = Job::recv(&stdin)?;
    // A supervisor that died before the call above sends no signal.
    if getppid().map_or(0, |pid| pid.as_raw_nonzero().get()) != job.supervisor {
        return Err(Error::NoSupervisor("it has died".to_owned()));
    }
    let answer = match work(job, descriptors) {
        Ok(answer) => format!("{DONE} {answer}"),
        Err(error) => format!("{FAILED} {error}"),
    };
    tell(&stdin, answer.as_bytes())
}

/// Does the job, and returns the answer for the supervisor.
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
    let run = Run {
        spec: &job.spec,
        side: job.side,
        ends,
        progress: &progress,
    };
    if let (Some(large), Transport::Pipe) = (job.spec.large, job.spec.transport) {
        return pipe::in_place(run, large);
    }
    if job.spec.transport.is_zmq() {
        return choose::with_sockets(job.spec.sockets.face, OfSockets(run));
    }
    choose::with(&job.spec, run)
}

/// A part in a run of ZeroMQ sockets.
struct OfSockets<'a>(Run<'a>);

impl VisitSockets for OfSockets<'_> {
    type Answer = Result<String, Error>;

    /// Does the work that only sockets can do, or the part in a run of messages.
    fn visit<C: Sockets>(self) -> Result<String, Error> {
        let run = self.0;
        match run.spec.work {
            Work::Connect => connect::side::<C>(run),
            Work::Memory => memory::side::<C>(run),
            _ if let Some(large) = run.spec.large => large::side::<C>(run, large),
            _ if run.spec.transport == Transport::ZmqInproc => within::<C>(run),
            _ => run.visit::<Joint<C>>(),
        }
    }
}
