//! XSUB and SUB: from all publishers in turn, subscriptions to all of them.

use ringmq_message::Frame;

use crate::error::{BadOption, NotAttached, RecvRefused, Refused};
use crate::fair::FairQueue;
use crate::fanout::Fanout;
use crate::option::SetOption;
use crate::pattern::Route;
use crate::peer::{Peer, Pipes, Ready, Remote};
use crate::topics::Topics;
use crate::xpub::{SUBSCRIBE, UNSUBSCRIBE, subscription};

#[derive(Debug)]
pub(crate) struct Xsub {
    fair: FairQueue,
    fanout: Fanout,
    /// What was subscribed to, for peers that come later.
    topics: Topics,
    /// The first part of a message that matches and was read to know that.
    held: Option<Frame>,
    /// SUB subscribes by an option, and filters.
    sub: bool,
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
    /// A SUB or an XSUB.
    pub(crate) fn new(sub: bool) -> Xsub {
        Xsub {
            fair: FairQueue::new(),
            fanout: Fanout::new(),
            topics: Topics::new(),
            held: None,
            sub,
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

    fn send_subscriptions(&mut self, peer: Peer, pipes: &mut impl Pipes) {
        self.topics.for_each(|topic| {
            if pipes.can_write(peer) {
                pipes.write(peer, subscription(SUBSCRIBE, topic));
            }
        });
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

    fn part(&mut self, frame: Frame, pipes: &mut impl Pipes) {
        let more = frame.more();
        let first = !self.sending;
        self.sending = more;
        if first {
            self.heeded = !self.only_first;
        }
        if !(first || self.heeded) || self.remember(&frame) {
            self.upstream(frame, pipes);
        } else if self.written && !more {
            // What went before this part has to end somewhere.
            self.upstream(Frame::new(), pipes);
        }
    }

    /// The first part of the next message that somebody asked for.
    fn next(&mut self, pipes: &mut impl Pipes) -> Option<Frame> {
        loop {
            let (frame, _) = self.fair.recv(pipes)?;
            if !self.sub || self.topics.matches(&frame) != self.invert {
                return Some(frame);
            }
            self.fair.skip(pipes);
        }
    }
}

impl Route for Xsub {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        _remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), NotAttached> {
        self.fair.attach(peer);
        self.fanout.attach(peer);
        self.send_subscriptions(peer, pipes);
        Ok(())
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        self.fair.detach(peer, pipes);
        self.fanout.detach(peer, pipes);
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, _pipes: &mut P) {
        if ready == Ready::Readable {
            self.fair.activated(peer);
        }
    }

    fn hiccup<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        self.send_subscriptions(peer, pipes);
    }

    fn send<P: Pipes>(&mut self, frame: Frame, pipes: &mut P) -> Result<(), Refused> {
        if self.sub {
            return Err(Refused::NotSupported(frame));
        }
        self.part(frame, pipes);
        Ok(())
    }

    fn recv<P: Pipes>(&mut self, pipes: &mut P) -> Result<Frame, RecvRefused> {
        if let Some(frame) = self.held.take() {
            return Ok(frame);
        }
        let frame = if self.fair.in_message() {
            self.fair.recv(pipes).map(|(frame, _)| frame)
        } else {
            self.next(pipes)
        };
        frame.ok_or(RecvRefused::Empty)
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

    fn set<P: Pipes>(&mut self, option: SetOption<'_>, pipes: &mut P) -> Result<(), BadOption> {
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
            _ => return Err(BadOption),
        }
        Ok(())
    }
}
