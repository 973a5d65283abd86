//! What happens to the connections of a socket, told as events.
//!
//! ```text
//!    socket (its thread) ----+                      +--> Monitor, with typed events
//!                            +--> Watch --> Outlet -+
//!    I/O thread -------------+                      +--> a PAIR, PUB or PUSH that others connect to, as in libzmq
//! ```
//! No message comes this way, and nobody waits for whoever reads the events.

pub(crate) mod plain;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use ringmq_pattern::Kind;
use ringmq_pipe::local::{Receiver, Waker, pipe};
use ringmq_pipe::sleeper::Sleeper;
use ringmq_pipe::waiting::Slept;
use ringmq_sys::ForkMark;
use thiserror::Error;

use crate::error::{EndpointRefusal, SocketError};
use ringmq_transport::Endpoint;

use crate::socket::Socket;
use crate::socket::endpoints::parse;

use crate::mail::{MonitorEvent, Outlet, Plain, WeakWatch};
use crate::monitor::plain::EventFormat;

/// Events that may wait to be read.
pub(crate) const MOST: u64 = 1000;

/// The events of one socket, in the order in which they happened.
///
/// 1,000 events may wait to be read; of those that come then, an [`Occurrence::Lost`](crate::Occurrence::Lost) tells the number: before the next
/// event that there is room for, or when all that wait were read. The monitored socket and its connections never wait. After [`Occurrence::MonitorStopped`](crate::Occurrence::MonitorStopped) the events end:
/// that is when the socket was closed, and what it had sent has left or lingered long enough, or when the context was
/// [shut down](crate::Context::shutdown).
///
/// ```
/// use ringmq::{Context, Kind, Occurrence};
///
/// let context = Context::new()?;
/// let mut server = context.socket(Kind::Rep)?;
/// let mut monitor = server.monitor()?;
/// server.bind("tcp://127.0.0.1:*")?;
/// let event = monitor.recv()?;
/// assert!(matches!(event.occurrence, Occurrence::Listening { .. }));
/// assert_eq!(event.local, server.last_endpoint());
/// drop(server);
/// assert!(monitor.any(|event| event.is_ok_and(|event| event.occurrence == Occurrence::MonitorStopped)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Monitor {
    sleeper: Sleeper,
    events: Receiver<MonitorEvent>,
    mark: ForkMark,
    /// Where events come from. It does not keep the monitor going.
    watch: WeakWatch,
}

/// Why there is no event.
#[derive(Debug, Error)]
pub enum MonitorError {
    /// None is there, and the call does not wait, or not any longer.
    #[error("no event is there")]
    WouldBlock,
    /// There was a last one.
    #[error("the monitor has stopped")]
    Ended,
    /// A signal was handled while the call waited.
    #[error("a signal was handled while waiting for an event")]
    Interrupted,
    /// This is a forked child; the monitor belongs to its parent.
    #[error("the monitor belongs to the process that this one was forked from")]
    Forked,
    /// The kernel refused.
    #[error("cannot wait: {0}")]
    Os(#[source] io::Error),
}

impl From<Slept> for MonitorError {
    fn from(slept: Slept) -> MonitorError {
        match slept {
            Slept::TimedOut => MonitorError::WouldBlock,
            Slept::Interrupted => MonitorError::Interrupted,
            Slept::Os(error) => MonitorError::Os(error),
        }
    }
}

impl Monitor {
    /// The next event; waits until there is one.
    ///
    /// # Errors
    ///
    /// [`MonitorError`].
    pub fn recv(&mut self) -> Result<MonitorEvent, MonitorError> {
        self.recv_until(None)
    }

    /// As [`recv`](Monitor::recv), until the deadline.
    ///
    /// # Errors
    ///
    /// [`MonitorError`].
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<MonitorEvent, MonitorError> {
        self.recv_until(Some(deadline))
    }

