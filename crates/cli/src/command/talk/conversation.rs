//! A socket with its endpoints, and the waits for its peers.
//!
//! One wait serves everything: the socket, standard input, standard output that its reader closes, what happens to
//! connections, and signals. A signal shuts the context down, which ends every call.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use ringmq::{
    Context, Interest, Item, Kind, Monitor, PollError, Poller, RecvError, RunningAuthenticator,
    SendError, SetOption, Socket, SocketOptions,
};

use crate::command::outcome::Failure;
use crate::command::talk::arguments::SocketArguments;
use crate::command::talk::endpoint::{self, Way};
use crate::command::talk::options::Plan;
use crate::command::talk::peers::Peers;
use crate::command::talk::signals::Interrupts;
use crate::command::talk::time::spoken;

/// When a terminal is told that there is no peer.
const SILENCE: Duration = Duration::from_secs(1);

/// A socket, and what a command knows of its peers.
pub(crate) struct Conversation {
    pub(crate) socket: Socket,
    context: Context,
    interrupts: Interrupts,
    monitor: Monitor,
    poller: Poller,
    pub(crate) peers: Peers,
    timeout: Option<Duration>,
    /// Whether a message was sent.
    sent: bool,
    _authenticator: Option<RunningAuthenticator>,
}

/// What a wait is for.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'fd> {
    pub(crate) of_socket: Interest,
    /// Something to read.
    pub(crate) input: Option<BorrowedFd<'fd>>,
    /// The end of the reader of this descriptor.
    pub(crate) output: Option<BorrowedFd<'fd>>,
    /// That something happens to a connection.
    pub(crate) peers: bool,
    /// A time at which something is due. The wait ends then.
    pub(crate) due: Option<Instant>,
}

/// How a wait has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// Something that was wanted is there, or is due.
    Ready,
    /// The deadline has passed.
    TimedOut,
}

impl Conversation {
    /// Makes the socket, and binds or connects it to its endpoints.
    pub(crate) fn begin(
        kind: Kind,
        arguments: &SocketArguments,
        usual: Way,
        options: SocketOptions,
        flags: &[SetOption<'_>],
    ) -> Result<Conversation, Failure> {
        let ways = endpoint::ways(
            &arguments.endpoints,
            arguments.bind,
            arguments.connect,
            usual,
        )?;
        let context = Context::new().map_err(Failure::work)?;
        let interrupts = Interrupts::watch(&context)?;
        let mut options = options.linger(arguments.timeout);
        if let Some(id) = &arguments.id {
            if !kind.sends_routing_id() {
                let failure = Failure::usage(format_args!("a socket of type {kind} has no --id"));
                return Err(failure.remedy("REQ, DEALER and ROUTER tell their id to a ROUTER"));
            }
            options = options.routing_id(id);
        }
        let (options, authenticator) = arguments.security.apply(options, &context)?;
        let plan = Plan::new(options, &arguments.options);
        let mut socket = plan.socket(&context, kind, flags)?;
        let monitor = socket.monitor().map_err(Failure::work)?;
        let mut peers = Peers::new(arguments.verbose, kind);
        for (way, endpoint) in &ways {
            endpoint::open(&mut socket, *way, endpoint)?;
            peers.opened(*way, endpoint, socket.last_endpoint());
        }
        Ok(Conversation {
            socket,
            context,
            interrupts,
            monitor,
            poller: Poller::new(),
            peers,
            timeout: arguments.timeout,
            sent: false,
            _authenticator: authenticator,
        })
    }

    /// When a wait that begins now has lasted for --timeout.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.timeout?)
    }

    /// Waits until something that is wanted is there.
    pub(crate) fn wait(
        &mut self,
        wanted: &Wanted<'_>,
        deadline: Option<Instant>,
    ) -> Result<Waited, Failure> {
        loop {
            self.check()?;
            self.peers.look(&mut self.monitor);
            self.peers.check()?;
            let now = Instant::now();
            if wanted.due.is_some_and(|due| now >= due) {
                return Ok(Waited::Ready);
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(Waited::TimedOut);
            }
            let notice = self.peers.tell_silence(now, SILENCE);
            let ends = [wanted.due, deadline, notice].into_iter().flatten();
            let limit = ends.min().map(|end| end - now);
            let mut items = vec![
                Item::socket(&mut self.socket, wanted.of_socket),
                Item::descriptor(self.monitor.as_fd(), Interest::READABLE),
            ];
            let input = wanted.input;
            items.extend(input.map(|input| Item::descriptor(input, Interest::READABLE)));
            let output = wanted.output;
            items.extend(output.map(|output| Item::descriptor(output, Interest::NONE)));
            match self.poller.wait(&mut items, limit) {
                Ok(_) => {}
                Err(PollError::Interrupted | PollError::Terminated) => continue,
                Err(error) => return Err(Failure::work(error)),
            }
            let ready: Vec<_> = items.iter().map(Item::ready).collect();
            if output.is_some() && ready.last().is_some_and(|output| output.broken) {
                return Err(Failure::output(std::io::ErrorKind::BrokenPipe.into()));
            }
            let is_there = |at: usize| ready.get(at).is_some_and(|ready| ready.any());
            if wanted.peers && is_there(1) {
                self.peers.look(&mut self.monitor);
                return Ok(Waited::Ready);
            }
            if is_there(0) || (input.is_some() && is_there(2)) {
                return Ok(Waited::Ready);
            }
        }
    }

    /// Waits until something that is wanted is there. `cause` says what did not happen by the deadline.
    pub(crate) fn wait_within(
        &mut self,
        wanted: &Wanted<'_>,
        deadline: Option<Instant>,
        cause: &str,
    ) -> Result<(), Failure> {
        match self.wait(wanted, deadline)? {
            Waited::Ready => Ok(()),
            Waited::TimedOut => Err(self.late(cause)),
        }
    }

