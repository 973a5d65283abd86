//! What a socket type implements, and the values that pass between it and the socket.

mod error;
mod option;
mod peer;
mod probe;

use ringmq_message::Frame;

pub use error::{AttachError, OptionError, RecvPartError, RouteError, SendPartError};
pub use option::SetOption;
pub(crate) use peer::Table;
pub use peer::{Peer, Pipes, Ready, Remote, Take};
pub(crate) use probe::probe;

/// What a socket type does. Unless it says otherwise it neither sends nor receives, and has no options.
pub(crate) trait Route {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError>;

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P);

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, pipes: &mut P);

    fn hiccup<P: Pipes>(&mut self, _peer: Peer, _pipes: &mut P) {}

    /// Writes a part to the peer that `route` picks. A pattern that looks into its parts overrides this.
    fn send<P: Pipes>(&mut self, frame: Frame, pipes: &mut P) -> Result<(), SendPartError> {
        match self.route(frame.more(), pipes) {
            Ok(peer) => {
                pipes.write(peer, frame);
                Ok(())
            }
            Err(unrouted) => unrouted.with(frame),
        }
    }

    fn recv<P: Pipes>(&mut self, pipes: &mut P) -> Result<Frame, RecvPartError> {
        let mut part = None;
        self.recv_to(pipes, &mut part)?;
        part.ok_or(RecvPartError::Empty)
    }

    /// Who gets the next part.
    fn route<P: Pipes>(&mut self, _more: bool, _pipes: &mut P) -> Result<Peer, RouteError> {
        Err(RouteError::NotSupported)
    }

    /// The last part, which this peer was to get, was not written.
    fn resume(&mut self, _peer: Peer) {}

    /// Has the next part taken; says whether others follow.
    fn recv_to<P: Pipes>(
        &mut self,
        _pipes: &mut P,
        _to: &mut impl Take<P>,
    ) -> Result<bool, RecvPartError> {
        Err(RecvPartError::NotSupported)
    }

    fn can_send<P: Pipes>(&mut self, _pipes: &mut P) -> bool {
        false
    }

    fn can_recv<P: Pipes>(&mut self, _pipes: &mut P) -> bool {
        false
    }

    fn set<P: Pipes>(&mut self, _option: SetOption<'_>, _pipes: &mut P) -> Result<(), OptionError> {
        Err(OptionError)
    }
}