    /// The next event, if it is there now. If not, the [descriptor](AsFd) becomes readable when it is.
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
        // The sender does not wait for room.
        let _ = self.events.done();
        Some(event)
    }
}

/// Events, until they end. Whatever else keeps one from being received is an item.
impl Iterator for Monitor {
    type Item = Result<MonitorEvent, MonitorError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.recv() {
            Err(MonitorError::Ended) => None,
            other => Some(other),
        }
    }
}

/// For poll and epoll: readable when [`try_recv`](Monitor::try_recv) is worth a call. Call that until it has nothing
/// before the descriptor is polled again.
impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sleeper.as_fd()
    }
}

/// As [`AsFd`].
impl AsRawFd for Monitor {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Socket {
    /// Tells from now on what happens to the connections of this socket, and to its tcp and ipc endpoints. A socket has
    /// one monitor at a time: an earlier one stops.
    ///
    /// # Errors
    ///
    /// [`SocketError`].
    pub fn monitor(&mut self) -> Result<Monitor, SocketError> {
        self.may_be_monitored()?;
        let mut sleeper = Sleeper::new(self.options.wait)?;
        // The first look is the caller's.
        sleeper.ring()?;
        let bell = Waker::from(sleeper.bellpull());
        let (sender, events) = pipe(MOST, bell, Waker::of_nobody());
        self.watch.stop();
        self.watch.begin(Outlet::Typed { sender, lost: 0 });
        // After it has begun: a shutdown that comes now ends it.
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

    /// As [`monitor`](Socket::monitor), in libzmq's way: binds a socket to `endpoint`, which is `inproc://`, and sends
    /// the events on it whose bits are in `events`. `kind` is `Pair`, `Pub` or `Push`.
    ///
    /// 1,000 events wait for somebody to connect, and more than that in the pipe to whoever has; what there is no room
    /// for is dropped. What libzmq does not know, [`RoutingIdTaken`](crate::Occurrence::RoutingIdTaken) for one, is not sent.
    ///
    /// # Errors
    ///
    /// [`SocketError`] if no socket can be made, [`EndpointRefusal`] if it cannot be bound.
    pub fn monitor_on(
        &mut self,
        endpoint: &str,
        kind: Kind,
        events: u64,
        format: EventFormat,
    ) -> Result<(), PlainMonitorError> {
        self.may_be_monitored()?;
        // It may have the same endpoint.
        self.watch.stop();
        let mut socket = Socket::new(&self.registry.without_keeper(), kind)?;
        socket.set_linger(Some(Duration::ZERO));
        let Endpoint::Inproc(name) = parse(endpoint)? else {
            return Err(EndpointRefusal::WrongTransport(endpoint.to_owned()).into());
        };
        let face = socket.face_of_outlet(self.watch.weak());
        if !self.registry.lock().names.bind(&name, &face) {
            return Err(EndpointRefusal::InUse(endpoint.to_owned()).into());
        }
        let most = match format {
            EventFormat::One => u64::from(u16::MAX),
            EventFormat::Two => u64::MAX,
        };
        self.watch.begin(Outlet::Plain(Box::new(Plain {
            socket,
            events: events & most,
            format,
            waiting: VecDeque::new(),
        })));
        Ok(())
    }

    /// Ends the [monitor](Socket::monitor) of this socket, if there is one. Does nothing in a forked child.
    pub fn stop_monitor(&mut self) {
        if self.registry.is_here() {
            self.watch.stop();
        }
    }

    /// Has the monitor told how many messages [wait](crate::Occurrence::PipeStats) in the pipe of each tcp and ipc connection.
    /// Answers how many connections there are; `None` if no monitor is to be told.
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

/// Why events are not sent on a socket.
#[derive(Debug, Error)]
pub enum PlainMonitorError {
    /// It was not made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// It was not bound.
    #[error(transparent)]
    Endpoint(#[from] EndpointRefusal),
}
