//! The inproc names of a context: which socket is bound to each, and which connections wait for a bind.
//!
//! I/O threads look names up, too: the authenticator of a context is a socket with a name.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ringmq_pipe::local::{Bellpull, Post, Waker};

use crate::mail::{Attachment, Command, Marks, Notices, PipeId, WeakWatch};

/// What a socket that connects needs of the socket that is bound, and the reverse.
#[derive(Debug, Clone)]
pub(crate) struct Face {
    pub(crate) post: Post<Command>,
    pub(crate) bellpull: Bellpull,
    pub(crate) marks: Marks,
    pub(crate) routing_id: Vec<u8>,
    pub(crate) notices: Option<Box<Notices>>,
    /// The monitored socket, if this socket sends a monitor's events. No thread reads such a socket, so a new connection
    /// has to flush the events that wait.
    pub(crate) watch: Option<WeakWatch>,
}

/// A connection to a name that no socket is bound to yet.
#[derive(Debug)]
struct Waiting {
    /// The pipe's ends for the socket that will bind, made by the connecting socket.
    attachment: Attachment,
    /// Wakes the socket that will bind, once it is known.
    waker: Waker,
    /// The connecting socket.
    face: Face,
}

/// The names of a context, behind their lock.
#[derive(Debug, Default)]
pub(crate) struct SharedNames {
    names: Mutex<Names>,
}

impl SharedNames {
    /// Locks the names. No thread waits while it holds the lock, and a panic under it leaves them whole.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of a context.
#[derive(Debug, Default)]
pub(crate) struct Names {
    bound: HashMap<String, Face>,
    waiting: HashMap<String, Vec<Waiting>>,
    last_pipe: u64,
}

impl Names {
    /// The id of a new pipe.
    pub(crate) fn pipe_id(&mut self) -> PipeId {
        self.last_pipe += 1;
        PipeId(self.last_pipe)
    }

    /// Binds a name, and attaches the connections that wait for it. Returns false if the name is taken.
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
            attachment.marks = Some(face.marks);
            if let Some(notices) = &face.notices {
                attachment.farewell = notices.farewell();
                if let Some(hello) = notices.greeting() {
                    // A socket that cannot be woken finds it at its next call.
                    let _ = attachment.sender.push(hello, true);
                }
            }
            let (id, other) = (attachment.id, waiting.face.post);
            waiting.waker.find(face.bellpull.clone());
            for command in [
                Command::Attach(Box::new(waiting.attachment)),
                Command::Marks(id, waiting.face.marks),
            ] {
                let _ = face.post.send(command);
            }
            let found = Command::Found(id, face.post.clone(), face.marks);
            if other.send(found).is_err() {
                // The connecting socket has closed, but the messages that it sent are received.
                let _ = face.post.send(Command::Gone(id));
            }
        }
        true
    }

    /// The socket that is bound to a name.
    pub(crate) fn bound(&self, name: &str) -> Option<&Face> {
        self.bound.get(name)
    }

    /// Keeps a connection until a socket binds to the name.
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

    /// Frees all names of a socket. Its own connections keep waiting: a later bind receives what it sent.
    pub(crate) fn leave(&mut self, post: &Post<Command>) {
        self.bound.retain(|_, face| !face.post.is_same(post));
    }
}
