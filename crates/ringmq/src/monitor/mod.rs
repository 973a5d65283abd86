//! Monitors: what happens to the connections of a socket, as events.
//!
//! ```text
//!    socket (its thread) ----+                    +--> Monitor, with typed events
//!                            +--> Watch --> Sink -+
//!    I/O thread -------------+                    +--> a PAIR, PUB or PUSH that readers connect to, as in libzmq
//! ```
//! A slow reader of events never blocks the socket or its connections, and no message takes this way.

pub(crate) mod plain;

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use ringmq_pattern::Kind;
use ringmq_pipe::local::{Receiver, Sender, Waker, pipe};
use ringmq_pipe::sleeper::Sleeper;
use ringmq_pipe::waiting::Slept;
use ringmq_sys::ForkMark;
use ringmq_transport::Endpoint;
use thiserror::Error;

use crate::error::{EndpointError, SocketError};
use crate::mail::{EventKind, MonitorEvent, Sink, WeakWatch};
use crate::monitor::plain::{EventFormat, PlainSink};
use crate::socket::endpoints::parse;
use crate::socket::{Socket, SocketOptions};

/// Events that may wait to be read.
pub(crate) const MOST: u64 = 1000;

/// The events of one socket, in the order in which they happened.
///
/// At most 1,000 events wait to be read; further events are lost. [`EventKind::Lost`] tells their number, before the next
/// event that there is room for, or when all waiting events were read. The monitored socket and its connections never
/// wait for the reader.
///
/// [`EventKind::MonitorStopped`] is the last event. It comes when the socket was closed and the messages that it had sent
/// have left or lingered long enough, or when the context was [shut down](crate::Context::shutdown).
///
/// ```
/// use ringmq::{Context, Kind, EventKind};
///
/// let context = Context::new()?;
/// let mut server = context.socket(Kind::Rep)?;
/// let mut monitor = server.monitor()?;
/// server.bind("tcp://127.0.0.1:*")?;
/// let event = monitor.recv()?;
/// assert!(matches!(event.kind, EventKind::Listening { .. }));
/// assert_eq!(event.local, server.last_endpoint());
/// drop(server);
/// assert!(monitor.any(|event| event.is_ok_and(|event| event.kind == EventKind::MonitorStopped)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Monitor {
    sleeper: Sleeper,
    events: Receiver<MonitorEvent>,
    mark: ForkMark,
    /// The monitored socket and its connections. This does not keep the monitor going.
    watch: WeakWatch,
}

/// Why no event was received.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// No event is there, and the call does not wait.
    #[error("no event is there")]
    WouldBlock,
    /// No event came before the deadline of the call.
    #[error("no event came in time")]
    TimedOut,
    /// The last event was received before.
    #[error("the monitor has stopped")]
    Ended,
    /// A signal was handled while the call waited.
    #[error("a signal was handled while waiting for an event")]
    Interrupted,
    /// This is a forked child; the monitor belongs to its parent.
    #[error("the monitor belongs to the process that this one was forked from")]
    Forked,
    /// The kernel cannot put the thread to sleep.
    #[error("cannot wait: {0}")]
    Os(#[source] io::Error),
}

impl From<Slept> for MonitorError {
    fn from(slept: Slept) -> MonitorError {
        match slept {
            Slept::TimedOut => MonitorError::TimedOut,
            Slept::Interrupted => MonitorError::Interrupted,
            Slept::Os(error) => MonitorError::Os(error),
        }
    }
}

