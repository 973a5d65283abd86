//! How a command ends: exit codes, and errors with a cause and a remedy.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use signal_hook::consts::SIGPIPE;
use signal_hook::low_level::emulate_default_handler;

/// What the long help says of exit codes.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0    done
  1    an error at work: of the network, of the disk, of a peer
  2    an error in the arguments
  3    --timeout has passed
  130  ended by ctrl-C; another signal is 128 plus its number
  141  standard output was closed by its reader, as `head` does; nothing is printed";

/// Why a command ends without success.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    cause: String,
    remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Work,
    Usage,
    Timeout,
    Signal(i32),
    Other(u8),
}

impl Failure {
    fn new(kind: Kind, cause: impl fmt::Display) -> Failure {
        Failure {
            kind,
            cause: cause.to_string(),
            remedy: None,
        }
    }

    /// An error at work: of the network, of the disk, of a peer. Exit code 1.
    pub(crate) fn work(cause: impl fmt::Display) -> Failure {
        Failure::new(Kind::Work, cause)
    }

    /// An error in the arguments. Exit code 2.
    pub(crate) fn usage(cause: impl fmt::Display) -> Failure {
        Failure::new(Kind::Usage, cause)
    }

    /// A time limit has passed. Exit code 3.
    pub(crate) fn timeout(cause: impl fmt::Display) -> Failure {
        Failure::new(Kind::Timeout, cause)
    }

    /// A signal. The process dies by it, without a message: the shell says 128 plus its number.
    pub(crate) fn signal(number: i32) -> Failure {
        Failure::new(
            Kind::Signal(number),
            format_args!("ended by signal {number}"),
        )
    }

    /// Another exit code, which the long help of the command says.
    pub(crate) fn exit(code: u8, cause: impl fmt::Display) -> Failure {
        Failure::new(Kind::Other(code), cause)
    }

    /// An error of standard output. If its reader has closed it, the process ends as by SIGPIPE, without a message.
    pub(crate) fn output(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::signal(SIGPIPE),
            _ => Failure::work(format_args!("cannot write standard output: {error}")),
        }
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl fmt::Display) -> Failure {
        self.remedy = Some(remedy.to_string());
        self
    }

    /// The cause, and what the user can do about it.
    pub(crate) fn into_parts(self) -> (String, Option<String>) {
        (self.cause, self.remedy)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  {remedy}"),
            None => Ok(()),
        }
    }
}

/// Says something on standard error, which may be closed.
pub(crate) fn say(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "ringmq: {text}");
}

/// Ends a command: prints the failure, if there is one, and says the exit code. Does not return after a signal.
pub(crate) fn end(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    if let Kind::Signal(number) = failure.kind {
        // Does not return for signals that end a process. If it does, the failure is printed.
        let _ = emulate_default_handler(number);
    }
    say(&failure);
    match failure.kind {
        Kind::Work | Kind::Signal(_) => ExitCode::from(1),
        Kind::Usage => ExitCode::from(2),
        Kind::Timeout => ExitCode::from(3),
        Kind::Other(code) => ExitCode::from(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_stands_on_a_line_of_its_own() {
        let failure = Failure::work("no room").remedy("make room");
        assert_eq!(failure.to_string(), "no room\n  make room");
        assert_eq!(Failure::timeout("late").to_string(), "late");
    }

    #[test]
    fn a_closed_output_is_a_signal() {
        let closed = Failure::output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(closed.kind, Kind::Signal(SIGPIPE));
        let full = Failure::output(io::ErrorKind::StorageFull.into());
        assert_eq!(full.kind, Kind::Work);
    }
}
