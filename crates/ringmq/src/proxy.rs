//! Proxies: whatever comes in at one socket leaves through another, and back.
//!
//! ```text
//!   clients ---> frontend ----------> backend ---> services
//!           <---          <----------         <---
//!                   |  a copy of every part
//!                   +----------> capture
//! ```

use std::mem;

use ringmq_message::{Frame, Message};
use ringmq_pattern::{Kind, Ready};
use thiserror::Error;

use crate::error::{RecvError, SendError, SendRefusal};
use crate::events::Events;
use crate::poller::{Interest, Item, PollError, Poller};
use crate::socket::Socket;

/// Messages that go one way before the other way has its turn.
const BURST: usize = 1000;

/// Why a proxy has ended in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyEnd {
    /// The context was shut down.
    Shutdown,
    /// The control socket was told `TERMINATE`.
    Told,
}

/// What ended a proxy.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// It could not wait: a signal was handled, perhaps.
    #[error("a proxy cannot wait: {0}")]
    Poll(#[source] PollError),
    /// A socket does not receive, or not now.
    #[error("a proxy cannot receive: {0}")]
    Recv(#[source] RecvError),
    /// A socket does not send, or not within its timeout. The message that was received, whole, comes with it.
    #[error("a proxy cannot send: {0}")]
    Send(#[source] SendError),
}

/// Passes on messages between two sockets, both ways, until the context is shut down.
///
/// A message is passed on whole, up to 1,000 in one direction before the other has its turn. Nothing is received that the
/// other side cannot take. `capture`, if there is one, gets a copy of every part; it should be a PUB, PUSH, DEALER or
/// PAIR. More can be asked for with [`Proxy`].
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

/// A proxy with what it may have beside its two sockets.
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
    /// Not there if the frontend is on both sides.
    backend: Option<&'a mut Socket>,
    capture: Option<&'a mut Socket>,
    control: Option<&'a mut Socket>,
    state: State,
    /// At the frontend, and at the backend.
    passed: [Passed; 2],
    poller: Poller,
    /// The parts of the message that is passed on.
    parts: Vec<Frame>,
}

/// What went through one socket, in messages' parts and in bytes: received, and sent.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    received: [u64; 2],
    sent: [u64; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Active,
    Paused,
    Ended,
}

/// A socket of the proxy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Front,
    Back,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Front => Side::Back,
            Side::Back => Side::Front,
        }
    }
}

