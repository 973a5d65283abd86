//! A world of pipes that keep to the contract, and check that the pattern does.
//!
//! Messages are written as text: `a|b` has the parts `a` and `b`, `|b` an empty one and `b`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each file of tests has one, and uses some of it"
)]

use std::collections::VecDeque;

use ringmq_message::Frame;
use ringmq_pattern::{
    Kind, Pattern, Peer, Pipes, Ready, RecvPartError, Remote, RouteError, SendPartError, SetOption,
};

/// The pipe of one peer.
#[derive(Debug, Default)]
pub struct Pipe {
    pub attached: bool,
    pub terminated: bool,
    /// The peer is gone, and has left something to read.
    pub gone: bool,
    /// Messages that fit.
    pub room: usize,
    /// Messages that fit beyond those, by the last question.
    excess: usize,
    /// Those that fit, as far as is known, are there.
    pub spent: bool,
    /// Messages of the peer.
    inbound: VecDeque<Vec<Frame>>,
    /// What is left of the one that is being read.
    reading: VecDeque<Frame>,
    /// Messages for the peer.
    pub outbound: Vec<Vec<Frame>>,
    writing: Vec<Frame>,
    /// The last look of the pattern found nothing to read (`dry`), or no room (`full`).
    dry: bool,
    full: bool,
    /// The pattern has put the peer off for one call. The world marks it as readable again.
    pub put_off: bool,
    /// How often the pattern has looked.
    pub looks: u64,
}

#[derive(Debug, Default)]
pub struct World {
    pub pipes: Vec<Pipe>,
}

impl World {
    fn pipe(&mut self, peer: Peer) -> &mut Pipe {
        let pipe = &mut self.pipes[peer.0 as usize];
        assert!(pipe.attached, "{peer:?} is not attached");
        pipe
    }
}

impl Pipes for World {
    fn can_write(&mut self, peer: Peer) -> bool {
        let pipe = self.pipe(peer);
        assert!(pipe.writing.is_empty(), "asked in the middle of a message");
        pipe.looks += 1;
        pipe.excess = 0;
        pipe.full = pipe.outbound.len() >= pipe.room;
        !pipe.full
    }

    fn can_exceed(&mut self, peer: Peer, by: usize) -> bool {
        let pipe = self.pipe(peer);
        assert!(pipe.writing.is_empty(), "asked in the middle of a message");
        pipe.excess = by;
        pipe.full = pipe.outbound.len() >= pipe.room + by;
        !pipe.full
    }

    fn is_spent(&mut self, peer: Peer) -> bool {
        self.pipe(peer).spent
    }

    fn is_gone(&mut self, peer: Peer) -> bool {
        self.pipe(peer).gone
    }

    fn can_read(&mut self, peer: Peer) -> bool {
        let pipe = self.pipe(peer);
        pipe.looks += 1;
        pipe.dry = pipe.inbound.is_empty() && pipe.reading.is_empty();
        !pipe.dry
    }

    fn write(&mut self, peer: Peer, frame: Frame) {
        let pipe = self.pipe(peer);
        assert!(!pipe.writing.is_empty() || pipe.outbound.len() < pipe.room + pipe.excess);
        let more = frame.more();
        pipe.writing.push(frame);
        if !more {
            pipe.outbound.push(std::mem::take(&mut pipe.writing));
        }
    }

    fn rollback(&mut self, peer: Peer) {
        self.pipe(peer).writing.clear();
    }

    fn read(&mut self, peer: Peer) -> Option<Frame> {
        let pipe = self.pipe(peer);
        pipe.looks += 1;
        if pipe.reading.is_empty() {
            pipe.reading = pipe.inbound.pop_front().unwrap_or_default().into();
        }
        pipe.dry = pipe.reading.is_empty();
        pipe.reading.pop_front()
    }

    fn put_off(&mut self, peer: Peer) {
        self.pipe(peer).put_off = true;
    }

    fn terminate(&mut self, peer: Peer) {
        self.pipe(peer).terminated = true;
    }
}

/// A pattern, and the pipes of its socket.
#[derive(Debug)]
pub struct Stage {
    pub pattern: Pattern,
    pub world: World,
    /// Parts sent and received: where parts pass unseen, every other one goes the way without frames.
    parts: u32,
}

/// What numbers count from.
pub const START: u32 = 0x0102_0304;

impl Stage {
    pub fn new(kind: Kind) -> Stage {
        Stage {
            pattern: Pattern::new(kind, START),
            world: World::default(),
            parts: 0,
        }
    }

    fn goes_unseen(&mut self) -> bool {
        self.parts += 1;
        self.pattern.is_transparent() && self.parts.is_multiple_of(2)
    }

    fn send_one(&mut self, frame: Frame) -> Result<(), SendPartError> {
        if !self.goes_unseen() {
            return self.pattern.send(frame, &mut self.world);
        }
        match self.pattern.route(frame.more(), &mut self.world) {
            Ok(peer) => {
                self.world.write(peer, frame);
                Ok(())
            }
            Err(RouteError::WouldBlock) => Err(SendPartError::WouldBlock(frame)),
            Err(RouteError::NotSupported) => Err(SendPartError::NotSupported(frame)),
            Err(RouteError::State) => Err(SendPartError::State(frame)),
            Err(RouteError::Broken) => Err(SendPartError::Broken(frame)),
            Err(RouteError::Swallowed) => Ok(()),
            Err(RouteError::Multipart) => Err(SendPartError::Multipart(frame)),
        }
    }

    /// A stage with some peers.
    pub fn with(kind: Kind, peers: u32) -> Stage {
        let mut stage = Stage::new(kind);
        for peer in 0..peers {
            stage.join(peer);
        }
        stage
    }

