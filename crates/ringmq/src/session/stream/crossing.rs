//! A tcp connection within this machine that goes over to a Unix socket.

use std::time::Duration;

use ringmq_sys::Credentials;

use crate::session::broken::Broken;
use crate::session::ends::Ends;
use crate::session::introduction::{Introduction, MOVE, PROPERTY};
use crate::session::passage::{Arrival, Obstacle, Outlook, Step};
use crate::session::stream::{Open, Turn};
use crate::switch::{Input, Why};

impl Open {
    /// The handshake is done. Returns true if the connection may go over: then it is not decided yet whether the sides share
    /// memory.
    pub(super) fn begins_to_cross(&mut self, peer_can: bool, now: Duration) -> bool {
        if !self.passage.is_introduced() {
            return false;
        }
        let introduction = self.peers_introduction().filter(|_| peer_can);
        self.passage.ready(introduction, self.connected, now)
    }

    /// What READY of the peer says of itself.
    fn peers_introduction(&self) -> Option<Introduction> {
        let peer = self.connection.peer()?;
        let mut all = peer.metadata();
        let (_, value) = all.find(|(name, _)| name.eq_ignore_ascii_case(PROPERTY))?;
        Introduction::decode(value)
    }

    /// Does what is due.
    #[cold]
    pub(super) fn step(&mut self, ends: &mut Ends, turn: &mut Turn<'_>) -> Result<(), Broken> {
        match self.passage.step(turn.now) {
            Step::Nothing => Ok(()),
            Step::Stays(obstacle) => self.stay(ends, turn, obstacle),
        }
    }

    /// The connection stays on ZMTP.
    fn stay(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        obstacle: Obstacle,
    ) -> Result<(), Broken> {
        turn.driver.begin(Err(match obstacle {
            Obstacle::Resources => Why::Resources,
            Obstacle::Unproven => Why::Unproven,
        }));
        let (peer_can, now) = (true, turn.now);
        self.input(ends, turn, Input::Ready { peer_can, now })
    }

    /// Says MOVE, behind what is in the output.
    #[cold]
    pub(super) fn say_move(&mut self) {
        self.connection.command(MOVE, &[]);
        self.passage.said_move(self.connection.pending());
    }

    /// Gives up the tcp socket of a connection that has gone over: descriptors run short. The peer hears of it first; where it
    /// cannot be told at once, the socket stays.
    #[cold]
    pub(crate) fn release_tcp(&mut self, ends: &Ends) -> Result<(), Broken> {
        let may_say = self.writable && !ends.out_midst && self.connection.pending() == 0;
        if may_say && self.passage.is_over() {
            self.connection.command(MOVE, &[]);
            self.write()?;
            if self.connection.pending() == 0 {
                self.passage.release();
            }
        }
        Ok(())
    }

    /// The peer has said MOVE. `input` is what came behind it.
    ///
    /// # Errors
    ///
    /// It was out of turn, within a message, or not the last on tcp.
    #[cold]
    pub(super) fn move_came(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        input: &[u8],
    ) -> Result<(), Broken> {
        // On the Unix socket more may follow.
        let is_last = input.is_empty() || self.passage.reader().unix().is_some();
        if self.in_midst || !is_last {
            return Err(Broken::Handoff);
        }
        let arrival = self.passage.move_came().map_err(|_| Broken::Handoff)?;
        // The kernel may have told of it before.
        self.readable = true;
        match arrival {
            Some(arrival) => self.arrived(ends, turn, arrival),
            None => Ok(()),
        }
    }

    /// Looks whether both directions are on the Unix socket now.
    #[cold]
    pub(super) fn arrive(&mut self, ends: &mut Ends, turn: &mut Turn<'_>) -> Result<bool, Broken> {
        let Some(arrival) = self.passage.arrive() else {
            return Ok(false);
        };
        self.arrived(ends, turn, arrival)?;
        Ok(true)
    }

    fn arrived(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        arrival: Arrival,
    ) -> Result<(), Broken> {
        if arrival.outlook == Outlook::GivenUp {
            return Ok(());
        }
        let (peer_can, now) = (true, arrival.since);
        self.input(ends, turn, Input::Ready { peer_can, now })
    }

    /// What is known of the process at the other end of a Unix socket.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        let unix = self.passage.known().unix()?;
        unix.peer_cred().ok()
    }
}
