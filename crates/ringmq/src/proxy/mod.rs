//! Proxies, which pass messages on between two sockets, both ways.
//!
//! ```text
//!   clients ---> frontend ----------> backend ---> services
//!           <---          <----------         <---
//!                   |  a copy of every part
//!                   +----------> capture
//! ```

pub(crate) mod error;
pub(crate) mod progress;

pub use crate::proxy::error::ProxyError;
pub use crate::proxy::progress::{ProxyPause, ProxyProgress, ProxyStep};

use std::mem;

use ringmq_message::{Frame, Message};
use ringmq_pattern::{Kind, Ready};

use crate::error::{RecvError, SendError, UnsentError};
use crate::poller::{Interest, Item, PollError, PollStep, PollWait};
use crate::proxy::progress::{Rest, Side, State, count};
use crate::socket::Socket;
use crate::socket::patience::{Patience, Woken};
use crate::socket::pause::Pause;
use crate::socket::readiness::Events;

/// The most messages in one direction before the other direction has its turn.
const BURST: usize = 1000;

/// How many messages are passed on between two checks whether another thread wants a socket.
const WANTED_LOOK: usize = 64;

/// Why a proxy has ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyEnd {
    /// The context was shut down.
    Shutdown,
    /// The control socket has received `TERMINATE`.
    Told,
}

/// Passes on messages between two sockets, both ways, until the context is shut down.
///
/// Messages are passed on whole, at most 1,000 in one direction before the other has its turn. The proxy receives a message
/// only if the other side can take it. `capture`, if there is one, gets a copy of every part; it should be a PUB, PUSH,
/// DEALER or PAIR. [`Proxy`] can do more.
///
/// # Errors
///
/// [`ProxyError`].
///
/// ```
/// use ringmq::{Context, Kind, proxy};
///
/// let context = Context::new()?;
/// let (mut front, mut back) = (context.socket(Kind::Router)?, context.socket(Kind::Dealer)?);
/// front.bind("inproc://front")?;
/// back.bind("inproc://back")?;
/// let broker = std::thread::spawn(move || proxy(&mut front, &mut back, None));
///
/// let (mut client, mut service) = (context.socket(Kind::Req)?, context.socket(Kind::Rep)?);
/// client.connect("inproc://front")?;
/// service.connect("inproc://back")?;
/// client.send("question")?;
/// assert_eq!(service.recv()?[0].as_slice(), b"question");
/// service.send("answer")?;
/// assert_eq!(client.recv()?[0].as_slice(), b"answer");
///
/// context.shutdown();
/// assert!(broker.join().is_ok_and(|ended| ended.is_ok()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn proxy(
    frontend: &mut Socket,
    backend: &mut Socket,
    capture: Option<&mut Socket>,
) -> Result<(), ProxyError> {
    let mut proxy = Proxy::between(frontend, backend);
    proxy.capture = capture;
    proxy.run().map(drop)
}

/// A proxy between two sockets, with a capture socket and a control socket if the program wants them.
///
/// ```
/// use ringmq::{Context, Kind, Proxy, ProxyEnd};
///
/// let context = Context::new()?;
/// let (mut front, mut back) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
/// let (mut control, mut remote) = (context.socket(Kind::Rep)?, context.socket(Kind::Req)?);
/// control.bind("inproc://control")?;
/// remote.connect("inproc://control")?;
/// remote.send("TERMINATE")?;
/// let end = Proxy::between(&mut front, &mut back).control(&mut control).run()?;
/// assert_eq!(end, ProxyEnd::Told);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Proxy<'a> {
    frontend: &'a mut Socket,
    /// `None` if the frontend is on both sides.
    backend: Option<&'a mut Socket>,
    capture: Option<&'a mut Socket>,
    control: Option<&'a mut Socket>,
    progress: ProxyProgress,
}

/// The outcome of a burst.
#[derive(Debug, Default)]
struct Forwarded {
    /// Whether a message was passed on, or is being passed on.
    any: bool,
    pause: Option<ProxyPause>,
}

