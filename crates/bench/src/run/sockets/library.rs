//! A libzmq that is loaded at run time: the machine's own, or ringmq's under the same interface.
//!
//! This is the only file that calls it. The contract of each function is that of its manual page
//! (<https://libzmq.readthedocs.io/>), and what keeps it stands at each call.

use std::env;
use std::ffi::{CStr, CString, OsString, c_char, c_int, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::Arc;

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

/// The functions of a loaded library, which stays loaded: it may have threads.
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
    errno: Errno,
    strerror: Strerror,
}

/// `ZMQ_LAST_ENDPOINT`, whose value is a C string.
const LAST_ENDPOINT: c_int = 32;
/// `ZMQ_BACKLOG`, whose value is an `int`.
const BACKLOG: c_int = 19;
/// Longer than any endpoint that it says.
const MOST_ENDPOINT: usize = 256;

/// Finds `name` in what `dlopen` answered, as a function of type `F`.
///
/// # Safety
///
/// The library's `name`, if it has one, is a function of type `F`, a pointer.
unsafe fn find<F: Copy>(library: NonNull<c_void>, name: &CStr) -> Result<F, String> {
    // SAFETY: a handle of a library that is never closed, and a C string.
    let found = unsafe { libc::dlsym(library.as_ptr(), name.as_ptr()) };
    if found.is_null() {
        return Err(format!("it has no {}", name.to_string_lossy()));
    }
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: of the same size, not null, and the caller vouches for the type.
    Ok(unsafe { std::mem::transmute_copy::<*mut c_void, F>(&found) })
}

/// What `dlopen` or `dlsym` say about their last failure.
fn last_words() -> String {
    // SAFETY: no arguments; what it answers is valid until this thread's next call of the family.
    let words = unsafe { libc::dlerror() };
    if words.is_null() {
        return "the loader does not say why".to_owned();
    }
    // SAFETY: a C string, as just said.
    unsafe { CStr::from_ptr(words) }
        .to_string_lossy()
        .into_owned()
}

/// Where `face` is to be loaded from.
fn name_of(face: Face) -> Result<OsString, String> {
    if face == Face::Stock {
        return Ok(env::var_os(STOCK_PATH).unwrap_or_else(|| "libzmq.so.5".into()));
    }
    if let Some(path) = env::var_os(OWN_PATH) {
        return Ok(path);
    }
    let program = env::current_exe().map_err(|error| error.to_string())?;
    // A test stands one folder further down than the command.
    let mut candidates = program
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("libzmq.so"));
    candidates
        .find(|path| path.is_file())
        .map(PathBuf::into_os_string)
        .ok_or_else(|| "no libzmq.so beside this program".to_owned())
}

