//! The peer of a stream, and the authenticator that judges it.

use ringmq_zmtp::{Credentials, Verdict};

use crate::session::broken::Broken;
use crate::session::ends::Ends;
use crate::session::stream::{Open, Turn};
use crate::session::zap::{Exchange, NoVerdict, Subject};

impl Open {
    /// Asks the authenticator about the peer. Without one, a peer of NULL or CURVE goes on, unless the socket has a domain
    /// and insists on it. Nothing but an authenticator can accept a peer of PLAIN.
    #[cold]
    pub(super) fn ask(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        credentials: &Credentials,
    ) -> Result<(), Broken> {
        let zap = &turn.link.zap;
        let subject = Subject {
            domain: &zap.domain,
            address: &self.passage.known().peer_address(),
            routing_id: &turn.link.settings.routing_id,
        };
        if let Some(exchange) = Exchange::begin(turn.names, &ends.waker, &subject, credentials) {
            self.exchange = Some(Box::new(exchange));
            return Ok(());
        }
        let insists = zap.enforce && !zap.domain.is_empty();
        if insists || matches!(credentials, Credentials::Plain(_)) {
            return Err(Broken::NoVerdict(NoVerdict::Absent));
        }
        self.connection.accept_unjudged().map_err(Broken::Protocol)
    }

    /// Goes on with the handshake if the authenticator has replied.
    #[cold]
    pub(super) fn hear_verdict(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
    ) -> Result<(), Broken> {
        let Some(verdict) = self.exchange.as_mut().and_then(|exchange| exchange.look()) else {
            return Ok(());
        };
        self.exchange = None;
        self.decide(verdict.map_err(Broken::NoVerdict)?)?;
        // What the peer has sent since is in what is left over.
        self.decode(ends, turn, &mut &[][..], false)
    }

    fn decide(&mut self, verdict: Verdict) -> Result<(), Broken> {
        let decided = self.connection.decide(verdict);
        if decided.is_err() {
            // A peer that is denied learns so, if the kernel takes it.
            let _ = self.write();
        }
        decided.map_err(Broken::Protocol)
    }

    /// Announces that nothing is left to do before the verdict; false if it is there.
    pub(super) fn sleep_until_verdict(&mut self, ends: &mut Ends) -> bool {
        let Some(exchange) = &mut self.exchange else {
            return true;
        };
        ends.announcement.arm();
        if exchange.is_ready() {
            ends.announcement.disarm();
            return false;
        }
        true
    }
}
