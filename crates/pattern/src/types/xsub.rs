//! XSUB and SUB: from all publishers in turn, subscriptions to all of them.

use ringmq_message::{Frame, Kind};

use crate::queues::{Drops, FairQueue, Fanout};
use crate::route::{
    AttachError, OptionError, Peer, Pipes, Ready, RecvPartError, Remote, Route, SendPartError,
    SetOption, Table,
};
use crate::topics::{Changes, SUBSCRIBE, Topics, UNSUBSCRIBE, subscription};

#[derive(Debug)]
pub(crate) struct Xsub {
    pub(super) fair: FairQueue,
    fanout: Fanout,
    /// What was subscribed to, for peers that come later.
    topics: Topics,
    /// The greatest number of topics so far.
    most_topics: usize,
    /// Of each publisher: subscriptions that its pipe had no room for.
    changes: Table<Changes>,
    /// Publishers that have any.
    behind: usize,
    /// The first part of a message that matches and was read to know that.
    held: Option<Frame>,
    /// SUB subscribes by an option, and filters.
    sub: bool,
    /// A DISH matches topics as a whole, and drops what has no part behind the topic.
    exact: bool,
    /// A message of the application's is under way.
    sending: bool,
    /// Some of it has been written.
    written: bool,
    /// Parts of it may be subscriptions.
    heeded: bool,
    invert: bool,
    only_first: bool,
    verbose: bool,
}

impl Xsub {
    /// A SUB, an XSUB or a DISH.
    pub(crate) fn new(kind: Kind) -> Xsub {
        Xsub {
            fair: FairQueue::new(),
            fanout: Fanout::new(),
            topics: Topics::new(),
            most_topics: 0,
            changes: Table::new(),
            behind: 0,
            held: None,
            sub: kind != Kind::Xsub,
            exact: kind == Kind::Dish,
            sending: false,
            written: false,
            heeded: true,
            invert: false,
            only_first: false,
            verbose: false,
        }
    }

    pub(crate) fn topics(&self) -> usize {
        self.topics.len()
    }

    pub(super) fn contains(&self, topic: &[u8]) -> bool {
        self.topics.contains(topic)
    }

    /// Returns true if subscriptions wait until a pipe has room.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind > 0
    }

    /// How many messages may wait in a pipe beyond its mark. Each topic may be subscribed to and cancelled.
    fn excess(&self) -> usize {
        self.most_topics.saturating_mul(2)
    }

    /// Sends a publisher all subscriptions. `sent` is what it was sent of each topic before.
    fn send_subscriptions(&mut self, peer: Peer, sent: Option<bool>, pipes: &mut impl Pipes) {
        let excess = self.excess();
        let changes = self.changes.entry(peer);
        let was_behind = !changes.is_empty();
        changes.begin_anew(excess, |topic| self.topics.contains(topic));
        let mut has_room = true;
        self.topics.for_each(|topic| {
            has_room = has_room && pipes.can_exceed(peer, excess);
            if has_room {
                pipes.write(peer, subscription(SUBSCRIBE, topic));
            } else {
                changes.note(topic, sent, true);
            }
        });
        let is_behind = !changes.is_empty();
        self.behind = self.behind + usize::from(is_behind) - usize::from(was_behind);
        if is_behind && has_room {
            self.send_changes(peer, pipes);
        }
    }

    /// Sends a publisher the changes that wait, as far as there is room.
    fn send_changes(&mut self, peer: Peer, pipes: &mut impl Pipes) {
        let excess = self.excess();
        let changes = self.changes.entry(peer);
        if changes.is_empty() {
            return;
        }
        while pipes.can_exceed(peer, excess)
            && let Some(topic) = changes.take()
        {
            let kind = if self.topics.contains(&topic) {
                SUBSCRIBE
            } else {
                UNSUBSCRIBE
            };
            pipes.write(peer, subscription(kind, &topic));
        }
        self.behind -= usize::from(changes.is_empty());
    }

    fn forget_changes(&mut self, peer: Peer) {
        self.behind -= usize::from(!self.changes.take(peer).is_empty());
    }

    /// Sends a subscription, or the end of one, to all publishers. `held` says whether they were sent the topic before.
    fn announce(&mut self, mut frame: Frame, held: bool, pipes: &mut impl Pipes) {
        let excess = self.excess();
        let wanted = self.topics.contains(&frame[1..]);
        if self.fanout.peers().len() > 1 {
            frame.share();
        }
        for peer in self.fanout.peers() {
            let changes = self.changes.entry(*peer);
            let was_behind = !changes.is_empty();
            if !was_behind && pipes.can_exceed(*peer, excess) {
                pipes.write(*peer, frame.clone());
            } else {
                changes.note(&frame[1..], Some(held), wanted);
            }
            let is_behind = !changes.is_empty();
            self.behind = self.behind + usize::from(is_behind) - usize::from(was_behind);
        }
    }

    /// One part to all publishers.
    fn upstream(&mut self, frame: Frame, pipes: &mut impl Pipes) {
        if !self.written {
            self.fanout.pick_all();
            self.fanout.drop_full(pipes);
        }
        self.written = frame.more();
        self.fanout.send(frame, pipes);
    }

    /// Remembers a subscription. Says whether publishers have to know of it.
    fn remember(&mut self, frame: &Frame) -> bool {
        match frame.split_first() {
            Some((&SUBSCRIBE, topic)) => {
                self.topics.add(topic);
                self.most_topics = self.most_topics.max(self.topics.len());
                self.heeded = true;
                true
            }
            Some((&UNSUBSCRIBE, topic)) => {
                self.heeded = true;
                self.topics.remove(topic) || self.verbose
            }
            _ => true,
        }
    }

    pub(super) fn part(&mut self, frame: Frame, pipes: &mut impl Pipes) {
        let more = frame.more();
        let first = !self.sending;
        self.sending = more;
        if first {
            self.heeded = !self.only_first;
        }
        if first
            && !more
            && let Some((&(SUBSCRIBE | UNSUBSCRIBE), topic)) = frame.split_first()
        {
            let held = self.topics.contains(topic);
            if self.remember(&frame) {
                self.announce(frame, held, pipes);
            }
        } else if !(first || self.heeded) || self.remember(&frame) {
            self.upstream(frame, pipes);
        } else if self.written && !more {
            // What went before this part has to end somewhere.
            self.upstream(Frame::new(), pipes);
        }
    }

    /// The first part of the next message that passes the topic filter.
    fn next(&mut self, pipes: &mut impl Pipes) -> Option<Frame> {
        self.next_wanted(&mut Drops::default(), pipes)
    }

    /// As [`next`](Xsub::next), in a call that may have dropped messages.
    pub(super) fn next_wanted(
        &mut self,
        drops: &mut Drops,
        pipes: &mut impl Pipes,
    ) -> Option<Frame> {
        loop {
            let (frame, peer) = self.fair.recv(pipes)?;
            if self.wants(&frame) {
                return Some(frame);
            }
            self.fair.drop_rest(peer, drops, pipes);
        }
    }

    /// Whether a message with this first part is for the application.
    fn wants(&self, first: &Frame) -> bool {
        if self.exact {
            return first.more() && self.topics.contains(first);
        }
        !self.sub || self.topics.matches(first) != self.invert
    }
}

