//! The state of a proxy, and its pauses, while it does not hold its sockets.

use ringmq_message::Frame;

use crate::error::SendError;
use crate::poller::{Interest, PollPause, PollWait, Poller};
use crate::proxy::ProxyEnd;
use crate::socket::patience::Woken;
use crate::socket::pause::Pause;

/// The state of a proxy while it does not hold its sockets.
#[derive(Debug, Default)]
pub struct ProxyProgress {
    pub(super) state: State,
    /// At the frontend, and at the backend.
    pub(super) passed: [Passed; 2],
    pub(super) poller: Poller,
    /// The wait that was interrupted by a pause.
    pub(super) wait: Option<(PollWait, [Interest; 2])>,
    /// The side from which the message in `parts` came, until it is passed on.
    pub(super) from: Option<Side>,
    /// The parts of that message.
    pub(super) parts: Vec<Frame>,
    /// Whether the capture socket has its copy.
    pub(super) captured: bool,
    /// How the pause of a send has ended, before the message is sent again.
    pub(super) woken: Option<Result<Woken, SendError>>,
}

/// The outcome of a [step](crate::Proxy::step) of a proxy.
#[derive(Debug)]
pub enum ProxyStep {
    /// The proxy has ended.
    Ended(ProxyEnd),
    /// The caller lets go of the sockets before the next step.
    Pause(ProxyPause),
}

/// What a proxy rests on while it does not hold its sockets.
#[derive(Debug)]
pub struct ProxyPause(pub(super) Rest);

#[derive(Debug)]
pub(super) enum Rest {
    Wait(PollPause),
    Send(Pause),
}

impl ProxyPause {
    pub(super) fn brief() -> ProxyPause {
        ProxyPause(Rest::Wait(PollPause::brief()))
    }

    /// Returns true if the pause is only to let another thread use one of the sockets.
    pub fn is_brief(&self) -> bool {
        match &self.0 {
            Rest::Wait(pause) => pause.is_brief(),
            Rest::Send(pause) => pause.is_brief(),
        }
    }

    /// Sleeps until the proxy may have something to do.
    pub fn rest(self, progress: &mut ProxyProgress) {
        match (self.0, &mut progress.wait) {
            (Rest::Wait(pause), Some((wait, _))) => pause.rest(wait, []),
            (Rest::Wait(_), None) => {}
            (Rest::Send(mut pause), _) => {
                progress.woken = Some(pause.rest().map_err(SendError::Os));
                pause.serve();
            }
        }
    }
}

/// How many parts, and how many bytes, one socket has received and sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Passed {
    pub(super) received: [u64; 2],
    pub(super) sent: [u64; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    #[default]
    Active,
    Paused,
    Ended,
}

/// One of the two sockets of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Front,
    Back,
}

impl Side {
    pub(super) fn other(self) -> Side {
        match self {
            Side::Front => Side::Back,
            Side::Back => Side::Front,
        }
    }
}

pub(super) fn count(passed: &mut [u64; 2], bytes: u64) {
    passed[0] += 1;
    passed[1] += bytes;
}
