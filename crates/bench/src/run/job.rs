//! The job that the supervisor sends to a side: one line of text, with descriptors beside it.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::error::Error;
use crate::plan::large::Large;
use crate::plan::pause::Pause;
use crate::plan::size::Size;
use crate::plan::sockets::Sockets;
use crate::plan::spec::Spec;

/// One of the two sides of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The side that has the clock and sends first.
    Near,
    /// The side that echoes or counts the messages.
    Far,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Side::Near => "near",
            Side::Far => "far",
        })
    }
}

/// A side's part in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) side: Side,
    pub(crate) spec: Spec,
    /// Process id of the supervisor.
    pub(crate) supervisor: i32,
    /// The address at which the sides meet, without spaces; empty if they meet by descriptors.
    pub(crate) address: String,
}

/// The word for what a job has not.
const NONE: &str = "-";
/// The room for descriptors. Each transport has fewer.
const MOST_DESCRIPTORS: usize = 24;
/// The room for the text. Each job is shorter.
const MOST_TEXT: usize = 1024;

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Job {
            side,
            spec,
            supervisor,
            address,
        } = self;
        let Spec {
            work,
            transport,
            sockets: Sockets { pattern, face },
            mechanism,
            wait,
            size: Size(size),
            count,
            warmup,
            pin,
            pause,
            large,
        } = spec;
        let pause = pause.map_or(0, |pause| pause.0.as_nanos());
        let large = large.map_or(NONE.to_owned(), |large| {
            let Large {
                bodies,
                touch,
                far_sides,
            } = large;
            format!("{bodies}/{touch}/{far_sides}")
        });
        write!(
            f,
            "{side} {work} {transport} {pattern} {face} {mechanism} {wait} {size} {count} {warmup} {pin} {pause} {large} {supervisor} @{address}"
        )
    }
}

impl Job {
    fn parse(text: &str) -> Option<Job> {
        let words: Vec<_> = text.split(' ').collect();
        let [
            side,
            work,
            transport,
            pattern,
            face,
            mechanism,
            wait,
            size,
            count,
            warmup,
            pin,
            pause,
            large,
            supervisor,
            address,
        ] = *words.as_array()?;
        let side = [Side::Near, Side::Far]
            .into_iter()
            .find(|one| one.to_string() == side)?;
        let pause = pause.parse().ok()?;
        let spec = Spec {
            work: work.parse().ok()?,
            transport: transport.parse().ok()?,
            sockets: Sockets {
                pattern: pattern.parse().ok()?,
                face: face.parse().ok()?,
            },
            mechanism: mechanism.parse().ok()?,
            wait: wait.parse().ok()?,
            size: size.parse().ok()?,
            count: count.parse().ok()?,
            warmup: warmup.parse().ok()?,
            pin: pin.parse().ok()?,
            pause: (pause != 0).then_some(Pause(Duration::from_nanos(pause))),
            large: match large {
                NONE => None,
                large => Some(parse_large(large)?),
            },
        };
        let supervisor = supervisor.parse().ok()?;
        let address = address.strip_prefix('@')?.to_owned();
        Some(Job {
            side,
            spec,
            supervisor,
            address,
        })
    }

    /// Sends the job with `descriptors`.
    pub(crate) fn send(&self, to: impl AsFd, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fits = ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        assert!(fits, "{} descriptors", descriptors.len());
        let text = format!("{self}\n");
        assert!(text.len() <= MOST_TEXT, "a job of {} bytes", text.len());
        // An empty Unix socket takes so few bytes as a whole or not at all.
        let text = [IoSlice::new(text.as_bytes())];
        sendmsg(to, &text, &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Receives a job and its descriptors.
    pub(crate) fn recv(from: impl AsFd) -> Result<(Job, Vec<OwnedFd>), Error> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut text = [0; MOST_TEXT];
        let got = recvmsg(
            from,
            &mut [IoSliceMut::new(&mut text)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )
        .map_err(|error| Error::NoSupervisor(error.to_string()))?;
        let mut descriptors = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                descriptors.extend(received);
            }
        }
        let job = str::from_utf8(&text[..got.bytes])
            .ok()
            .and_then(|text| Job::parse(text.strip_suffix('\n')?))
            .ok_or_else(|| Error::NoSupervisor("what it was told is no job".to_owned()))?;
        Ok((job, descriptors))
    }
}

/// The choices of large bodies, as `Display` of a job writes them.
fn parse_large(text: &str) -> Option<Large> {
    let words: Vec<_> = text.split('/').collect();
    let [bodies, touch, far_sides] = *words.as_array()?;
    Some(Large {
        bodies: bodies.parse().ok()?,
        touch: touch.parse().ok()?,
        far_sides: far_sides.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cpu::Pin;
    use crate::plan::large::{Bodies, FarSides, Touch};
    use crate::plan::mechanism::Mechanism;
    use crate::plan::words::{Transport, Work};
    use std::os::unix::net::UnixStream;

    fn job() -> Job {
        Job {
            side: Side::Far,
            spec: Spec::new(Work::Throughput, Transport::OsPipe)
                .with_size(Size(1024))
                .with_mechanism(Mechanism::Curve)
                .with_pin(Pin::Cpus(1, 0))
                .with_pause(Pause(Duration::from_millis(7))),
            supervisor: 42,
            address: String::new(),
        }
    }

    #[test]
    fn a_job_arrives_with_its_descriptors() {
        let (one, other) = UnixStream::pair().unwrap();
        let with_address = Job {
            address: "ringmq-perf-1".to_owned(),
            ..job()
        };
        with_address
            .send(&one, &[one.as_fd(), other.as_fd()])
            .unwrap();
        let (received, descriptors) = Job::recv(&other).unwrap();
        assert_eq!(received, with_address);
        assert_eq!(descriptors.len(), 2);
        job().send(&one, &[one.as_fd()]).unwrap();
        assert_eq!(Job::recv(&other).unwrap().0, job());
        let mut large = job();
        large.spec = large.spec.with_large(Large {
            bodies: Bodies::SentInPlace,
            touch: Touch::Pages,
            far_sides: FarSides::new(8).unwrap(),
        });
        large.send(&one, &[]).unwrap();
        assert_eq!(Job::recv(&other).unwrap().0, large);
    }

    #[test]
    fn what_is_no_job_is_refused() {
        let (one, other) = UnixStream::pair().unwrap();
        rustix::io::write(&one, b"near latency\n").unwrap();
        assert!(matches!(Job::recv(&other), Err(Error::NoSupervisor(_))));
        drop(one);
        assert!(matches!(Job::recv(&other), Err(Error::NoSupervisor(_))));
        assert!(matches!(
            Job::recv(io::stdin()),
            Err(Error::NoSupervisor(_))
        ));
    }
}
