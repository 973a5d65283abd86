//! The peers that are connected, as the monitor of the socket reports them, and what the user is told of them.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use ringmq::{EventKind, HandshakeFailure, Kind, Monitor, MonitorEvent};

use crate::command::outcome::{Failure, say};
use crate::command::talk::endpoint::{Way, why_silent};

/// Of the numbers of libzmq, those from here on say that the two mechanisms or their keys do not fit.
const MECHANISMS: u32 = 0x1100_0000;

/// The peers of a socket.
#[derive(Debug)]
pub(crate) struct Peers {
    kind: Kind,
    verbose: bool,
    is_terminal: bool,
    endpoints: Vec<(Way, String)>,
    /// Connections whose handshake has succeeded, by their addresses.
    connected: HashMap<(String, String), usize>,
    /// Whether a handshake has succeeded yet.
    had_any: bool,
    /// The peer has refused, and is not tried again.
    refused: bool,
    /// Since when there is no peer.
    silent_since: Instant,
    told: bool,
    /// Why the last handshake failed.
    failure: Option<String>,
}

impl Peers {
    pub(crate) fn new(verbose: bool, kind: Kind) -> Peers {
        Peers {
            kind,
            verbose,
            is_terminal: io::stderr().is_terminal(),
            endpoints: Vec::new(),
            connected: HashMap::new(),
            had_any: false,
            refused: false,
            silent_since: Instant::now(),
            told: false,
            failure: None,
        }
    }

    /// The socket was bound or connected to an endpoint. If the system has chosen a part of it, the user has to know.
    pub(crate) fn opened(&mut self, way: Way, endpoint: &str, last: &str) {
        let shown = match way {
            Way::Bind => last,
            Way::Connect => endpoint,
        };
        if way == Way::Bind && (self.verbose || shown != endpoint) {
            say(format_args!("bound to {shown}"));
        }
        self.endpoints.push((way, shown.to_owned()));
    }

    /// How many peers are connected.
    pub(crate) fn count(&self) -> usize {
        self.connected.values().sum()
    }

    /// Whether there has been a peer.
    pub(crate) fn had_any(&self) -> bool {
        self.had_any
    }

