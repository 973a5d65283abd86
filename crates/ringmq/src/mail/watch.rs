//! Where events go, from whichever thread they happen in.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ringmq_message::Message;
use ringmq_pipe::local::Sender;

use crate::error::SendRefusal;
use crate::mail::event::{MonitorEvent, Occurrence};
use crate::monitor::MOST;
use crate::monitor::plain::{EventFormat, PIPE_STATS, message, numbers};
use crate::socket::Socket;

/// What a socket and its connections share: the way to its monitor, if it has one. The monitor stops when the last of
/// them is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    inside: Arc<Inside>,
}

/// As [`Watch`], for those who do not keep a monitor going.
#[derive(Debug, Clone)]
pub(crate) struct WeakWatch {
    inside: Weak<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// Events are rare: no message waits for this lock.
    outlet: Mutex<Option<Outlet>>,
}

/// Where events leave.
#[derive(Debug)]
pub(crate) enum Outlet {
    Typed {
        sender: Sender<MonitorEvent>,
        /// Events that there was no room for, since there was any.
        lost: u64,
    },
    Plain(Box<Plain>),
}

/// A socket that events are sent on.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) socket: Socket,
    /// The events that are asked for, by their bits.
    pub(crate) events: u64,
    pub(crate) format: EventFormat,
    /// Those that nobody could take.
    pub(crate) waiting: VecDeque<Message>,
}

impl Watch {
    /// Tells the monitor, if there is one.
    pub(crate) fn tell(&self, event: impl FnOnce() -> MonitorEvent) {
        if let Some(outlet) = &mut *self.lock() {
            outlet.put(event());
        }
    }

    /// Whether there is a monitor that is to be told how many messages wait.
    pub(crate) fn wants_stats(&self) -> bool {
        match &*self.lock() {
            None => false,
            Some(Outlet::Typed { .. }) => true,
            Some(Outlet::Plain(plain)) => plain.events & PIPE_STATS != 0,
        }
    }

    /// Sends what could not be sent before.
    pub(crate) fn flush(&self) {
        if let Some(Outlet::Plain(plain)) = &mut *self.lock() {
            plain.flush();
        }
    }

    /// Has a monitor.
    pub(crate) fn begin(&self, outlet: Outlet) {
        *self.lock() = Some(outlet);
    }

    /// Has none any more, and tells it so.
    pub(crate) fn stop(&self) {
        let outlet = self.lock().take();
        if let Some(outlet) = outlet {
            outlet.stop();
        }
    }

    pub(crate) fn weak(&self) -> WeakWatch {
        WeakWatch {
            inside: Arc::downgrade(&self.inside),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Outlet>> {
        let locked = self.inside.outlet.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

impl WeakWatch {
    /// Whether the socket, or a connection of it, is still there.
    pub(crate) fn is_alive(&self) -> bool {
        self.inside.strong_count() > 0
    }

    /// Ends a [`Monitor`](crate::monitor::Monitor), whose reader may wait for it. The reader of libzmq's messages has a socket of
    /// the same context, whose calls end by themselves.
    pub(crate) fn stop(&self) {
        let Some(inside) = self.inside.upgrade() else {
            return;
        };
        let watch = Watch { inside };
        let outlet = watch
            .lock()
            .take_if(|outlet| matches!(outlet, Outlet::Typed { .. }));
        if let Some(outlet) = outlet {
            outlet.stop();
        }
    }

    /// Tells the reader, who has read all events, how many were lost since. There may be no further event to tell it with.
    pub(crate) fn tell_lost(&self) {
        let Some(inside) = self.inside.upgrade() else {
            return;
        };
        let watch = Watch { inside };
        if let Some(Outlet::Typed { sender, lost }) = &mut *watch.lock()
            && sender.has_room()
        {
            tell_lost(sender, lost);
        }
    }

    /// Sends what waits for somebody to be there.
    pub(crate) fn flush(&self) {
        if let Some(inside) = self.inside.upgrade() {
            Watch { inside }.flush();
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let outlet = self.outlet.get_mut().map(Option::take);
        if let Ok(Some(outlet)) = outlet {
            outlet.stop();
        }
    }
}

impl Outlet {
    fn put(&mut self, event: MonitorEvent) {
        match self {
            Outlet::Typed { sender, lost } => {
                if !sender.has_room() {
                    *lost += 1;
                    return;
                }
                tell_lost(sender, lost);
                // It is there; a reader that cannot be woken finds it at its next call.
                let _ = sender.push(event, true);
            }
            Outlet::Plain(plain) => plain.put(&event),
        }
    }

    /// The last event has room always.
    fn stop(mut self) {
        let stopped = MonitorEvent::at("", Occurrence::MonitorStopped);
        match &mut self {
            Outlet::Typed { sender, lost } => {
                tell_lost(sender, lost);
                // As above.
                let _ = sender.push(stopped, true);
            }
            Outlet::Plain(plain) => plain.put(&stopped),
        }
    }
}

fn tell_lost(sender: &mut Sender<MonitorEvent>, lost: &mut u64) {
    let events = std::mem::take(lost);
    if events > 0 {
        let event = MonitorEvent::at("", Occurrence::Lost { events });
        // As above.
        let _ = sender.push(event, true);
    }
}

impl Plain {
    fn put(&mut self, event: &MonitorEvent) {
        let asked_for = numbers(&event.occurrence).filter(|it| self.events & it.event != 0);
        let Some(numbers) = asked_for else {
            return;
        };
        if self.waiting.len() < MOST as usize {
            self.waiting.push_back(message(event, numbers, self.format));
        }
        self.flush();
    }

    /// Sends as much as can be taken.
    fn flush(&mut self) {
        while let Some(message) = self.waiting.pop_front() {
            let Err(error) = self.socket.try_send(message) else {
                continue;
            };
            // It waits for a reader to connect. Once there is one whose pipe is full, it is dropped: nothing says when the
            // reader has made room, and it would come with the next event only.
            let unread = matches!(error.reason, SendRefusal::WouldBlock)
                && self.socket.connections().is_empty();
            if unread {
                self.waiting.push_front(error.message);
                return;
            }
        }
    }
}
