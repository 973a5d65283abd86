//! What a session tells the monitor of its socket, and what comes of an error.

use std::io::ErrorKind;
use std::os::fd::AsRawFd;

use ringmq_pipe::local::Sender;
use ringmq_pipe::remote::News;
use ringmq_sys::{ErrorNumber, HugePagesError};
use ringmq_transport::Stream;
use ringmq_zmtp::{Detail, Error as ZmtpError};
use tracing::Level;

use crate::mail::row::{self, Phase};
use crate::mail::{Carrier, Command, EventKind, HandshakeFailure, Identity, Stats, ZmtpReason};
use crate::session::broken::Broken;
use crate::session::origin::Origin;
use crate::session::{Io, Session};

/// Whether a dialer connects again when its connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It may be made again.
    Again,
    /// It would break again.
    Never,
}

impl Session {
    /// Tells of something that happened to this session.
    pub(crate) fn tell(&self, kind: EventKind) {
        self.link.watch.tell(|| self.addresses.event(kind));
    }

    /// Posts a command to the socket. A socket that has closed says so by an order that is under way.
    pub(crate) fn post(&self, command: Command) {
        let _ = self.link.post.send(command);
    }

    /// Tells that the handshake is done. A raw connection has none.
    pub(crate) fn tell_ready(&mut self) {
        if !self.link.is_raw() {
            self.tell(EventKind::HandshakeSucceeded);
        }
        self.log_connected(self.driver.stays().unwrap_or(ZmtpReason::Undecided));
        let again = std::mem::replace(&mut self.met, true);
        if let Origin::Dialed(dialed) = &mut self.origin {
            dialed.backoff.reset();
        }
        let identity = Box::new(self.identity());
        let carrier = Carrier::Zmtp(self.driver.stays().unwrap_or(ZmtpReason::Undecided));
        row::set_phase(&self.ends.row, Phase::Ready, carrier, &identity);
        match self.near.take() {
            Some(mut near) => {
                near.identity = identity;
                near.routing_id = self.routing_id();
                near.addresses.clone_from(&self.addresses);
                self.post(Command::Attach(near));
            }
            None => {
                if again {
                    self.link.tell_hiccup(self.id);
                }
                // The socket is not woken for it.
                self.link.leave_last(Command::Identity(self.id, identity));
            }
        }
    }

    /// What is known of the peer.
    fn identity(&self) -> Identity {
        let endpoint = self.addresses.endpoint().to_owned();
        let Io::Open(open) = &self.io else {
            return Identity {
                endpoint,
                ..Identity::default()
            };
        };
        let known = open.passage.known();
        Identity {
            endpoint,
            // The endpoint of a dialer over tcp may be the name of a host.
            peer: match known.unix() {
                None if self.addresses.connects => known.remote_endpoint(),
                _ => self.addresses.remote.clone(),
            },
            credentials: open.credentials(),
        }
    }

    /// The routing id of the peer.
    fn routing_id(&self) -> Vec<u8> {
        let peer = match &self.io {
            Io::Open(open) => open.connection.peer(),
            _ => None,
        };
        peer.map_or_else(Vec::new, |peer| peer.routing_id().to_vec())
    }

    /// Tells that the connection stays on ZMTP. `is_new`: the log has just said so, with the handshake.
    pub(crate) fn tell_stays(&self, why: ZmtpReason, is_new: bool) {
        if !is_new {
            self.log_changed(Carrier::Zmtp(why));
        }
        if why != ZmtpReason::NotIpc {
            self.tell_carrier(Carrier::Zmtp(why));
        } else {
            row::set_carrier(&self.ends.row, Carrier::Zmtp(why));
        }
        // The socket is not woken for it.
        self.link.leave_last(Command::Stays(self.id, why));
    }

    /// How messages travel from now on.
    pub(crate) fn tell_carrier(&self, carrier: Carrier) {
        row::set_carrier(&self.ends.row, carrier);
        self.tell(EventKind::CarrierChanged { carrier });
    }

    /// Logs that the peer is known, and how messages travel at first.
    pub(crate) fn log_connected(&self, why: ZmtpReason) {
        self.log_carrier("connected", Carrier::Zmtp(why));
    }

    /// Logs how messages travel from now on.
    pub(crate) fn log_changed(&self, carrier: Carrier) {
        self.log_carrier("carrier changed", carrier);
    }

    fn log_carrier(&self, message: &'static str, carrier: Carrier) {
        if !tracing::enabled!(Level::INFO) {
            return;
        }
        let peer = match &self.io {
            Io::Open(open) => open.credentials(),
            _ => None,
        };
        let reason = match carrier {
            Carrier::Zmtp(why) => Some(why.to_string()),
            _ => None,
        };
        tracing::info!(
            endpoint = %self.addresses.endpoint(),
            r#type = %self.link.kind,
            peer = peer.map(|peer| peer.pid),
            carrier = %carrier.name(),
            reason = reason.as_deref(),
            "{message}"
        );
    }