impl<'a> Proxy<'a> {
    /// Makes a proxy between two sockets.
    pub fn between(frontend: &'a mut Socket, backend: &'a mut Socket) -> Proxy<'a> {
        Proxy {
            backend: Some(backend),
            ..Proxy::of(frontend)
        }
    }

    /// Makes a proxy that sends the messages that a socket receives through the same socket.
    pub fn of(socket: &'a mut Socket) -> Proxy<'a> {
        Proxy {
            frontend: socket,
            backend: None,
            capture: None,
            control: None,
            progress: ProxyProgress::default(),
        }
    }

    /// Continues the work of a proxy of the same sockets that has [stopped](Proxy::stop).
    #[doc(hidden)]
    #[must_use]
    pub fn resume(mut self, progress: ProxyProgress) -> Proxy<'a> {
        self.progress = progress;
        self
    }

    /// Gives the sockets up in a pause, and keeps the state.
    #[doc(hidden)]
    pub fn stop(self) -> ProxyProgress {
        self.progress
    }

    /// Adds a socket that gets a copy of every part. The proxy waits for it, if it blocks.
    #[must_use]
    pub fn capture(mut self, socket: &'a mut Socket) -> Proxy<'a> {
        self.capture = Some(socket);
        self
    }

    /// Adds a socket that receives commands: `PAUSE`, `RESUME`, `TERMINATE` or `STATISTICS`. The proxy replies to the last
    /// with eight parts, each a `u64` in the byte order of the machine: parts and bytes that the frontend has received,
    /// parts and bytes that it has sent, and the same for the backend. A REP replies to the other commands with an empty
    /// message.
    #[must_use]
    pub fn control(mut self, socket: &'a mut Socket) -> Proxy<'a> {
        self.control = Some(socket);
        self
    }

    /// Runs until the control socket receives `TERMINATE`, or the context is shut down.
    ///
    /// # Errors
    ///
    /// [`ProxyError`].
    pub fn run(mut self) -> Result<ProxyEnd, ProxyError> {
        loop {
            match self.step()? {
                ProxyStep::Ended(end) => return Ok(end),
                ProxyStep::Pause(pause) => {
                    pause.rest(&mut self.progress);
                    self.sockets().for_each(Socket::wake);
                }
            }
        }
    }

    /// Runs up to the end or up to a pause, for the C library, where threads share sockets by locks. In a pause the caller
    /// [stops](Proxy::stop), unlocks the sockets, [rests](ProxyPause::rest), locks the sockets again,
    /// [wakes](Socket::wake) each of them, and [resumes](Proxy::resume).
    ///
    /// # Errors
    ///
    /// [`ProxyError`].
    #[doc(hidden)]
    pub fn step(&mut self) -> Result<ProxyStep, ProxyError> {
        match self.work() {
            Ok(pause) => Ok(pause.map_or(ProxyStep::Ended(ProxyEnd::Told), ProxyStep::Pause)),
            Err(
                ProxyError::Poll(PollError::Terminated) | ProxyError::Recv(RecvError::Terminated),
            ) => Ok(ProxyStep::Ended(ProxyEnd::Shutdown)),
            Err(ProxyError::Send(error)) if matches!(error.reason, SendError::Terminated) => {
                Ok(ProxyStep::Ended(ProxyEnd::Shutdown))
            }
            Err(error) => Err(error),
        }
    }

    /// Works up to a pause, or until a command ends it.
    fn work(&mut self) -> Result<Option<ProxyPause>, ProxyError> {
        if let Some((wait, interests)) = self.progress.wait.take()
            && let Some(pause) = self.wait(wait, interests)?
        {
            return Ok(Some(pause));
        }
        // A message that was being passed on at a pause comes first.
        if let Some(from) = self.progress.from
            && let Some(pause) = self.forward(from)?.pause
        {
            return Ok(Some(pause));
        }
        loop {
            if self.is_wanted() {
                return Ok(Some(ProxyPause::brief()));
            }
            // Each command may change the state before the next is read.
            while self.take_command()? {}
            let interests = match self.progress.state {
                State::Ended => return Ok(None),
                State::Paused => [Interest::NONE; 2],
                State::Active => {
                    let ready = self.events()?;
                    let passed = self.pass(ready)?;
                    if passed.pause.is_some() {
                        return Ok(passed.pause);
                    }
                    if passed.any {
                        continue;
                    }
                    self.interests(ready)
                }
            };
            if let Some(pause) = self.wait(PollWait::new(None), interests)? {
                return Ok(Some(pause));
            }
        }
    }

    fn sockets(&mut self) -> impl Iterator<Item = &mut Socket> {
        let others = [&mut self.backend, &mut self.capture, &mut self.control];
        let others = others.into_iter().filter_map(Option::as_deref_mut);
        std::iter::once(&mut *self.frontend).chain(others)
    }

    fn socket(&mut self, side: Side) -> &mut Socket {
        match (side, &mut self.backend) {
            (Side::Back, Some(backend)) => backend,
            _ => self.frontend,
        }
    }

    /// What the frontend and the backend are ready for. A socket on both sides counts as writable: a REP is so only after
    /// it has received.
    fn events(&mut self) -> Result<[Events; 2], RecvError> {
        let mut front = self.frontend.events_now()?;
        let back = match &mut self.backend {
            Some(backend) => backend.events_now()?,
            None => {
                front.writable = true;
                Events {
                    readable: false,
                    writable: true,
                }
            }
        };
        Ok([front, back])
    }

    /// What to wait for: room at the other side for a side that has a message, and a message for a side that has none.
    fn interests(&self, ready: [Events; 2]) -> [Interest; 2] {
        let mut interests = [Interest::NONE; 2];
        for from in [0, 1] {
            if !ready[from].readable {
                interests[from] |= Interest::READABLE;
            } else if !ready[1 - from].writable {
                interests[1 - from] |= Interest::WRITABLE;
            }
        }
        interests
    }

    /// Waits. Returns a pause, if the wait needs one.
    fn wait(
        &mut self,
        mut wait: PollWait,
        interests: [Interest; 2],
    ) -> Result<Option<ProxyPause>, ProxyError> {
        let front = Item::socket(self.frontend, interests[0]);
        let back = self.backend.as_deref_mut();
        let back = back.map(|socket| Item::socket(socket, interests[1]));
        let control = self.control.as_deref_mut();
        let control = control.map(|socket| Item::socket(socket, Interest::READABLE));
        let poller = &mut self.progress.poller;
        let step = match (back, control) {
            (None, None) => poller.step(&mut [front], &mut wait),
            (Some(one), None) | (None, Some(one)) => poller.step(&mut [front, one], &mut wait),
            (Some(back), Some(control)) => poller.step(&mut [front, back, control], &mut wait),
        };
        match step.map_err(ProxyError::Poll)? {
            PollStep::Ready(_) => Ok(None),
            PollStep::Pause(pause) => {
                self.progress.wait = Some((wait, interests));
                Ok(Some(ProxyPause(Rest::Wait(pause))))
            }
        }
    }

    /// Passes messages on, in both directions.
    fn pass(&mut self, [front, back]: [Events; 2]) -> Result<Forwarded, ProxyError> {
        let mut there = Forwarded::default();
        if front.readable && back.writable {
            there = self.forward(Side::Front)?;
        }
        if there.pause.is_some() || !(back.readable && front.writable) {
            return Ok(there);
        }
        let mut here = self.forward(Side::Back)?;
        here.any |= there.any;
        Ok(here)
    }

    /// Passes on a burst of messages in one direction.
    fn forward(&mut self, from: Side) -> Result<Forwarded, ProxyError> {
        let mut done = 0;
        while self.progress.from.is_some() || self.take_message(from, done)? {
            self.progress.from = Some(from);
            if let Some(pause) = self.pass_on(from)? {
                return Ok(Forwarded {
                    any: true,
                    pause: Some(ProxyPause(Rest::Send(pause))),
                });
            }
            self.progress.from = None;
            done += 1;
        }
        Ok(Forwarded {
            any: done > 0,
            pause: None,
        })
    }

    /// Receives the next message of this burst into `parts`. Returns false if there is none, or if the burst is over.
    fn take_message(&mut self, from: Side, done: usize) -> Result<bool, ProxyError> {
        let alone = self.backend.is_none();
        let enough = done >= BURST
            || (done > 0 && done.is_multiple_of(WANTED_LOOK) && self.is_wanted())
            || (!alone && done > 0 && !has_room(self.socket(from.other())));
        if enough {
            return Ok(false);
        }
        let mut next = match self.socket(from).try_recv_part() {
            Err(RecvError::WouldBlock) => return Ok(false),
            received => Some(received?),
        };
        self.progress.parts.clear();
        while let Some(frame) = next.take() {
            let more = frame.more();
            count(
                &mut self.progress.passed[from as usize].received,
                frame.len() as u64,
            );
            self.progress.parts.push(frame);
            if more {
                // If one part is there, all parts are.
                next = Some(self.socket(from).recv_part()?);
            }
        }
        Ok(true)
    }

    fn is_wanted(&mut self) -> bool {
        self.sockets().any(|socket| socket.is_wanted())
    }

    /// Sends the message that was received: all of its parts, or none. Returns a pause, if threads share a socket that has to
    /// be waited for.
    fn pass_on(&mut self, from: Side) -> Result<Option<Pause>, ProxyError> {
        let mut parts = mem::take(&mut self.progress.parts);
        let bytes: u64 = parts.iter().map(|frame| frame.len() as u64).sum();
        let count = parts.len() as u64;
        let sent = self.send_parts(from, &mut parts);
        if let Err(reason) = sent {
            let message = parts.into_iter().collect();
            return Err(ProxyError::Send(UnsentError { reason, message }));
        }
        // Its memory is used again.
        self.progress.parts = parts;
        if let Ok(Some(pause)) = sent {
            return Ok(Some(pause));
        }
        let [all, all_bytes] = &mut self.progress.passed[from.other() as usize].sent;
        *all += count;
        *all_bytes += bytes;
        Ok(None)
    }

    /// Sends a copy of all parts to the capture socket, if there is one, then the parts themselves.
    fn send_parts(
        &mut self,
        from: Side,
        parts: &mut Vec<Frame>,
    ) -> Result<Option<Pause>, SendError> {
        let mut woken = self.progress.woken.take().transpose()?;
        if let Some(capture) = &mut self.capture
            && !self.progress.captured
        {
            let copy = parts.iter_mut().map(|frame| {
                frame.share();
                let more = frame.more();
                frame.clone().with_more(more)
            });
            if let Some(pause) = send(capture, &mut copy.collect(), woken.take())? {
                return Ok(Some(pause));
            }
        }
        let pause = send(self.socket(from.other()), parts, woken)?;
        self.progress.captured = pause.is_some();
        Ok(pause)
    }

    /// Performs a command of the control socket. Returns false if there was none.
    fn take_command(&mut self) -> Result<bool, ProxyError> {
        let Some(control) = &mut self.control else {
            return Ok(false);
        };
        if self.progress.state == State::Ended {
            return Ok(false);
        }
        let command = match control.try_recv_part() {
            Err(RecvError::WouldBlock | RecvError::State) => return Ok(false),
            received => received?,
        };
        match command.as_slice() {
            b"STATISTICS" => {
                self.tell()?;
                return Ok(true);
            }
            b"PAUSE" => self.progress.state = State::Paused,
            b"RESUME" => self.progress.state = State::Active,
            b"TERMINATE" => self.progress.state = State::Ended,
            _ => {}
        }
        if control.kind() == Kind::Rep {
            control.send_part(Frame::new())?;
        }
        Ok(true)
    }

    /// Sends the statistics.
    fn tell(&mut self) -> Result<(), ProxyError> {
        let [front, back] = self.progress.passed;
        let numbers = [front.received, front.sent, back.received, back.sent];
        let numbers = numbers.as_flattened();
        if let Some(control) = &mut self.control {
            let frames = numbers
                .iter()
                .map(|number| Frame::from(&number.to_ne_bytes()[..]));
            control.send(frames.collect::<Message>())?;
        }
        Ok(())
    }
}

/// Sends all parts of a message. Returns a pause, if threads share the socket and it has to be waited for.
fn send(
    socket: &mut Socket,
    parts: &mut Vec<Frame>,
    woken: Option<Woken>,
) -> Result<Option<Pause>, SendError> {
    let patience = woken.map_or(Patience::Timeout, Patience::Again);
    match socket.send_parts(parts, patience) {
        Ok(()) => Ok(None),
        Err(refusal) => socket.take_pause().map(Some).ok_or(refusal),
    }
}

/// Returns true if a message can be sent. Between the messages of a burst this costs less than `events`.
fn has_room(socket: &mut Socket) -> bool {
    socket.pattern.can_send(&mut socket.peers)
        || (socket
            .peers
            .mark_ready(&mut socket.pattern, Ready::Writable, true)
            && socket.pattern.can_send(&mut socket.peers))
}
