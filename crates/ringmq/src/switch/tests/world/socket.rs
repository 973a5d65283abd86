//! A socket, as `peers/entry.rs` has it: where it sends, and where it receives.

use std::collections::VecDeque;

use super::session::{Order, Unsent};
use super::{Number, Verdict, World};

/// The ends that a socket has of one peer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Socket {
    outlet: Outlet,
    /// The connection in whose shared memory it sends from the next message on, if there is memory for that.
    next: Option<usize>,
    /// A message that was accepted and has no room in shared memory.
    waiting: Option<Number>,
    /// The connection whose memory it has a way back from.
    spare: Option<usize>,
    pub(crate) sent: u8,
    pub(crate) closed: bool,
    /// The session has ended.
    gone: bool,
    inlet: VecDeque<Source>,
    pub(crate) got: Vec<Number>,
}

/// Where messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Outlet {
    /// To this pipe.
    Pipe(usize),
    /// To the shared memory of this connection.
    Shared(usize),
    Closed,
}

/// Where messages come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    /// From this pipe.
    Pipe(usize),
    /// From the shared memory of this connection.
    Shared { connection: usize, ends: bool },
    /// What a dead peer has left.
    Left(VecDeque<Number>),
}

/// A command of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Command {
    /// The end in the shared memory of this connection.
    Sender(usize),
    Receiver(usize),
    /// Pipes instead; `gone`: the peer is gone.
    Downgrade {
        sender: Option<usize>,
        receiver: Option<usize>,
        gone: bool,
    },
    /// The peer's session will send again what is unread in shared memory.
    Stop,
    /// Send by ZMTP again.
    GiveBack,
    Gone,
    /// Another connection, by these pipes.
    Attach {
        sender: usize,
        receiver: usize,
    },
}

/// How a send turns out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Ample,
    Short,
    Full,
}

impl Socket {
    pub(crate) fn new() -> Socket {
        Socket {
            outlet: Outlet::Pipe(0),
            next: None,
            waiting: None,
            spare: None,
            sent: 0,
            closed: false,
            gone: false,
            inlet: VecDeque::from([Source::Pipe(0)]),
            got: Vec::new(),
        }
    }

    /// Returns true if a message waits for room.
    pub(crate) fn waits(&self) -> bool {
        self.waiting.is_some()
    }
}

impl World {
    pub(super) fn send(&mut self, number: usize, way: Way) -> Verdict<bool> {
        let side = &mut self.sides[number];
        let socket = &mut side.socket;
        let goes_over = matches!(socket.outlet, Outlet::Pipe(_)) && socket.next.is_some();
        let shared = matches!(socket.outlet, Outlet::Shared(_));
        let budget = match way {
            Way::Short if shared || goes_over => Some(&mut self.budget.send_short[number]),
            Way::Full if shared => Some(&mut self.budget.send_full[number]),
            Way::Ample => None,
            _ => return Ok(false),
        };
        if !side.alive
            || socket.closed
            || socket.gone
            || socket.waiting.is_some()
            || self.budget.messages[number] == 0
            || budget.as_ref().is_some_and(|left| **left == 0)
        {
            return Ok(false);
        }
        budget.into_iter().for_each(|left| *left -= 1);
        self.budget.messages[number] -= 1;
        let message = Number {
            life: side.life,
            count: socket.sent,
        };
        socket.sent += 1;
        match (socket.outlet, socket.next) {
            (Outlet::Pipe(pipe), Some(connection)) => {
                socket.next = None;
                if way == Way::Ample {
                    side.outbound[pipe].ended = true;
                    socket.outlet = Outlet::Shared(connection);
                    self.publish(number, connection, message);
                } else {
                    // The first message goes where those before it went, and the sender is dropped.
                    self.memories[connection][number].ended = true;
                    side.outbound[pipe].messages.push_back(message);
                }
            }
            (Outlet::Pipe(pipe), None) => side.outbound[pipe].messages.push_back(message),
            (Outlet::Shared(connection), _) if way == Way::Ample => {
                self.publish(number, connection, message);
            }
            (Outlet::Shared(_), _) => {
                socket.waiting = Some(message);
                if way == Way::Short {
                    self.cannot_go_on(number);
                }
            }
            (Outlet::Closed, _) => {}
        }
        Ok(true)
    }

