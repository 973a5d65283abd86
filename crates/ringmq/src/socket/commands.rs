//! Commands of other threads to a socket.

use crate::mail::row::Side;
use crate::mail::{Command, PipeId};
use crate::socket::Socket;

impl Socket {
    /// The far end of this pipe is gone.
    fn part(&mut self, id: PipeId) {
        if let Some(peer) = self.peers.find(id) {
            self.peers.far_end_is_gone(peer);
        }
    }

    /// Performs the commands of other threads, if there are any.
    #[inline(always)]
    pub(crate) fn take_mail(&mut self) {
        if self.mailbox.has_mail() || self.peers.has_duties() {
            self.take_all_mail();
        }
    }

    #[cold]
    pub(super) fn take_all_mail(&mut self) {
        while let Some(command) = self.mailbox.take() {
            match command {
                Command::Attach(attachment) => self.attach(*attachment, None, Side::Bound),
                Command::Gone(id) => {
                    self.forget_dialed(id);
                    self.part(id);
                }
                Command::Parted(id) => self.part(id),
                Command::Stop(id) => {
                    if let Some(peer) = self.peers.find(id) {
                        self.peers.stop_reading(peer);
                    }
                }
                Command::Notice(id, message) => {
                    if let Some(peer) = self.peers.find(id) {
                        self.peers.notice(peer, message);
                    }
                }
                Command::Hiccup(id) => {
                    if let Some(peer) = self.peers.find(id) {
                        self.pattern.hiccup(peer, &mut self.peers);
                    }
                }
                Command::Identity(id, identity) => self.peers.identify(id, identity),
                Command::Found(id, post, marks) => match self.peers.find(id) {
                    Some(peer) => {
                        let own = self.options.marks();
                        self.peers.set_far_socket(peer, post, own, marks);
                    }
                    // The connection was closed in the meantime.
                    None => drop(post.send(Command::Gone(id))),
                },
                Command::Marks(id, marks) => {
                    if let Some(peer) = self.peers.find(id) {
                        let own = self.options.marks();
                        self.peers.set_far_marks(peer, own, marks);
                    }
                }
                Command::Stays(id, why) => self.peers.stays_on_zmtp(id, why),
                Command::Upgrade(id, upgrade) => {
                    // A socket that cannot be woken looks at its next call.
                    let _ = self.sleeper.show();
                    if let Some(peer) = self.peers.find(id) {
                        let own = self.options.marks();
                        self.peers.upgrade(peer, *upgrade, own);
                    }
                }
                Command::Downgrade(id, ends) => {
                    if let Some(peer) = self.peers.find(id) {
                        self.peers.downgrade(peer, *ends);
                        // The session made the pipes with the marks that the socket had when it bound or connected.
                        self.peers.change_marks(peer, self.options.marks());
                    }
                }
                Command::GiveBack(id) => self.peers.give_back(id),
                Command::Terminate => {
                    self.terminated = true;
                    self.watch.stop();
                }
            }
        }
        self.detach_leaving();
        self.peers.send_unsent();
        self.peers.settle_duties();
    }

    /// Removes the peers that can be removed now. Returns whether there was one.
    pub(super) fn detach_leaving(&mut self) -> bool {
        let mut any = false;
        while let Some(peer) = self.peers.leaving() {
            self.detach(peer);
            any = true;
        }
        any
    }
}
