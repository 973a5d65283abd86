//! The pipe of `ringmq-pipe`, by its public interface.

use std::io;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ringmq_pipe::{ConnectError, Listener, Options, Receiver, Sender};

use crate::error::Error;
use crate::plan::spec::Spec;
use crate::plan::words::Wait;
use crate::run::carrier::{Carrier, End, Ends, Wires};
use crate::run::job::Side;

/// The carrier of a pipe.
pub(crate) struct Pipe;

/// How long the near side waits for the far side to listen.
const PATIENCE: Duration = Duration::from_secs(5);

/// The options of both ends. The memory is touched before the clock runs.
fn options(spec: &Spec) -> Options {
    let wait = match spec.wait {
        Wait::Spin => ringmq_pipe::Wait::Spin,
        Wait::Park => ringmq_pipe::Wait::Park,
        Wait::Adaptive => ringmq_pipe::Wait::Adaptive,
    };
    Options::new().wait(wait).prefault(true)
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