    /// Publishes a message in shared memory. The socket may not have heard that the connection has ended.
    pub(super) fn publish(&mut self, number: usize, connection: usize, message: Number) {
        let memory = &mut self.memories[connection][number];
        memory.published.push(message);
        if memory.given {
            self.record.gave(number, &[message]);
        }
    }

    /// The socket has no memory, or gives it back.
    fn cannot_go_on(&mut self, number: usize) {
        if let Some(connection) = self.sides[number].socket.spare {
            let pipe = self.spare(number, connection);
            self.go_back(number, pipe);
        }
        self.sides[number].orders.push_back(Order::CannotSend);
    }

    /// The socket leaves shared memory, if it has not yet. What had no room there goes first.
    fn go_back(&mut self, number: usize, pipe: usize) {
        let side = &mut self.sides[number];
        let socket = &mut side.socket;
        if socket.spare.take().is_none() {
            return;
        }
        side.outbound[pipe].messages.extend(socket.waiting.take());
        match socket.outlet {
            Outlet::Pipe(old) => side.outbound[old].ended = true,
            Outlet::Shared(old) => self.memories[old][number].ended = true,
            Outlet::Closed => {}
        }
        if let Some(next) = socket.next.take() {
            self.memories[next][number].ended = true;
        }
        socket.outlet = Outlet::Pipe(pipe);
        side.orders.push_back(Order::Activate);
    }

    /// The message that waits in the socket is tried again.
    pub(super) fn retry_waiting(&mut self, number: usize, ample: bool) -> bool {
        let side = &mut self.sides[number];
        let socket = &mut side.socket;
        let (Outlet::Shared(connection), Some(message)) = (socket.outlet, socket.waiting) else {
            return false;
        };
        if ample {
            socket.waiting = None;
            self.publish(number, connection, message);
        } else {
            self.cannot_go_on(number);
        }
        true
    }

    pub(super) fn receive(&mut self, number: usize, ample: bool) -> Verdict<bool> {
        let side = &mut self.sides[number];
        if !side.alive || side.socket.closed {
            return Ok(false);
        }
        // It goes on to the next source, if there is one and this is at its end.
        while side.socket.inlet.len() > 1 {
            let at_end = match &side.socket.inlet[0] {
                Source::Pipe(pipe) => {
                    side.inbound[*pipe].ended && side.inbound[*pipe].messages.is_empty()
                }
                Source::Shared { connection, ends } => {
                    let memory = &self.memories[*connection][1 - number];
                    *ends || memory.ended && memory.read == memory.published.len()
                }
                Source::Left(left) => left.is_empty(),
            };
            if !at_end {
                break;
            }
            side.socket.inlet.pop_front();
        }
        let message = match side.socket.inlet.front_mut() {
            Some(Source::Pipe(pipe)) if ample => side.inbound[*pipe].messages.pop_front(),
            Some(Source::Left(left)) if ample => left.pop_front(),
            Some(Source::Shared { connection, ends }) if !*ends => {
                let memory = &mut self.memories[*connection][1 - number];
                let message = memory.published.get(memory.read).copied();
                let missing = memory.missing.is_some_and(|from| from <= memory.read);
                if message.is_some() && (missing || !ample) {
                    if !missing && self.budget.receive_short[number] == 0 {
                        return Ok(false);
                    }
                    self.budget.receive_short[number] -= u8::from(!missing);
                    self.record.short[number] = true;
                    *ends = true;
                    if !side.socket.gone {
                        side.orders.push_back(Order::CannotReceive);
                    }
                    return Ok(true);
                }
                if let Some(message) = message {
                    memory.read += 1;
                    self.record.read(1 - number, message)?;
                }
                message
            }
            _ => None,
        };
        let Some(message) = message else {
            return Ok(false);
        };
        side.socket.got.push(message);
        self.record.received(number, &side.socket.got)?;
        Ok(true)
    }

