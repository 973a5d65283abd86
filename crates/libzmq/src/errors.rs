//! The one table from ringmq's errors to `errno`. An error that ringmq gets later, and that is not in the table yet, is
//! `EFAULT` or `EINVAL`.
//!
//! A call on a socket or context that a forked child has inherited is `ETERM`. libzmq says `EINTR`, at which programs and
//! language bindings try again, for ever.

use std::error::Error;
use std::ffi::{CStr, c_char, c_int};
use std::io;

use ringmq::{
    AddressError, BindError, EndpointError, ListenError, OptionError, ParseEndpointError,
    PlainMonitorError, PollError, ProxyError, RecvError, ResolveError, SendError, SocketError,
    TerminateError, UdpError,
};

/// The first of ZeroMQ's own numbers.
const OWN: c_int = 156_384_712;

/// A value of `errno`, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) c_int);

impl Errno {
    pub(crate) const AGAIN: Errno = Errno(libc::EAGAIN);
    pub(crate) const BUSY: Errno = Errno(libc::EBUSY);
    pub(crate) const FAULT: Errno = Errno(libc::EFAULT);
    pub(crate) const INTERRUPTED: Errno = Errno(libc::EINTR);
    pub(crate) const INVALID: Errno = Errno(libc::EINVAL);
    pub(crate) const NO_MEMORY: Errno = Errno(libc::ENOMEM);
    pub(crate) const NO_SOCKET: Errno = Errno(libc::ENOTSOCK);
    /// The system has no random bytes.
    pub(crate) const NO_RANDOM: Errno = Errno(libc::EIO);
    pub(crate) const NOT_SUPPORTED: Errno = Errno(libc::ENOTSUP);
    pub(crate) const STATE: Errno = Errno(OWN + 51);
    pub(crate) const UNFIT_TRANSPORT: Errno = Errno(OWN + 52);
    pub(crate) const TERMINATED: Errno = Errno(OWN + 53);
    pub(crate) const NO_THREAD: Errno = Errno(OWN + 54);

    /// Of the last system call.
    pub(crate) fn last() -> Errno {
        io::Error::last_os_error().into()
    }

    pub(crate) fn set(self) {
        // SAFETY: it wants nothing.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: the C library's errno of this thread, which is always there.
        unsafe { *errno = self.0 };
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        if error.kind() == io::ErrorKind::OutOfMemory {
            return Errno::NO_MEMORY;
        }
        Errno(error.raw_os_error().unwrap_or(libc::EINVAL))
    }
}

/// What the kernel said, if it is among the causes.
fn os(error: &(dyn Error + 'static)) -> Option<Errno> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let os = error.downcast_ref::<io::Error>();
        if os.is_some_and(|os| os.kind() == io::ErrorKind::OutOfMemory) {
            return Some(Errno::NO_MEMORY);
        }
        if let Some(number) = os.and_then(io::Error::raw_os_error) {
            return Some(Errno(number));
        }
        cause = error.source();
    }
    None
}

impl From<&SendError> for Errno {
    fn from(refusal: &SendError) -> Errno {
        match refusal {
            SendError::WouldBlock | SendError::TimedOut => Errno::AGAIN,
            SendError::Interrupted => Errno::INTERRUPTED,
            SendError::Terminated | SendError::Forked => Errno::TERMINATED,
            SendError::NotSupported => Errno::NOT_SUPPORTED,
            SendError::State => Errno::STATE,
            SendError::HostUnreachable => Errno(libc::EHOSTUNREACH),
            SendError::Multipart => Errno::INVALID,
            SendError::Os(error) => os(error).unwrap_or(Errno::FAULT),
            _ => Errno::FAULT,
        }
    }
}

impl From<SendError> for Errno {
    fn from(refusal: SendError) -> Errno {
        (&refusal).into()
    }
}

impl From<RecvError> for Errno {
    fn from(error: RecvError) -> Errno {
        match error {
            RecvError::WouldBlock | RecvError::TimedOut => Errno::AGAIN,
            RecvError::Interrupted => Errno::INTERRUPTED,
            RecvError::Terminated | RecvError::Forked => Errno::TERMINATED,
            RecvError::NotSupported => Errno::NOT_SUPPORTED,
            RecvError::State => Errno::STATE,
            RecvError::Os(error) => error.into(),
            _ => Errno::FAULT,
        }
    }
}

impl From<PollError> for Errno {
    fn from(error: PollError) -> Errno {
        match error {
            PollError::Interrupted => Errno::INTERRUPTED,
            PollError::Terminated | PollError::Forked => Errno::TERMINATED,
            PollError::Os(error) => error.into(),
            _ => Errno::FAULT,
        }
    }
}

impl From<ProxyError> for Errno {
    fn from(error: ProxyError) -> Errno {
        match error {
            ProxyError::Poll(error) => error.into(),
            ProxyError::Recv(error) => error.into(),
            ProxyError::Send(error) => (&error.reason).into(),
            _ => Errno::FAULT,
        }
    }
}

