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

pub(crate) mod choice;
pub(crate) mod crew;
pub(crate) mod event_loop;
pub(crate) mod lease;
pub(crate) mod numbers;
pub(crate) mod processes;
pub(crate) mod resolver;
pub(crate) mod timers;

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use mio::{Registry, Token};
use ringmq_pipe::local::{Announcement, Bell, Mailbox, Post, Waker};
use ringmq_sys::{ThreadOptions, without_signals};

use crate::mail::{Host, Order, StreamWork};
use crate::names::SharedNames;
use crate::reactor::crew::Crew;
use crate::reactor::crew::Place;
use crate::reactor::event_loop::EventLoop;
use crate::reactor::lease::{Lease, LeaseBell};
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

/// What a thread needs to begin.
struct Beginning {
    registry: Registry,
    host: Arc<dyn Host>,
    announcement: Announcement,
    mailbox: Mailbox<Order>,
    waker: Waker,
}

impl Beginning {
    fn new(lease: &Arc<Lease>) -> io::Result<Beginning> {
        let bell: Arc<dyn Bell> = Arc::new(LeaseBell(Arc::downgrade(lease)));
        let announcement = Announcement::new();
        let waker = Waker::from(announcement.bellpull(bell));
        let mailbox = Mailbox::new(waker.clone());
        Ok(Beginning {
            registry: lease.registry()?,
            host: Arc::clone(lease) as Arc<dyn Host>,
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
        work: StreamWork,
        lingering: &Arc<Lingering>,
        names: &Arc<SharedNames>,
    ) -> io::Result<Reactors> {
        let leases: Vec<Arc<Lease>> = (0..count)
            .map(|_| Lease::new(count == 1, work).map(Arc::new))
            .collect::<Result<_, _>>()?;
        let beginnings: Vec<Beginning> = leases
            .iter()
            .map(Beginning::new)
            .collect::<Result<_, _>>()?;
        let posts: Vec<_> = beginnings.iter().map(|one| one.mailbox.post()).collect();
        let hosts = leases
            .iter()
            .map(|lease| Arc::clone(lease) as Arc<dyn Host>);
        let desks = posts.iter().cloned().zip(hosts).collect();
        let mut reactors = Reactors {
            crew: Arc::new(Crew::new(desks)),
            posts,
            threads: Vec::with_capacity(count),
        };
        let resolver = Arc::new(Resolver::default());
        for (number, (beginning, lease)) in beginnings.into_iter().zip(leases).enumerate() {
            let crew = Arc::clone(&reactors.crew);
            let lingering = Arc::clone(lingering);
            let resolver = Arc::clone(&resolver);
            let names = Arc::clone(names);
            lease.begin(EventLoop::new(
                beginning, number, crew, lingering, resolver, names,
            ));
            let builder = std::thread::Builder::new().name(options.name("ringmq io"));
            let options = options.clone();
            let works = Arc::clone(&lease);
            let run = move || {
                // A thread that the kernel schedules in another way serves its connections, too.
                let _ = options.apply();
                works.run();
            };
            // Those that run already end with the handle, if this one cannot be started.
            let thread = without_signals(|| builder.spawn(run)).and_then(std::convert::identity);
            let thread = thread.inspect_err(|_| lease.end())?;
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
