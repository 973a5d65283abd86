//! Errors as C programs know them.

use std::error::Error;
use std::fmt;
use std::io;

use rustix::io::Errno;

/// The number of an error, as in `errno`.
///
/// ```
/// use std::io::ErrorKind;
/// use ringmq_sys::ErrorNumber;
///
/// let refused = ErrorNumber::from(ErrorKind::ConnectionRefused);
/// assert_eq!((refused.kind(), refused.get()), (ErrorKind::ConnectionRefused, 111));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorNumber(i32);

impl ErrorNumber {
    /// What was begun is under way: `EINPROGRESS`.
    pub const UNDER_WAY: ErrorNumber = ErrorNumber(Errno::INPROGRESS.raw_os_error());

    /// What was needed is not there: `EFAULT`, which libzmq reports where no authenticator answers.
    pub const MISSING: ErrorNumber = ErrorNumber(Errno::FAULT.raw_os_error());

    /// The kernel's answer, if it is among the causes of an error.
    #[must_use]
    pub fn among(error: &(dyn Error + 'static)) -> Option<ErrorNumber> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                return Some(io.into());
            }
            cause = error.source();
        }
        None
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> i32 {
        self.0
    }

    /// What kind of error has this number.
    #[must_use]
    pub fn kind(self) -> io::ErrorKind {
        io::Error::from(self).kind()
    }
}

impl From<&io::Error> for ErrorNumber {
    fn from(error: &io::Error) -> ErrorNumber {
        match error.raw_os_error() {
            Some(number) => ErrorNumber(number),
            None => error.kind().into(),
        }
    }
}

impl From<io::ErrorKind> for ErrorNumber {
    /// Kinds that the kernel has no one number for are `EINVAL`.
    fn from(kind: io::ErrorKind) -> ErrorNumber {
        let errno = match kind {
            io::ErrorKind::AddrInUse => Errno::ADDRINUSE,
            io::ErrorKind::AddrNotAvailable => Errno::ADDRNOTAVAIL,
            io::ErrorKind::BrokenPipe => Errno::PIPE,
            io::ErrorKind::ConnectionAborted => Errno::CONNABORTED,
            io::ErrorKind::ConnectionRefused => Errno::CONNREFUSED,
            io::ErrorKind::ConnectionReset => Errno::CONNRESET,
            io::ErrorKind::NotFound => Errno::NOENT,
            io::ErrorKind::OutOfMemory => Errno::NOMEM,
            io::ErrorKind::PermissionDenied => Errno::ACCESS,
            io::ErrorKind::TimedOut => Errno::TIMEDOUT,
            io::ErrorKind::WouldBlock => Errno::AGAIN,
            _ => Errno::INVAL,
        };
        ErrorNumber(errno.raw_os_error())
    }
}

impl From<ErrorNumber> for io::Error {
    fn from(number: ErrorNumber) -> io::Error {
        io::Error::from_raw_os_error(number.0)
    }
}

impl fmt::Display for ErrorNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_answer_is_found_among_the_causes() {
        let kernel = io::Error::from(Errno::NFILE);
        let around = io::Error::other(kernel);
        assert_eq!(
            ErrorNumber::among(&io::Error::from(Errno::NFILE)).map(ErrorNumber::get),
            Some(Errno::NFILE.raw_os_error())
        );
        assert_eq!(
            ErrorNumber::from(&around).kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(ErrorNumber::among(&fmt::Error), None);
    }
}
