//! What sockets share: names within the process, limits, and an end.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ringmq_pattern::Kind;
use ringmq_pipe::Wait;
use ringmq_pipe::local::{Post, Sleeper, Waker};
use ringmq_sys::ForkMark;

use crate::context::environment::Environment;
use crate::context::log;
use crate::error::{EndpointRefusal, SocketError, TerminateError};
use crate::mail::commands::{Command, PipeId};
use crate::mail::watch::WeakWatch;
use crate::reactor::crew::Place;
use crate::reactor::{Lingering, Reactors};
use crate::socket::Socket;
use crate::socket::inproc::Names;

/// Sockets of one context can reach each other by `inproc://` names.
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
    inside: Arc<Inside>,
    /// What the outlet of a monitor has not: the I/O thread may be the last to drop one, and cannot wait for itself.
    _keeper: Option<Arc<Keeper>>,
}

/// Whoever has this keeps the I/O thread going.
#[derive(Debug)]
struct Keeper {
    inside: Arc<Inside>,
}

#[derive(Debug)]
pub(crate) struct Inside {
    shared: Mutex<Shared>,
    /// Told when a socket closes.
    closed: Condvar,
    mark: ForkMark,
    /// Started for the first endpoint that is not of this process.
    reactors: Mutex<Option<Reactors>>,
    lingering: Arc<Lingering>,
    /// Who waits for the end, and may be interrupted.
    ending: Mutex<Option<Sleeper>>,
}

/// What the lock protects.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) names: Names,
    sockets: Vec<Post<Command>>,
    most_sockets: usize,
    io_threads: usize,
    wait: Wait,
    share: bool,
    next_pipe: u64,
    terminated: bool,
    /// The monitors of the sockets, which end with the context.
    monitors: Vec<WeakWatch>,
    /// Whom to wake when a socket closes, beside those who wait for `closed`.
    watcher: Option<Waker>,
}

impl Context {
    /// Makes a context.
    ///
    /// # Errors
    ///
    /// If there is no memory for it.
    pub fn new() -> Result<Context, SocketError> {
        let environment = Environment::read();
        log::begin(&environment);
        let inside = Arc::new(Inside {
            shared: Mutex::new(Shared {
                names: Names::default(),
                sockets: Vec::new(),
                most_sockets: 1023,
                wait: environment.wait,
                share: environment.share,
                io_threads: 1,
                next_pipe: 0,
                terminated: false,
                monitors: Vec::new(),
                watcher: None,
            }),
            closed: Condvar::new(),
            mark: ForkMark::current()?,
            reactors: Mutex::new(None),
            lingering: Arc::default(),
            ending: Mutex::new(None),
        });
        let keeper = Keeper {
            inside: Arc::clone(&inside),
        };
        Ok(Context {
            inside,
            _keeper: Some(Arc::new(keeper)),
        })
    }

    /// Makes a socket.
    ///
    /// # Errors
    ///
    /// [`SocketError`].
    pub fn socket(&self, kind: Kind) -> Result<Socket, SocketError> {
        Socket::new(self, kind)
    }

    /// How many sockets there may be at a time; 1,023 by default.
    pub fn set_max_sockets(&self, most: usize) {
        self.change(|shared| shared.most_sockets = most);
    }

    /// How many I/O threads serve what goes beyond the process; 1 by default. Said before the first such endpoint is
    /// bound or connected to; later it has no effect. Without any, there is inproc only.
    pub fn set_io_threads(&self, count: usize) {
        self.change(|shared| shared.io_threads = count);
    }

    /// How sockets that are made from now on wait.
    pub fn set_wait(&self, wait: Wait) {
        self.change(|shared| shared.wait = wait);
    }

    /// Whether ipc connections of sockets that are made from now on go over to shared memory when the peer can, too; they
    /// do by default.
    pub fn set_shared_memory(&self, share: bool) {
        self.change(|shared| shared.share = share);
    }

    /// Settings of a context in a forked child have no effect: another thread of the parent may have held the lock.
    fn change(&self, change: impl FnOnce(&mut Shared)) {
        if self.is_here() {
            change(&mut self.lock());
        }
    }

    /// Ends every call that waits, now and from now on, with an error, and the events of every
    /// [`Monitor`](crate::Monitor). Sockets can only be closed afterwards. Does nothing in a forked child, where such calls
    /// fail anyway.
    pub fn shutdown(&self) {
        if !self.is_here() {
            return;
        }
        let mut shared = self.lock();
        shared.terminated = true;
        for post in &shared.sockets {
            let _ = post.send(Command::Terminate);
        }
        let monitors = std::mem::take(&mut shared.monitors);
        drop(shared);
        // The sockets may make no further call that would end them.
        for monitor in monitors {
            monitor.stop();
        }
    }

