//! A udp socket on its I/O thread, and its pipe to the socket of the program.
//!
//! ```text
//!            pipe                                        udp
//!    RADIO  group, body      =================>  length, group, body
//!    DISH   joins, leaves    =>   the filter
//!           group, body      <=================  length, group, body
//!    DGRAM  address, body    <================>  body
//! ```
//!
//! A datagram that is malformed, too long, or of a group that the DISH has not joined is dropped. If the pipe is full,
//! the kernel keeps what comes, as far as its buffer reaches, and drops the rest.

use std::collections::HashSet;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::time::Instant;

use mio::{Interest, Registry, Token};
use ringmq_message::Frame;
use ringmq_pattern::Kind;
use ringmq_pipe::local::{Announcement, Receiver, Sender};
use ringmq_transport::{DATAGRAM_MOST, UdpSocket, datagram_address, datagram_name, split_datagram};

use crate::mail::{Command, Link, Marks, OpenUdp, PipeId};

/// Datagrams that are received, and that are sent, before others have their turn.
const TURN: usize = 64;

/// What came of working on a udp session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worked {
    /// Nothing is left to do now.
    Idle,
    /// More is left, for the next turn.
    More,
    /// The kernel had no memory: it is to be tried again after some time.
    Later,
    /// The socket of the program has closed, and everything was sent.
    Finished,
}

/// A udp socket and its pipe.
#[derive(Debug)]
pub(crate) struct UdpSession {
    pub(crate) id: PipeId,
    link: Link,
    socket: UdpSocket,
    /// Takes the messages that arrive.
    inbound: Sender<Frame>,
    /// Has the messages that the program sends.
    outbound: Receiver<Frame>,
    announcement: Announcement,
    /// A datagram that the kernel had no room for.
    unsent: Option<Datagram>,
    /// The groups that a DISH has joined.
    groups: HashSet<Vec<u8>>,
    /// The address that a DGRAM received from last, and the part that names it.
    last: Option<(SocketAddr, Frame)>,
    readable: bool,
    writable: bool,
    /// The reactor watches the descriptor.
    pub(crate) is_watched: bool,
    /// The program has closed its end of the pipe.
    pub(crate) letting_go: bool,
    /// The time at which it ends, whatever is unsent.
    pub(crate) until: Option<Instant>,
}

/// A datagram to be sent: the pieces of a RADIO's, or the body of a DGRAM's and where it goes.
#[derive(Debug)]
struct Datagram {
    group: Option<Frame>,
    body: Frame,
    to: Option<SocketAddr>,
}

impl UdpSession {
    pub(crate) fn new(open: OpenUdp) -> UdpSession {
        let OpenUdp {
            id,
            socket,
            link,
            ends,
        } = open;
        let receives = link.kind != Kind::Radio;
        UdpSession {
            id,
            link,
            socket,
            inbound: ends.inbound,
            outbound: ends.outbound,
            announcement: ends.announcement,
            unsent: None,
            groups: HashSet::new(),
            last: None,
            readable: receives,
            writable: true,
            is_watched: false,
            letting_go: false,
            until: None,
        }
    }