    /// Waits until this time.
    pub(crate) fn wait_until(&mut self, due: Instant) -> Result<(), Failure> {
        let wanted = Wanted {
            due: Some(due),
            ..Wanted::default()
        };
        self.wait(&wanted, None).map(|_| ())
    }

    /// Lets the command end in order after a signal, however long that takes; a second one ends the process.
    pub(crate) fn be_patient(&self) {
        self.interrupts.be_patient();
    }

    /// Fails if a signal has come.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.interrupts.check()
    }

    /// Waits until as many peers are there as are asked for; a publisher also waits for a subscription.
    pub(crate) fn wait_for_peers(&mut self, count: usize) -> Result<(), Failure> {
        if count == 0 {
            return Ok(());
        }
        let deadline = self.deadline();
        // Subscriptions come right behind the handshake. That of one peer proves nothing of another, so that they get a
        // moment more.
        let moment = Duration::from_millis(100);
        let mut complete: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let enough = self.peers.count() >= count;
            let subscribed = self.socket.topics().is_none_or(|topics| topics > 0)
                || !self.socket.kind().publishes();
            if !enough {
                complete = None;
            } else if subscribed {
                let settled = complete.get_or_insert(now);
                let publishes = self.socket.kind().publishes();
                if count == 1 || !publishes || now >= *settled + moment {
                    return Ok(());
                }
            }
            // No descriptor says that a subscription has come.
            let look = enough.then(|| now + Duration::from_millis(2));
            let wanted = Wanted {
                peers: true,
                due: look,
                ..Wanted::default()
            };
            if self.wait(&wanted, deadline)? == Waited::TimedOut {
                let there = self.peers.count();
                let cause = format!("{there} of {count} peers came");
                return Err(self.late(&cause));
            }
        }
    }

    /// The failure of a wait that has lasted for --timeout.
    pub(crate) fn late(&mut self, cause: &str) -> Failure {
        self.peers.look(&mut self.monitor);
        let time = spoken(self.timeout.unwrap_or_default());
        let failure = Failure::timeout(format_args!("{cause} within {time}"));
        self.peers.explained(failure)
    }

    /// Sends by `attempt`, and waits for room where it is needed, for as long as --timeout says. `attempt` does not wait.
    pub(crate) fn send_by(
        &mut self,
        mut attempt: impl FnMut(&mut Socket) -> Result<(), SendError>,
    ) -> Result<(), Failure> {
        let mut deadline = None;
        loop {
            match attempt(&mut self.socket) {
                Ok(()) => {
                    self.sent = true;
                    return Ok(());
                }
                Err(SendError::WouldBlock | SendError::TimedOut) => {
                    let deadline = *deadline.get_or_insert_with(|| self.deadline());
                    let wanted = Wanted {
                        of_socket: Interest::WRITABLE,
                        ..Wanted::default()
                    };
                    self.wait_within(&wanted, deadline, "no peer took a message")?;
                }
                Err(SendError::Interrupted | SendError::Terminated) => self.check()?,
                Err(error) => return Err(Failure::work(error)),
            }
        }
    }

    /// What an error of a call that receives means: `None` if there is no message.
    pub(crate) fn nothing_received(&self, error: RecvError) -> Result<(), Failure> {
        match error {
            RecvError::WouldBlock | RecvError::TimedOut => Ok(()),
            RecvError::Interrupted | RecvError::Terminated => self.check(),
            error => Err(Failure::work(error)),
        }
    }

    /// A message was sent by another way than [`send_by`](Conversation::send_by).
    pub(crate) fn has_sent(&mut self) {
        self.sent = true;
    }

    /// Waits for the first peer, while what was sent is queued for one. A closed socket says nothing of its peers: if they
    /// refuse it, what was sent is gone.
    fn wait_for_first(&mut self) -> Result<(), Failure> {
        let deadline = self.deadline();
        let linger = self.socket.options().get_linger();
        let lingers = linger.is_none_or(|linger| !linger.is_zero());
        self.peers.look(&mut self.monitor);
        while lingers && self.sent && !self.socket.kind().publishes() && !self.peers.had_any() {
            let wanted = Wanted {
                peers: true,
                ..Wanted::default()
            };
            self.wait_within(&wanted, deadline, "no peer took what was sent")?;
        }
        Ok(())
    }

    /// Closes the socket, and waits until what it sent has left, for --timeout at most.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.check()?;
        self.wait_for_first()?;
        let linger = self.socket.options().get_linger();
        let Conversation {
            socket,
            context,
            interrupts,
            peers,
            timeout,
            _authenticator: authenticator,
            ..
        } = self;
        let start = Instant::now();
        drop(socket);
        // Its socket would be waited for.
        drop(authenticator);
        let (done, ended) = mpsc::channel();
        std::thread::spawn(move || {
            context.terminate();
            // The other end waits, unless a signal ends the process.
            let _ = done.send(());
        });
        if ended.recv_timeout(SILENCE) == Err(RecvTimeoutError::Timeout) {
            peers.tell_lingering();
            // It ends when everything has left, or by a signal.
            let _ = ended.recv();
        }
        interrupts.check()?;
        match linger {
            Some(linger) if timeout.is_some() && !linger.is_zero() && start.elapsed() >= linger => {
                let time = spoken(linger);
                let cause = format!("not all that was sent has left within {time}");
                Err(peers.explained(Failure::timeout(cause)))
            }
            _ => Ok(()),
        }
    }
}