    /// Logs that a connection has ended, by the peer's doing or its fault.
    fn log_disconnected(&self, why: &Broken) {
        if !tracing::enabled!(Level::INFO) {
            return;
        }
        let reason = match why {
            Broken::Closed => "the peer has closed, or is gone".to_owned(),
            Broken::Io(error) => error.to_string(),
            Broken::Protocol(error) => error.to_string(),
            Broken::NoVerdict(_) => "no authenticator has accepted the peer".to_owned(),
            Broken::NoReply => "what came is no reply".to_owned(),
            Broken::Handoff => "shared memory cannot be used with this peer".to_owned(),
            Broken::NotShared(_) => "shared memory is required".to_owned(),
        };
        tracing::info!(
            endpoint = %self.addresses.endpoint(),
            r#type = %self.link.kind,
            reason = reason.as_str(),
            "disconnected"
        );
    }

    /// Logs that a peer was left, as shared memory is required.
    fn log_refused(&self, why: ZmtpReason) {
        let required = self.link.requires_sharing();
        if required.is_some_and(|required| required.is_new(why)) {
            self.warn(why, "refused: shared memory is required");
        }
    }

    /// Warns that a connection whose context requires shared memory is without it.
    pub(crate) fn warn(&self, why: ZmtpReason, message: &'static str) {
        let peer = match &self.io {
            Io::Open(open) => open.credentials(),
            _ => None,
        };
        let reason = why.to_string();
        tracing::warn!(
            endpoint = %self.addresses.endpoint(),
            r#type = %self.link.kind,
            peer = peer.map(|peer| peer.pid),
            reason = reason.as_str(),
            "{message}"
        );
    }

    /// The shared memory for this peer is full.
    pub(crate) fn tell_full(&self) {
        let sharing = self.link.sharing.as_ref();
        let limit = sharing.map_or(0, |sharing| sharing.limit);
        tracing::warn!(
            endpoint = %self.addresses.endpoint(),
            r#type = %self.link.kind,
            limit,
            "shared memory is full"
        );
        self.tell(EventKind::MemoryFull { limit });
    }

    /// Tells what has newly happened to large bodies.
    #[inline]
    pub(crate) fn tell_of_bodies(&self, news: News) {
        if news.is_copied {
            self.tell_copied();
        }
        if let Some(reason) = news.ordinary_pages {
            self.tell_ordinary_pages(reason);
        }
    }

    /// Tells, once, that blocks have no huge pages.
    fn tell_ordinary_pages(&self, reason: HugePagesError) {
        tracing::warn!(
            endpoint = %self.addresses.endpoint(),
            r#type = %self.link.kind,
            %reason,
            "blocks have ordinary pages"
        );
        self.tell(EventKind::OrdinaryPages { reason });
    }

    /// Tells, once, that large bodies are copied.
    fn tell_copied(&self) {
        tracing::warn!(
            endpoint = %self.addresses.endpoint(),
            r#type = %self.link.kind,
            reason = "no memory, mapping or descriptor for blocks",
            "large bodies are copied"
        );
        self.tell(EventKind::BodiesCopied);
    }

    /// Tells how many messages wait in the pipe.
    pub(crate) fn tell_stats(&self, stats: Stats) {
        // In shared memory the peer reports what it has taken in steps of its mark: its position says it exactly. Both
        // queues are one there. The receiver's holds up to its mark, as it would with a stream between them.
        let (sending, received) = match &self.driver.witness {
            Some(witness) => {
                let sent = witness.count(stats.sent);
                let theirs = within(sent, witness.receiving_mark());
                let ours = within(stats.received, witness.own_receiving_mark());
                (sent - theirs, ours)
            }
            None => (stats.sent, stats.received),
        };
        let by_zmtp = self.ends.inbound.as_ref().map_or(0, Sender::waiting);
        let receiving = received + by_zmtp;
        self.tell(EventKind::PipeStats { sending, receiving });
    }

    /// A stream is there.
    pub(crate) fn tell_open(&mut self, stream: &Stream) {
        let fd = stream.as_raw_fd();
        self.addresses.local = stream.local_endpoint();
        match self.origin {
            Origin::Accepted(_) => {
                self.addresses.remote = stream.remote_endpoint();
                self.tell(EventKind::Accepted { fd });
            }
            Origin::Dialed(_) => self.tell(EventKind::Connected { fd }),
        }
        self.show_phase(Phase::Handshake);
    }

