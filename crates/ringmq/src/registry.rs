//! What a context knows: its sockets, their inproc names, its limits, and its I/O threads.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use ringmq_pipe::Wait;
use ringmq_pipe::blocks::{Arena, ArenaMemory, ArenaUse};
use ringmq_pipe::local::{Post, Waker};
use ringmq_pipe::sleeper::Sleeper;
use ringmq_pipe::status::Page;
use ringmq_sys::{ForkMark, ThreadOptions};

use crate::error::{EndpointError, SocketError, TerminateError};
use crate::mail::{Command, SharedMemory, StreamWork, WeakWatch};
use crate::names::SharedNames;
use crate::reactor::crew::Place;
use crate::reactor::{Lingering, Reactors};

/// A handle on what the sockets of one context share. Clones are handles on the same.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    inside: Arc<Inside>,
    /// Absent in the socket that sends a monitor's events: the I/O thread may be the last to drop that socket, and cannot
    /// wait for itself.
    _keeper: Option<Arc<Keeper>>,
}

/// Keeps the I/O threads running. The last one waits for them.
#[derive(Debug)]
struct Keeper {
    inside: Arc<Inside>,
}

#[derive(Debug)]
struct Inside {
    state: Mutex<State>,
    names: Arc<SharedNames>,
    /// Notified when a socket closes.
    closed: Condvar,
    mark: ForkMark,
    /// Started for the first endpoint beyond this process.
    reactors: Mutex<Option<Reactors>>,
    lingering: Arc<Lingering>,
    /// Not set if the sockets use the arena of the process.
    own_arena: OnceLock<Arc<Arena>>,
    /// The sleeper of the call that waits for the end and that a signal may interrupt.
    ending: Mutex<Option<Sleeper>>,
    /// The status page of this process; `None` if there is none.
    page: Option<Page>,
}

/// What sockets of a context do that were not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) wait: Wait,
    /// Which connections may use shared memory.
    pub(crate) share: SharedMemory,
    /// Whether ipc connections that cannot use shared memory are refused.
    pub(crate) require: bool,
    /// Whether peers of ZMTP 1.0 and 2.0 are accepted.
    pub(crate) accept_older: bool,
}

/// What the lock protects.
#[derive(Debug)]
pub(crate) struct State {
    sockets: Vec<Post<Command>>,
    pub(crate) most_sockets: usize,
    pub(crate) io_threads: usize,
    pub(crate) thread_options: ThreadOptions,
    pub(crate) stream_work: StreamWork,
    pub(crate) defaults: Defaults,
    terminated: bool,
    /// The monitors of the sockets. They end with the context.
    monitors: Vec<WeakWatch>,
    /// Woken when a socket closes, beside the threads that wait for `closed`.
    watcher: Option<Waker>,
}

impl Registry {
    /// Makes a registry whose sockets do this if they were not told.
    pub(crate) fn new(defaults: Defaults, page: Option<Page>) -> Result<Registry, SocketError> {
        let inside = Arc::new(Inside {
            state: Mutex::new(State {
                sockets: Vec::new(),
                most_sockets: 1023,
                defaults,
                io_threads: 1,
                thread_options: ThreadOptions::new(),
                stream_work: StreamWork::default(),
                terminated: false,
                monitors: Vec::new(),
                watcher: None,
            }),
            names: Arc::default(),
            closed: Condvar::new(),
            mark: ForkMark::current()?,
            reactors: Mutex::new(None),
            lingering: Arc::default(),
            own_arena: OnceLock::new(),
            ending: Mutex::new(None),
            page,
        });
        let keeper = Keeper {
            inside: Arc::clone(&inside),
        };
        Ok(Registry {
            inside,
            _keeper: Some(Arc::new(keeper)),
        })
    }

