//! A libzmq that is loaded at run time: the machine's own, or ringmq's under the same interface.
//!
//! This file and `library/message.rs` are the only ones that call the library. The manual page of each function has its contract
//! (<https://libzmq.readthedocs.io/>). The comment at each call says why the contract holds.

mod message;

use std::env;
use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;
use std::{io, iter};

use crate::error::Error;
use crate::plan::libraries::Described;
use crate::plan::sockets::Face;

/// The environment variable that names the stock libzmq to load, instead of the one that the loader finds.
pub const STOCK_PATH: &str = "RINGMQ_BENCH_LIBZMQ";
/// The environment variable that names ringmq's `libzmq.so`, instead of the one beside this program.
pub const OWN_PATH: &str = "RINGMQ_BENCH_OWN_LIBZMQ";

type Version = unsafe extern "C" fn(*mut c_int, *mut c_int, *mut c_int);
type Has = unsafe extern "C" fn(*const c_char) -> c_int;
type ContextNew = unsafe extern "C" fn() -> *mut c_void;
type OfOne = unsafe extern "C" fn(*mut c_void) -> c_int;
type SocketNew = unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void;
type Attach = unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int;
type Get = unsafe extern "C" fn(*mut c_void, c_int, *mut c_void, *mut usize) -> c_int;
type Set = unsafe extern "C" fn(*mut c_void, c_int, *const c_void, usize) -> c_int;
type Send = unsafe extern "C" fn(*mut c_void, *const c_void, usize, c_int) -> c_int;
type Recv = unsafe extern "C" fn(*mut c_void, *mut c_void, usize, c_int) -> c_int;
type Errno = unsafe extern "C" fn() -> c_int;
type Strerror = unsafe extern "C" fn(c_int) -> *const c_char;

/// The functions of a loaded library. It stays loaded, because it may have threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Library {
    version: Version,
    has: Has,
    context_new: ContextNew,
    context_term: OfOne,
    socket_new: SocketNew,
    close: OfOne,
    bind: Attach,
    connect: Attach,
    get: Get,
    set: Set,
    send: Send,
    recv: Recv,
    message: message::Functions,
    errno: Errno,
    strerror: Strerror,
}

/// `ZMQ_LAST_ENDPOINT`, whose value is a C string.
const LAST_ENDPOINT: c_int = 32;
/// `ZMQ_BACKLOG`, whose value is an `int`.
pub(super) const BACKLOG: c_int = 19;
/// `ZMQ_PLAIN_SERVER`, whose value is an `int`.
pub(super) const PLAIN_SERVER: c_int = 44;
/// `ZMQ_PLAIN_USERNAME`, whose value is bytes.
pub(super) const PLAIN_USERNAME: c_int = 45;
/// `ZMQ_PLAIN_PASSWORD`, whose value is bytes.
pub(super) const PLAIN_PASSWORD: c_int = 46;
/// `ZMQ_CURVE_SERVER`, whose value is an `int`.
pub(super) const CURVE_SERVER: c_int = 47;
/// `ZMQ_CURVE_PUBLICKEY`, whose value is 32 bytes, or text.
pub(super) const CURVE_PUBLICKEY: c_int = 48;
/// `ZMQ_CURVE_SECRETKEY`, whose value is 32 bytes, or text.
pub(super) const CURVE_SECRETKEY: c_int = 49;
/// `ZMQ_CURVE_SERVERKEY`, whose value is 32 bytes, or text.
pub(super) const CURVE_SERVERKEY: c_int = 50;
/// `ZMQ_SUBSCRIBE`, whose value is bytes.
pub(super) const SUBSCRIBE: c_int = 6;
/// `ZMQ_SNDHWM`, whose value is an `int`.
pub(super) const SNDHWM: c_int = 23;
/// `ZMQ_RCVHWM`, whose value is an `int`.
pub(super) const RCVHWM: c_int = 24;
/// `ZMQ_XPUB_VERBOSE`, whose value is an `int`.
pub(super) const XPUB_VERBOSE: c_int = 40;
/// `ZMQ_XPUB_NODROP`, whose value is an `int`.
pub(super) const XPUB_NODROP: c_int = 69;
/// `ZMQ_RCVMORE`, whose value is an `int`.
const RCVMORE: c_int = 13;
/// `ZMQ_SNDMORE`, a flag of `zmq_send`.
const SNDMORE: c_int = 2;
/// The room for a part of [`Socket::recv_parts`].
const MOST_PART: usize = 256;
/// The room for an endpoint. Each endpoint of a run is shorter.
const MOST_ENDPOINT: usize = 256;

