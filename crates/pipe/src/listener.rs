//! The accepting side.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use ringmq_sys::{Address, ListenOptions, UnixListener, poll};

use crate::error::{ConnectError, ListenError};
use crate::handshake::{Accepting, Advanced};
use crate::options::Options;
use crate::pipe::Pipe;

/// Connections whose set-up may be under way at once. One more ends the oldest.
const UNDER_WAY: usize = 64;

/// Listens at an address for processes of this machine.
///
/// A path that a dead process left behind is replaced; one where somebody listens, and one that is no
/// socket, is not. The path is removed when the listener is dropped.
///
/// Peers that are slow over connection set-up do not keep others waiting.
///
/// ```no_run
/// use ringmq_pipe::{Listener, Options};
///
/// let mut listener = Listener::bind("/run/feed", &Options::new())?;
/// loop {
///     let mut pipe = listener.accept()?;
///     std::thread::spawn(move || pipe.sender().send(b"hello"));
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    unix: UnixListener,
    options: Options,
    /// Oldest first, each with the end of its time, if there is one.
    under_way: Vec<(Accepting, Option<Instant>)>,
}

impl Listener {
    /// Binds a path, or `@name` for an abstract socket.
    ///
    /// # Errors
    ///
    /// [`ListenError`] names the address and what stands in the way.
    pub fn bind(address: &str, options: &Options) -> Result<Listener, ListenError> {
        options.check()?;
        let address: Address = address.parse()?;
        let unix = UnixListener::bind(
            &address,
            &ListenOptions {
                mode: options.mode,
                backlog: options.backlog,
                ..ListenOptions::default()
            },
        )?;
        Ok(Listener {
            unix,
            options: options.clone(),
            under_way: Vec::new(),
        })
    }

    /// Where it listens, as [`connect`](Options::connect) takes it.
    pub fn address(&self) -> String {
        self.unix.address().to_string()
    }

    /// Waits for the next peer. Whoever does not get through connection set-up is refused, and the
    /// wait goes on; [`attempt`](Listener::attempt) tells of them.
    ///
    /// # Errors
    ///
    /// Only what is wrong on this side: memory or descriptors run short, a signal was handled.
    pub fn accept(&mut self) -> Result<Pipe, ConnectError> {
        self.accept_until(None)
    }

    /// As [`accept`](Listener::accept), until the deadline.
    ///
    /// # Errors
    ///
    /// As [`accept`](Listener::accept), and [`ConnectError::TimedOut`].
    pub fn accept_deadline(&mut self, deadline: Instant) -> Result<Pipe, ConnectError> {
        self.accept_until(Some(deadline))
    }

    fn accept_until(&mut self, deadline: Option<Instant>) -> Result<Pipe, ConnectError> {
        loop {
            match self.attempt(deadline) {
                Err(
                    ConnectError::Refused(_)
                    | ConnectError::OtherUser { .. }
                    | ConnectError::Offer(_)
                    | ConnectError::PeerMemory { .. }
                    | ConnectError::PeerDoorbell(_)
                    | ConnectError::Exchange(_),
                ) => {}
                outcome => return outcome,
            }
        }
    }

    /// Waits until the next attempt to connect has come to its end, and says which.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]: what was wrong with the peer, or with this side; `TimedOut` at the deadline.
    pub fn attempt(&mut self, deadline: Option<Instant>) -> Result<Pipe, ConnectError> {
        loop {
            let now = Instant::now();
            let is_late = |until: &Option<Instant>| until.is_some_and(|until| until <= now);
            if let Some(at) = self.under_way.iter().position(|(_, until)| is_late(until)) {
                self.under_way.remove(at);
                let (got, want) = (0, crate::offer::FRAME);
                return Err(ringmq_sys::RecvError::TimedOut { got, want }.into());
            }
            let soonest = self
                .under_way
                .iter()
                .filter_map(|(_, until)| *until)
                .chain(deadline)
                .min();
            let streams = self.under_way.iter().map(|(peer, _)| peer.stream().as_fd());
            let all: Vec<BorrowedFd<'_>> = [self.unix.as_fd()].into_iter().chain(streams).collect();
            let ready = match poll::readable(&all, soonest) {
                Ok(ready) => ready,
                Err(error) => return Err(ConnectError::os("poll")(error)),
            };
            match ready.last() {
                None if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    return Err(ConnectError::TimedOut);
                }
                None => {}
                // Whoever has a frame to read comes before whoever is new.
                Some(0) => self.newcomer()?,
                Some(&index) => {
                    let (peer, until) = self.under_way.remove(index - 1);
                    match peer.advance(&self.options)? {
                        Advanced::Done(pipe) => return Ok(*pipe),
                        Advanced::Waiting(peer) => self.under_way.push((peer, until)),
                    }
                }
            }
        }
    }

    fn newcomer(&mut self) -> Result<(), ConnectError> {
        let now = Instant::now();
        match self.unix.accept(Some(now)) {
            Ok(stream) => {
                if self.under_way.len() >= UNDER_WAY {
                    self.under_way.remove(0);
                }
                let until = self.options.handshake_ends(now);
                self.under_way.push((Accepting::Offer(stream), until));
                Ok(())
            }
            // It has gone again.
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => Ok(()),
            Err(error) => Err(ConnectError::os("accept")(error)),
        }
    }
}

/// Readable while a peer waits to be accepted.
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.unix.as_fd()
    }
}
