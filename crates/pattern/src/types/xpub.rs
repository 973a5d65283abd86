//! XPUB and PUB: to all who subscribe.

use std::collections::VecDeque;

use ringmq_message::{Frame, Kind};

use crate::queues::Fanout;
use crate::route::{
    AttachError, OptionError, Peer, Pipes, Ready, RecvPartError, Remote, Route, SendPartError,
    SetOption, Table,
};
use crate::topics::{Removed, SUBSCRIBE, Subscribers, UNSUBSCRIBE, subscription};

/// What one peer may subscribe to, unless it is said: topics, and their bytes.
const LIMITS: (usize, usize) = (1 << 20, 64 << 20);

/// What one peer has caused and the application has not received may be so many times what it may subscribe to.
const KEPT: usize = 4;

/// Messages that are read from one peer in a row. More than a pipe holds, as a rule, but a peer that writes as fast as
/// they are read cannot keep the application's thread.
const BURST: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Xpub {
    /// What messages are matched with.
    subscribers: Subscribers,
    /// What peers asked for while the application subscribes them.
    asked: Subscribers,
    fanout: Fanout,
    /// A message is under way.
    sending: bool,
    pending: VecDeque<Pending>,
    /// How much of that each peer has caused: frames, and their bytes.
    caused: Table<(usize, usize)>,
    /// Peers of which not everything was read.
    backlog: Vec<Peer>,
    /// Whom the application subscribes.
    last: Option<Peer>,
    /// Whether the application can receive, and wants to know of subscriptions: it cannot on a PUB.
    upstream: bool,
    /// Whether a topic is matched as a whole, as that of a RADIO is, and not as what others begin with.
    exact: bool,
    /// The peers of a RADIO that cannot subscribe, and get every message.
    all: Vec<Peer>,
    welcome: Frame,
    limits: (usize, usize),
    verbose: bool,
    verboser: bool,
    nodrop: bool,
    manual: bool,
    last_value: bool,
    invert: bool,
    only_first: bool,
}

/// What the application is to receive.
#[derive(Debug)]
struct Pending {
    frame: Frame,
    /// Who has caused it, unless that peer has gone.
    from: Option<Peer>,
    /// In manual mode, for a subscription: whose it is, unless it has gone.
    asks: Option<Option<Peer>>,
}

impl Xpub {
    /// An XPUB; or a PUB or RADIO, which have nothing to receive.
    pub(crate) fn new(kind: Kind) -> Xpub {
        Xpub {
            subscribers: Subscribers::new(),
            asked: Subscribers::new(),
            fanout: Fanout::new(),
            sending: false,
            pending: VecDeque::new(),
            caused: Table::new(),
            backlog: Vec::new(),
            last: None,
            upstream: kind == Kind::Xpub,
            exact: kind == Kind::Radio,
            all: Vec::new(),
            welcome: Frame::new(),
            limits: LIMITS,
            verbose: false,
            verboser: false,
            nodrop: false,
            manual: false,
            last_value: false,
            invert: false,
            only_first: false,
        }
    }

    pub(crate) fn topics(&self) -> usize {
        self.subscribers.len()
    }

    /// Reads one message from below. Says whether there was one, and the peer may go on.
    fn read(&mut self, peer: Peer, pipes: &mut impl Pipes) -> bool {
        let (mut more, mut first, mut heeded) = (true, true, true);
        while more && let Some(frame) = pipes.read(peer) {
            more = frame.more();
            let subscription = matches!(frame.first(), Some(&(SUBSCRIBE | UNSUBSCRIBE)));
            let subscription = subscription && heeded;
            if first {
                heeded = !self.only_first || subscription;
            }
            first = false;
            let keeps_limits = if subscription {
                self.subscription(peer, frame)
            } else {
                !self.upstream || self.hand_on(peer, frame, None)
            };
            if !keeps_limits {
                pipes.terminate(peer);
                more = true;
                break;
            }
        }
        // The last part may be a subscription that is not handed on: then the message ends before it.
        if let Some(last) = self.pending.back_mut() {
            last.frame.set_more(false);
        }
        !more
    }