    /// Has the events of the socket told. If the kernel refuses, the session has to be looked at now and then.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = match self.link.kind {
            Kind::Radio => Interest::WRITABLE,
            Kind::Dish => Interest::READABLE,
            _ => Interest::READABLE | Interest::WRITABLE,
        };
        registry.register(&mut self.socket, token, interest)
    }

    /// Notes an event of the socket.
    pub(crate) fn happened(&mut self, readable: bool, writable: bool) {
        self.readable |= readable && self.link.kind != Kind::Radio;
        self.writable |= writable;
    }

    /// Tries what could not be done at the last look.
    pub(crate) fn look_again(&mut self) {
        self.happened(true, true);
    }

    pub(crate) fn set_marks(&mut self, marks: Marks) {
        self.inbound.set_mark(marks.receiving);
        self.outbound.set_mark(marks.sending);
    }

    /// Receives and sends, up to a turn's worth. `scratch` is room for one datagram.
    pub(crate) fn work(&mut self, scratch: &mut [u8]) -> Worked {
        self.announcement.disarm();
        let mut short = false;
        for _ in 0..TURN {
            let sent = self.send();
            let received = self.receive(scratch, &mut short);
            if !sent && !received && self.sleep() {
                self.show();
                return if self.letting_go && self.unsent.is_none() && self.outbound.is_at_end() {
                    Worked::Finished
                } else if short {
                    Worked::Later
                } else {
                    Worked::Idle
                };
            }
        }
        self.show();
        Worked::More
    }

    /// Shows the socket what has arrived. A socket that cannot be woken finds it at its next call.
    fn show(&mut self) {
        let _ = self.inbound.flush();
    }

    /// Announces that nothing is left to do; false if there is something after all.
    fn sleep(&mut self) -> bool {
        self.announcement.arm();
        if self.unsent.is_none() && self.outbound.is_ready() {
            self.announcement.disarm();
            return false;
        }
        true
    }

    /// Closes the pipe, and then tells the socket that the session has ended.
    pub(crate) fn end(self) {
        let UdpSession {
            id,
            link,
            inbound,
            outbound,
            ..
        } = self;
        drop((inbound, outbound));
        let _ = link.post.send(Command::Gone(id));
    }

    // --- To the network

    /// Sends one message of the socket. Says whether anything was done.
    fn send(&mut self) -> bool {
        if self.link.kind == Kind::Dish {
            return self.hear_groups();
        }
        if !self.writable {
            return false;
        }
        let Some(datagram) = self.unsent.take().or_else(|| self.next()) else {
            return false;
        };
        let head = datagram.group.as_ref().map(|group| [group.len() as u8]);
        let mut pieces = [IoSlice::new(&[]); 3];
        let mut count = 0;
        let mut add = |bytes| {
            pieces[count] = IoSlice::new(bytes);
            count += 1;
        };
        if let (Some(head), Some(group)) = (&head, &datagram.group) {
            add(&head[..]);
            add(&group[..]);
        }
        add(&datagram.body[..]);
        match self.socket.send(&pieces[..count], datagram.to) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.writable = false;
                self.unsent = Some(datagram);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => self.unsent = Some(datagram),
            // What the network does not take is lost, as what it loses.
            Ok(()) | Err(_) => {}
        }
        true
    }

    /// The next datagram that the program sends. Those that cannot be sent are dropped.
    fn next(&mut self) -> Option<Datagram> {
        loop {
            let first = self.outbound.pop()?;
            // A message has two parts: its pattern sees to that.
            let body = if first.more() {
                self.outbound.pop().unwrap_or_default()
            } else {
                Frame::new()
            };
            // A session that cannot give credit back tries with the next message.
            let _ = self.outbound.done();
            let datagram = match self.link.kind {
                Kind::Radio if first.len() <= usize::from(u8::MAX) => Datagram {
                    group: Some(first),
                    body,
                    to: None,
                },
                Kind::Dgram if let Some(to) = datagram_address(&first) => Datagram {
                    group: None,
                    body,
                    to: Some(to),
                },
                _ => continue,
            };
            if datagram.len() <= DATAGRAM_MOST {
                return Some(datagram);
            }
        }
    }

    // --- From the network

    /// Receives one datagram, if the socket has room for a message. Says whether anything was done.
    fn receive(&mut self, scratch: &mut [u8], short: &mut bool) -> bool {
        if !self.readable || self.letting_go || !self.inbound.has_room() {
            return false;
        }
        match self.socket.recv(scratch) {
            Ok((len, from)) => {
                self.take(&scratch[..len], from);
                true
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => true,
                kind => {
                    self.readable = false;
                    *short = kind != ErrorKind::WouldBlock;
                    false
                }
            },
        }
    }

    /// Hands a datagram to the socket, or drops it.
    fn take(&mut self, datagram: &[u8], from: SocketAddr) {
        if datagram.len() > DATAGRAM_MOST {
            return;
        }
        let (first, body) = if self.link.kind == Kind::Dish {
            let Some((group, body)) = split_datagram(datagram) else {
                return;
            };
            // It has been joined before it is sent to, in the order in which this thread sees both.
            self.hear_groups();
            if !self.groups.contains(group) {
                return;
            }
            (Frame::copy_from_slice(group), body)
        } else {
            (self.name(from), datagram)
        };
        let most = self.link.settings.max_message;
        if most.is_some_and(|most| body.len() as u64 > most) {
            return;
        }
        // Shown to the socket together with others.
        let _ = self.inbound.push_deferred(first.with_more(true), false);
        let _ = self
            .inbound
            .push_deferred(Frame::copy_from_slice(body), true);
    }

    /// The part that names where a datagram came from.
    fn name(&mut self, from: SocketAddr) -> Frame {
        match &self.last {
            Some((last, name)) if *last == from => name.clone(),
            _ => {
                let mut name = Frame::from(datagram_name(from));
                name.share();
                self.last = Some((from, name.clone()));
                name
            }
        }
    }

    /// Takes the groups that a DISH has joined and left. Says whether there were any.
    fn hear_groups(&mut self) -> bool {
        let mut any = false;
        while let Some(frame) = self.outbound.pop() {
            any = true;
            let _ = self.outbound.done();
            match frame.split_first() {
                Some((1, group)) => drop(self.groups.insert(group.to_vec())),
                Some((0, group)) => drop(self.groups.remove(group)),
                _ => {}
            }
        }
        any
    }
}

impl Datagram {
    fn len(&self) -> usize {
        let group = self.group.as_ref().map_or(0, |group| 1 + group.len());
        group + self.body.len()
    }
}