impl Route for Xsub {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        _remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        self.fair.attach(peer);
        self.fanout.attach(peer);
        self.send_subscriptions(peer, Some(false), pipes);
        Ok(())
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        self.fair.detach(peer, pipes);
        self.fanout.detach(peer, pipes);
        self.forget_changes(peer);
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, pipes: &mut P) {
        match ready {
            Ready::Readable => self.fair.activated(peer),
            Ready::Writable => self.send_changes(peer, pipes),
        }
    }

    fn hiccup<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        // The pipe may hold some that were for the connection before.
        self.send_subscriptions(peer, None, pipes);
    }

    fn send<P: Pipes>(&mut self, frame: Frame, pipes: &mut P) -> Result<(), SendPartError> {
        if self.sub {
            return Err(SendPartError::NotSupported(frame));
        }
        self.part(frame, pipes);
        Ok(())
    }

    fn recv<P: Pipes>(&mut self, pipes: &mut P) -> Result<Frame, RecvPartError> {
        if let Some(frame) = self.held.take() {
            return Ok(frame);
        }
        let frame = if self.fair.in_message() {
            self.fair.recv(pipes).map(|(frame, _)| frame)
        } else {
            self.next(pipes)
        };
        frame.ok_or(RecvPartError::Empty)
    }

    fn can_send<P: Pipes>(&mut self, _pipes: &mut P) -> bool {
        !self.sub
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        if self.held.is_none() && !self.fair.in_message() {
            self.held = self.next(pipes);
        }
        self.held.is_some() || self.fair.in_message()
    }

    fn set<P: Pipes>(&mut self, option: SetOption<'_>, pipes: &mut P) -> Result<(), OptionError> {
        match option {
            SetOption::Subscribe(topic) if self.sub => {
                self.part(subscription(SUBSCRIBE, topic), pipes);
            }
            SetOption::Unsubscribe(topic) if self.sub => {
                self.part(subscription(UNSUBSCRIBE, topic), pipes);
            }
            SetOption::OnlyFirstSubscribe(on) if !self.sub => self.only_first = on,
            SetOption::XsubVerboseUnsubscribe(on) if !self.sub => self.verbose = on,
            SetOption::InvertMatching(on) => self.invert = on,
            _ => return Err(OptionError),
        }
        Ok(())
    }
}
