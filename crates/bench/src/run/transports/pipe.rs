//! The pipe of `ringmq-pipe`, by its public interface.

use std::io;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ringmq_pipe::{ConnectError, Listener, Options, Receiver, Sender, Vow};

use crate::error::Error;
use crate::plan::large::{Large, Touch};
use crate::plan::spec::Spec;
use crate::plan::words::Wait;
use crate::run::carrier::{Carrier, End, Ends, Wires};
use crate::run::job::Side;
use crate::run::large::{self, LargeEnd};
use crate::run::side::Run;

/// The carrier of a pipe.
pub(crate) struct Pipe;

/// How long the near side waits for the far side to listen.
const PATIENCE: Duration = Duration::from_secs(5);

/// The least ring for messages that are written and read in place.
const RING: usize = 1 << 20;

/// The options of both ends. The memory is touched before the clock runs, but for large bodies, which touch little of it.
fn options(spec: &Spec) -> Options {
    let wait = match spec.wait {
        Wait::Spin => ringmq_pipe::Wait::Spin,
        Wait::Park => ringmq_pipe::Wait::Park,
        Wait::Adaptive => ringmq_pipe::Wait::Adaptive,
    };
    let options = Options::new().wait(wait);
    if spec.large.is_none() {
        return options.prefault(true);
    }
    // A message that is written in place takes three eighths of the ring at most.
    let ring = (4 * spec.size.0).next_power_of_two();
    options.capacity(ring.max(RING))
}

/// Connects as soon as the far side listens.
fn connect(address: &str, options: &Options) -> Result<ringmq_pipe::Pipe, ConnectError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match options.connect(address) {
            // The far side does not listen yet. The sleep gives it the CPU if both share one.
            Err(ConnectError::Unreachable { .. }) if Instant::now() < until => {
                thread::sleep(Duration::from_millis(1));
            }
            outcome => return outcome,
        }
    }
}

impl Carrier for Pipe {
    type End = Halves;

    /// Makes up an abstract address, which leaves no file behind.
    fn prepare(_: &Spec) -> Result<Wires, Error> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        // ORDERING: relaxed; the numbers only have to differ.
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let address = format!("@ringmq-perf-{}-{run}", process::id());
        Ok(Wires {
            address,
            ..Wires::default()
        })
    }

    fn attach(spec: &Spec, side: Side, wires: Ends) -> Result<Halves, Error> {
        let (address, options) = (wires.address, options(spec));
        let pipe = match side {
            Side::Near => connect(&address, &options).map_err(|error| error.to_string()),
            Side::Far => Listener::bind(&address, &options)
                .map_err(|error| error.to_string())
                .and_then(|mut listener| listener.accept().map_err(|error| error.to_string())),
        };
        let pipe = pipe.map_err(|error| Error::Os {
            step: "join both sides by a pipe",
            source: io::Error::other(error),
            remedy: "try `ringmq pipe listen @name` and `ringmq pipe connect @name`",
        })?;
        let (sender, receiver) = pipe.split();
        Ok(Halves { sender, receiver })
    }
}

/// The two halves of a side's pipe.
pub(crate) struct Halves {
    sender: Sender,
    receiver: Receiver,
}

impl End for Halves {
    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        Ok(self.sender.send(message)?)
    }

    #[inline]
    fn recv(&mut self, message: &mut Vec<u8>) -> io::Result<()> {
        Ok(self.receiver.recv(message)?)
    }
}

/// A side's part in a run of messages that are written and read in the ring, and its answer.
pub(crate) fn in_place(run: Run<'_>, large: Large) -> Result<String, Error> {
    let Run { spec, side, .. } = run;
    let halves = Pipe::attach(spec, side, run.ends)?;
    let mut end = InPlace {
        halves,
        touch: large.touch,
        spec_size: spec.size.0,
        size: spec.size.0,
        // SAFETY: the other end is a side of the same run, which does not write to a message that it has sent.
        vow: unsafe { Vow::new() },
    };
    large::side(&mut end, side, spec, run.progress)
}

/// A side's pipe, for messages in place.
struct InPlace {
    halves: Halves,
    touch: Touch,
    spec_size: usize,
    /// The bytes of the messages now.
    size: usize,
    vow: Vow,
}

impl LargeEnd for InPlace {
    #[inline]
    fn send(&mut self, stamp: u64) -> io::Result<()> {
        let mut slot = self.halves.sender.claim(self.size)?;
        self.touch.write(self.size, stamp, |at, word| {
            slot[at..at + word.len()].copy_from_slice(word);
        });
        Ok(slot.commit()?)
    }

    #[inline]
    fn recv(&mut self, stamp: u64) -> io::Result<u64> {
        let message = self.halves.receiver.recv_in_place(self.vow)?;
        Ok(self.touch.read(&message, stamp))
    }

    fn set_small(&mut self, small: bool) {
        self.size = if small {
            Touch::LEAST.0
        } else {
            self.spec_size
        };
    }

    fn confirm(&mut self) -> io::Result<()> {
        Ok(self.halves.sender.send(&[1])?)
    }

    fn wait_until_confirmed(&mut self) -> io::Result<()> {
        let mut confirmed = Vec::new();
        Ok(self.halves.receiver.recv(&mut confirmed)?)
    }
}
