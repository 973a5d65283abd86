//! The accepting side.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use ringmq_sys::{Address, ListenOptions, UnixListener, poll};

use super::error::{ConnectError, ListenError};
use super::handshake::{Accepting, Advanced};
use super::options::Options;
use super::pipe::Pipe;

/// Connections whose set-up may be under way at once. One more ends one that is late, or waits until there is one.
const UNDER_WAY: usize = 64;
/// A peer that has said nothing for so long is late, and makes room. An honest one sends its offer as soon as it has
/// connected.
const SILENT: Duration = Duration::from_millis(100);
/// So is one that has sent its offer, and has not answered ours for so long.
const AT_WORK: Duration = Duration::from_millis(500);
/// Steps that a call takes once its deadline has passed, for peers that are there already.
const STEPS: usize = 2 * UNDER_WAY;

/// Listens at an address for processes of this machine.
///
/// A path that a dead process left behind is replaced; one where a process listens, and one that is no
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
    under_way: Vec<SetUp>,
}

/// A connection whose set-up is under way.
#[derive(Debug)]
struct SetUp {
    peer: Accepting,
    /// When it is dropped, if ever.
    until: Option<Instant>,
    /// From when on it makes room for others.
    late: Instant,
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

    /// Waits for the next peer. A peer that fails connection set-up is refused, and the
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
        let mut steps = 0;
        loop {
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                steps += 1;
                // Peers can connect as fast as they are accepted.
                if steps > STEPS {
                    return Err(ConnectError::TimedOut);
                }
            }
            let is_over = |one: &SetUp| one.until.is_some_and(|until| until <= now);
            if let Some(at) = self.under_way.iter().position(is_over) {
                self.under_way.remove(at);
                let (got, want) = (0, super::offer::FRAME);
                return Err(ringmq_sys::RecvError::TimedOut { got, want }.into());
            }
            let room = self.room_at();
            let soonest = self
                .under_way
                .iter()
                .filter_map(|one| one.until)
                .chain(deadline)
                .chain(room.filter(|at| *at > now))
                .min();
            let streams = self.under_way.iter().map(|one| one.peer.stream().as_fd());
            // Those that there is no room for wait where the kernel keeps them.
            let newcomers = room.is_none_or(|at| at <= now).then_some(self.unix.as_fd());
            let streams_at = usize::from(newcomers.is_some());
            let all: Vec<BorrowedFd<'_>> = newcomers.into_iter().chain(streams).collect();
            let ready = match poll::readable(&all, soonest) {
                Ok(ready) => ready,
                Err(error) => return Err(ConnectError::os("poll")(error)),
            };
            match ready.last() {
                None if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    return Err(ConnectError::TimedOut);
                }
                None => {}
                // A peer that has a frame to read comes before one that is new.
                Some(&index) if index < streams_at => self.newcomer()?,
                Some(&index) => {
                    let SetUp { peer, until, .. } = self.under_way.remove(index - streams_at);
                    match peer.advance(&self.options)? {
                        Advanced::Done(pipe) => return Ok(*pipe),
                        Advanced::Waiting(peer) => {
                            let late = Instant::now() + AT_WORK;
                            self.under_way.push(SetUp { peer, until, late });
                        }
                    }
                }
            }
        }
    }

    /// From when on one more can be accepted; `None` if one can in any case.
    fn room_at(&self) -> Option<Instant> {
        if self.under_way.len() < UNDER_WAY {
            return None;
        }
        self.under_way.iter().map(|one| one.late).min()
    }

    fn newcomer(&mut self) -> Result<(), ConnectError> {
        let now = Instant::now();
        match self.unix.accept(Some(now)) {
            Ok(stream) => {
                if self.under_way.len() >= UNDER_WAY {
                    let late = self.under_way.iter().enumerate();
                    let latest = late.min_by_key(|(_, one)| one.late);
                    if let Some((at, _)) = latest {
                        self.under_way.remove(at);
                    }
                }
                let until = self.options.handshake_ends(now);
                self.under_way.push(SetUp {
                    peer: Accepting::Offer(stream),
                    until,
                    late: now + SILENT,
                });
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
