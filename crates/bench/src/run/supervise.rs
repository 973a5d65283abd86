//! Starts the sides of a run, and watches them.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::{Error, SHORT_OF};
use crate::plan::large::Bodies;
use crate::plan::spec::Spec;
use crate::plan::words::Work;
use crate::report::histogram::Samples;
use crate::report::measured::Measured;
use crate::run::carrier::{Carrier, Visit, Wires};
use crate::run::choose;
use crate::run::job::{Job, Side};
use crate::run::program::Program;
use crate::run::progress::Progress;
use crate::run::protocol::{DONE, FAILED, PEER_MARK};

/// How often progress is checked. Rarely, because each check takes the CPU of a side for a moment.
const LOOK: Duration = Duration::from_secs(1);
/// The variable by which a loaded library of ringmq receives in place.
const IN_PLACE: &str = "RINGMQ_IN_PLACE";
/// How long the other sides may take to say why they failed, after the first.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Measures `spec` between two new processes, or more if a message goes to several.
///
/// # Errors
///
/// The errors of [`Spec::check`]; [`Error::Os`] if the kernel refuses a process or a descriptor; [`Error::Side`] if a
/// side fails or dies, or if a message is lost; [`Error::Stalled`] if the near side makes no progress. All processes have
/// ended in each case.
pub fn run(spec: &Spec, program: &Program) -> Result<Measured, Error> {
    spec.check()?;
    let wires = choose::with(spec, Prepare(spec))?;
    let (progress, told) = Progress::create()?;
    let Wires {
        near,
        far,
        others,
        address,
    } = wires;
    let start = |side, fds: &[OwnedFd]| Running::start(program, spec, side, &address, &told, fds);
    // A far side starts first, because it does not wait for the near side. The near side is the last.
    let mut sides = vec![start(Side::Far, &far)?];
    for far in &others {
        sides.push(start(Side::Far, far)?);
    }
    sides.push(start(Side::Near, &near)?);
    drop(told);
    watch(spec, program.patience, &progress, &mut sides)?;
    let answers: Vec<_> = sides
        .iter()
        .map(|side| side.answer().unwrap_or_default())
        .collect();
    decode(spec, &answers).ok_or_else(|| Error::Side {
        run: spec.to_string(),
        causes: "what the sides answer makes no sense".to_owned(),
        remedy: "this is a bug",
    })
}

struct Prepare<'a>(&'a Spec);

impl Visit for Prepare<'_> {
    type Answer = Result<Wires, Error>;
    fn visit<M: Carrier>(self) -> Result<Wires, Error> {
        M::prepare(self.0)
    }
}

/// Reads the answers of all sides, that of the near side last.
fn decode(spec: &Spec, answers: &[&str]) -> Option<Measured> {
    let [far_sides @ .., answer] = answers else {
        return None;
    };
    let far = *far_sides.first()?;
    if spec.large.is_some() {
        // Each far side says how many messages have arrived.
        let all = (spec.warmup + spec.count).to_string();
        if far_sides.iter().any(|arrived| **arrived != all) {
            return None;
        }
    }
    // With pauses, the far side has the samples. Over inproc, both sides are in the near process.
    let answer = match *answer {
        "" if spec.pause.is_some() => far,
        answer => answer,
    };
    let samples = || Samples::decode(answer).filter(|samples| samples.count() == spec.count);
    match spec.work {
        Work::Latency => samples().map(Measured::Latency),
        Work::Connect => {
            let (near, samples) = answer.split_once(' ')?;
            let samples = Samples::decode(samples)?;
            (samples.count() == spec.count).then_some(Measured::Connect {
                samples,
                near: Duration::from_nanos(near.parse().ok()?),
                far: Duration::from_nanos(far.parse().ok()?),
            })
        }
        Work::Memory => Some(Measured::Memory {
            near: answer.parse().ok()?,
            far: far.parse().ok()?,
        }),
        Work::Throughput => answer
            .parse()
            .ok()
            .map(Duration::from_nanos)
            .map(Measured::Throughput),
    }
}

/// Waits until all sides have ended well. Fails as soon as one side fails.
fn watch(
    spec: &Spec,
    patience: Duration,
    progress: &Progress,
    sides: &mut [Running],
) -> Result<(), Error> {
    let (mut done, mut moved) = (progress.get(), Instant::now());
    loop {
        listen(sides, LOOK)?;
        if sides.iter().any(Running::failed) {
            let until = Instant::now() + LAST_WORDS;
            while !sides.iter().all(Running::ended) && Instant::now() < until {
                listen(sides, until.saturating_duration_since(Instant::now()))?;
            }
            let causes: Vec<_> = sides.iter_mut().filter_map(Running::cause).collect();
            return Err(Error::Side {
                run: spec.to_string(),
                causes: causes.join("; "),
                remedy: "if it was killed, look for what kills it (the out-of-memory killer?); else run it once more",
            });
        }
        if sides.iter().all(Running::ended) {
            return Ok(());
        }
        if progress.get() != done {
            (done, moved) = (progress.get(), Instant::now());
        } else if moved.elapsed() > patience {
            return Err(Error::Stalled {
                run: spec.to_string(),
                seconds: patience.as_secs(),
                done,
                count: spec.warmup + spec.count,
            });
        }
    }
}