    /// [Shuts down](Context::shutdown), and waits until all sockets are closed and what they have sent has left, or
    /// lingered for as long as it may. Returns at once in a forked child: the sockets, and what they have to send, are its
    /// parent's.
    pub fn terminate(self) {
        if !self.is_here() {
            return;
        }
        self.shutdown();
        let mut shared = self.lock();
        while !shared.sockets.is_empty() {
            let waited = self.inside.closed.wait(shared);
            shared = waited.unwrap_or_else(PoisonError::into_inner);
        }
        drop(shared);
        self.inside.lingering.wait();
    }

    /// As [`terminate`](Context::terminate), but a signal that is handled ends the wait, which may be begun again.
    ///
    /// # Errors
    ///
    /// `Interrupted`, `Forked`, or `Os` if there is no descriptor to wait with.
    pub fn terminate_unless_interrupted(&self) -> Result<(), TerminateError> {
        if !self.is_here() {
            return Err(TerminateError::Forked);
        }
        self.shutdown();
        let locked = self.inside.ending.lock();
        let mut ending = locked.unwrap_or_else(PoisonError::into_inner);
        let sleeper = match &mut *ending {
            Some(sleeper) => sleeper,
            none => {
                let sleeper = none.insert(Sleeper::new(Wait::Park)?);
                self.lock().watcher = Some(sleeper.bellpull().into());
                self.inside.lingering.watch(sleeper.bellpull().into());
                sleeper
            }
        };
        let over = || self.lock().sockets.is_empty() && self.inside.lingering.is_over();
        if !over() {
            sleeper.wait(over, None)?;
        }
        Ok(())
    }

    /// The same, for a socket that lives no longer than what the I/O thread has, and uses no endpoint beyond the process.
    pub(crate) fn without_keeper(&self) -> Context {
        Context {
            inside: Arc::clone(&self.inside),
            _keeper: None,
        }
    }

    /// The lock is never held while anything waits, and what panics under it leaves it whole.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        let locked = self.inside.shared.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the process that made the context, and not a child forked from it.
    #[inline(always)]
    pub(crate) fn is_here(&self) -> bool {
        self.inside.mark.is_here()
    }

    /// What knows the process that made the context.
    pub(crate) fn fork_mark(&self) -> ForkMark {
        self.inside.mark.clone()
    }

    /// Takes a socket in, and says how it is to wait, and whether it shares memory.
    pub(crate) fn enter(
        &self,
        post: impl FnOnce(Wait, bool) -> Result<Post<Command>, SocketError>,
    ) -> Result<(), SocketError> {
        if !self.is_here() {
            return Err(SocketError::Forked);
        }
        let mut shared = self.lock();
        if shared.terminated {
            return Err(SocketError::Terminated);
        }
        if shared.sockets.len() >= shared.most_sockets {
            return Err(SocketError::TooMany(shared.most_sockets));
        }
        let post = post(shared.wait, shared.share)?;
        shared.sockets.push(post);
        Ok(())
    }

    /// Has a monitor end when the context is shut down.
    pub(crate) fn ends(&self, monitor: WeakWatch) -> Result<(), SocketError> {
        let mut shared = self.lock();
        if shared.terminated {
            return Err(SocketError::Terminated);
        }
        shared.monitors.retain(WeakWatch::is_alive);
        shared.monitors.push(monitor);
        Ok(())
    }

    /// A place for one thing more in an I/O thread that `affinity` allows. They are started if they are not there.
    pub(crate) fn place(&self, affinity: u64) -> Result<Place, EndpointRefusal> {
        let count = self.lock().io_threads;
        let locked = self.inside.reactors.lock();
        let mut reactors = locked.unwrap_or_else(PoisonError::into_inner);
        if reactors.is_none() && count > 0 {
            let started = Reactors::start(count, &self.inside.lingering);
            *reactors = Some(started.map_err(EndpointRefusal::Os)?);
        }
        let chosen = reactors.as_ref().and_then(|all| all.place(affinity));
        chosen.ok_or(EndpointRefusal::NoThread)
    }

    /// Counts those who have something left to do.
    pub(crate) fn lingering(&self) -> &Lingering {
        &self.inside.lingering
    }

    /// Lets a socket go.
    pub(crate) fn leave(&self, post: &Post<Command>) {
        let mut shared = self.lock();
        shared.names.leave(post);
        shared.sockets.retain(|other| !other.is_same(post));
        self.inside.closed.notify_all();
        if let Some(watcher) = &mut shared.watcher {
            // Whoever cannot be woken looks when it is woken by something else.
            let _ = watcher.wake();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if !self.inside.mark.is_here() {
            return;
        }
        // What was sent leaves first, as it does when a context is terminated.
        self.inside.lingering.wait();
        let locked = self.inside.reactors.lock();
        let reactors = locked.unwrap_or_else(PoisonError::into_inner).take();
        drop(reactors);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if !self.mark.is_here()
            && let Ok(reactors) = self.reactors.get_mut()
        {
            // The threads are the parent's.
            std::mem::forget(reactors.take());
        }
    }
}

impl Shared {
    /// A new pipe's name.
    pub(crate) fn pipe_id(&mut self) -> PipeId {
        self.next_pipe += 1;
        PipeId(self.next_pipe)
    }
}
