//! What can go wrong, with the cause and the remedy.

use std::io;
use std::path::PathBuf;

/// Why nothing was measured or drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A word that names nothing.
    #[error("`{word}` is no {what}; use {remedy}")]
    Word {
        /// What was given.
        word: String,
        /// What it should have been.
        what: &'static str,
        /// What can be given.
        remedy: String,
    },
    /// Two choices that do not go together.
    #[error("{what}; {remedy}")]
    Choice {
        /// Which.
        what: String,
        /// What to choose.
        remedy: String,
    },
    /// A CPU that this process may not use.
    #[error(
        "this process may not run on CPU {cpu}, only on {allowed:?}; choose others with --pin A,B, or --pin none"
    )]
    Cpu {
        /// The CPU that was asked for.
        cpu: usize,
        /// Those that may be used.
        allowed: Vec<usize>,
    },
    /// The kernel refused.
    #[error("cannot {step}: {source}; {remedy}")]
    Os {
        /// What was tried.
        step: &'static str,
        /// What the kernel answered.
        source: io::Error,
        /// What may help.
        remedy: &'static str,
    },
    /// One of the two processes failed or died.
    #[error("{run} ended early: {causes}; {remedy}")]
    Side {
        /// What was measured.
        run: String,
        /// What became of each side.
        causes: String,
        /// What may help.
        remedy: &'static str,
    },
    /// Nothing moved for too long.
    #[error(
        "{run} hangs: no message for {seconds} s, {done} of {count} done; both sides were ended. \
         Look for a stopped or starved process (is another program pinned to the same CPUs?), or try --pin none"
    )]
    Stalled {
        /// What was measured.
        run: String,
        /// How long nothing came, in seconds.
        seconds: u64,
        /// Messages that were counted before.
        done: u64,
        /// Messages that there should have been.
        count: u64,
    },
    /// This process was not started by a supervisor.
    #[error(
        "this command is one side of a measurement and is started by `ringmq perf` itself: {0}"
    )]
    NoSupervisor(String),
    /// Something came back that was not sent.
    #[error(
        "{what} came back where {expected} was sent: the transport lost or mixed up messages, which is a bug"
    )]
    Stamp {
        /// What came.
        what: u64,
        /// What should have come.
        expected: u64,
    },
    /// A library that is to be measured cannot be.
    #[error("no {what}: {cause}; {remedy}")]
    Library {
        /// Which.
        what: &'static str,
        /// Why.
        cause: String,
        /// What may help.
        remedy: &'static str,
    },
    /// The picture could not be drawn or written.
    #[error("cannot draw {}: {cause}; choose another file with --plot", path.display())]
    Plot {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
}

impl Error {
    /// A refusal of the kernel at `step`, with what may help.
    pub(crate) fn os<E: Into<io::Error>>(
        step: &'static str,
        remedy: &'static str,
    ) -> impl FnOnce(E) -> Error {
        move |source| Error::Os {
            step,
            source: source.into(),
            remedy,
        }
    }
}

/// The remedy where the kernel refuses memory or descriptors.
pub(crate) const SHORT_OF: &str = "free memory or raise the limit of open files (ulimit -n)";

/// The remedy where a message cannot be moved.
pub(crate) const MOVED: &str = "look whether the other side's message stands beside this one";