/// Finds the function `name` of type `F` in a library.
///
/// # Safety
///
/// If the library has a `name`, this is a function of type `F`, and `F` is a function pointer.
unsafe fn find<F: Copy>(library: NonNull<c_void>, name: &CStr) -> Result<F, String> {
    // SAFETY: a handle of a library that is never closed, and a C string.
    let found = unsafe { libc::dlsym(library.as_ptr(), name.as_ptr()) };
    if found.is_null() {
        return Err(format!("it has no {}", name.to_string_lossy()));
    }
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: both have the same size, the pointer is not null, and the caller guarantees the type.
    Ok(unsafe { std::mem::transmute_copy::<*mut c_void, F>(&found) })
}

/// The message of the last failure of `dlopen` or `dlsym`.
fn last_words() -> String {
    // SAFETY: no arguments. The result is valid until the next `dl*` call of this thread.
    let words = unsafe { libc::dlerror() };
    if words.is_null() {
        return "the loader does not say why".to_owned();
    }
    // SAFETY: not null, so that it is a C string.
    unsafe { CStr::from_ptr(words) }
        .to_string_lossy()
        .into_owned()
}

/// Where systems have their libraries.
const FOLDERS: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
];

/// The file names of the library of `face`. The first that is it counts.
fn names_of(face: Face) -> Result<Vec<OsString>, String> {
    let named = env::var_os(if face == Face::Stock {
        STOCK_PATH
    } else {
        OWN_PATH
    });
    if let Some(path) = named {
        return Ok(vec![path]);
    }
    if face == Face::Stock {
        // The loader may find ringmq's under this name: in the folders that cargo puts before the system's, or where
        // ringmq is switched on for the whole system.
        let name = "libzmq.so.5";
        let files = FOLDERS.map(|folder| Path::new(folder).join(name));
        let files = files.into_iter().filter(|file| file.is_file());
        return Ok(iter::once(name.into())
            .chain(files.map(PathBuf::into_os_string))
            .collect());
    }
    let program = env::current_exe().map_err(|error| error.to_string())?;
    // The program of a test is one folder below that of the command.
    let mut candidates = program
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("libzmq.so"));
    candidates
        .find(|path| path.is_file())
        .map(|path| vec![path.into_os_string()])
        .ok_or_else(|| "no libzmq.so beside this program".to_owned())
}

impl Library {
    /// Loads the library of `face`. Checks that a stock libzmq is not ringmq's, and that ringmq's own is.
    pub(crate) fn open(face: Face) -> Result<Library, Error> {
        let remedy = if face == Face::Stock {
            "install it (Debian: apt install libzmq5), or name its file in RINGMQ_BENCH_LIBZMQ"
        } else {
            "build it (cargo build --release -p ringmq-libzmq), or name its file in RINGMQ_BENCH_OWN_LIBZMQ"
        };
        let refuse = |cause| Error::Library {
            what: if face == Face::Stock {
                "stock libzmq"
            } else {
                "ringmq's libzmq.so"
            },
            cause,
            remedy,
        };
        let mut first = None;
        for name in names_of(face).map_err(refuse)? {
            match Library::of(face, &name) {
                Ok(library) => return Ok(library),
                // What the loader finds tells most.
                Err(cause) => first = first.or(Some(cause)),
            }
        }
        Err(refuse(first.unwrap_or_default()))
    }

    /// Loads a file, if it is the library of `face`.
    fn of(face: Face, name: &OsStr) -> Result<Library, String> {
        let name = CString::new(name.as_bytes()).map_err(|error| error.to_string())?;
        let library = Library::load(&name)?;
        // SAFETY: a C string.
        let is_ours = unsafe { (library.has)(c"ringmq".as_ptr()) } != 0;
        match (face, is_ours) {
            (Face::Stock, true) => Err(format!("{} is ringmq's own", library.describe().path)),
            (Face::C, false) => Err(format!("{} is not", library.describe().path)),
            _ => Ok(library),
        }
    }

