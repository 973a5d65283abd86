//! The processes at the other ends of sessions, and descriptors that run short.

use crate::reactor::event_loop::EventLoop;
use crate::session::Io;
use crate::session::process::Process;
use crate::session::stream::{Liveness, Open};
use crate::session::supply::Supply;

impl EventLoop {
    pub(crate) fn process_ended(&mut self, slot: usize) {
        if let Some(session) = self.sessions.get_mut(slot)
            && let Io::Open(open) = &mut session.io
        {
            open.process_ended();
            self.enqueue(slot);
        }
    }

    /// Watches the process at the other end of a session. It takes a descriptor, like a bell, for the sake of what is
    /// rare: only where descriptors are ample.
    pub(crate) fn watch(&mut self, slot: usize, process: Process) {
        if self.supplies.at_all([&process.pidfd]) == Supply::Ample
            && let Some(session) = self.sessions.get_mut(slot)
            && let Io::Open(open) = &mut session.io
        {
            let registry = &self.registry;
            let watch = self.processes.watch(process, slot, registry);
            open.liveness = watch.map_or(Liveness::Unwatched, Liveness::Watched);
        }
    }

    /// Has the end of a session's process not told any more.
    pub(crate) fn unwatch(&mut self, slot: usize, open: &mut Open) {
        if let Some(number) = open.liveness.unwatch() {
            let registry = &self.registry;
            self.processes.unwatch(number, slot, registry);
        }
    }

    /// Descriptors run short: closes those that only make shared memory quicker, and takes no more of them for a while.
    #[cold]
    pub(crate) fn shed(&mut self) {
        self.supplies.run_short();
        self.processes.shed(&self.registry);
        self.rendezvous.shed();
        let (mut broken, mut decided) = (Vec::new(), Vec::new());
        for (slot, session) in &mut self.sessions {
            if let Io::Open(open) = &mut session.io {
                open.liveness = Liveness::Unwatched;
                open.handoff.courier().inspect(|courier| courier.shed());
                if open.passage.expect_none() {
                    decided.push(slot);
                }
                if !session.told
                    && let Err(why) = open.release_tcp(&session.ends)
                {
                    broken.push((slot, why));
                }
            }
            if let Some(sharing) = &session.link.sharing {
                sharing.control.shed();
            }
        }
        for slot in decided {
            self.enqueue(slot);
        }
        for (slot, why) in broken {
            if let Some(session) = self.sessions.get_mut(slot) {
                let next = session.broken(&why, &mut self.supplies);
                self.apply(slot, next);
            }
        }
    }
}
