//! The I/O thread of a session, as the threads of the application see it.

use std::fmt;
use std::sync::Arc;

use ringmq_pipe::waiting::Beside;

use crate::mail::commands::PipeId;

/// Which threads work on streams. For tests: what each choice costs differs, and what a program sees does not.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StreamWork {
    /// Those for which it pays.
    #[default]
    Adaptive,
    /// The I/O thread.
    IoThread,
    /// Threads of the application, whenever they wait or send.
    Callers,
    /// One or the other, at random, by this seed.
    Random(u64),
}

/// An I/O thread whose work other threads may do.
pub(crate) trait Host: Send + Sync + fmt::Debug {
    /// Works on a session at once, on this thread. Returns false if that is better left to the I/O thread, or another thread
    /// is at work.
    fn work_on(&self, id: PipeId) -> bool;

    /// Makes this thread the one that waits for the streams, if it may be.
    fn lead(&self) -> Led;

    /// Before a further sleep of the thread that leads. `None` if the work has ended.
    fn prepare(&self) -> Option<Beside>;

    /// Does the work that there is. For the thread that leads.
    fn serve(&self);

    /// As [`serve`](Host::serve), if the kernel tells of something. A spin calls it again and again.
    fn glance(&self);

    /// This thread does not wait for the streams any more.
    fn leave(&self);

    /// This thread, which has followed, does not wait any more.
    fn unfollow(&self);

    /// The application will not wait here: the I/O thread reads the streams again, if no thread leads.
    fn resume(&self);
}

/// Whether a thread waits for the streams itself.
#[derive(Debug)]
pub(crate) enum Led {
    /// It does, by this.
    Leads(Beside),
    /// Another one does.
    Follows,
    /// It may not.
    Never,
}

/// What a thread that waits is to an I/O thread, up to the end of the wait.
#[derive(Debug)]
pub(crate) struct Waiter {
    host: Arc<dyn Host>,
    leads: bool,
}

impl Waiter {
    /// Begins a wait: this thread leads, or follows another one.
    pub(crate) fn begin(host: &Arc<dyn Host>) -> Option<(Waiter, Option<Beside>)> {
        let beside = match host.lead() {
            Led::Leads(beside) => Some(beside),
            Led::Follows => None,
            Led::Never => return None,
        };
        let waiter = Waiter {
            host: Arc::clone(host),
            leads: beside.is_some(),
        };
        Some((waiter, beside))
    }

    /// Before a further sleep of the same wait.
    pub(crate) fn go_on(&self) -> Option<Beside> {
        self.leads.then(|| self.host.prepare()).flatten()
    }

    /// Returns true if this thread waits for the streams.
    pub(crate) fn leads(&self) -> bool {
        self.leads
    }

    /// Does the work that the kernel tells of, during a spin.
    pub(crate) fn glance(&self) {
        if self.leads {
            self.host.glance();
        }
    }

    /// Does the work that there is.
    pub(crate) fn serve(&self) {
        if self.leads {
            self.host.serve();
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.leads {
            self.host.leave();
        } else {
            self.host.unfollow();
        }
    }
}