    fn load(name: &CStr) -> Result<Library, String> {
        // SAFETY: a C string. The constructors of both libraries touch no memory of this program. The environment
        // variable makes the user responsible for any other library.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        let handle = NonNull::new(handle).ok_or_else(last_words)?;
        /// Finds the function of this name, with the type of its field.
        macro_rules! find {
            ($name:literal) => {
                // SAFETY: the type of the field is the type in libzmq's header, which does not change within the major
                // version of the file name.
                unsafe { find(handle, $name) }?
            };
        }
        Ok(Library {
            version: find!(c"zmq_version"),
            has: find!(c"zmq_has"),
            context_new: find!(c"zmq_ctx_new"),
            context_term: find!(c"zmq_ctx_term"),
            socket_new: find!(c"zmq_socket"),
            close: find!(c"zmq_close"),
            bind: find!(c"zmq_bind"),
            connect: find!(c"zmq_connect"),
            get: find!(c"zmq_getsockopt"),
            set: find!(c"zmq_setsockopt"),
            send: find!(c"zmq_send"),
            recv: find!(c"zmq_recv"),
            message: message::Functions {
                init: find!(c"zmq_msg_init"),
                init_size: find!(c"zmq_msg_init_size"),
                data: find!(c"zmq_msg_data"),
                size: find!(c"zmq_msg_size"),
                send: find!(c"zmq_msg_send"),
                recv: find!(c"zmq_msg_recv"),
                close: find!(c"zmq_msg_close"),
            },
            errno: find!(c"zmq_errno"),
            strerror: find!(c"zmq_strerror"),
        })
    }

    /// The version and file of the library.
    pub(crate) fn describe(&self) -> Described {
        let (mut major, mut minor, mut patch) = (0, 0, 0);
        // SAFETY: three integers of ours.
        unsafe { (self.version)(&raw mut major, &raw mut minor, &raw mut patch) };
        let mut place = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: any address is allowed, and the result is written to a place of ours.
        let found = unsafe { libc::dladdr(self.version as *const c_void, place.as_mut_ptr()) };
        // SAFETY: zeros are a valid value: null pointers.
        let place = unsafe { place.assume_init() };
        let path = if found == 0 || place.dli_fname.is_null() {
            "a file that the loader does not name".to_owned()
        } else {
            // SAFETY: a C string of the loader, valid while the library is loaded, which is for ever.
            let path = unsafe { CStr::from_ptr(place.dli_fname) };
            path.to_string_lossy().into_owned()
        };
        Described {
            version: format!("{major}.{minor}.{patch}"),
            path,
        }
    }

    /// The error of a call that failed, from the `errno` of the library.
    #[cold]
    fn error(&self) -> io::Error {
        // SAFETY: no arguments.
        let number = unsafe { (self.errno)() };
        if number == libc::EINTR {
            return io::ErrorKind::Interrupted.into();
        }
        // SAFETY: any number is allowed.
        let words = unsafe { (self.strerror)(number) };
        // SAFETY: the result is a C string that is valid until the next such call of this thread.
        let words = unsafe { CStr::from_ptr(words) };
        io::Error::other(words.to_string_lossy().into_owned())
    }

    fn done(&self, answer: c_int) -> io::Result<()> {
        if answer < 0 {
            return Err(self.error());
        }
        Ok(())
    }
}

/// A context, which is terminated when the last [`Context`] of it is dropped.
#[derive(Debug)]
struct Owned {
    library: Library,
    /// The result of `zmq_ctx_new`, not yet terminated.
    context: NonNull<c_void>,
}

// SAFETY: libzmq's contexts may be used by any thread.
unsafe impl std::marker::Send for Owned {}
// SAFETY: as above, and several threads may use one at the same time.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: made by this library, and terminated nowhere else. All of its sockets hold an `Arc` of this, so
        // they are closed. The call fails only for a signal, or for an invalid context.
        while unsafe { (self.library.context_term)(self.context.as_ptr()) } < 0
            && self.library.error().kind() == io::ErrorKind::Interrupted
        {}
    }
}

/// A context of a loaded library.
#[derive(Debug, Clone)]
pub(crate) struct Context(Arc<Owned>);

impl Context {
    /// Makes a context.
    pub(crate) fn new(library: Library) -> io::Result<Context> {
        // SAFETY: no arguments.
        let context = NonNull::new(unsafe { (library.context_new)() });
        let context = context.ok_or_else(|| library.error())?;
        Ok(Context(Arc::new(Owned { library, context })))
    }

    /// Makes a socket of the type that has this number in libzmq's header.
    pub(crate) fn socket(&self, kind: c_int) -> io::Result<Socket> {
        let library = self.0.library;
        // SAFETY: a context that is not terminated while `self` has it.
        let socket = unsafe { (library.socket_new)(self.0.context.as_ptr(), kind) };
        let socket = NonNull::new(socket).ok_or_else(|| library.error())?;
        Ok(Socket {
            library,
            socket,
            _context: self.clone(),
        })
    }
}

/// A socket of a loaded library.
#[derive(Debug)]
pub(crate) struct Socket {
    library: Library,
    /// The result of `zmq_socket`, not yet closed.
    socket: NonNull<c_void>,
    /// Keeps the context until the socket is closed.
    _context: Context,
}