/// [`MonitorError::Os`] as it is; every other error by its kind, and as the inner error.
impl From<MonitorError> for io::Error {
    fn from(error: MonitorError) -> io::Error {
        let kind = match error {
            MonitorError::Os(error) => return error,
            MonitorError::WouldBlock => io::ErrorKind::WouldBlock,
            MonitorError::TimedOut => io::ErrorKind::TimedOut,
            MonitorError::Ended => io::ErrorKind::UnexpectedEof,
            MonitorError::Interrupted => io::ErrorKind::Interrupted,
            MonitorError::Forked => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl Monitor {
    /// Receives the next event. Waits until there is one.
    ///
    /// # Errors
    ///
    /// [`MonitorError`].
    pub fn recv(&mut self) -> Result<MonitorEvent, MonitorError> {
        self.recv_until(None)
    }

    /// Receives the next event. Waits until the deadline at most.
    ///
    /// # Errors
    ///
    /// [`MonitorError`].
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<MonitorEvent, MonitorError> {
        self.recv_until(Some(deadline))
    }

    /// Receives the next event if it is there now. If none is there, the [descriptor](AsFd) becomes readable when one
    /// comes.
    ///
    /// # Errors
    ///
    /// [`MonitorError`].
    pub fn try_recv(&mut self) -> Result<MonitorEvent, MonitorError> {
        if let Some(event) = self.take()? {
            return Ok(event);
        }
        self.sleeper.arm_for_watcher().map_err(MonitorError::Os)?;
        self.take()?.ok_or(MonitorError::WouldBlock)
    }

    fn recv_until(&mut self, deadline: Option<Instant>) -> Result<MonitorEvent, MonitorError> {
        loop {
            if let Some(event) = self.take()? {
                return Ok(event);
            }
            let events = &mut self.events;
            let look = || events.is_ready() || events.is_at_end();
            self.sleeper.wait(look, deadline)?;
        }
    }

    fn take(&mut self) -> Result<Option<MonitorEvent>, MonitorError> {
        if !self.mark.is_here() {
            return Err(MonitorError::Forked);
        }
        if let Some(event) = self.pop() {
            return Ok(Some(event));
        }
        if self.events.is_at_end() {
            return Err(MonitorError::Ended);
        }
        self.watch.tell_lost();
        Ok(self.pop())
    }

    fn pop(&mut self) -> Option<MonitorEvent> {
        let event = self.events.pop()?;
        // The sink never waits for room.
        let _ = self.events.done();
        Some(event)
    }
}

/// Receives events until the last one. Each other error is an item.
impl Iterator for Monitor {
    type Item = Result<MonitorEvent, MonitorError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.recv() {
            Err(MonitorError::Ended) => None,
            other => Some(other),
        }
    }
}

/// A descriptor for poll and epoll. It is readable when an event may be there. Call [`try_recv`](Monitor::try_recv)
/// until it returns [`MonitorError::WouldBlock`] before you poll the descriptor again.
impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sleeper.as_fd()
    }
}

/// The descriptor of [`AsFd`].
impl AsRawFd for Monitor {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// Puts events into the pipe to a [`Monitor`].
#[derive(Debug)]
struct TypedSink {
    sender: Sender<MonitorEvent>,
    /// Events lost since the last that there was room for.
    lost: u64,
}

impl TypedSink {
    fn send_lost(&mut self) {
        let events = mem::take(&mut self.lost);
        if events > 0 {
            self.send(MonitorEvent::at("", EventKind::Lost { events }));
        }
    }

    fn send(&mut self, event: MonitorEvent) {
        // The event is in the pipe even if the reader cannot be woken: the reader finds it at its next call.
        let _ = self.sender.push(event, true);
    }
}

impl Sink for TypedSink {
    fn put(&mut self, event: MonitorEvent) {
        if !self.sender.has_room() {
            self.lost += 1;
            return;
        }
        self.send_lost();
        self.send(event);
    }

    fn stop(mut self: Box<Self>) {
        // The last event goes in even if the pipe is full.
        self.send_lost();
        self.send(MonitorEvent::at("", EventKind::MonitorStopped));
    }

    fn tell_lost(&mut self) {
        if self.sender.has_room() {
            self.send_lost();
        }
    }

    fn wants_stats(&self) -> bool {
        true
    }

