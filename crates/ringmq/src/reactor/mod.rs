//! The I/O threads: they connect, accept, speak ZMTP, and notice the dead. Threads beside them look up names of hosts. Messages within the process never come here.
//!
//! ```text
//!    socket (its thread)                         reactor (an I/O thread)
//!    +----------+   outbound ring                +---------+    ZMTP
//!    |          | =============================> | Session | ==========> stream
//!    |          | <============================= |         | <==========
//!    +----------+   inbound ring                 +---------+
//!         |         orders (a mailbox)                |
//!         +------------------------------------------>+---- commands (a mailbox) ---> socket
//! ```

pub(crate) mod crew;
pub(crate) mod event_loop;
pub(crate) mod numbers;
pub(crate) mod processes;
pub(crate) mod resolver;
pub(crate) mod timers;

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use mio::{Poll, Token, Waker as MioWaker};
use ringmq_pipe::local::{Announcement, Bell, Mailbox, Post, Waker};
use ringmq_sys::{ThreadOptions, without_signals};

use crate::mail::Order;
use crate::names::SharedNames;
use crate::reactor::crew::Crew;
use crate::reactor::crew::Place;
use crate::reactor::resolver::Resolver;

/// What wakes the reactor.
const WAKE: Token = Token(usize::MAX);
/// Of the Unix socket to which the other ends of tcp connections come.
const RENDEZVOUS: Token = Token(usize::MAX - 1);

/// A handle to the I/O threads, which end with it.
#[derive(Debug)]
pub(crate) struct Reactors {
    crew: Arc<Crew>,
    posts: Vec<Post<Order>>,
    threads: Vec<JoinHandle<()>>,
}

/// How many sessions have something left to do; who ends a context waits until there is none.
#[derive(Debug, Default)]
pub(crate) struct Lingering {
    state: Mutex<Left>,
    none: Condvar,
}

#[derive(Debug, Default)]
struct Left {
    count: usize,
    /// Who wants to be woken when there is none, beside those who wait here.
    watcher: Option<Waker>,
}

/// mio's way to end a poll.
struct PollBell(MioWaker);

impl Bell for PollBell {
    fn ring(&self) -> io::Result<()> {
        self.0.wake()
    }
}

/// What a thread needs to begin.
struct Beginning {
    poll: Poll,
    announcement: Announcement,
    mailbox: Mailbox<Order>,
    waker: Waker,
}

impl Beginning {
    fn new() -> io::Result<Beginning> {
        let poll = Poll::new()?;
        let bell: Arc<dyn Bell> = Arc::new(PollBell(MioWaker::new(poll.registry(), WAKE)?));
        let announcement = Announcement::new();
        let waker = Waker::from(announcement.bellpull(bell));
        let mailbox = Mailbox::new(waker.clone());
        Ok(Beginning {
            poll,
            announcement,
            mailbox,
            waker,
        })
    }
}

impl Reactors {
    /// Starts so many threads.
    pub(crate) fn start(
        count: usize,
        options: &ThreadOptions,
        lingering: &Arc<Lingering>,
        names: &Arc<SharedNames>,
    ) -> io::Result<Reactors> {
        let beginnings: Vec<Beginning> = (0..count)
            .map(|_| Beginning::new())
            .collect::<Result<_, _>>()?;
        let posts: Vec<_> = beginnings.iter().map(|one| one.mailbox.post()).collect();
        let mut reactors = Reactors {
            crew: Arc::new(Crew::new(posts.clone())),
            posts,
            threads: Vec::with_capacity(count),
        };
        let resolver = Arc::new(Resolver::default());
        for (number, beginning) in beginnings.into_iter().enumerate() {
            let crew = Arc::clone(&reactors.crew);
            let lingering = Arc::clone(lingering);
            let resolver = Arc::clone(&resolver);
            let names = Arc::clone(names);
            let work =
                event_loop::EventLoop::new(beginning, number, crew, lingering, resolver, names);
            let builder = std::thread::Builder::new().name(options.name("ringmq io"));
            let options = options.clone();
            let run = move || {
                // A thread that the kernel schedules in another way serves its connections, too.
                let _ = options.apply();
                work.run();
            };
            // Those that run already end with the handle, if this one cannot be started.
            let thread = without_signals(|| builder.spawn(run))??;
            reactors.threads.push(thread);
        }
        Ok(reactors)
    }

    /// A place in whichever of those that `affinity` allows has the least to do.
    pub(crate) fn place(&self, affinity: u64) -> Option<Place> {
        self.crew.choose(affinity)
    }
}

impl Drop for Reactors {
    fn drop(&mut self) {
        for post in &self.posts {
            // One that has ended needs no order.
            let _ = post.send(Order::Stop);
        }
        for thread in self.threads.drain(..) {
            // What it panicked with was said by then.
            let _ = thread.join();
        }
    }
}

impl Lingering {
    pub(crate) fn begin(&self) {
        self.lock().count += 1;
    }

    pub(crate) fn end(&self) {
        let mut left = self.lock();
        left.count = left.count.saturating_sub(1);
        if left.count == 0 {
            self.none.notify_all();
            if let Some(watcher) = &mut left.watcher {
                // A watcher that this cannot wake looks when something else wakes it.
                let _ = watcher.wake();
            }
        }
    }

    /// Has this one woken when there is none.
    pub(crate) fn watch(&self, watcher: Waker) {
        self.lock().watcher = Some(watcher);
    }

    /// Whether there is none.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().count == 0
    }

    /// Waits until there is none.
    pub(crate) fn wait(&self) {
        let mut left = self.lock();
        while left.count > 0 {
            left = self.none.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Left> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