// SAFETY: libzmq's sockets may be moved to another thread with a full fence between. A program needs such a fence to
// move this value. No other thread has a reference meanwhile, because this is not `Sync`.
unsafe impl std::marker::Send for Socket {}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: open until now, and not used afterwards. The call fails only for an invalid socket.
        let _ = unsafe { (self.library.close)(self.socket.as_ptr()) };
    }
}

impl Socket {
    /// Sets an option whose value is an `int`.
    pub(super) fn set_number(&mut self, option: c_int, value: c_int) -> io::Result<()> {
        self.set_bytes(option, &value.to_ne_bytes())
    }

    /// Sets an option whose value is bytes.
    pub(super) fn set_bytes(&mut self, option: c_int, value: &[u8]) -> io::Result<()> {
        let (from, len) = (value.as_ptr().cast(), value.len());
        // SAFETY: an open socket, and `len` bytes, which the library copies.
        let set = unsafe { (self.library.set)(self.socket.as_ptr(), option, from, len) };
        self.library.done(set)
    }

    /// Whether the message of the last part that was received has more parts.
    fn has_more(&self) -> io::Result<bool> {
        let (mut more, mut len): (c_int, _) = (0, size_of::<c_int>());
        let to = (&raw mut more).cast();
        // SAFETY: an open socket, and room for an integer.
        let got = unsafe { (self.library.get)(self.socket.as_ptr(), RCVMORE, to, &raw mut len) };
        self.library.done(got)?;
        Ok(more != 0)
    }

    /// Receives all parts of a message. A part longer than 256 bytes is truncated.
    pub(super) fn recv_parts(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut parts = Vec::new();
        loop {
            let mut part = vec![0; MOST_PART];
            let len = self.recv(&mut part)?;
            part.truncate(len);
            parts.push(part);
            if !self.has_more()? {
                return Ok(parts);
            }
        }
    }

    /// Sends a message of these parts.
    pub(super) fn send_parts(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        for (n, part) in parts.iter().enumerate() {
            let more = if n + 1 < parts.len() { SNDMORE } else { 0 };
            self.send_flagged(part, more)?;
        }
        Ok(())
    }

    /// Binds, and returns the endpoint with the port that was chosen.
    pub(crate) fn bind(&mut self, endpoint: &str) -> io::Result<String> {
        let endpoint = CString::new(endpoint)?;
        // SAFETY: an open socket, and a C string.
        let bound = unsafe { (self.library.bind)(self.socket.as_ptr(), endpoint.as_ptr()) };
        self.library.done(bound)?;
        let mut text = [0_u8; MOST_ENDPOINT];
        let mut len = text.len();
        let to = text.as_mut_ptr().cast();
        // SAFETY: an open socket, and room for `len` bytes.
        let got =
            unsafe { (self.library.get)(self.socket.as_ptr(), LAST_ENDPOINT, to, &raw mut len) };
        self.library.done(got)?;
        let text = CStr::from_bytes_until_nul(&text).map_err(io::Error::other)?;
        text.to_str().map(str::to_owned).map_err(io::Error::other)
    }

    /// Connects.
    pub(crate) fn connect(&mut self, endpoint: &str) -> io::Result<()> {
        let endpoint = CString::new(endpoint)?;
        // SAFETY: an open socket, and a C string.
        let connected = unsafe { (self.library.connect)(self.socket.as_ptr(), endpoint.as_ptr()) };
        self.library.done(connected)
    }

    /// Sends a message of one part.
    #[inline]
    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.send_flagged(message, 0)
    }

    #[inline]
    fn send_flagged(&mut self, message: &[u8], flags: c_int) -> io::Result<()> {
        let (from, len) = (message.as_ptr().cast(), message.len());
        // SAFETY: an open socket, which no other thread uses, and `len` bytes that can be read.
        while unsafe { (self.library.send)(self.socket.as_ptr(), from, len, flags) } < 0 {
            let error = self.library.error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Receives a message, and returns its length. A message longer than `message` is truncated.
    #[inline]
    pub(crate) fn recv(&mut self, message: &mut [u8]) -> io::Result<usize> {
        let (to, len) = (message.as_mut_ptr().cast(), message.len());
        loop {
            // SAFETY: an open socket, which no other thread uses, and room for `len` bytes.
            let got = unsafe { (self.library.recv)(self.socket.as_ptr(), to, len, 0) };
            if let Ok(got) = usize::try_from(got) {
                return Ok(got);
            }
            let error = self.library.error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}
