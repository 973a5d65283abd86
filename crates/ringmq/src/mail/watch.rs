//! The way of events from the threads in which they happen to the monitor of a socket.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::mail::event::MonitorEvent;

/// Takes the events of one socket. It never blocks: an event that it has no room for is lost.
pub(crate) trait Sink: fmt::Debug + Send {
    /// Takes an event.
    fn put(&mut self, event: MonitorEvent);

    /// Takes the last event, [`MonitorStopped`](crate::EventKind::MonitorStopped), for which there is always room.
    fn stop(self: Box<Self>);

    /// Sends the events that wait for a reader to connect.
    fn flush(&mut self) {}

    /// Takes a [`Lost`](crate::EventKind::Lost) with the number of events lost since the last one, if there are any.
    fn tell_lost(&mut self) {}

    /// Returns true if the sink takes [`PipeStats`](crate::EventKind::PipeStats).
    fn wants_stats(&self) -> bool;

    /// Returns true if the sink has to stop when the context is shut down, because its reader may be waiting.
    fn ends_with_context(&self) -> bool;
}

/// The way to the monitor of a socket, which the socket and its connections share. The monitor stops when the last of
/// them is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    inside: Arc<Inside>,
}

/// A [`Watch`] that does not keep the monitor going.
#[derive(Debug, Clone)]
pub(crate) struct WeakWatch {
    inside: Weak<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// `None` without a monitor. Events are rare, and no message waits for this lock.
    sink: Mutex<Option<Box<dyn Sink>>>,
}

impl Watch {
    /// Puts an event into the sink, if there is a monitor.
    pub(crate) fn tell(&self, event: impl FnOnce() -> MonitorEvent) {
        if let Some(sink) = &mut *self.lock() {
            sink.put(event());
        }
    }

    /// Returns true if there is a monitor that takes the number of waiting messages.
    pub(crate) fn wants_stats(&self) -> bool {
        self.lock().as_ref().is_some_and(|sink| sink.wants_stats())
    }

    /// Sends the events that wait for a reader to connect.
    pub(crate) fn flush(&self) {
        if let Some(sink) = &mut *self.lock() {
            sink.flush();
        }
    }

    /// Puts all events into this sink from now on.
    pub(crate) fn begin(&self, sink: Box<dyn Sink>) {
        *self.lock() = Some(sink);
    }

    /// Stops the monitor, if there is one.
    pub(crate) fn stop(&self) {
        let sink = self.lock().take();
        if let Some(sink) = sink {
            sink.stop();
        }
    }

    pub(crate) fn weak(&self) -> WeakWatch {
        WeakWatch {
            inside: Arc::downgrade(&self.inside),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<dyn Sink>>> {
        let locked = self.inside.sink.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

impl WeakWatch {
    /// Returns true if the socket or a connection of it is still there.
    pub(crate) fn is_alive(&self) -> bool {
        self.inside.strong_count() > 0
    }

    /// Stops the monitor because the context is shut down, if it [has to](Sink::ends_with_context).
    pub(crate) fn stop(&self) {
        let Some(watch) = self.upgrade() else {
            return;
        };
        let sink = watch.lock().take_if(|sink| sink.ends_with_context());
        if let Some(sink) = sink {
            sink.stop();
        }
    }

    /// Tells the reader how many events were lost, after it has read all others. There may be no further event that
    /// could tell it.
    pub(crate) fn tell_lost(&self) {
        if let Some(watch) = self.upgrade()
            && let Some(sink) = &mut *watch.lock()
        {
            sink.tell_lost();
        }
    }

    /// Sends the events that wait for a reader to connect.
    pub(crate) fn flush(&self) {
        if let Some(watch) = self.upgrade() {
            watch.flush();
        }
    }

    fn upgrade(&self) -> Option<Watch> {
        let inside = self.inside.upgrade()?;
        Some(Watch { inside })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let sink = self.sink.get_mut().map(Option::take);
        if let Ok(Some(sink)) = sink {
            sink.stop();
        }
    }
}
