//! What a program holds of a context, sets for a whole process, and sees in its log.

mod arena;
mod environment;
mod log;

use ringmq_pattern::Kind;
use ringmq_pipe::Wait;
use ringmq_pipe::blocks::{Arena, ArenaMemory};
use ringmq_pipe::status::Page;
use ringmq_sys::ThreadOptions;

pub use arena::{ArenaOptions, ArenaUsage};

use crate::block::BlockMut;
use crate::context::environment::Environment;
use crate::error::{SocketError, TerminateError};
use crate::mail::row::defaults_code;
use crate::mail::{SharedMemory, StreamWork};
use crate::registry::{Defaults, Registry};
use crate::socket::{Socket, SocketOptions};

/// Makes sockets. The sockets of one context reach each other by `inproc://` names, and share its I/O threads.
///
/// Clones are the same context. It lives for as long as a clone or a socket of it does.
///
/// ```
/// use ringmq::{Context, Kind};
///
/// let context = Context::new()?;
/// let mut server = context.socket(Kind::Rep)?;
/// server.bind("inproc://upper")?;
/// let mut client = context.socket(Kind::Req)?;
/// client.connect("inproc://upper")?;
/// client.send("hello")?;
/// let request = server.recv()?;
/// server.send(request[0].to_ascii_uppercase())?;
/// assert_eq!(client.recv()?[0].as_slice(), b"HELLO");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Context {
    registry: Registry,
    asked_for_in_place: bool,
}

impl Context {
    /// Makes a context.
    ///
    /// # Errors
    ///
    /// [`SocketError::Os`] if there is no memory for it.
    pub fn new() -> Result<Context, SocketError> {
        let environment = Environment::read();
        log::begin(&environment);
        if environment.memory != ArenaMemory::default()
            && let Some(arena) = Arena::current()
        {
            arena.set_default_memory(environment.memory);
        }
        let page = match environment.status {
            true => Page::current(env!("CARGO_PKG_VERSION")),
            false => None,
        };
        if let Some(page) = &page {
            let Defaults { wait, share, .. } = environment.defaults;
            page.set_defaults(defaults_code(wait, share != SharedMemory::Off));
        }
        let registry = Registry::new(environment.defaults, page)?;
        Ok(Context {
            registry,
            asked_for_in_place: environment.in_place,
        })
    }

    /// Makes a socket with the default options.
    ///
    /// # Errors
    ///
    /// [`SocketError`].
    pub fn socket(&self, kind: Kind) -> Result<Socket, SocketError> {
        self.socket_with(kind, &SocketOptions::new())
    }

