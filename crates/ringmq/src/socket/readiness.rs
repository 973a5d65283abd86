//! What a socket is ready for, and its descriptor for poll and epoll.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

use ringmq_pattern::{Kind, Ready};
use ringmq_pipe::waiting::Slept;
use ringmq_sys::Event;

use crate::error::RecvError;
use crate::socket::Socket;

/// What a socket is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Events {
    /// A message can be received without waiting.
    pub readable: bool,
    /// A message can be sent without waiting.
    pub writable: bool,
}

impl Socket {
    /// Whether a message can be sent, or received, without waiting.
    ///
    /// # Errors
    ///
    /// `Terminated` or `Forked`, as [`recv`](Socket::recv).
    ///
    /// ```
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// assert!(push.events()?.writable && !pull.events()?.readable);
    /// push.send("job")?;
    /// assert!(pull.events()?.readable);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events(&mut self) -> Result<Events, RecvError> {
        let events = self.events_now()?;
        self.sleeper.count(self.peers.received());
        if self.watched
            && !(events.readable && events.writable)
            && self.sleeper.arm_for_watcher().is_ok()
        {
            return self.events_now();
        }
        Ok(events)
    }

    /// As [`events`](Socket::events), for a call that goes on to wait: it does not arm the descriptor.
    pub(crate) fn events_now(&mut self) -> Result<Events, RecvError> {
        if !self.registry.is_here() {
            return Err(RecvError::Forked);
        }
        let events = self.look();
        if self.terminated {
            return Err(RecvError::Terminated);
        }
        Ok(events)
    }

    /// Whether the events may have changed.
    #[inline]
    pub(crate) fn has_news(&mut self, readable: bool, writable: bool) -> bool {
        self.mailbox.has_mail()
            || (readable && self.peers.any_readable())
            || ((writable || self.pattern.is_behind()) && self.peers.any_writable())
    }

    fn look(&mut self) -> Events {
        self.take_mail();
        self.peers
            .mark_ready(&mut self.pattern, Ready::Readable, true);
        self.peers
            .mark_ready(&mut self.pattern, Ready::Writable, true);
        self.take_mail();
        Events {
            readable: self.pattern.can_recv(&mut self.peers),
            writable: self.pattern.can_send(&mut self.peers),
        }
    }

    /// Arms the descriptor, after a call that found no message or no room.
    pub(crate) fn arm_for_watcher(&mut self) {
        self.peers.show();
        self.sleeper.count(self.peers.received());
        self.resume_host();
        if !self.watched || self.sleeper.arm_for_watcher().is_err() {
            return;
        }
        if self.has_news(true, true) {
            // It came before the descriptor was armed.
            let _ = self.sleeper.ring();
        }
    }

    /// The program looks, and does not wait here.
    pub(crate) fn resume_host(&mut self) {
        if let Some(host) = &self.host
            && self.peers.come_by_stream()
        {
            host.resume();
        }
    }

    /// Takes mail after a wait, and arms the descriptor if the wait was in vain.
    pub(crate) fn waited(&mut self, waited: &Result<(), Slept>) {
        self.take_mail();
        if waited.is_err() {
            self.arm_for_watcher();
        }
    }

    /// How many topics there are: those that the peers of a PUB or XPUB are subscribed to, or those that a SUB or XSUB has
    /// subscribed to. A topic of several subscribers counts once. `None` for other types.
    ///
    /// ```
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut news, mut reader) = (context.socket(Kind::Pub)?, context.socket(Kind::Sub)?);
    /// news.bind("inproc://news")?;
    /// reader.connect("inproc://news")?;
    /// for topic in ["weather", "sports", "sports"] {
    ///     reader.subscribe(topic)?;
    /// }
    /// assert_eq!(reader.topics(), Some(2));
    /// assert_eq!(news.topics(), Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn topics(&mut self) -> Option<usize> {
        let publishes = matches!(self.kind(), Kind::Pub | Kind::Xpub);
        if !publishes && !matches!(self.kind(), Kind::Sub | Kind::Xsub) {
            return None;
        }
        if self.registry.is_here() {
            self.look();
        }
        self.pattern.topics()
    }

    /// The descriptor for poll, epoll and async runtimes (such as tokio's `AsyncFd`), level- or edge-triggered. It is
    /// readable when the socket may have a message or room for one, and once after the first call. The caller then asks
    /// for [`events`](Socket::events), or sends or receives until that would block, before it waits for the descriptor
    /// again.
    ///
    /// The first call arms the socket: from then on peers write to the descriptor when the socket had nothing and now has
    /// something. That is a system call of theirs, which a socket without a watcher does not cause.
    ///
    /// ```
    /// use std::os::fd::AsFd;
    ///
    /// use ringmq::{Context, Interest, Item, Kind, Poller};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// let bell = pull.watch();
    /// push.send("job")?;
    /// while !pull.events()?.readable {
    ///     // As any descriptor that poll(2) knows.
    ///     Poller::new().wait(&mut [Item::descriptor(bell.as_fd(), Interest::READABLE)], None)?;
    /// }
    /// assert_eq!(pull.try_recv()?[0].as_slice(), b"job");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch(&mut self) -> Watched {
        if !self.watched && self.registry.is_here() {
            self.watched = true;
            // The first look is the caller's.
            let _ = self.sleeper.ring();
        }
        Watched(self.sleeper.event())
    }
}

/// The descriptor that [`Socket::watch`] gives. It stays open for as long as this value or the socket lives; after the
/// socket is closed, its readiness means nothing. Do not read from it or write to it.
#[derive(Debug, Clone)]
pub struct Watched(Arc<Event>);

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