impl<'a> Proxy<'a> {
    /// One between two sockets.
    pub fn between(frontend: &'a mut Socket, backend: &'a mut Socket) -> Proxy<'a> {
        Proxy {
            backend: Some(backend),
            ..Proxy::of(frontend)
        }
    }

    /// One that sends what a socket receives through the same socket.
    pub fn of(socket: &'a mut Socket) -> Proxy<'a> {
        Proxy {
            frontend: socket,
            backend: None,
            capture: None,
            control: None,
            state: State::Active,
            passed: [Passed::default(); 2],
            poller: Poller::new(),
            parts: Vec::new(),
        }
    }

    /// With a socket that gets a copy of every part. The proxy waits for it, if it blocks.
    #[must_use]
    pub fn capture(mut self, socket: &'a mut Socket) -> Proxy<'a> {
        self.capture = Some(socket);
        self
    }

    /// With a socket that is told what to do: `PAUSE`, `RESUME`, `TERMINATE` or `STATISTICS`. The last is answered by eight
    /// parts, each a `u64` in the byte order of the machine: parts and bytes that the frontend has received and sent, and
    /// those of the backend. A REP answers the others, too, with an empty message.
    #[must_use]
    pub fn control(mut self, socket: &'a mut Socket) -> Proxy<'a> {
        self.control = Some(socket);
        self
    }

    /// Runs until it is told to end, or the context is shut down.
    ///
    /// # Errors
    ///
    /// [`ProxyError`].
    pub fn run(mut self) -> Result<ProxyEnd, ProxyError> {
        match self.work() {
            Ok(()) => Ok(ProxyEnd::Told),
            Err(
                ProxyError::Poll(PollError::Terminated) | ProxyError::Recv(RecvError::Terminated),
            ) => Ok(ProxyEnd::Shutdown),
            Err(ProxyError::Send(error)) if matches!(error.reason, SendRefusal::Terminated) => {
                Ok(ProxyEnd::Shutdown)
            }
            Err(error) => Err(error),
        }
    }

    fn work(&mut self) -> Result<(), ProxyError> {
        loop {
            // One command may change what the next is for.
            while self.take_command()? {}
            match self.state {
                State::Ended => return Ok(()),
                State::Paused => self.wait([Interest::NONE; 2])?,
                State::Active => {
                    let ready = self.events()?;
                    if !self.pass(ready)? {
                        let interests = self.interests(ready);
                        self.wait(interests)?;
                    }
                }
            }
        }
    }

    fn socket(&mut self, side: Side) -> &mut Socket {
        match (side, &mut self.backend) {
            (Side::Back, Some(backend)) => backend,
            _ => self.frontend,
        }
    }

    /// What the frontend and the backend are ready for. One that is alone can always be sent to: REP has to receive before.
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

    /// Whoever has something waits for room at the other, and whoever has nothing for something.
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

    fn wait(&mut self, interests: [Interest; 2]) -> Result<(), ProxyError> {
        let front = Item::socket(self.frontend, interests[0]);
        let back = self.backend.as_deref_mut();
        let back = back.map(|socket| Item::socket(socket, interests[1]));
        let control = self.control.as_deref_mut();
        let control = control.map(|socket| Item::socket(socket, Interest::READABLE));
        let waited = match (back, control) {
            (None, None) => self.poller.wait(&mut [front], None),
            (Some(one), None) | (None, Some(one)) => self.poller.wait(&mut [front, one], None),
            (Some(back), Some(control)) => self.poller.wait(&mut [front, back, control], None),
        };
        waited.map(drop).map_err(ProxyError::Poll)
    }

    /// Passes on what can be passed on. Says whether anything was.
    fn pass(&mut self, [front, back]: [Events; 2]) -> Result<bool, ProxyError> {
        let there = front.readable && back.writable && self.forward(Side::Front)?;
        let back = back.readable && front.writable && self.forward(Side::Back)?;
        Ok(there || back)
    }

    /// Passes a burst on.
    fn forward(&mut self, from: Side) -> Result<bool, ProxyError> {
        let alone = self.backend.is_none();
        for done in 0..BURST {
            if !alone && done > 0 && !has_room(self.socket(from.other())) {
                break;
            }
            let mut next = match self.socket(from).try_recv_part() {
                Err(RecvError::WouldBlock) => return Ok(done > 0),
                received => Some(received?),
            };
            self.parts.clear();
            while let Some(frame) = next.take() {
                let more = frame.more();
                count(&mut self.passed[from as usize].received, frame.len() as u64);
                self.parts.push(frame);
                if more {
                    // A message is there with all of its parts.
                    next = Some(self.socket(from).recv_part()?);
                }
            }
            self.pass_on(from)?;
        }
        Ok(true)
    }

    /// Passes on the message that was received: all of its parts, or none.
    fn pass_on(&mut self, from: Side) -> Result<(), ProxyError> {
        let mut parts = mem::take(&mut self.parts);
        let bytes: u64 = parts.iter().map(|frame| frame.len() as u64).sum();
        let count = parts.len() as u64;
        let copied = self.send_copy(&mut parts);
        let sent = copied.and_then(|()| self.socket(from.other()).send_parts(&mut parts));
        if let Err(reason) = sent {
            let message = parts.into_iter().collect();
            return Err(ProxyError::Send(SendError { reason, message }));
        }
        let [all, all_bytes] = &mut self.passed[from.other() as usize].sent;
        *all += count;
        *all_bytes += bytes;
        // Its memory is used again.
        self.parts = parts;
        Ok(())
    }

    /// Sends a copy of all parts to the socket that captures, if there is one.
    fn send_copy(&mut self, parts: &mut [Frame]) -> Result<(), SendRefusal> {
        let Some(capture) = &mut self.capture else {
            return Ok(());
        };
        let copy = parts.iter_mut().map(|frame| {
            frame.share();
            frame.clone()
        });
        let copy: Message = copy.collect();
        capture.send(copy).map_err(|error| error.reason)
    }

    /// Does what the control socket asks for. Says whether it asked.
    fn take_command(&mut self) -> Result<bool, ProxyError> {
        let Some(control) = &mut self.control else {
            return Ok(false);
        };
        if self.state == State::Ended {
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
            b"PAUSE" => self.state = State::Paused,
            b"RESUME" => self.state = State::Active,
            b"TERMINATE" => self.state = State::Ended,
            _ => {}
        }
        if control.kind() == Kind::Rep {
            control.send_part(Frame::new())?;
        }
        Ok(true)
    }

    /// Sends the eight numbers.
    fn tell(&mut self) -> Result<(), ProxyError> {
        let [front, back] = self.passed;
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

fn count(passed: &mut [u64; 2], bytes: u64) {
    passed[0] += 1;
    passed[1] += bytes;
}

/// Whether a message can be sent. Between the messages of a burst, this is cheaper than to ask for events.
fn has_room(socket: &mut Socket) -> bool {
    socket.pattern.can_send(&mut socket.peers)
        || (socket
            .peers
            .tell(&mut socket.pattern, Ready::Writable, true)
            && socket.pattern.can_send(&mut socket.peers))
}

impl From<RecvError> for ProxyError {
    fn from(error: RecvError) -> ProxyError {
        ProxyError::Recv(error)
    }
}

impl From<SendError> for ProxyError {
    fn from(error: SendError) -> ProxyError {
        ProxyError::Send(error)
    }
}