impl Library {
    /// Loads what `face` stands for, which has to be what it says: stock libzmq is not ringmq, and ringmq's is.
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
        let name = name_of(face).map_err(refuse)?;
        let name = CString::new(name.as_bytes()).map_err(|error| refuse(error.to_string()))?;
        let library = Library::load(&name).map_err(refuse)?;
        // SAFETY: a C string.
        let is_ours = unsafe { (library.has)(c"ringmq".as_ptr()) } != 0;
        match (face, is_ours) {
            (Face::Stock, true) => Err(refuse(format!(
                "{} is ringmq's own",
                library.describe().path
            ))),
            (Face::C, false) => Err(refuse(format!("{} is not", library.describe().path))),
            _ => Ok(library),
        }
    }

    fn load(name: &CStr) -> Result<Library, String> {
        // SAFETY: a C string. What a library does when it is loaded is the business of who names it; both have no
        // constructors that touch what is ours.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        let handle = NonNull::new(handle).ok_or_else(last_words)?;
        /// The function of this name, of the type that its field has.
        macro_rules! find {
            ($name:literal) => {
                // SAFETY: the field's type is that of the function in libzmq's header, which has not changed within
                // the major version that the file name says.
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
            errno: find!(c"zmq_errno"),
            strerror: find!(c"zmq_strerror"),
        })
    }

    /// Which it is.
    pub(crate) fn describe(&self) -> Described {
        let (mut major, mut minor, mut patch) = (0, 0, 0);
        // SAFETY: three integers of ours.
        unsafe { (self.version)(&raw mut major, &raw mut minor, &raw mut patch) };
        let mut place = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: any address may be asked for, and the answer is ours to be written.
        let found = unsafe { libc::dladdr(self.version as *const c_void, place.as_mut_ptr()) };
        // SAFETY: zeros are a value of it: null pointers.
        let place = unsafe { place.assume_init() };
        let path = if found == 0 || place.dli_fname.is_null() {
            "a file that the loader does not name".to_owned()
        } else {
            // SAFETY: a C string of the loader's, for as long as the library is loaded, which is for ever.
            let path = unsafe { CStr::from_ptr(place.dli_fname) };
            path.to_string_lossy().into_owned()
        };
        Described {
            version: format!("{major}.{minor}.{patch}"),
            path,
        }
    }

    /// What its `errno` says after a call that failed.
    #[cold]
    fn error(&self) -> io::Error {
        // SAFETY: no arguments.
        let number = unsafe { (self.errno)() };
        if number == libc::EINTR {
            return io::ErrorKind::Interrupted.into();
        }
        // SAFETY: any number may be asked for.
        let words = unsafe { (self.strerror)(number) };
        // SAFETY: libzmq's answer is a C string that this thread's next call may write again, but not before.
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

/// A context, which is terminated when nobody has it any more.
#[derive(Debug)]
struct Owned {
    library: Library,
    /// Of `zmq_ctx_new`, and not yet terminated.
    context: NonNull<c_void>,
}

// SAFETY: libzmq's contexts may be used by any thread.
unsafe impl std::marker::Send for Owned {}
// SAFETY: as above, and by several at a time.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: made by this library, and terminated nowhere else. All of its sockets hold an `Arc` of this, so
        // they are closed. It fails only for a signal, or a context that is none.
        while unsafe { (self.library.context_term)(self.context.as_ptr()) } < 0
            && self.library.error().kind() == io::ErrorKind::Interrupted
        {}
    }
}

/// A context of a loaded library.
#[derive(Debug, Clone)]
pub(crate) struct Context(Arc<Owned>);

impl Context {
    pub(crate) fn new(library: Library) -> io::Result<Context> {
        // SAFETY: no arguments.
        let context = NonNull::new(unsafe { (library.context_new)() });
        let context = context.ok_or_else(|| library.error())?;
        Ok(Context(Arc::new(Owned { library, context })))
    }

    /// A socket of the type that has this number in libzmq's header.
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
    /// Of `zmq_socket`, and not yet closed.
    socket: NonNull<c_void>,
    /// So that the context is terminated after the socket was closed.
    _context: Context,
}

// SAFETY: libzmq's sockets may be moved to another thread with a full fence between, which is what a program needs to
// move this value; nobody has a reference to it meanwhile, and it is not `Sync`.
unsafe impl std::marker::Send for Socket {}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: open until now, and not used afterwards. It fails only for what is no socket.
        let _ = unsafe { (self.library.close)(self.socket.as_ptr()) };
    }
}

impl Socket {
    /// Sets how many connections may wait to be accepted.
    pub(crate) fn set_backlog(&mut self, connections: i32) -> io::Result<()> {
        let (from, len) = ((&raw const connections).cast(), size_of::<c_int>());
        // SAFETY: an open socket, and an integer.
        let set = unsafe { (self.library.set)(self.socket.as_ptr(), BACKLOG, from, len) };
        self.library.done(set)
    }

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

    pub(crate) fn connect(&mut self, endpoint: &str) -> io::Result<()> {
        let endpoint = CString::new(endpoint)?;
        // SAFETY: an open socket, and a C string.
        let connected = unsafe { (self.library.connect)(self.socket.as_ptr(), endpoint.as_ptr()) };
        self.library.done(connected)
    }

    #[inline]
    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let (from, len) = (message.as_ptr().cast(), message.len());
        // SAFETY: an open socket, which no other thread uses, and `len` bytes that can be read.
        while unsafe { (self.library.send)(self.socket.as_ptr(), from, len, 0) } < 0 {
            let error = self.library.error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Receives a message of at most `message.len()` bytes, and says how long it is.
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
