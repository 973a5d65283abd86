//! The processes at the other ends, one descriptor for each: a process may be dead although a child of it holds the
//! connection.

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use ringmq_sys::has_ended;
use slab::Slab;

use crate::reactor::numbers::process_number;
use crate::session::process::Process;

/// Those that are watched.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    watched: Slab<Watched>,
    by_pid: HashMap<i32, usize>,
}

#[derive(Debug)]
struct Watched {
    process: Process,
    /// The sessions whose peer it is.
    sessions: Vec<usize>,
}

impl Processes {
    /// Has the end of a session's process told. Says by which number; `None` without memory for that in the kernel, when
    /// the end of the stream has to do.
    pub(crate) fn watch(
        &mut self,
        process: Process,
        session: usize,
        registry: &Registry,
    ) -> Option<usize> {
        let pid = process.pid;
        if let Some(known) = self.by_pid.get(&pid)
            && let Some(watched) = self.watched.get_mut(*known)
            // Otherwise another one has got its number.
            && !has_ended(watched.process.pidfd.as_fd())
        {
            watched.sessions.push(session);
            return Some(*known);
        }
        let entry = self.watched.vacant_entry();
        let number = entry.key();
        let descriptor = process.pidfd.as_raw_fd();
        let token = Token(process_number(number));
        let registered = registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE);
        registered.ok()?;
        entry.insert(Watched {
            process,
            sessions: vec![session],
        });
        if pid != 0 {
            self.by_pid.insert(pid, number);
        }
        Some(number)
    }

    /// The sessions of a process that has ended.
    pub(crate) fn sessions(&self, number: usize) -> Vec<usize> {
        let watched = self.watched.get(number);
        watched.map_or_else(Vec::new, |watched| watched.sessions.clone())
    }

    /// A session does not need to know any more. A child of ours may have the descriptor, too, and its events would go
    /// on.
    pub(crate) fn unwatch(&mut self, number: usize, session: usize, registry: &Registry) {
        let Some(watched) = self.watched.get_mut(number) else {
            return;
        };
        watched.sessions.retain(|other| *other != session);
        if watched.sessions.is_empty() {
            self.remove(number, registry);
        }
    }

    /// Lets go of all of them: descriptors run short.
    pub(crate) fn shed(&mut self, registry: &Registry) {
        let numbers: Vec<usize> = self.watched.iter().map(|(number, _)| number).collect();
        for number in numbers {
            self.remove(number, registry);
        }
    }

    fn remove(&mut self, number: usize, registry: &Registry) {
        let Some(Watched { process, .. }) = self.watched.try_remove(number) else {
            return;
        };
        if self.by_pid.get(&process.pid) == Some(&number) {
            self.by_pid.remove(&process.pid);
        }
        // It is closed in any case.
        let _ = registry.deregister(&mut SourceFd(&process.pidfd.as_raw_fd()));
    }
}
