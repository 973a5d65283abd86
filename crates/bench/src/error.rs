//! The errors of a measurement, each with its cause and its remedy.

use std::io;
use std::path::PathBuf;

/// Why a measurement or a picture failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A word that is not a valid choice.
    #[error("`{word}` is no {what}; use {remedy}")]
    Word {
        /// The word.
        word: String,
        /// The kind of choice.
        what: &'static str,
        /// The valid words.
        remedy: String,
    },
    /// Two choices that exclude each other.
    #[error("{what}; {remedy}")]
    Choice {
        /// Why they do.
        what: String,
        /// What to choose instead.
        remedy: String,
    },
    /// A CPU that this process may not use.
    #[error(
        "this process may not run on CPU {cpu}, only on {allowed:?}; choose others with --pin A,B, or --pin none"
    )]
    Cpu {
        /// The CPU that was asked for.
        cpu: usize,
        /// The CPUs that this process may use.
        allowed: Vec<usize>,
    },
    /// A system call or a library call failed.
    #[error("cannot {step}: {source}; {remedy}")]
    Os {
        /// What was attempted.
        step: &'static str,
        /// The error of the call.
        source: io::Error,
        /// What may help.
        remedy: &'static str,
    },
    /// One of the two processes failed or died.
    #[error("{run} ended early: {causes}; {remedy}")]
    Side {
        /// What was measured.
        run: String,
        /// How each side ended.
        causes: String,
        /// What may help.
        remedy: &'static str,
    },
    /// The near side made no progress for too long.
    #[error(
        "{run} hangs: no message for {seconds} s, {done} of {count} done; both sides were ended. \
         Look for a stopped or starved process (is another program pinned to the same CPUs?), or try --pin none"
    )]
    Stalled {
        /// What was measured.
        run: String,
        /// The time without progress, in seconds.
        seconds: u64,
        /// The messages that were done before.
        done: u64,
        /// The messages of the whole run.
        count: u64,
    },
    /// This process was not started by a supervisor.
    #[error(
        "this command is one side of a measurement and is started by `ringmq perf` itself: {0}"
    )]
    NoSupervisor(String),
    /// A message arrived that was not sent.
    #[error(
        "{what} came back where {expected} was sent: the transport lost or mixed up messages, which is a bug"
    )]
    Stamp {
        /// The stamp that arrived.
        what: u64,
        /// The stamp that was sent.
        expected: u64,
    },
    /// A library cannot be loaded.
    #[error("no {what}: {cause}; {remedy}")]
    Library {
        /// The library.
        what: &'static str,
        /// The reason.
        cause: String,
        /// What may help.
        remedy: &'static str,
    },
    /// The picture could not be drawn or written.
    #[error("cannot draw {}: {cause}; choose another file with --plot", path.display())]
    Plot {
        /// The file.
        path: PathBuf,
        /// The reason.
        cause: String,
    },
}

impl Error {
    /// Makes an [`Error::Os`] of a failure of `step`.
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

/// The remedy where a message cannot be sent or received.
pub(crate) const MOVED: &str = "look whether the other side's message stands beside this one";
