//! Binding and connecting within the process.

use ringmq_pipe::local::Waker;

use crate::error::EndpointError;
use crate::mail::ends::direction_of_bytes;
use crate::mail::row::{self, Side};
use crate::mail::{Addresses, Attachment, Carrier, Command, Far, Identity, WeakWatch};
use crate::names::Face;
use crate::socket::Socket;
use crate::socket::endpoints::Role;

impl Socket {
    /// Binds to a name.
    pub(crate) fn bind_within(
        &mut self,
        endpoint: &str,
        name: String,
    ) -> Result<(), EndpointError> {
        let face = self.face();
        if !self.registry.names().lock().bind(&name, &face) {
            return Err(EndpointError::InUse(endpoint.to_owned()));
        }
        let _row = row::listener_row(&self.row, self.kind(), endpoint);
        self.know(endpoint, Role::Bound { name, _row });
        self.take_mail();
        Ok(())
    }

    /// Connects to a name, whether or not a socket is bound to it yet.
    pub(crate) fn connect_within(&mut self, endpoint: &str, name: &str) {
        let face = self.face();
        let assigned = self.assigned_id.take();
        let registry = self.registry.clone();
        let mut names = registry.names().lock();
        let id = names.pipe_id();
        let bound = names.bound(name).cloned();
        let marks = match &bound {
            Some(other) => face.marks.between(other.marks),
            None => face.marks,
        };
        let far_waker = match &bound {
            Some(other) => Waker::from(other.bellpull.clone()),
            None => Waker::unset(),
        };
        let near = Waker::from(self.sleeper.bellpull());
        // As in libzmq, the option of the connecting socket decides whether a pipe conflates.
        let conflates = self.conflates();
        let (to, from) = (far_waker.clone(), near.clone());
        let (mut sender, far_receiver) =
            direction_of_bytes(conflates.sending, marks.sending, to, from, usize::MAX);
        let (to, from) = (near, far_waker.clone());
        let (mut far_sender, receiver) =
            direction_of_bytes(conflates.receiving, marks.receiving, to, from, usize::MAX);
        let theirs = bound.as_ref().and_then(|other| other.notices.as_ref());
        // A socket that cannot be woken finds its greeting at its next call.
        if let Some(hello) = face.notices.as_ref().and_then(|own| own.greeting()) {
            let _ = sender.push(hello, true);
        }
        if let Some(hello) = theirs.and_then(|theirs| theirs.greeting()) {
            let _ = far_sender.push(hello, true);
        }
        let far = Attachment {
            id,
            sender: far_sender,
            receiver: far_receiver,
            routing_id: face.routing_id.clone(),
            probed: false,
            marks: bound.as_ref().map(|other| other.marks),
            addresses: Addresses::default(),
            identity: Box::new(Identity::within(endpoint)),
            farewell: theirs.and_then(|theirs| theirs.farewell()),
            far: Far::Socket(self.post.clone()),
            datagrams: false,
            row: None,
        };
        let watch = bound.as_ref().and_then(|other| other.watch.clone());
        let (far_post, routing_id) = match bound {
            Some(other) => {
                let _ = other.post.send(Command::Attach(Box::new(far)));
                let _ = self.post.send(Command::Marks(id, other.marks));
                // The bound socket may close at this moment: then the pipe has no far end.
                if other.post.send(Command::Marks(id, face.marks)).is_err() {
                    let _ = self.post.send(Command::Gone(id));
                }
                (other.post, other.routing_id)
            }
            None => {
                let post = self.post.clone();
                names.wait(name, far, far_waker, face);
                (post, Vec::new())
            }
        };
        drop(names);
        if let Some(watch) = watch {
            watch.flush();
        }
        let attachment = Attachment {
            id,
            sender,
            receiver,
            routing_id,
            probed: false,
            marks: None,
            addresses: Addresses::default(),
            identity: Box::new(Identity::within(endpoint)),
            farewell: None,
            far: Far::Socket(far_post),
            datagrams: false,
            row: None,
        };
        self.attach(attachment, assigned.as_deref(), Side::Connected);
        tracing::info!(
            endpoint = %endpoint,
            r#type = %self.kind(),
            carrier = %Carrier::Inproc.name(),
            "connected"
        );
        self.know(endpoint, Role::Connected(id));
    }

    /// What other sockets need of this one.
    pub(crate) fn face(&self) -> Face {
        Face {
            post: self.post.clone(),
            bellpull: self.sleeper.bellpull(),
            marks: self.options.marks(),
            routing_id: self.options.get_routing_id().to_vec(),
            notices: self.options.notices.of(self.kind()),
            watch: None,
        }
    }

    /// As [`face`](Socket::face), for a socket that sends the events of a monitor.
    pub(crate) fn face_of_outlet(&self, watch: WeakWatch) -> Face {
        Face {
            watch: Some(watch),
            ..self.face()
        }
    }
}
