//! Who is bound within the process, and who waits for somebody to bind.

use std::collections::HashMap;

use ringmq_pipe::local::{Bellpull, Post, Waker};

use crate::context::log::TypeName;
use crate::error::EndpointRefusal;
use crate::mail::carrier::Carrier;
use crate::mail::commands::{Attachment, Command, Far, Marks, direction};
use crate::mail::event::Addresses;
use crate::mail::watch::WeakWatch;
use crate::socket::Socket;
use crate::socket::endpoints::Role;

/// A socket as those see it who connect to it.
#[derive(Debug, Clone)]
pub(crate) struct Face {
    pub(crate) post: Post<Command>,
    pub(crate) bellpull: Bellpull,
    pub(crate) marks: Marks,
    pub(crate) routing_id: Vec<u8>,
    /// Whom the socket serves, if it is the outlet of a monitor: it has no thread that would see who connects.
    pub(crate) watch: Option<WeakWatch>,
}

/// A connection to a name that nobody is bound to.
#[derive(Debug)]
struct Waiting {
    /// For the one who will bind: its ends, as the connecting socket made them.
    attachment: Attachment,
    /// Finds the one who will bind.
    waker: Waker,
    /// Of the connecting socket.
    face: Face,
}

/// The names of a context.
#[derive(Debug, Default)]
pub(crate) struct Names {
    bound: HashMap<String, Face>,
    waiting: HashMap<String, Vec<Waiting>>,
}

impl Names {
    /// Binds a name, and gives those who wait for it to the socket. Says whether the name was free.
    pub(crate) fn bind(&mut self, name: &str, face: &Face) -> bool {
        if self.bound.contains_key(name) {
            return false;
        }
        self.bound.insert(name.to_owned(), face.clone());
        for mut waiting in self.waiting.remove(name).unwrap_or_default() {
            let marks = face.marks.between(waiting.face.marks);
            let attachment = &mut waiting.attachment;
            attachment.sender.set_mark(marks.sending);
            attachment.receiver.set_mark(marks.receiving);
            let (id, other) = (attachment.id, waiting.face.post);
            waiting.waker.find(face.bellpull.clone());
            for told in [
                Command::Attach(Box::new(waiting.attachment)),
                Command::Marks(id, waiting.face.marks),
            ] {
                let _ = face.post.send(told);
            }
            let found = Command::Found(id, face.post.clone(), face.marks);
            if other.send(found).is_err() {
                // It closed in the meantime, but what it has sent is received.
                let _ = face.post.send(Command::Gone(id));
            }
        }
        true
    }

    /// Who is bound to a name.
    pub(crate) fn bound(&self, name: &str) -> Option<&Face> {
        self.bound.get(name)
    }

    /// Has a connection wait for somebody to bind.
    pub(crate) fn wait(&mut self, name: &str, attachment: Attachment, waker: Waker, face: Face) {
        self.waiting
            .entry(name.to_owned())
            .or_default()
            .push(Waiting {
                attachment,
                waker,
                face,
            });
    }

    /// Frees a name, if this socket is bound to it.
    pub(crate) fn unbind(&mut self, name: &str, post: &Post<Command>) -> bool {
        let ours = self
            .bound
            .get(name)
            .is_some_and(|face| face.post.is_same(post));
        if ours {
            self.bound.remove(name);
        }
        ours
    }

    /// Frees all names of a socket. Its connections that wait go on waiting: what it has sent arrives.
    pub(crate) fn leave(&mut self, post: &Post<Command>) {
        self.bound.retain(|_, face| !face.post.is_same(post));
    }
}

impl Socket {
    /// Binds to a name.
    pub(crate) fn bind_within(
        &mut self,
        endpoint: &str,
        name: String,
    ) -> Result<(), EndpointRefusal> {
        let face = self.face();
        if !self.context.lock().names.bind(&name, &face) {
            return Err(EndpointRefusal::InUse(endpoint.to_owned()));
        }
        self.know(endpoint, Role::Bound(name));
        self.take_mail();
        Ok(())
    }

    /// Connects to a name, whether or not somebody is bound to it yet.
    pub(crate) fn connect_within(&mut self, endpoint: &str, name: &str) {
        let face = self.face();
        let assigned = self.options.assigned_id.take();
        let context = self.context.clone();
        let mut shared = context.lock();
        let id = shared.pipe_id();
        let bound = shared.names.bound(name).cloned();
        let marks = match &bound {
            Some(other) => face.marks.between(other.marks),
            None => face.marks,
        };
        let far_waker = match &bound {
            Some(other) => Waker::from(other.bellpull.clone()),
            None => Waker::of_nobody(),
        };
        let near = Waker::from(self.sleeper.bellpull());
        // As in libzmq, it is for the one who connects to say whether a pipe conflates.
        let conflates = self.conflates();
        let (to, from) = (far_waker.clone(), near.clone());
        let (sender, far_receiver) = direction(conflates.sending, marks.sending, to, from);
        let (to, from) = (near, far_waker.clone());
        let (far_sender, receiver) = direction(conflates.receiving, marks.receiving, to, from);
        let far = Attachment {
            id,
            sender: far_sender,
            receiver: far_receiver,
            routing_id: face.routing_id.clone(),
            probed: false,
            marks: None,
            addresses: Addresses::default(),
            far: Far::Socket(self.post.clone()),
        };
        let watch = bound.as_ref().and_then(|other| other.watch.clone());
        let (far_post, routing_id) = match bound {
            Some(other) => {
                let _ = other.post.send(Command::Attach(Box::new(far)));
                let _ = self.post.send(Command::Marks(id, other.marks));
                // Whoever closes right now is gone, and says so.
                if other.post.send(Command::Marks(id, face.marks)).is_err() {
                    let _ = self.post.send(Command::Gone(id));
                }
                (other.post, other.routing_id)
            }
            None => {
                let post = self.post.clone();
                shared.names.wait(name, far, far_waker, face);
                (post, Vec::new())
            }
        };
        drop(shared);
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
            far: Far::Socket(far_post),
        };
        self.attach(attachment, assigned.as_deref());
        tracing::info!(
            endpoint = %endpoint,
            r#type = %TypeName(self.kind()),
            carrier = %Carrier::Inproc.name(),
            "connected"
        );
        self.know(endpoint, Role::Connected(id));
    }

    /// This socket, as those see it who connect to it.
    pub(crate) fn face(&self) -> Face {
        Face {
            post: self.post.clone(),
            bellpull: self.sleeper.bellpull(),
            marks: self.options.marks(),
            routing_id: self.options.routing_id.clone(),
            watch: None,
        }
    }

    /// Of the outlet of a monitor.
    pub(crate) fn face_of_outlet(&self, watch: WeakWatch) -> Face {
        Face {
            watch: Some(watch),
            ..self.face()
        }
    }
}