    /// Changes settings. Does nothing in a forked child: another thread of the parent may have held the lock at the fork.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        if self.is_here() {
            change(&mut self.lock());
        }
    }

    /// What sockets do that were not told.
    pub(crate) fn defaults(&self) -> Defaults {
        self.lock().defaults
    }

    /// Ends every call that waits, and every monitor. Does nothing in a forked child.
    pub(crate) fn shutdown(&self) {
        if !self.is_here() {
            return;
        }
        let mut state = self.lock();
        state.terminated = true;
        for post in &state.sockets {
            let _ = post.send(Command::Terminate);
        }
        let monitors = std::mem::take(&mut state.monitors);
        drop(state);
        // A socket may make no further call that would end its monitor.
        for monitor in monitors {
            monitor.stop();
        }
    }

    /// Shuts down, and waits until all sockets are closed and nothing lingers. Does nothing in a forked child.
    pub(crate) fn terminate(&self) {
        if !self.is_here() {
            return;
        }
        self.shutdown();
        let mut state = self.lock();
        while !state.sockets.is_empty() {
            let waited = self.inside.closed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        self.inside.lingering.wait();
    }

    /// As [`terminate`](Registry::terminate), but a handled signal ends the wait.
    pub(crate) fn terminate_unless_interrupted(&self) -> Result<(), TerminateError> {
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

    /// Sets what the memory for blocks is like: of this context alone, from now on, or of the process. Returns false if
    /// there is no memory for what is to be reserved.
    pub(crate) fn set_arena(&self, own: bool, memory: ArenaMemory) -> bool {
        if own
            && self.own_arena().is_none()
            && let Some(arena) = Arena::own()
        {
            // Another thread may have set it meanwhile.
            let _ = self.inside.own_arena.set(arena);
        }
        self.arena().is_some_and(|arena| arena.set_memory(memory))
    }

    /// The arena of this context; `None` if it uses that of the process.
    #[inline]
    pub(crate) fn own_arena(&self) -> Option<&Arena> {
        self.inside.own_arena.get().map(|arena| &**arena)
    }

    /// The arena of this context, or else that of the process. `None` if the process has no memory for one.
    pub(crate) fn arena(&self) -> Option<&Arena> {
        self.own_arena()
            .or_else(|| Arena::current().map(|arena| &**arena))
    }

    /// The memory of the arena that the sockets use.
    pub(crate) fn arena_use(&self) -> Option<ArenaUse> {
        if !self.is_here() {
            return None;
        }
        self.arena().map(Arena::in_use)
    }

    /// As [`own_arena`](Registry::own_arena), to be kept.
    pub(crate) fn share_own_arena(&self) -> Option<Arc<Arena>> {
        self.inside.own_arena.get().cloned()
    }

    /// A handle for a socket that an I/O thread may drop last, and that uses no endpoint beyond the process.
    pub(crate) fn without_keeper(&self) -> Registry {
        Registry {
            inside: Arc::clone(&self.inside),
            _keeper: None,
        }
    }

    /// The inproc names.
    pub(crate) fn names(&self) -> &Arc<SharedNames> {
        &self.inside.names
    }

    /// The status page of this process.
    pub(crate) fn page(&self) -> Option<&Page> {
        self.inside.page.as_ref()
    }

    /// Locks the state. No thread waits while it holds the lock, and a panic under it leaves the state whole.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        let locked = self.inside.state.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the process that made the context, and not a child forked from it.
    #[inline(always)]
    pub(crate) fn is_here(&self) -> bool {
        self.inside.mark.is_here()
    }

    /// The mark of the process that made the context.
    pub(crate) fn fork_mark(&self) -> ForkMark {
        self.inside.mark.clone()
    }

    /// Adds a socket. `post` gets what it does if it was not told.
    pub(crate) fn enter(
        &self,
        post: impl FnOnce(Defaults) -> Result<Post<Command>, SocketError>,
    ) -> Result<(), SocketError> {
        if !self.is_here() {
            return Err(SocketError::Forked);
        }
        let mut state = self.lock();
        if state.terminated {
            return Err(SocketError::Terminated);
        }
        if state.sockets.len() >= state.most_sockets {
            return Err(SocketError::TooMany(state.most_sockets));
        }
        let post = post(state.defaults)?;
        state.sockets.push(post);
        Ok(())
    }

    /// Makes a monitor end when the context is shut down.
    pub(crate) fn ends(&self, monitor: WeakWatch) -> Result<(), SocketError> {
        let mut state = self.lock();
        if state.terminated {
            return Err(SocketError::Terminated);
        }
        state.monitors.retain(WeakWatch::is_alive);
        state.monitors.push(monitor);
        Ok(())
    }

    /// A place in an I/O thread that `affinity` allows. Starts the I/O threads if they do not run yet.
    pub(crate) fn place(&self, affinity: u64) -> Result<Place, EndpointError> {
        let (count, options, work) = {
            let state = self.lock();
            let options = state.thread_options.clone();
            (state.io_threads, options, state.stream_work)
        };
        let locked = self.inside.reactors.lock();
        let mut reactors = locked.unwrap_or_else(PoisonError::into_inner);
        if reactors.is_none() && count > 0 {
            let inside = &self.inside;
            let started = Reactors::start(count, &options, work, &inside.lingering, &inside.names);
            *reactors = Some(started.map_err(EndpointError::Os)?);
        }
        let chosen = reactors.as_ref().and_then(|all| all.place(affinity));
        chosen.ok_or(EndpointError::NoThread)
    }

    /// Counts the connections that still have messages to send.
    pub(crate) fn lingering(&self) -> &Lingering {
        &self.inside.lingering
    }

    /// Removes a socket and its names.
    pub(crate) fn leave(&self, post: &Post<Command>) {
        self.names().lock().leave(post);
        let mut state = self.lock();
        state.sockets.retain(|other| !other.is_same(post));
        self.inside.closed.notify_all();
        if let Some(watcher) = &mut state.watcher {
            // A watcher that cannot be woken looks again at its next wake-up.
            let _ = watcher.wake();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if !self.inside.mark.is_here() {
            return;
        }
        // Sent messages leave first, as when a context is terminated.
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