    /// Fails if the only endpoint is one whose peer has refused this socket.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match &self.failure {
            Some(failure) if self.refused && self.connects() => Err(Failure::work(failure)),
            _ => Ok(()),
        }
    }

    /// Whether there is one endpoint, which the socket connects to.
    fn connects(&self) -> bool {
        matches!(self.endpoints[..], [(Way::Connect, _)])
    }

    /// Takes in what has happened.
    pub(crate) fn look(&mut self, monitor: &mut Monitor) {
        while let Ok(event) = monitor.try_recv() {
            self.happened(&event);
        }
    }

    fn happened(&mut self, event: &MonitorEvent) {
        let key = || (event.local.clone(), event.remote.clone());
        match &event.kind {
            // A STREAM has no handshakes.
            EventKind::Connected { .. } | EventKind::Accepted { .. }
                if self.kind != Kind::Stream => {}
            EventKind::HandshakeSucceeded
            | EventKind::Connected { .. }
            | EventKind::Accepted { .. } => {
                *self.connected.entry(key()).or_default() += 1;
                self.failure = None;
                self.had_any = true;
                self.note("connected", event);
            }
            EventKind::Disconnected { .. } => {
                if let Some(count) = self.connected.get_mut(&key()) {
                    *count -= 1;
                    if *count == 0 {
                        self.connected.remove(&key());
                    }
                    self.note("disconnected", event);
                }
                if self.connected.is_empty() {
                    self.silent_since = Instant::now();
                    self.told = false;
                }
            }
            EventKind::HandshakeFailed(failure) => {
                let why = self.describe(*failure);
                let text = format!("the handshake at {} failed: {why}", event.endpoint());
                // A command in a script says what its own connection fails for, and not what strangers try.
                let tells = self.is_terminal || self.verbose || self.connects();
                self.refused = match *failure {
                    HandshakeFailure::Auth(_) => true,
                    HandshakeFailure::Protocol(number) => number >= MECHANISMS,
                    _ => false,
                };
                let fails = self.refused && self.connects();
                if tells && !fails && self.failure.as_ref() != Some(&text) {
                    say(&text);
                }
                self.failure = Some(text);
            }
            EventKind::CarrierChanged { carrier } if self.verbose => {
                say(format_args!("{} goes {carrier}", event.endpoint()));
            }
            _ => {}
        }
    }

    fn note(&self, what: &str, event: &MonitorEvent) {
        if self.verbose {
            let remote = match event.remote.as_str() {
                remote if remote == event.endpoint() => "",
                remote => remote,
            };
            let with = if remote.is_empty() { "" } else { ", peer " };
            say(format_args!("{what}: {}{with}{remote}", event.endpoint()));
        }
    }

    fn describe(&self, failure: HandshakeFailure) -> String {
        match failure {
            HandshakeFailure::Auth(status) => {
                format!(
                    "who may connect is decided by an authenticator, which refused (status {status})"
                )
            }
            HandshakeFailure::Protocol(MECHANISMS..) => {
                "the two sides have other mechanisms, or keys that do not fit".to_owned()
            }
            HandshakeFailure::Protocol(_) => format!(
                "the peer has a type that does not fit {}, or is no ZeroMQ",
                self.kind
            ),
            HandshakeFailure::NoDetail(error) => format!("the connection ended: {error}"),
            _ => "for an unknown reason".to_owned(),
        }
    }

    /// Tells a terminal that there has been no peer for this long; says when that will be.
    pub(crate) fn tell_silence(&mut self, now: Instant, silence: Duration) -> Option<Instant> {
        if self.told || !self.is_terminal || !self.connected.is_empty() {
            return None;
        }
        let at = self.silent_since + silence;
        if now < at {
            return Some(at);
        }
        self.told = true;
        say(self.waiting());
        None
    }

    /// Tells a terminal why the command has not ended yet.
    pub(crate) fn tell_lingering(&self) {
        if !self.is_terminal {
            return;
        }
        if self.connected.is_empty() {
            if !self.told {
                say(self.waiting());
            }
        } else {
            say("waiting until the peer has taken what was sent; ctrl-C drops it");
        }
    }

    fn waiting(&self) -> String {
        let places: Vec<&str> = self.endpoints.iter().map(|(_, at)| at.as_str()).collect();
        let reasons = self
            .endpoints
            .iter()
            .filter(|(way, _)| *way == Way::Connect);
        let reason = reasons
            .filter_map(|(_, endpoint)| why_silent(endpoint))
            .next();
        let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
        format!("waiting for a peer at {}{reason} ...", places.join(", "))
    }

    /// Adds to a failure why nothing comes, and what to do about it, unless there are peers.
    pub(crate) fn explained(&self, failure: Failure) -> Failure {
        match self.explain() {
            Some(remedy) => failure.remedy(remedy),
            None => failure,
        }
    }

    /// Why nothing comes, and what to do about it; `None` if there are peers.
    fn explain(&self) -> Option<String> {
        if let Some(failure) = &self.failure {
            return Some(failure.clone());
        }
        if !self.connected.is_empty() {
            return None;
        }
        let (way, endpoint) = self.endpoints.first()?;
        let types = fitting(self.kind);
        Some(match way {
            Way::Bind => format!("no {types} has connected to {endpoint}"),
            Way::Connect => {
                let why = why_silent(endpoint).map_or(String::new(), |why| format!("{why}; "));
                format!("{why}is a {types} bound to {endpoint}? With --bind this end is")
            }
        })
    }
}

/// The types that may be at the other end.
fn fitting(kind: Kind) -> String {
    let usual = match kind {
        Kind::Pub => Kind::Sub,
        Kind::Sub => Kind::Pub,
        Kind::Xpub => Kind::Xsub,
        Kind::Xsub => Kind::Xpub,
        Kind::Req => Kind::Rep,
        Kind::Rep => Kind::Req,
        Kind::Push => Kind::Pull,
        Kind::Pull => Kind::Push,
        Kind::Dealer => Kind::Router,
        Kind::Router => Kind::Dealer,
        Kind::Stream => return "program".to_owned(),
        other => other,
    };
    usual.to_string()
}