    /// Shows in the status page how far the connection is, before its peer is known.
    pub(crate) fn show_phase(&self, phase: Phase) {
        if self.ends.row.is_some() {
            let identity = Identity {
                endpoint: self.addresses.endpoint().to_owned(),
                ..Identity::default()
            };
            let carrier = Carrier::Zmtp(ZmtpReason::Undecided);
            row::set_phase(&self.ends.row, phase, carrier, &identity);
        }
    }

    /// The stream has ended.
    pub(crate) fn tell_broken(&mut self, why: &Broken) -> Retry {
        let Io::Open(open) = &self.io else {
            return Retry::Again;
        };
        let fd = open.passage.fd();
        let handshaking = !open.is_handshake_done();
        if let Broken::NotShared(reason) = why {
            self.log_refused(*reason);
        }
        let failure = if handshaking {
            Some(failure(why))
        } else {
            let encrypts = open.connection.settings().mechanism.encrypts();
            failure_of_box(why).filter(|_| encrypts)
        };
        if !handshaking {
            self.log_disconnected(why);
        }
        if let Some(failure) = failure {
            self.tell(EventKind::HandshakeFailed(failure));
        }
        self.tell(EventKind::Disconnected { fd });
        let next = self.next(why, handshaking);
        if self.addresses.connects {
            // The next attempt has another one.
            self.addresses.local.clear();
        }
        next
    }

    /// A peer that breaks the protocol is not tried again, as in libzmq. A peer that only does not fit is: another one
    /// may be there later. (libzmq tries it again or not, by which of the two is the first to notice.)
    fn next(&self, why: &Broken, handshaking: bool) -> Retry {
        let stop = match &self.origin {
            Origin::Accepted(_) => return Retry::Never,
            Origin::Dialed(dialed) => dialed.stop.handshake_failed,
        };
        // A socket of ours that has met itself, by a port that the kernel chose for it.
        let clash = self.addresses.local == self.addresses.remote;
        match why {
            Broken::Protocol(error) if breaks_protocol(error) && !clash => Retry::Never,
            Broken::NoReply => Retry::Never,
            _ if stop && handshaking => Retry::Never,
            _ => Retry::Again,
        }
    }
}

/// Whether the peer has broken the protocol, and not only differs in its type or its version. libzmq goes
/// on with a peer that speaks an older version, or seems to, and tries again when that ends.
fn breaks_protocol(error: &ZmtpError) -> bool {
    !matches!(
        error,
        ZmtpError::SocketType { .. }
            | ZmtpError::BothServers
            | ZmtpError::NoRandom(_)
            | ZmtpError::NoncesSpent
            | ZmtpError::HandshakeTimeout
            | ZmtpError::HeartbeatTimeout
            | ZmtpError::SilentTooLong
            | ZmtpError::NoMemory { .. }
            | ZmtpError::Unversioned
            | ZmtpError::OldVersion { .. }
    )
}

fn failure(why: &Broken) -> HandshakeFailure {
    match why {
        Broken::Closed | Broken::Handoff | Broken::NoReply | Broken::NotShared(_) => {
            HandshakeFailure::NoDetail(ErrorKind::BrokenPipe.into())
        }
        Broken::NoVerdict(why) => match why.code() {
            Some(code) => HandshakeFailure::Protocol(code),
            None => HandshakeFailure::NoDetail(ErrorNumber::MISSING),
        },
        Broken::Io(error) => HandshakeFailure::NoDetail(ErrorNumber::from(error)),
        Broken::Protocol(error) => match error.detail() {
            Detail::Protocol(code) => HandshakeFailure::Protocol(code),
            Detail::Refused(status) => HandshakeFailure::Auth(status),
            Detail::None => HandshakeFailure::NoDetail(
                match error {
                    ZmtpError::HandshakeTimeout => ErrorKind::TimedOut,
                    ZmtpError::NoMemory { .. } => ErrorKind::OutOfMemory,
                    _ => ErrorKind::InvalidData,
                }
                .into(),
            ),
        },
    }
}

/// What an encrypted frame after the handshake is reported as. As libzmq does, a monitor gets an event of a failed handshake
/// for it: the frame is no MESSAGE, is out of turn, or cannot be opened.
fn failure_of_box(why: &Broken) -> Option<HandshakeFailure> {
    match why {
        Broken::Protocol(
            ZmtpError::UnexpectedCommand { .. }
            | ZmtpError::MalformedCommand { .. }
            | ZmtpError::MalformedMessage { .. }
            | ZmtpError::Sequence { .. }
            | ZmtpError::Cryptographic { .. },
        ) => Some(failure(why)),
        _ => None,
    }
}

/// Messages that a queue with such a mark holds, of `count`; a mark of 0 is no limit.
fn within(count: u64, mark: u64) -> u64 {
    if mark == 0 { count } else { count.min(mark) }
}