    /// Makes a socket with options.
    ///
    /// # Errors
    ///
    /// [`SocketError`]; [`SocketError::Options`] if an option has a value that there is not.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ringmq::{Context, Kind, SocketOptions};
    ///
    /// let context = Context::new()?;
    /// let options = SocketOptions::new().recv_timeout(Duration::from_secs(1));
    /// let mut client = context.socket_with(Kind::Req, &options)?;
    /// client.connect("ipc:///tmp/upper.sock")?;
    /// # drop(client);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn socket_with(&self, kind: Kind, options: &SocketOptions) -> Result<Socket, SocketError> {
        Socket::new(&self.registry, kind, options)
    }

    /// Memory for a body of `len` bytes, which peers in shared memory will read where it lies. Its bytes are zeros or those
    /// of an earlier body. Without memory for blocks it is ordinary memory, which is copied when it is sent.
    ///
    /// # Errors
    ///
    /// [`SocketError::Os`]: there is no memory.
    ///
    /// [`BlockMut`] has an example.
    pub fn block(&self, len: usize) -> Result<BlockMut, SocketError> {
        BlockMut::new(self.registry.arena(), len)
    }

    /// Sets what the memory for [blocks](Context::block) is like, from now on. An arena of its own is used by
    /// [`block`](Context::block), and by what later calls of `bind` and `connect` lead to. Frames that are made without the
    /// context ([`Frame::zeroed`](crate::Frame::zeroed), and `zmq_msg_init_size` in C) are in the arena of the process.
    ///
    /// # Errors
    ///
    /// [`SocketError::Os`]: there is no memory for what is to be [reserved](ArenaOptions::reserve). The other options are
    /// set then, too. `Forked` in a forked child.
    ///
    /// [`ArenaOptions`] has an example.
    pub fn set_arena(&self, options: &ArenaOptions) -> Result<(), SocketError> {
        if !self.registry.is_here() {
            return Err(SocketError::Forked);
        }
        let done = self.registry.set_arena(options.own, options.memory);
        let short = || SocketError::Os(std::io::ErrorKind::OutOfMemory.into());
        done.then_some(()).ok_or_else(short)
    }

    /// The memory for blocks that there is: of this context, if it has an arena of its own, or of the process. In a forked
    /// child there is none.
    pub fn arena_usage(&self) -> ArenaUsage {
        let found = self.registry.arena_use();
        found.map_or_else(ArenaUsage::default, |found| ArenaUsage {
            bytes: found.bytes,
            huge_bytes: found.huge,
            refused: found.refused,
        })
    }

    /// Whether the environment vouches for the peers of this process: `RINGMQ_IN_PLACE`. For the C library, whose programs
    /// cannot give a [`Vow`](crate::Vow) by themselves.
    #[doc(hidden)]
    pub fn is_asked_for_in_place(&self) -> bool {
        self.asked_for_in_place
    }

    /// Sets how many sockets there may be at a time; 1,023 by default.
    pub fn set_max_sockets(&self, most: usize) {
        self.registry.change(|state| state.most_sockets = most);
    }

    /// Sets how many I/O threads serve tcp and ipc; 1 by default. It has no effect after the first tcp or ipc endpoint was
    /// bound or connected to. With 0 threads there is only inproc.
    pub fn set_io_threads(&self, count: usize) {
        self.registry.change(|state| state.io_threads = count);
    }

    /// Sets how the I/O threads are scheduled, and what they are called. It has no effect after the first tcp or ipc
    /// endpoint was bound or connected to. What the kernel refuses is left as it was, and is no error: the threads run.
    ///
    /// ```
    /// use ringmq::{Context, ThreadOptions};
    ///
    /// let context = Context::new()?;
    /// context.set_thread_options(&ThreadOptions::new().cpu(0).name_prefix("feed"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_thread_options(&self, options: &ThreadOptions) {
        let options = options.clone();
        self.registry.change(|state| state.thread_options = options);
    }

    /// Sets which threads work on streams. It has no effect after the first tcp or ipc endpoint was bound or connected to.
    #[doc(hidden)]
    pub fn set_stream_work(&self, work: StreamWork) {
        self.registry.change(|state| state.stream_work = work);
    }

    /// Sets how later sockets wait.
    pub fn set_wait(&self, wait: Wait) {
        self.registry.change(|state| state.defaults.wait = wait);
    }

    /// Sets which connections of later sockets use shared memory when the peer can, too. By default these are those over
    /// ipc, and those over tcp whose peer has an address of this machine; `RINGMQ_SHM` in the environment changes it.
    ///
    /// ```
    /// use ringmq::{Context, SharedMemory};
    ///
    /// let context = Context::new()?;
    /// // tcp stays tcp.
    /// context.set_shared_memory(SharedMemory::Ipc);
    /// // None.
    /// context.set_shared_memory(false);
    /// # Ok::<(), ringmq::SocketError>(())
    /// ```
    pub fn set_shared_memory(&self, share: impl Into<SharedMemory>) {
        let share = share.into();
        self.registry.change(|state| state.defaults.share = share);
    }

    /// See [`set_shared_memory`](Context::set_shared_memory).
    ///
    /// ```
    /// use ringmq::{Context, SharedMemory};
    ///
    /// let context = Context::new()?;
    /// context.set_shared_memory(SharedMemory::Ipc);
    /// assert_eq!(context.shared_memory(), SharedMemory::Ipc);
    /// # Ok::<(), ringmq::SocketError>(())
    /// ```
    pub fn shared_memory(&self) -> SharedMemory {
        self.registry.defaults().share
    }

    /// Sets whether the ipc connections of later sockets are refused where they cannot use shared memory; false by default:
    /// they stay on ZMTP then. With true,
    ///
    /// * `bind` and `connect` to an ipc endpoint fail with [`EndpointError::NotShared`](crate::EndpointError::NotShared)
    ///   where shared memory is impossible from the start: the socket conflates, encrypts, is a STREAM, or has
    ///   [turned it off](crate::SocketOptions::shared_memory).
    /// * a peer that offers no shared memory, or with which it cannot be agreed upon, is left. For the monitor, the
    ///   handshake has failed. A warning of `tracing` gives the reason, once for an endpoint as long as it stays the same.
    ///   A socket that has connected tries again.
    ///
    /// Messages may travel by ZMTP until both sides have agreed, and go back to it when memory, mappings or descriptors run
    /// short: that is a warning, too. Connections over tcp use shared memory if they can, and are never refused for it.
    pub fn set_shared_memory_required(&self, require: bool) {
        self.registry
            .change(|state| state.defaults.require = require);
    }

    /// Sets whether later sockets accept peers that speak ZMTP 1.0 or 2.0 only, as libzmq before 4.0 does; false by
    /// default. See [`SocketOptions::accept_older`].
    pub fn set_accept_older(&self, accept: bool) {
        self.registry
            .change(|state| state.defaults.accept_older = accept);
    }

    /// Ends every call that waits, now and from now on, with an error, and the events of every
    /// [`Monitor`](crate::Monitor). Sockets can only be closed afterwards. Does nothing in a forked child, where such calls
    /// fail anyway.
    pub fn shutdown(&self) {
        self.registry.shutdown();
    }

    /// [Shuts down](Context::shutdown), and waits until all sockets are closed and the messages that they sent have left,
    /// or have lingered for as long as they may. Returns at once in a forked child: the sockets, and what they have to
    /// send, are its parent's.
    pub fn terminate(self) {
        self.registry.terminate();
    }

    /// As [`terminate`](Context::terminate), but a signal that is handled ends the wait, which may be begun again.
    ///
    /// # Errors
    ///
    /// `Interrupted`, `Forked`, or `Os` if there is no descriptor to wait with.
    pub fn terminate_unless_interrupted(&self) -> Result<(), TerminateError> {
        self.registry.terminate_unless_interrupted()
    }
}
