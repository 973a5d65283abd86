//! Threads that look up the names of hosts.
//!
//! The system's resolver blocks, for many seconds where a name server does not answer, and a lookup cannot be
//! cancelled. An I/O thread has other connections, so that it never asks itself.
//!
//! There is no thread before the first name, and there are [`MOST`] at most; further names wait. A thread that has had
//! nothing to do for [`IDLE`] ends. All end with the context. It does not wait for a thread that is in the system's
//! resolver at that moment: that one ends when the resolver has answered, and touches nothing of the context but a
//! lock.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, ThreadId, current};
use std::time::Duration;

use ringmq_pipe::local::Post;
use ringmq_sys::without_signals;
use ringmq_transport::Answer;

use crate::mail::{Order, PipeId};

/// Lookups at the same time.
const MOST: usize = 16;
/// How long a thread waits for the next name.
const IDLE: Duration = Duration::from_secs(5);

/// Looks up names of hosts for the I/O threads of a context. Dropping it ends its threads.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// A name waits, or the end has come.
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Names that no thread has taken yet.
    names: VecDeque<String>,
    /// Who asked for each name that waits or is being looked up.
    askers: HashMap<String, Vec<Asker>>,
    threads: HashMap<ThreadId, Thread>,
    closed: bool,
}

#[derive(Debug)]
struct Thread {
    handle: JoinHandle<()>,
    /// It is in the system's resolver, or about to be.
    busy: bool,
}

/// A session that waits for an answer.
#[derive(Debug)]
struct Asker {
    id: PipeId,
    post: Post<Order>,
}

impl Resolver {
    /// Has a name looked up. The answer comes as an order, [`Order::Resolved`]; never before this returns to the event
    /// loop that asks.
    pub(crate) fn ask(&self, host: &str, id: PipeId, post: Post<Order>) {
        let asker = Asker { id, post };
        let mut state = self.shared.lock();
        if let Some(askers) = state.askers.get_mut(host) {
            askers.push(asker);
            return;
        }
        state.askers.insert(host.to_owned(), vec![asker]);
        state.names.push_back(host.to_owned());
        let free = state.threads.values().filter(|thread| !thread.busy).count();
        if free >= state.names.len() || state.threads.len() >= MOST {
            self.shared.news.notify_one();
            return;
        }
        match Shared::spawn(&self.shared) {
            Ok(handle) => {
                let id = handle.thread().id();
                state.threads.insert(
                    id,
                    Thread {
                        handle,
                        busy: false,
                    },
                );
            }
            // One that runs already takes it when it is free.
            Err(_) if !state.threads.is_empty() => {}
            Err(error) => {
                state.names.clear();
                let askers = std::mem::take(&mut state.askers);
                drop(state);
                let answer = Answer::failed(error);
                tell(askers.into_values().flatten(), &answer);
            }
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.names.clear();
        // They hold descriptors of the I/O threads.
        state.askers.clear();
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        self.shared.news.notify_all();
        for thread in threads.into_values().filter(|thread| !thread.busy) {
            // What it panicked with was said by then.
            let _ = thread.handle.join();
        }
    }
}

impl Shared {
    /// Starts a thread. It begins when the caller gives the lock back.
    fn spawn(shared: &Arc<Shared>) -> io::Result<JoinHandle<()>> {
        let shared = Arc::clone(shared);
        let builder = Builder::new().name("ringmq dns".to_owned());
        without_signals(|| builder.spawn(move || shared.run()))?
    }

    fn run(&self) {
        while let Some(host) = self.next() {
            let answer = Answer::look_up(&host);
            let mut state = self.lock();
            if let Some(thread) = state.threads.get_mut(&current().id()) {
                thread.busy = false;
            }
            let askers = state.askers.remove(&host);
            drop(state);
            tell(askers.into_iter().flatten(), &answer);
        }
    }

    /// The next name; `None` if this thread is to end.
    fn next(&self) -> Option<String> {
        let mut state = self.lock();
        let mut waited = false;
        loop {
            if state.closed {
                return None;
            }
            if let Some(host) = state.names.pop_front() {
                if let Some(thread) = state.threads.get_mut(&current().id()) {
                    thread.busy = true;
                }
                return Some(host);
            }
            if waited {
                state.threads.remove(&current().id());
                return None;
            }
            let (guard, timeout) = self
                .news
                .wait_timeout(state, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = guard;
            waited = timeout.timed_out();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells all who asked.
fn tell(askers: impl Iterator<Item = Asker>, answer: &Answer) {
    for Asker { id, post } in askers {
        // An I/O thread that has ended has no sessions.
        let _ = post.send(Order::Resolved(id, answer.clone()));
    }
}
