//! The I/O thread: it connects, accepts, speaks ZMTP, and notices the dead. Messages within the process never come here.
//!
//! ```text
//!    socket (its thread)                         reactor (one thread)
//!    +----------+   outbound ring                +---------+    ZMTP
//!    |          | =============================> | Session | ==========> stream
//!    |          | <============================= |         | <==========
//!    +----------+   inbound ring                 +---------+
//!         |         orders (a mailbox)                |
//!         +------------------------------------------>+---- commands (a mailbox) ---> socket
//! ```

mod dialing;
mod listening;
mod order;
mod session;
mod telling;
mod timers;
mod work;

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use mio::{Poll, Token, Waker as MioWaker};
use ringmq_pipe::local::{Announcement, Bell, Mailbox, Post};

pub(crate) use order::{Connect, Link, Listen, Order, session_pipe};

/// What wakes the reactor.
const WAKE: Token = Token(usize::MAX);

/// A handle to the I/O thread, which ends with it.
#[derive(Debug)]
pub(crate) struct Reactor {
    post: Post<Order>,
    thread: Option<JoinHandle<()>>,
}

/// How many sessions have something left to do; who ends a context waits until there is none.
#[derive(Debug, Default)]
pub(crate) struct Lingering {
    count: Mutex<usize>,
    none: Condvar,
}

/// mio's way to end a poll.
struct PollBell(MioWaker);

impl Bell for PollBell {
    fn ring(&self) -> io::Result<()> {
        self.0.wake()
    }
}

impl Reactor {
    /// Starts the thread.
    pub(crate) fn start(lingering: Arc<Lingering>) -> io::Result<Reactor> {
        let poll = Poll::new()?;
        let bell: Arc<dyn Bell> = Arc::new(PollBell(MioWaker::new(poll.registry(), WAKE)?));
        let announcement = Announcement::new();
        let mailbox = Mailbox::new(announcement.bellpull(bell).into());
        let post = mailbox.post();
        let work = work::Work::new(poll, announcement, mailbox, lingering);
        let thread = std::thread::Builder::new()
            .name("ringmq io".to_owned())
            .spawn(move || work.run())?;
        Ok(Reactor {
            post,
            thread: Some(thread),
        })
    }

    /// Where orders are posted.
    pub(crate) fn post(&self) -> Post<Order> {
        self.post.clone()
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        let _ = self.post.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Lingering {
    pub(crate) fn begin(&self) {
        *self.lock() += 1;
    }

    pub(crate) fn end(&self) {
        let mut count = self.lock();
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.none.notify_all();
        }
    }

    /// Waits until there is none.
    pub(crate) fn wait(&self) {
        let mut count = self.lock();
        while *count > 0 {
            count = self
                .none
                .wait(count)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
