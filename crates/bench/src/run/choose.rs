//! Which carrier carries the messages of a [`Spec`].

use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use crate::plan::sockets::Face;
use crate::plan::spec::Spec;
use crate::plan::words::{Transport, Work};
use crate::run::carrier::Visit;
use crate::run::sockets::joint::Joint;
use crate::run::sockets::loaded::{OwnC, Stock};
use crate::run::sockets::ours::{Ours, Plain};
use crate::run::sockets::talk::Sockets;
use crate::run::transports::cacheline::Cacheline;
use crate::run::transports::chunks::Chunks;
use crate::run::transports::eventfd::Eventfd;
use crate::run::transports::os_pipe::OsPipe;
use crate::run::transports::pipe::Pipe;
use crate::run::transports::stream::Duplex;

/// Calls `visit` with the carrier of `spec`.
pub(crate) fn with<V: Visit>(spec: &Spec, visit: V) -> V::Answer {
    match (spec.transport, spec.work) {
        (Transport::Cacheline, Work::Latency) => visit.visit::<Cacheline>(),
        (Transport::Cacheline, _) => visit.visit::<Chunks>(),
        (Transport::Eventfd, _) => visit.visit::<Eventfd>(),
        (Transport::OsPipe, _) => visit.visit::<OsPipe>(),
        (Transport::Unix, _) => visit.visit::<Duplex<UnixStream>>(),
        (Transport::Tcp, _) => visit.visit::<Duplex<TcpStream>>(),
        (Transport::Pipe, _) => visit.visit::<Pipe>(),
        (Transport::ZmqInproc | Transport::ZmqIpc | Transport::ZmqTcp, _) => {
            with_sockets(spec.sockets.face, AsCarrier(visit))
        }
    }
}

/// A function that can be called with the sockets of any library.
pub(crate) trait VisitSockets {
    /// Its result.
    type Answer;

    /// Runs for the sockets of one library.
    fn visit<C: Sockets>(self) -> Self::Answer;
}

/// Calls `visit` with the sockets of `face`.
pub(crate) fn with_sockets<V: VisitSockets>(face: Face, visit: V) -> V::Answer {
    match face {
        Face::Rust => visit.visit::<Ours>(),
        Face::Plain => visit.visit::<Plain>(),
        Face::C => visit.visit::<OwnC>(),
        Face::Stock => visit.visit::<Stock>(),
    }
}

/// Visits the sockets of a library as a carrier.
struct AsCarrier<V>(V);

impl<V: Visit> VisitSockets for AsCarrier<V> {
    type Answer = V::Answer;

    fn visit<C: Sockets>(self) -> V::Answer {
        self.0.visit::<Joint<C>>()
    }
}