    pub fn set(&mut self, option: SetOption<'_>) {
        self.pattern.set(option, &mut self.world).unwrap();
    }

    /// A pipe that stands, with room for ten messages, whose peer is not attached.
    pub fn pipe(&mut self, peer: u32) -> &mut Pipe {
        let pipes = &mut self.world.pipes;
        let index = peer as usize;
        pipes.resize_with(pipes.len().max(index + 1), Pipe::default);
        if !pipes[index].attached {
            pipes[index] = Pipe {
                attached: true,
                room: 10,
                ..Pipe::default()
            };
        }
        &mut pipes[index]
    }

    pub fn join(&mut self, peer: u32) {
        self.join_as(peer, "").unwrap();
    }

    /// Attaches a peer with a routing id.
    pub fn join_as(&mut self, peer: u32, id: &str) -> Result<(), ringmq_pattern::AttachError> {
        self.pipe(peer);
        let remote = Remote {
            routing_id: id.as_bytes(),
            ..Remote::default()
        };
        self.pattern.attach(Peer(peer), remote, &mut self.world)
    }

    pub fn leave(&mut self, peer: u32) {
        self.pattern.detach(Peer(peer), &mut self.world);
        let pipe = &mut self.world.pipes[peer as usize];
        assert!(pipe.writing.is_empty(), "half a message is left behind");
        pipe.attached = false;
    }

    /// The peer has sent a message.
    pub fn give(&mut self, peer: u32, text: &str) {
        let message = frames(text);
        self.give_frames(peer, message);
    }

    pub fn give_frames(&mut self, peer: u32, message: Vec<Frame>) {
        let pipe = self.world.pipe(Peer(peer));
        pipe.inbound.push_back(message);
        if std::mem::take(&mut pipe.dry) {
            let Stage { pattern, world, .. } = self;
            pattern.activated(Peer(peer), Ready::Readable, world);
        }
    }

    /// The peer has sent messages. The world marks it as readable at the next look.
    pub fn fill(&mut self, peer: u32, texts: impl Iterator<Item = String>) {
        let pipe = self.world.pipe(Peer(peer));
        pipe.inbound.extend(texts.map(|text| frames(&text)));
        pipe.put_off = true;
    }

    /// The peer has sent messages since the pattern last looked.
    pub fn give_all(&mut self, peer: u32, texts: impl Iterator<Item = String>) {
        let pipe = self.world.pipe(Peer(peer));
        pipe.inbound.extend(texts.map(|text| frames(&text)));
        let Stage { pattern, world, .. } = self;
        pattern.activated(Peer(peer), Ready::Readable, world);
    }

    /// What the peer has got since it was asked last.
    pub fn got(&mut self, peer: u32) -> Vec<String> {
        let pipe = &mut self.world.pipes[peer as usize];
        let messages = std::mem::take(&mut pipe.outbound);
        if std::mem::take(&mut pipe.full) {
            let Stage { pattern, world, .. } = self;
            pattern.activated(Peer(peer), Ready::Writable, world);
        }
        messages.iter().map(|message| text(message)).collect()
    }

    /// Sends a message.
    pub fn send(&mut self, text: &str) -> Result<(), SendPartError> {
        for frame in frames(text) {
            self.send_one(frame)?;
        }
        Ok(())
    }

    /// Sends a part, after which more follow.
    pub fn send_part(&mut self, text: &str) -> Result<(), SendPartError> {
        self.send_one(Frame::from(text).with_more(true))
    }

    /// Receives a message.
    pub fn recv(&mut self) -> Result<String, RecvPartError> {
        let mut message = vec![self.recv_part()?];
        while message[message.len() - 1].more() {
            message.push(self.recv_part()?);
        }
        Ok(text(&message))
    }

    /// Receives all messages that wait.
    pub fn recv_all(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.recv().ok()).collect()
    }

    /// Tells the pattern of the peers that it has put off, as a socket does before it looks again.
    fn tell_of_put_off(&mut self) {
        let Stage { pattern, world, .. } = self;
        for number in 0..world.pipes.len() {
            let pipe = &mut world.pipes[number];
            if std::mem::take(&mut pipe.put_off) && pipe.attached {
                pattern.activated(Peer(number as u32), Ready::Readable, world);
            }
        }
    }

    /// Receives a part.
    pub fn recv_part(&mut self) -> Result<Frame, RecvPartError> {
        self.tell_of_put_off();
        if !self.goes_unseen() {
            return self.pattern.recv(&mut self.world);
        }
        let mut part = None;
        let more = self.pattern.recv_to(&mut self.world, &mut part)?;
        let part: Frame = part.unwrap();
        assert_eq!(part.more(), more);
        Ok(part)
    }

    pub fn can_send(&mut self) -> bool {
        self.pattern.can_send(&mut self.world)
    }

    pub fn can_recv(&mut self) -> bool {
        self.tell_of_put_off();
        self.pattern.can_recv(&mut self.world)
    }
}

pub fn frames(text: &str) -> Vec<Frame> {
    let mut frames: Vec<Frame> = text.split('|').map(Frame::from).collect();
    let last = frames.len() - 1;
    for frame in &mut frames[..last] {
        frame.set_more(true);
    }
    frames
}

pub fn text(message: &[Frame]) -> String {
    for (place, frame) in message.iter().enumerate() {
        assert_eq!(frame.more(), place + 1 < message.len());
    }
    let parts: Vec<_> = message
        .iter()
        .map(|frame| String::from_utf8_lossy(frame))
        .collect();
    parts.join("|")
}