    /// Reads what waits. The rest is read with the next messages.
    fn read_burst(&mut self, peer: Peer, pipes: &mut impl Pipes) {
        for _ in 0..BURST {
            if !self.read(peer, pipes) {
                return;
            }
        }
        self.backlog.push(peer);
    }

    #[inline]
    fn catch_up(&mut self, pipes: &mut impl Pipes) {
        if !self.backlog.is_empty() {
            for peer in std::mem::take(&mut self.backlog) {
                self.read_burst(peer, pipes);
            }
        }
    }

    /// Nothing that is to be received is left in a pipe while nothing is pending, but for a peer that is put off: one
    /// that writes as fast as it is read what the application does not receive.
    fn look(&mut self, pipes: &mut impl Pipes) -> bool {
        if self.pending.is_empty() && self.upstream && !self.backlog.is_empty() {
            self.catch_up(pipes);
            if self.pending.is_empty() {
                for peer in self.backlog.drain(..) {
                    pipes.put_off(peer);
                }
            }
        }
        !self.pending.is_empty()
    }

    /// Keeps a frame for the application. Says whether the peer keeps within its limits: what the application does not
    /// receive waits without end otherwise.
    fn hand_on(&mut self, peer: Peer, frame: Frame, asks: Option<Option<Peer>>) -> bool {
        let (count, bytes) = self.caused.entry(peer);
        let (most, most_bytes) = self.limits;
        let (most, most_bytes) = (most.saturating_mul(KEPT), most_bytes.saturating_mul(KEPT));
        if *count >= most || frame.len() > most_bytes.saturating_sub(*bytes) {
            return false;
        }
        *count += 1;
        *bytes += frame.len();
        let from = Some(peer);
        self.pending.push_back(Pending { frame, from, asks });
        true
    }

    /// Says whether the peer keeps within its limits.
    fn subscription(&mut self, peer: Peer, frame: Frame) -> bool {
        let (kind, topic) = (frame[0], &frame[1..]);
        let subscribers = if self.manual {
            &mut self.asked
        } else {
            &mut self.subscribers
        };
        let told = if kind == SUBSCRIBE {
            let (topics, bytes) = subscribers.held(peer);
            let beyond =
                topics >= self.limits.0 || topic.len() > self.limits.1.saturating_sub(bytes);
            if beyond && !subscribers.contains(peer, topic) {
                return false;
            }
            subscribers.add(peer, topic) || self.verbose
        } else {
            subscribers.remove(peer, topic) != Removed::One || self.verboser
        };
        if self.upstream && (told || self.manual) {
            let asks = self.manual.then_some(Some(peer));
            return self.hand_on(peer, frame.with_more(false), asks);
        }
        true
    }

    /// Finds out who gets the message that begins with this.
    fn choose(&mut self, topic: &[u8]) {
        self.fanout.clear();
        if self.exact {
            let all = self.all.iter().copied();
            for peer in self.subscribers.exactly(topic).chain(all) {
                self.fanout.pick(peer);
            }
            return;
        }
        let only = self.last.filter(|_| self.manual && self.last_value);
        for peer in self.subscribers.matching(topic) {
            if only.is_none() || only == Some(peer) {
                self.fanout.pick(peer);
            }
        }
        if self.invert {
            self.fanout.invert();
        }
    }

    /// The subscriptions of a peer that has gone.
    fn forget(&mut self, peer: Peer) {
        if self.last == Some(peer) {
            self.last = None;
        }
        let (pending, manual, verboser) = (&mut self.pending, self.manual, self.verboser);
        for waiting in pending.iter_mut() {
            if waiting.asks == Some(Some(peer)) {
                waiting.asks = Some(None);
            }
            waiting.from = waiting.from.filter(|from| *from != peer);
        }
        self.caused.take(peer);
        let upstream = self.upstream;
        let mut tell = |topic: &[u8]| {
            if upstream {
                pending.push_back(Pending {
                    frame: subscription(UNSUBSCRIBE, topic),
                    from: None,
                    asks: manual.then_some(None),
                });
            }
        };
        self.asked.forget(peer, |topic, _| {
            if manual {
                tell(&topic);
            }
        });
        self.subscribers.forget(peer, |topic, last| {
            if !manual && (last || verboser) {
                tell(&topic);
            }
        });
    }
}