    pub(super) fn take_command(&mut self, number: usize) -> bool {
        let side = &mut self.sides[number];
        let Some(command) = side.commands.pop_front() else {
            return false;
        };
        let socket = &mut side.socket;
        let memories = &mut self.memories;
        let let_go = socket.closed || socket.gone;
        match command {
            Command::Sender(connection) if let_go => memories[connection][number].ended = true,
            Command::Downgrade { sender, .. } if let_go => {
                sender
                    .into_iter()
                    .for_each(|pipe| side.outbound[pipe].ended = true);
            }
            Command::Sender(connection) => {
                socket.next = Some(connection);
                socket.spare = Some(connection);
            }
            Command::Receiver(connection) => socket.inlet.push_back(Source::Shared {
                connection,
                ends: false,
            }),
            Command::Downgrade {
                sender,
                receiver,
                gone,
            } => {
                if gone {
                    socket.copy_out(memories, number);
                }
                if let Some(pipe) = receiver {
                    socket.inlet.push_back(Source::Pipe(pipe));
                }
                if let Some(pipe) = sender {
                    self.go_back(number, pipe);
                }
            }
            Command::Stop => {
                for source in &mut socket.inlet {
                    if let Source::Shared { ends, .. } = source {
                        *ends = true;
                    }
                }
            }
            Command::GiveBack => {
                if let Some(next) = socket.next.take() {
                    memories[next][number].ended = true;
                    side.orders.push_back(Order::Activate);
                }
                if matches!(socket.outlet, Outlet::Shared(_)) {
                    self.cannot_go_on(number);
                }
            }
            Command::Attach { sender, receiver } if socket.closed => {
                side.outbound[sender].ended = true;
                let _ = receiver;
            }
            Command::Attach { sender, receiver } => {
                self.record.forgets(number, socket.sent);
                socket.gone = false;
                socket.outlet = Outlet::Pipe(sender);
                socket.inlet.push_back(Source::Pipe(receiver));
            }
            Command::Gone => {
                socket.copy_out(memories, number);
                socket.gone = true;
                socket.next = None;
                socket.outlet = Outlet::Closed;
            }
        }
        true
    }

    /// The next segment of the peer cannot be mapped.
    pub(super) fn miss(&mut self, number: usize) -> bool {
        let Some(memories) = self.memories.last_mut() else {
            return false;
        };
        let memory = &mut memories[1 - number];
        let side = &self.sides[number];
        if self.budget.misses[number] == 0
            || !side.alive
            || !side.session.switch.is_agreed()
            || memory.missing.is_some()
        {
            return false;
        }
        self.budget.misses[number] -= 1;
        memory.missing = Some(memory.published.len());
        true
    }

    pub(super) fn close(&mut self, number: usize) -> bool {
        let side = &mut self.sides[number];
        let socket = &mut side.socket;
        if self.budget.closes[number] == 0 || !side.alive || socket.closed || socket.gone {
            return false;
        }
        self.budget.closes[number] -= 1;
        socket.closed = true;
        if let Some(next) = socket.next.take() {
            self.memories[next][number].ended = true;
        }
        let waiting = socket.waiting.take();
        let unsent = match (
            std::mem::replace(&mut socket.outlet, Outlet::Closed),
            waiting,
        ) {
            (Outlet::Shared(connection), Some(message)) => Some(Unsent {
                connection,
                message,
            }),
            (Outlet::Shared(connection), None) => {
                self.memories[connection][number].ended = true;
                None
            }
            (Outlet::Pipe(pipe), _) => {
                side.outbound[pipe].ended = true;
                None
            }
            (Outlet::Closed, _) => None,
        };
        side.orders.push_back(Order::Finish(unsent));
        true
    }
}

impl Socket {
    /// The peer is gone: what it has left in shared memory is copied out.
    fn copy_out(&mut self, memories: &mut [[super::Memory; 2]], number: usize) {
        for source in &mut self.inlet {
            if let Source::Shared { connection, ends } = source {
                let memory = &memories[*connection][1 - number];
                let left = if *ends {
                    VecDeque::new()
                } else {
                    memory.published[memory.read..].iter().copied().collect()
                };
                *source = Source::Left(left);
            }
        }
    }
}
