//! One connection, on its I/O thread.

pub(crate) mod broken;
pub(crate) mod carry;
pub(crate) mod closing;
pub(crate) mod driver;
pub(crate) mod ends;
pub(crate) mod fallback;
pub(crate) mod handoff;
pub(crate) mod kinds;
pub(crate) mod readiness;
pub(crate) mod session_events;
pub(crate) mod stream;
pub(crate) mod supply;

use std::sync::Arc;

use crate::mail::{Addresses, Attachment, Link, PipeId, SessionPipe};
use crate::reactor::event_loop::{Io, Origin, Session};
use crate::session::driver::Driver;

impl Session {
    /// A session without a connection. `near` is what its socket gets once a peer is there.
    pub(crate) fn new(
        id: PipeId,
        link: Arc<Link>,
        pipe: SessionPipe,
        origin: Origin,
        addresses: Addresses,
        near: Option<Box<Attachment>>,
    ) -> Session {
        Session {
            id,
            link,
            ends: pipe.into(),
            origin,
            addresses,
            io: Io::Resting,
            near,
            met: false,
            driver: Driver::new(),
            letting_go: false,
            until: None,
            told: false,
            queued: false,
        }
    }
}
