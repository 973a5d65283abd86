//! REQ: a request, then the reply to it.

use ringmq_message::Frame;

use super::dealer::Dealer;
use crate::queues::Drops;
use crate::route::{
    AttachError, OptionError, Peer, Pipes, Ready, RecvPartError, Remote, Route, RouteError,
    SetOption, Take,
};

/// Parts of former replies that are dropped before a request. More than there can be, unless a peer writes as fast as
/// they are dropped: that one could reply with anything.
const STALE: usize = 100_000;

/// A dealer that puts the delimiter before each request, and takes it off each reply:
///
/// ```text
///   [ number, with CORRELATE ]  empty  request ...
/// ```
#[derive(Debug)]
pub(crate) struct Req {
    dealer: Dealer,
    /// The request was sent, the reply not received.
    awaiting: bool,
    /// The peer whose reply counts. `None` once that peer has gone: then any peer's reply counts.
    asked: Option<Peer>,
    /// The number of the last request.
    number: u32,
    correlate: bool,
    relaxed: bool,
}

impl Req {
    pub(crate) fn new(start: u32) -> Req {
        Req {
            dealer: Dealer::new(),
            awaiting: false,
            asked: None,
            number: start,
            correlate: false,
            relaxed: false,
        }
    }

    /// Chooses a peer, and writes what stands before the request.
    fn begin(&mut self, pipes: &mut impl Pipes) -> bool {
        let Some(peer) = self.dealer.balance.begin(pipes) else {
            return false;
        };
        self.asked = Some(peer);
        if self.correlate {
            self.number = self.number.wrapping_add(1);
            let number = Frame::from(&self.number.to_ne_bytes());
            pipes.write(peer, number.with_more(true));
        }
        pipes.write_delimiter(peer);
        if self.dealer.fair.may_have_in(pipes) {
            self.drop_stale(pipes);
        }
        true
    }

    /// Drops replies to former requests, which must not be taken for one to this.
    #[cold]
    fn drop_stale(&mut self, pipes: &mut impl Pipes) {
        for _ in 0..STALE {
            if self.dealer.fair.recv(pipes).is_none() {
                break;
            }
        }
        self.dealer.fair.skip(pipes);
    }

    /// Finds the body of a reply. What is no reply to the last request is dropped.
    fn find_reply(&mut self, pipes: &mut impl Pipes) -> Option<()> {
        let fair = &mut self.dealer.fair;
        let mut drops = Drops::default();
        // Of a reply that was received in part before its request was given up.
        fair.skip(pipes);
        loop {
            if !self.correlate
                && let Some(peer) = fair.open(pipes)
            {
                if self.asked.is_none_or(|asked| asked == peer) {
                    return Some(());
                }
                fair.drop_rest(peer, &mut drops, pipes);
                continue;
            }
            let (mut frame, peer) = fair.recv(pipes)?;
            let mut is_reply = self.asked.is_none_or(|asked| asked == peer);
            if is_reply && self.correlate {
                is_reply = frame.more() && frame[..] == self.number.to_ne_bytes();
                if is_reply {
                    (frame, _) = fair.recv(pipes)?;
                }
            }
            if is_reply && frame.more() && frame.is_empty() {
                return Some(());
            }
            fair.drop_rest(peer, &mut drops, pipes);
        }
    }
}

impl Route for Req {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        self.dealer.attach(peer, remote, pipes)
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        if self.asked == Some(peer) {
            self.asked = None;
        }
        self.dealer.detach(peer, pipes);
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, pipes: &mut P) {
        self.dealer.activated(peer, ready, pipes);
    }

    fn route<P: Pipes>(&mut self, more: bool, pipes: &mut P) -> Result<Peer, RouteError> {
        if self.awaiting && !self.relaxed {
            return Err(RouteError::State);
        }
        self.awaiting = false;
        if !self.dealer.balance.in_message() && !self.begin(pipes) {
            return Err(RouteError::WouldBlock);
        }
        let routed = match self.dealer.balance.route(more, pipes) {
            // The request is lost, as it would be had its peer gone a little later.
            Err(RouteError::Broken) => Err(RouteError::Swallowed),
            routed => routed,
        };
        if matches!(routed, Ok(_) | Err(RouteError::Swallowed)) {
            self.awaiting = !more;
        }
        routed
    }

    fn recv_to<P: Pipes>(
        &mut self,
        pipes: &mut P,
        to: &mut impl Take<P>,
    ) -> Result<bool, RecvPartError> {
        if !self.awaiting {
            return Err(RecvPartError::State);
        }
        if !self.dealer.fair.in_message() {
            self.find_reply(pipes).ok_or(RecvPartError::Empty)?;
        }
        let more = self.dealer.recv_to(pipes, to)?;
        self.awaiting = more;
        Ok(more)
    }

    fn resume(&mut self, peer: Peer) {
        self.awaiting = false;
        self.dealer.resume(peer);
    }

    fn can_send<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        (!self.awaiting || self.relaxed) && self.dealer.can_send(pipes)
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.awaiting && self.dealer.can_recv(pipes)
    }

    fn set<P: Pipes>(&mut self, option: SetOption<'_>, pipes: &mut P) -> Result<(), OptionError> {
        match option {
            SetOption::ReqCorrelate(on) => self.correlate = on,
            SetOption::ReqRelaxed(on) => self.relaxed = on,
            other => return self.dealer.set(other, pipes),
        }
        Ok(())
    }
}
