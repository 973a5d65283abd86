//! The oracle of STREAM, and of a ROUTER whose connections carry bytes: a plain model says what each call has to do.
//!
//! Where the choices come from is the caller's affair: a seed (`tests/raw.rs`), or the fuzzer
//! (`fuzz/fuzz_targets/pattern_stream.rs`).

use std::collections::VecDeque;

use ringmq_message::Frame;
use ringmq_pattern::{AttachError, Kind, Peer, RecvPartError, Remote, SendPartError, SetOption};

use crate::world::{START, Stage};

/// Calls in one run.
const CALLS: u32 = 500;
/// Connections at once.
const PEERS: u32 = 5;

/// A source of choices, each of which follows from what the source began with.
pub(crate) trait Choices {
    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: u64) -> u64;

    /// Whether there is nothing left to choose by.
    fn is_over(&self) -> bool;

    /// True once in `many` times.
    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    /// Some bytes, fewer than `limit`.
    fn bytes(&mut self, limit: u64) -> Vec<u8> {
        let len = self.below(limit);
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}

/// What the model knows of a connection.
#[derive(Debug)]
struct Connection {
    id: Vec<u8>,
    /// What it has sent and the socket has not received.
    unread: VecDeque<Vec<u8>>,
    /// What the socket has sent to it.
    sent: Vec<Vec<u8>>,
    /// How often each of the others was received from while this one had something.
    passed: [u32; PEERS as usize],
}

/// Where the next part goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// It is an id.
    Idle,
    Nowhere,
    Connection(u32),
}

/// The pattern, and the model of it.
struct Run {
    stage: Stage,
    connections: [Option<Connection>; PEERS as usize],
    stream: bool,
    mandatory: bool,
    to: To,
    /// The second part of a message whose id was received.
    held: Option<Vec<u8>>,
    /// What the next id is made of.
    next: u32,
}

/// Makes calls as they are chosen, and checks each.
pub(crate) fn check(choices: &mut impl Choices) {
    let stream = choices.one_in(2);
    let stage = if stream {
        Stage::new(Kind::Stream)
    } else {
        let mut stage = Stage::new(Kind::Router);
        stage.set(SetOption::RouterRaw(true));
        stage
    };
    let mut run = Run {
        stage,
        connections: Default::default(),
        stream,
        mandatory: stream,
        to: To::Idle,
        held: None,
        next: START,
    };
    for _ in 0..CALLS {
        if choices.is_over() {
            break;
        }
        let peer = choices.below(PEERS.into()) as u32;
        match choices.below(12) {
            0 => run.join(peer, choices),
            1 if choices.one_in(2) => run.leave(peer),
            1 | 2 => run.change(peer, choices),
            3..=5 => run.give(peer, choices),
            6..=8 => run.send(choices),
            9 => run.take(peer),
            _ => run.recv(),
        }
        run.ask();
    }
    while run.held.is_some() || run.readable() {
        run.recv();
    }
    for peer in 0..PEERS {
        run.take(peer);
        run.leave(peer);
    }
    run.ask();
}

impl Run {
    fn owner(&self, id: &[u8]) -> Option<u32> {
        let mut all = (0..).zip(&self.connections);
        let found = all.find(|(_, one)| one.as_ref().is_some_and(|one| one.id == id));
        found.map(|(peer, _)| peer)
    }

    fn readable(&self) -> bool {
        let mut all = self.connections.iter().flatten();
        all.any(|one| !one.unread.is_empty())
    }

    fn has_room(&self, peer: u32) -> bool {
        let pipe = &self.stage.world.pipes[peer as usize];
        pipe.outbound.len() < pipe.room
    }

    /// Makes the id of a connection without a name.
    fn made(&mut self) -> Vec<u8> {
        loop {
            let id = [&[0][..], &self.next.to_be_bytes()].concat();
            self.next = self.next.wrapping_add(1);
            if self.owner(&id).is_none() {
                return id;
            }
        }
    }