    fn ends_with_context(&self) -> bool {
        true
    }
}

impl Socket {
    /// Makes a [`Monitor`] of this socket. It receives what happens from now on to the connections of the socket, and to
    /// its tcp and ipc endpoints. A socket has one monitor at a time: an earlier one stops.
    ///
    /// # Errors
    ///
    /// [`SocketError`] if this is a forked child, the context was shut down, or descriptors run short.
    pub fn monitor(&mut self) -> Result<Monitor, SocketError> {
        self.may_be_monitored()?;
        let mut sleeper = Sleeper::new(self.options.in_force_wait())?;
        // The descriptor is readable at first, so that the caller looks once.
        sleeper.ring()?;
        let bell = Waker::from(sleeper.bellpull());
        let (sender, events) = pipe(MOST, bell, Waker::unset());
        self.watch.stop();
        self.watch.begin(Box::new(TypedSink { sender, lost: 0 }));
        // The context learns of the monitor after it has begun, so that no shutdown can miss it.
        if let Err(error) = self.registry.ends(self.watch.weak()) {
            self.watch.stop();
            return Err(error);
        }
        Ok(Monitor {
            sleeper,
            events,
            mark: self.registry.fork_mark(),
            watch: self.watch.weak(),
        })
    }

    /// Sends the events of this socket as libzmq's messages. Binds a socket of type `kind`, which is `Pair`, `Pub` or
    /// `Push`, to `endpoint`, which is `inproc://`, and sends on it the events whose bits are in `events`. An earlier
    /// monitor stops.
    ///
    /// At most 1,000 events wait for a reader to connect; the mark of the pipe limits those that wait for a connected
    /// reader. Further events are lost. Events that libzmq does not know, such as
    /// [`RoutingIdTaken`](EventKind::RoutingIdTaken), are not sent.
    ///
    /// # Errors
    ///
    /// [`PlainMonitorError`]: the socket for the events cannot be made, or cannot be bound.
    #[doc(hidden)]
    pub fn monitor_on(
        &mut self,
        endpoint: &str,
        kind: Kind,
        events: u64,
        format: EventFormat,
    ) -> Result<(), PlainMonitorError> {
        self.may_be_monitored()?;
        // The earlier monitor may be bound to the same endpoint.
        self.watch.stop();
        let options = SocketOptions::new().linger(Duration::ZERO);
        let socket = Socket::new(&self.registry.without_keeper(), kind, &options)?;
        let Endpoint::Inproc(name) = parse(endpoint)? else {
            return Err(EndpointError::WrongTransport(endpoint.to_owned()).into());
        };
        let face = socket.face_of_outlet(self.watch.weak());
        if !self.registry.names().lock().bind(&name, &face) {
            return Err(EndpointError::InUse(endpoint.to_owned()).into());
        }
        let most = match format {
            EventFormat::One => u64::from(u16::MAX),
            EventFormat::Two => u64::MAX,
        };
        let sink = PlainSink::new(socket, events & most, format);
        self.watch.begin(Box::new(sink));
        Ok(())
    }

    /// Stops the [monitor](Socket::monitor) of this socket, if there is one. Does nothing in a forked child.
    pub fn stop_monitor(&mut self) {
        if self.registry.is_here() {
            self.watch.stop();
        }
    }

    /// Asks for a [`PipeStats`](EventKind::PipeStats) event for each tcp and ipc connection. Returns the number of
    /// connections; `None` if no monitor takes these events.
    pub fn ask_for_stats(&mut self) -> Option<usize> {
        if !self.registry.is_here() {
            return None;
        }
        self.take_mail();
        let wanted = self.watch.wants_stats();
        wanted.then(|| self.peers.ask_for_stats())
    }

    fn may_be_monitored(&mut self) -> Result<(), SocketError> {
        if !self.registry.is_here() {
            return Err(SocketError::Forked);
        }
        self.take_mail();
        if self.terminated {
            return Err(SocketError::Terminated);
        }
        Ok(())
    }
}

/// Why [`Socket::monitor_on`] failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlainMonitorError {
    /// The socket for the events was not made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The socket for the events was not bound.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}