impl Route for Xpub {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        self.fanout.attach(peer);
        match (remote.subscribe_to_all, self.exact) {
            (true, true) => self.all.push(peer),
            // Every topic begins with the empty one.
            (true, false) => drop(self.subscribers.add(peer, &[])),
            (false, _) => {}
        }
        if !self.welcome.is_empty() && pipes.can_write(peer) {
            pipes.write(peer, self.welcome.clone());
        }
        self.activated(peer, Ready::Readable, pipes);
        Ok(())
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        self.forget(peer);
        self.all.retain(|known| *known != peer);
        self.backlog.retain(|behind| *behind != peer);
        self.fanout.detach(peer, pipes);
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, pipes: &mut P) {
        if ready == Ready::Readable && !self.backlog.contains(&peer) {
            self.read_burst(peer, pipes);
        }
    }

    fn send<P: Pipes>(&mut self, frame: Frame, pipes: &mut P) -> Result<(), SendPartError> {
        if !self.sending {
            self.catch_up(pipes);
            self.choose(&frame);
            if !self.nodrop {
                self.fanout.drop_full(pipes);
            } else if !self.fanout.have_room(pipes) {
                self.fanout.clear();
                return Err(SendPartError::WouldBlock(frame));
            }
            if self.manual && self.last_value {
                self.last = None;
            }
        }
        self.sending = frame.more();
        self.fanout.send(frame, pipes);
        Ok(())
    }

    fn recv<P: Pipes>(&mut self, pipes: &mut P) -> Result<Frame, RecvPartError> {
        if !self.upstream {
            return Err(RecvPartError::NotSupported);
        }
        self.look(pipes);
        let pending = self.pending.pop_front().ok_or(RecvPartError::Empty)?;
        if let Some(peer) = pending.asks {
            self.last = peer;
        }
        if let Some(peer) = pending.from {
            let (count, bytes) = self.caused.entry(peer);
            *count = count.saturating_sub(1);
            *bytes = bytes.saturating_sub(pending.frame.len());
        }
        Ok(pending.frame)
    }

    fn can_send<P: Pipes>(&mut self, _pipes: &mut P) -> bool {
        true
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.look(pipes)
    }

    fn set<P: Pipes>(&mut self, option: SetOption<'_>, _pipes: &mut P) -> Result<(), OptionError> {
        match option {
            SetOption::XpubVerbose(on) => (self.verbose, self.verboser) = (on, false),
            SetOption::XpubVerboser(on) => (self.verbose, self.verboser) = (on, on),
            SetOption::XpubNodrop(on) => self.nodrop = on,
            SetOption::XpubManual(on) => self.manual = on,
            SetOption::XpubManualLastValue(on) => (self.manual, self.last_value) = (on, on),
            SetOption::OnlyFirstSubscribe(on) => self.only_first = on,
            SetOption::InvertMatching(on) => self.invert = on,
            SetOption::XpubLimits { topics, bytes } => self.limits = (topics, bytes),
            SetOption::XpubWelcome(message) => {
                self.welcome = Frame::copy_from_slice(message);
            }
            SetOption::Subscribe(topic) if self.manual => {
                if let Some(peer) = self.last {
                    self.subscribers.add(peer, topic);
                }
            }
            SetOption::Unsubscribe(topic) if self.manual => {
                if let Some(peer) = self.last {
                    self.subscribers.remove(peer, topic);
                }
            }
            _ => return Err(OptionError),
        }
        Ok(())
    }
}
