//! Who is bound within the process, and who waits for somebody to bind.

use std::collections::HashMap;

use ringmq_pipe::local::{Bellpull, Post, Waker};

use crate::command::{Attachment, Command, Marks};
use crate::monitor::WeakWatch;
use crate::socket::Socket;

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
