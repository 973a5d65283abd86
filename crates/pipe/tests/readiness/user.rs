//! An end of a pipe, used with poll(2) or epoll(7).

use std::time::Duration;

use ringmq_pipe::{Pipe, Receiver, RecvError, SendError, Sender};
use ringmq_testing::Random;

use crate::events::{Edges, poll};
use crate::faces::{Give, Take};

/// How a user waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// By the calls that wait; the descriptor is never fetched.
    Blocking,
    /// Tries until there is nothing, then waits for an edge.
    Edge,
    /// Polls before each single call.
    Poll,
}

impl Style {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Style::Blocking => "blocking",
            Style::Edge => "edge",
            Style::Poll => "poll",
        }
    }

    pub(crate) fn named(name: &str) -> Style {
        let all = [Style::Blocking, Style::Edge, Style::Poll];
        all.into_iter().find(|style| style.name() == name).unwrap()
    }
}

/// Both halves of an end, and how it waits.
pub(crate) struct User {
    style: Style,
    // The halves go first, while they are still watched.
    sender: Sender,
    receiver: Receiver,
    room: Option<Edges>,
    data: Option<Edges>,
    random: Random,
    /// Times that it waited for its descriptor.
    pub(crate) waits: u64,
}

impl User {
    pub(crate) fn new(pipe: Pipe, style: Style, seed: u64) -> User {
        let (sender, receiver) = pipe.split();
        User {
            style,
            room: (style == Style::Edge).then(|| Edges::of(&sender)),
            data: (style == Style::Edge).then(|| Edges::of(&receiver)),
            sender,
            receiver,
            random: Random::new(seed),
            waits: 0,
        }
    }

    /// Is late by less than `most`, now and then, and more often by next to nothing.
    pub(crate) fn dawdle(&mut self, most: Duration) {
        match self.random.below(8) {
            0 => self.random.dawdle(most),
            1..5 => self.random.dawdle(most / 16),
            _ => {}
        }
    }

    /// Sends a message that is no longer than a piece.
    pub(crate) fn send(&mut self, message: &[u8]) {
        let give = Give::ALL[self.random.within(0..3)];
        loop {
            match self.style {
                Style::Blocking => return self.sender.send(message).unwrap(),
                Style::Poll => drop(poll(&self.sender, None)),
                Style::Edge => {}
            }
            match give.give(&mut self.sender, message) {
                Err(SendError::WouldBlock) => {}
                outcome => return outcome.unwrap(),
            }
            self.waits += 1;
            if let Some(edges) = &self.room {
                edges.wait(None);
            }
        }
    }

    /// Receives a message.
    pub(crate) fn recv(&mut self, message: &mut Vec<u8>) -> Result<(), RecvError> {
        let take = [Take::Recv, Take::InPlace][self.random.within(0..2)];
        loop {
            match self.style {
                Style::Blocking => return self.receiver.recv(message),
                Style::Poll => drop(poll(&self.receiver, None)),
                Style::Edge => {}
            }
            match take.take(&mut self.receiver, message) {
                Err(RecvError::WouldBlock) => {}
                outcome => return outcome,
            }
            self.waits += 1;
            if let Some(edges) = &self.data {
                edges.wait(None);
            }
        }
    }
}
