//! Options that patterns know.

/// An option of a socket that changes how it routes, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetOption<'a> {
    /// SUB: asks for messages that begin with this. XPUB, manual: subscribes the peer whose subscription was received
    /// last.
    Subscribe(&'a [u8]),
    /// Takes one [`Subscribe`](SetOption::Subscribe) back.
    Unsubscribe(&'a [u8]),
    /// DISH: asks for the messages of this group, which it has not joined yet. A name has 255 bytes at most, and no NUL.
    Join(&'a [u8]),
    /// DISH: leaves a group that it has joined.
    Leave(&'a [u8]),
    /// PUB, XPUB, SUB: what matches is not sent, or not received, and what does not match is. XSUB keeps it, as it
    /// filters nothing.
    InvertMatching(bool),
    /// XPUB, XSUB: parts of a message are subscriptions only if its first one is.
    OnlyFirstSubscribe(bool),
    /// XPUB: hands on subscriptions to topics that have subscribers.
    XpubVerbose(bool),
    /// XPUB: as [`XpubVerbose`](SetOption::XpubVerbose), and unsubscriptions from topics that keep subscribers.
    XpubVerboser(bool),
    /// XPUB, PUB, RADIO: refuses a message, instead of dropping it, if a peer that should get it has no room.
    XpubNodrop(bool),
    /// XPUB: subscriptions are handed to the application, and it subscribes the peers.
    XpubManual(bool),
    /// XPUB: as [`XpubManual`](SetOption::XpubManual), and the message that is sent after one was received goes to
    /// that peer only.
    XpubManualLastValue(bool),
    /// XPUB, PUB: what every peer gets first; empty for nothing.
    XpubWelcome(&'a [u8]),
    /// XPUB, PUB, RADIO: what one peer may subscribe to: a number of topics, and their bytes. A peer that wants more is
    /// terminated.
    XpubLimits {
        /// Topics.
        topics: usize,
        /// Bytes of all of them.
        bytes: usize,
    },
    /// XSUB: sends all unsubscriptions, not only the last of a topic.
    XsubVerboseUnsubscribe(bool),
    /// ROUTER: refuses messages that it cannot deliver, instead of dropping them. REP: no effect.
    RouterMandatory(bool),
    /// ROUTER: connections carry bytes, without ZMTP, as those of STREAM do. Acts on endpoints that are bound or connected
    /// to afterwards, so it is set before the first of them.
    RouterRaw(bool),
    /// ROUTER, REP: a newcomer takes over a routing id that is taken, and its owner is terminated.
    RouterHandover(bool),
    /// ROUTER, DEALER, REQ, REP: an empty message is the first thing that a peer gets.
    ProbeRouter(bool),
    /// REQ: numbers requests, and drops replies to others.
    ReqCorrelate(bool),
    /// REQ: a new request may be sent before the reply to the last one.
    ReqRelaxed(bool),
}