impl From<SocketError> for Errno {
    fn from(error: SocketError) -> Errno {
        match error {
            SocketError::Terminated | SocketError::Forked => Errno::TERMINATED,
            SocketError::TooMany(_) => Errno(libc::EMFILE),
            SocketError::Options(error) => error.into(),
            SocketError::Os(error) => error.into(),
            _ => Errno::FAULT,
        }
    }
}

impl From<TerminateError> for Errno {
    fn from(error: TerminateError) -> Errno {
        match error {
            TerminateError::Interrupted => Errno::INTERRUPTED,
            TerminateError::Forked => Errno::TERMINATED,
            TerminateError::Os(error) => error.into(),
            _ => Errno::FAULT,
        }
    }
}

impl From<OptionError> for Errno {
    fn from(error: OptionError) -> Errno {
        match error {
            OptionError::Terminated | OptionError::Forked => Errno::TERMINATED,
            OptionError::NotSupported | OptionError::Value => Errno::INVALID,
            _ => Errno::INVALID,
        }
    }
}

impl From<EndpointError> for Errno {
    fn from(refusal: EndpointError) -> Errno {
        match &refusal {
            EndpointError::Terminated | EndpointError::Forked => Errno::TERMINATED,
            EndpointError::InUse(_) => Errno(libc::EADDRINUSE),
            EndpointError::Unknown(_) => Errno(libc::ENOENT),
            EndpointError::WrongTransport(_) => Errno::INVALID,
            EndpointError::Unfit(_) | EndpointError::Unprotected(_) => Errno::UNFIT_TRANSPORT,
            EndpointError::Udp(error) => udp(error),
            EndpointError::NoThread => Errno::NO_THREAD,
            EndpointError::Immediate => Errno::FAULT,
            EndpointError::NoPeer(_) => Errno(libc::EHOSTUNREACH),
            EndpointError::NotSupported | EndpointError::NotShared { .. } => Errno::NOT_SUPPORTED,
            EndpointError::Endpoint(error) => endpoint(error),
            EndpointError::Listen(error) => listen(error),
            EndpointError::Os(error) => os(error).unwrap_or(Errno::INVALID),
            _ => Errno::INVALID,
        }
    }
}

impl From<PlainMonitorError> for Errno {
    fn from(error: PlainMonitorError) -> Errno {
        match error {
            PlainMonitorError::Socket(error) => error.into(),
            PlainMonitorError::Endpoint(refusal) => refusal.into(),
            _ => Errno::INVALID,
        }
    }
}

fn endpoint(error: &ParseEndpointError) -> Errno {
    match error {
        ParseEndpointError::UnknownScheme { .. } => Errno(libc::EPROTONOSUPPORT),
        ParseEndpointError::Name(error) => address(error),
        _ => Errno::INVALID,
    }
}

fn udp(error: &UdpError) -> Errno {
    match error {
        UdpError::Bind(ResolveError::Zone { .. })
        | UdpError::Interface(ResolveError::Zone { .. })
        | UdpError::Connect(_)
        | UdpError::Group { .. } => Errno::INVALID,
        UdpError::Bind(_) | UdpError::Interface(_) | UdpError::Unnamed { .. } => {
            Errno(libc::ENODEV)
        }
        other => os(other).unwrap_or(Errno::INVALID),
    }
}

fn address(error: &AddressError) -> Errno {
    match error {
        AddressError::TooLong { .. } => Errno(libc::ENAMETOOLONG),
        _ => Errno::INVALID,
    }
}

fn listen(error: &ListenError) -> Errno {
    match error {
        ListenError::NoStream { .. } => Errno::UNFIT_TRANSPORT,
        ListenError::Resolve(ResolveError::Wildcard { .. }) => Errno::INVALID,
        ListenError::Resolve(_) => Errno(libc::ENODEV),
        ListenError::Ipc(BindError::Address(error)) => address(error),
        ListenError::Ipc(BindError::Os { source, .. }) => os(source).unwrap_or(Errno::INVALID),
        ListenError::Ipc(_) => Errno(libc::EADDRINUSE),
        other => os(other).unwrap_or(Errno::INVALID),
    }
}

/// The number of the last error of this thread.
#[unsafe(no_mangle)]
extern "C" fn zmq_errno() -> c_int {
    // SAFETY: it wants nothing.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the C library's errno of this thread, which is always there.
    unsafe { *errno }
}

/// A text for an error number, which is never freed.
#[unsafe(no_mangle)]
extern "C" fn zmq_strerror(number: c_int) -> *const c_char {
    match own_text(Errno(number)) {
        Some(text) => text.as_ptr(),
        // SAFETY: any number will do; the text is the C library's.
        None => unsafe { libc::strerror(number) },
    }
}

fn own_text(errno: Errno) -> Option<&'static CStr> {
    match errno {
        Errno::STATE => Some(c"Operation cannot be accomplished in current state"),
        Errno::UNFIT_TRANSPORT => Some(c"The protocol is not compatible with the socket type"),
        Errno::TERMINATED => Some(c"Context was terminated"),
        Errno::NO_THREAD => Some(c"No thread available"),
        Errno(libc::EHOSTUNREACH) => Some(c"Host unreachable"),
        _ => None,
    }
}
