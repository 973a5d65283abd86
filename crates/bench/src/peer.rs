//! One side of a run: the process that the supervisor starts.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::cpu::{self, Pin};
use crate::error::Error;
use crate::job::{Job, Side};
use crate::memory::Progress;
use crate::spec::Work;
use crate::transport::{self, Ends, Mechanism, Visit};
use crate::{latency, throughput};

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
    let spec = job.spec.clone();
    transport::with(
        &spec,
        Run {
            job,
            descriptors,
            progress,
        },
    )
}

struct Run {
    job: Job,
    descriptors: Vec<OwnedFd>,
    progress: Progress,
}

impl Visit for Run {
    type Answer = Result<String, Error>;

    fn visit<M: Mechanism>(self) -> Result<String, Error> {
        let Job {
            spec,
            side,
            address,
            ..
        } = self.job;
        let mut end = M::attach(
            &spec,
            side,
            Ends {
                fds: self.descriptors,
                address,
            },
        )?;
        match (spec.work, side) {
            (Work::Latency, Side::Near) => {
                Ok(latency::near(&mut end, &spec, &self.progress)?.encode())
            }
            (Work::Throughput, Side::Near) => {
                let took = throughput::near(&mut end, &spec, &self.progress)?;
                Ok(took.as_nanos().to_string())
            }
            (Work::Latency, Side::Far) => latency::far(&mut end, &spec).map(|()| String::new()),
            (Work::Throughput, Side::Far) => {
                throughput::far(&mut end, &spec).map(|()| String::new())
            }
        }
    }
}