/// Sleeps until a side writes or ends, but at most for `most`.
fn listen(sides: &mut [Running], most: Duration) -> Result<(), Error> {
    let mut speaking: Vec<_> = sides.iter_mut().filter(|side| !side.ended()).collect();
    let mut polled: Vec<_> = speaking
        .iter()
        .map(|side| PollFd::new(&side.socket, PollFlags::IN))
        .collect();
    let timeout = Timespec {
        tv_sec: most.as_secs() as i64,
        tv_nsec: most.subsec_nanos().into(),
    };
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(Error::os("wait for the sides", SHORT_OF)(error)),
    }
    let ready: Vec<_> = polled.iter().map(|one| !one.revents().is_empty()).collect();
    for (side, _) in speaking.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
        side.hear();
    }
    Ok(())
}

/// A side that was started. Dropping this ends the process.
struct Running {
    side: Side,
    child: Child,
    socket: UnixStream,
    heard: Vec<u8>,
    /// The exit status, once the side has ended.
    end: Option<io::Result<ExitStatus>>,
}

impl Running {
    fn start(
        program: &Program,
        spec: &Spec,
        side: Side,
        address: &str,
        progress: &OwnedFd,
        descriptors: &[OwnedFd],
    ) -> Result<Running, Error> {
        let (socket, stdin) =
            UnixStream::pair().map_err(Error::os("create a pair of Unix sockets", SHORT_OF))?;
        let mut command = program.command();
        if let Some(large) = spec.large {
            let in_place = large.bodies == Bodies::InPlace;
            command.env(IN_PLACE, if in_place { "on" } else { "off" });
        }
        let child = command
            .env(PEER_MARK, side.to_string())
            .stdin(Stdio::from(OwnedFd::from(stdin)))
            .stdout(Stdio::null())
            .spawn()
            .map_err(Error::os(
                "start this program again",
                "see that its file is still there, and raise the limit of processes (ulimit -u)",
            ))?;
        let running = Running {
            side,
            child,
            socket,
            heard: Vec::new(),
            end: None,
        };
        let job = Job {
            side,
            spec: spec.clone(),
            supervisor: rustix::process::getpid().as_raw_nonzero().get(),
            address: address.to_owned(),
        };
        let all: Vec<_> = std::iter::once(progress)
            .chain(descriptors)
            .map(AsFd::as_fd)
            .collect();
        match job.send(&running.socket, &all) {
            // The side has died already; `watch` finds out how.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(running),
            sent => sent
                .map(|()| running)
                .map_err(Error::os("send a job to the other process", SHORT_OF)),
        }
    }

    /// Reads what the side wrote. At the end of the stream, waits for the process.
    fn hear(&mut self) {
        let mut bytes = [0; 64 << 10];
        match self.socket.read(&mut bytes) {
            Ok(0) => self.end = Some(self.child.wait()),
            Ok(got) => self.heard.extend_from_slice(&bytes[..got]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A reset: the side died before it read the job.
            Err(_) => self.end = Some(self.child.wait()),
        }
    }

    fn ended(&self) -> bool {
        self.end.is_some()
    }

    /// The answer of a side that did its job.
    fn answer(&self) -> Option<&str> {
        let said = str::from_utf8(&self.heard).ok()?;
        said.strip_prefix(DONE).map(str::trim)
    }

    fn failed(&self) -> bool {
        self.ended() && self.answer().is_none() || self.heard.starts_with(FAILED.as_bytes())
    }

    /// Why the side failed; `None` if it did not.
    fn cause(&mut self) -> Option<String> {
        let side = self.side;
        let said = String::from_utf8_lossy(&self.heard);
        if let Some(words) = said.strip_prefix(FAILED) {
            return Some(format!("the {side} side says:{words}"));
        }
        if self.answer().is_some() {
            return None;
        }
        match self.end.as_ref()? {
            Ok(status) => Some(match (status.signal(), status.code()) {
                (Some(signal), _) => format!("the {side} side was killed by signal {signal}"),
                (_, code) => format!(
                    "the {side} side ended without an answer, with status {}; its own words stand above",
                    code.unwrap_or(-1)
                ),
            }),
            Err(error) => Some(format!("the {side} side is lost: {error}")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended() {
            // An error means that the side has ended by itself.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