    /// A connection, which the application may have named.
    fn join(&mut self, peer: u32, choices: &mut impl Choices) {
        if self.connections[peer as usize].is_some() {
            return;
        }
        let assigned = match choices.below(8) {
            0 => Some(choices.bytes(3)),
            // One that may be made up later, or was.
            1 => {
                let number = START + choices.below(8) as u32;
                Some([&[0][..], &number.to_be_bytes()].concat())
            }
            _ => None,
        };
        self.stage.pipe(peer).room = choices.below(4) as usize;
        let remote = Remote {
            assigned_id: assigned.as_deref(),
            ..Remote::default()
        };
        let Stage { pattern, world, .. } = &mut self.stage;
        let attached = pattern.attach(Peer(peer), remote, world);
        let refused = match &assigned {
            Some(id) if id.is_empty() => Some(AttachError::InvalidId(0)),
            Some(id) if self.owner(id).is_some() => Some(AttachError::DuplicateId),
            _ => None,
        };
        assert_eq!(attached.err(), refused);
        if refused.is_some() {
            self.stage.leave(peer);
            return;
        }
        let id = assigned.unwrap_or_else(|| self.made());
        assert_eq!(self.stage.pattern.routing_id(Peer(peer)), Some(&id[..]));
        assert_eq!(self.stage.pattern.peer_by_id(&id), Some(Peer(peer)));
        self.connections[peer as usize] = Some(Connection {
            id,
            unread: VecDeque::new(),
            sent: Vec::new(),
            passed: Default::default(),
        });
    }

    /// The connection ends, with all that is unread.
    fn leave(&mut self, peer: u32) {
        let Some(connection) = self.connections[peer as usize].take() else {
            return;
        };
        self.stage.leave(peer);
        assert_eq!(self.stage.pattern.peer_by_id(&connection.id), None);
        assert_eq!(self.stage.pattern.routing_id(Peer(peer)), None);
        if self.to == To::Connection(peer) {
            self.to = To::Nowhere;
        }
        // The turns are in another order now.
        for other in self.connections.iter_mut().flatten() {
            other.passed = Default::default();
        }
    }

    /// Something changes for a connection, or an option.
    fn change(&mut self, peer: u32, choices: &mut impl Choices) {
        if choices.one_in(3) {
            let on = choices.one_in(2);
            let Stage { pattern, world, .. } = &mut self.stage;
            let set = pattern.set(SetOption::RouterMandatory(on), world);
            assert_eq!(set.is_err(), self.stream);
            if !self.stream {
                self.mandatory = on;
            }
        } else if self.connections[peer as usize].is_some() {
            let pipe = self.stage.pipe(peer);
            pipe.spent = choices.one_in(4);
            pipe.gone = choices.one_in(4);
        }
    }

    /// The connection carries bytes; none for its beginning and its end.
    fn give(&mut self, peer: u32, choices: &mut impl Choices) {
        let Some(connection) = &mut self.connections[peer as usize] else {
            return;
        };
        let bytes = choices.bytes(4);
        connection.unread.push_back(bytes.clone());
        self.stage.give_frames(peer, vec![Frame::from(bytes)]);
    }

    /// A part of the application's: an id of some kind, or bytes.
    fn send(&mut self, choices: &mut impl Choices) {
        let peer = choices.below(u64::from(PEERS) + 1) as usize;
        let known = self.connections.get(peer).and_then(Option::as_ref);
        let bytes = match known {
            Some(connection) if !choices.one_in(8) => connection.id.clone(),
            _ => choices.bytes(4),
        };
        let more = !choices.one_in(4);
        let frame = Frame::from(bytes.clone()).with_more(more);
        let Stage { pattern, world, .. } = &mut self.stage;
        let before = world.pipes.iter().map(|pipe| pipe.terminated).collect();
        let sent = pattern.send(frame, world);
        match self.to {
            To::Idle => self.named(&bytes, more, sent),
            To::Nowhere => {
                assert!(sent.is_ok());
                self.to = To::Idle;
            }
            To::Connection(peer) => {
                assert!(sent.is_ok());
                self.to = To::Idle;
                return self.carried(peer, bytes, before);
            }
        }
        self.terminated(before);
    }

