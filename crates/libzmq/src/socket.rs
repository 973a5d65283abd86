//! Sockets: made, closed, bound and connected.

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ringmq::{Kind, Socket, SocketOptions, Vow};

use crate::arguments;
use crate::boundary::catch;
use crate::context::Held;
use crate::errors::Errno;
use crate::handle::{Content, Guard, Pool, Slot};
use crate::stored::{Stored, USE_FD};

/// What is behind a socket's handle.
pub(crate) struct Open {
    pub(crate) socket: Socket,
    pub(crate) stored: Stored,
}

static POOL: Pool<Open> = Pool::new();

impl Content for Open {
    const TAG: u32 = 0x50_c8_e7_01;
    const NONE: Errno = Errno::NO_SOCKET;

    fn pool() -> &'static Pool<Open> {
        &POOL
    }

    fn placed(&mut self, wanted: &'static AtomicU32) {
        // ORDERING: relaxed, a hint.
        self.socket.share(|| wanted.load(Ordering::Relaxed) > 0);
    }

    fn wake_others(&mut self) {
        self.socket.wake_others();
    }

    fn is_thread_safe(&self) -> bool {
        is_thread_safe(self.socket.kind())
    }
}

impl Open {
    /// The socket behind a handle, to send or to receive.
    ///
    /// # Safety
    ///
    /// As [`Slot::find`].
    #[inline]
    pub(crate) unsafe fn enter(handle: *mut c_void) -> Result<Guard<Open>, Errno> {
        // SAFETY: the caller's.
        unsafe { Slot::<Open>::find(handle) }?.enter()
    }

    /// The socket behind a handle, to be changed in a way that threads which wait for it have to know of.
    ///
    /// # Safety
    ///
    /// As [`Slot::find`].
    pub(crate) unsafe fn change(handle: *mut c_void) -> Result<Guard<Open>, Errno> {
        // SAFETY: the caller's.
        let mut open = unsafe { Open::enter(handle) }?;
        open.socket.wake_others();
        Ok(open)
    }

    /// The socket behind a handle, to be asked for something.
    ///
    /// # Safety
    ///
    /// As [`Slot::find`].
    pub(crate) unsafe fn ask(handle: *mut c_void) -> Result<Guard<Open>, Errno> {
        // SAFETY: the caller's.
        unsafe { Slot::<Open>::find(handle) }?.enter_to_ask()
    }

    /// Leaves a socket for a sleep that others may end. Those who send or receive by a REQ or REP do, which is ready for
    /// the one after the other; with other types only the far end makes a wait come true, or a
    /// [change](Open::change).
    pub(crate) fn leave(open: Guard<Open>) {
        match open.socket.kind() {
            Kind::Req | Kind::Rep => open.leave_asleep(),
            _ => drop(open),
        }
    }

    /// Enters a socket again after a pause, if it has not been closed.
    pub(crate) fn back(slot: &'static Slot<Open>, life: u32) -> Result<Guard<Open>, Errno> {
        let mut open = slot.enter_again(life)?;
        open.socket.wake();
        if !open.socket.is_waited_for() {
            open.no_one_sleeps();
        }
        Ok(open)
    }

    /// Binds, by way of the descriptor that `USE_FD` gave, if there is one. A bind uses it up.
    fn bind(&mut self, endpoint: &str) -> Result<(), Errno> {
        let number = self.stored.number(USE_FD);
        let streams = ["tcp://", "ipc://"];
        if number < 0 || !streams.iter().any(|scheme| endpoint.starts_with(scheme)) {
            return Ok(self.socket.bind(endpoint)?);
        }
        // SAFETY: it touches no memory.
        if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
            return Err(Errno::last());
        }
        self.stored.set(USE_FD, -1)?;
        // SAFETY: the descriptor is open, and a caller that sets `USE_FD` hands it over.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
        Ok(self.socket.bind_descriptor(endpoint, descriptor)?)
    }
}

/// The number of a socket type in `zmq.h`.
pub(crate) fn number(kind: Kind) -> c_int {
    u8::from(kind).into()
}

/// The socket type of a number.
pub(crate) fn kind(number: c_int) -> Option<Kind> {
    u8::try_from(number).ok()?.try_into().ok()
}

/// Whether libzmq lets several threads use a socket of this type at once. Here they may use any.
pub(crate) fn is_thread_safe(kind: Kind) -> bool {
    kind.has_one_part()
}

/// Makes a socket.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_socket(context: *mut c_void, kind: c_int) -> *mut c_void {
    catch(|| {
        // SAFETY: the caller's contract.
        let held = unsafe { Held::enter(context) }?;
        let kind = self::kind(kind).ok_or(Errno::INVALID)?;
        let settings = &held.settings;
        let mut options = SocketOptions::new().steal(true).ipv6(settings.ipv6);
        options = options.zap_enforce_domain(false);
        let mut stored = Stored::new(kind, settings);
        if !settings.blocky {
            options = options.linger(Duration::ZERO);
            stored.lingers_not();
        }
        let mut socket = held.context.socket_with(kind, &options)?;
        if held.context.is_asked_for_in_place() {
            // SAFETY: the user who sets the variable vouches for all peers of this process.
            socket.set_in_place(unsafe { Vow::new() });
        }
        Ok(Slot::make(Open { socket, stored }))
    })
}

/// Closes a socket. What it has sent leaves in the background.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_close(handle: *mut c_void) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        match unsafe { Open::change(handle) } {
            // SAFETY: as above.
            Err(Errno::TERMINATED) => unsafe { Slot::<Open>::find(handle) }?.abandon(),
            open => drop(open?.close()),
        }
        Ok(0)
    })
}

/// One of the four below.
///
/// # Safety
///
/// As they.
unsafe fn at_endpoint(
    handle: *mut c_void,
    endpoint: *const c_char,
    run: fn(&mut Open, &str) -> Result<(), Errno>,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::change(handle) }?;
        // SAFETY: the caller's contract.
        let endpoint = unsafe { arguments::endpoint(endpoint) }?;
        run(&mut open, &endpoint)?;
        Ok(0)
    })
}

/// Binds a socket to an endpoint.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_bind(handle: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { at_endpoint(handle, endpoint, Open::bind) }
}

/// Connects a socket to an endpoint.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_connect(handle: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { at_endpoint(handle, endpoint, |open, to| Ok(open.socket.connect(to)?)) }
}

/// Undoes a bind.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_unbind(handle: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { at_endpoint(handle, endpoint, |open, at| Ok(open.socket.unbind(at)?)) }
}

/// Undoes a connect.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_disconnect(handle: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the caller's contract.
    unsafe {
        at_endpoint(handle, endpoint, |open, from| {
            Ok(open.socket.disconnect(from)?)
        })
    }
}