    /// The part was an id.
    fn named(&mut self, id: &[u8], more: bool, sent: Result<(), SendPartError>) {
        if !more {
            assert!(sent.is_ok());
            if self.stream {
                self.to = To::Nowhere;
            }
            return;
        }
        let owner = self.owner(id);
        let ready = owner.filter(|peer| {
            let spent = self.stage.world.pipes[*peer as usize].spent;
            self.has_room(*peer) && !(self.mandatory && spent)
        });
        let blocks = owner.is_some_and(|peer| {
            let pipe = &self.stage.world.pipes[peer as usize];
            pipe.spent || !pipe.gone
        });
        match sent {
            Ok(()) => {
                assert!(ready.is_some() || !self.mandatory);
                self.to = ready.map_or(To::Nowhere, To::Connection);
            }
            Err(SendPartError::WouldBlock(frame)) => {
                assert!(self.mandatory && ready.is_none() && blocks);
                assert!(frame.as_slice() == id && frame.more());
            }
            Err(SendPartError::HostUnreachable(frame)) => {
                assert!(self.mandatory && ready.is_none() && !blocks);
                assert!(frame.as_slice() == id && frame.more());
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    /// The part went to a connection, which ends if it was empty.
    fn carried(&mut self, peer: u32, bytes: Vec<u8>, mut terminated: Vec<bool>) {
        if bytes.is_empty() {
            terminated[peer as usize] = true;
        } else if let Some(connection) = &mut self.connections[peer as usize] {
            connection.sent.push(bytes);
        }
        self.terminated(terminated);
    }

    fn terminated(&self, expected: Vec<bool>) {
        let pipes = self.stage.world.pipes.iter();
        let found: Vec<bool> = pipes.map(|pipe| pipe.terminated).collect();
        assert_eq!(found, expected);
    }

    /// The connection takes what was sent to it.
    fn take(&mut self, peer: u32) {
        let Some(connection) = &mut self.connections[peer as usize] else {
            return;
        };
        let found = &self.stage.world.pipes[peer as usize].outbound;
        assert_eq!(found.len(), connection.sent.len());
        for (message, expected) in found.iter().zip(connection.sent.drain(..)) {
            let [frame] = &message[..] else {
                panic!("{message:?} are several parts");
            };
            assert!(frame.as_slice() == expected && !frame.more());
        }
        self.stage.got(peer);
    }

    /// A part for the application.
    fn recv(&mut self) {
        let received = self.stage.recv_part();
        if let Some(held) = self.held.take() {
            let frame = received.expect("the bytes behind an id");
            assert!(frame.as_slice() == held && !frame.more());
            return;
        }
        let id = match received {
            Ok(id) => id,
            Err(error) => {
                assert_eq!(error, RecvPartError::Empty);
                assert!(!self.readable());
                return;
            }
        };
        assert!(id.more());
        let peer = self.owner(&id).expect("the id of a connection");
        let connection = self.connections[peer as usize].as_mut();
        self.held = connection.and_then(|one| one.unread.pop_front());
        assert!(self.held.is_some(), "something that was not sent");
        self.in_turn(peer);
    }

    /// No connection that has something is passed over again and again.
    fn in_turn(&mut self, served: u32) {
        for (peer, connection) in (0..).zip(&mut self.connections) {
            let Some(connection) = connection else {
                continue;
            };
            if peer == served || connection.unread.is_empty() {
                connection.passed = Default::default();
                continue;
            }
            let passed = &mut connection.passed[served as usize];
            *passed += 1;
            assert!(*passed <= 2, "connection {peer} waits for {served}");
        }
    }

    /// What the application may ask at any time.
    fn ask(&mut self) {
        let can_recv = self.held.is_some() || self.readable();
        assert_eq!(self.stage.can_recv(), can_recv);
        let mut all = (0..PEERS).filter(|peer| self.connections[*peer as usize].is_some());
        let can_send = self.stream || !self.mandatory || all.any(|peer| self.has_room(peer));
        assert_eq!(self.stage.can_send(), can_send);
    }
}
