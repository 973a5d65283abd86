//! Namespaces of the kernel, by which containers are kept apart.

use std::fs;
use std::path::PathBuf;

use crate::command::doctor::finding::Finding;

/// A kind of namespace that matters to a connection, or that a user may suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    Pid,
    User,
    Net,
    Mnt,
    Ipc,
}

impl Namespace {
    const ALL: [Namespace; 5] = [
        Namespace::Pid,
        Namespace::User,
        Namespace::Net,
        Namespace::Mnt,
        Namespace::Ipc,
    ];

    /// The name of its file in `/proc/PID/ns`.
    fn file(self) -> &'static str {
        match self {
            Namespace::Pid => "pid",
            Namespace::User => "user",
            Namespace::Net => "net",
            Namespace::Mnt => "mnt",
            Namespace::Ipc => "ipc",
        }
    }

    /// The namespace of a process; `None` if this user may not see it.
    fn of(self, process: &str) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{process}/ns/{}", self.file())).ok()
    }

    /// Returns true if two processes are in different ones. What cannot be seen is taken for the same.
    pub(crate) fn parts(self, one: i32, other: i32) -> bool {
        self.differs(&one.to_string(), &other.to_string())
    }

    /// Returns true if a process is in another one than this command.
    pub(crate) fn is_foreign(self, pid: i32) -> bool {
        self.differs(&pid.to_string(), "self")
    }

    fn differs(self, one: &str, other: &str) -> bool {
        let (one, other) = (self.of(one), self.of(other));
        one.is_some() && other.is_some() && one != other
    }

    /// What it means that two processes of one machine are in different ones.
    pub(crate) fn means(self) -> &'static str {
        match self {
            Namespace::Pid => {
                "shared memory works; within a container `ringmq top` and `ringmq info` see only the processes there"
            }
            Namespace::User => {
                "memory is shared if the uids that the kernel sees are equal: give both containers the same mapping of users"
            }
            Namespace::Net => {
                "ipc://@NAME and tcp://127.0.0.1 do not lead from one to the other, and tcp between the two shares no memory: use ipc:// with a path, in a folder that both have"
            }
            Namespace::Mnt => {
                "an ipc:// path leads to the same socket only in a folder that both have: mount one volume in both containers"
            }
            Namespace::Ipc => "",
        }
    }
}

/// The namespaces of a process that are others than those of this command.
pub(crate) fn check(name: &str, pid: i32) -> Vec<Finding> {
    let foreign = Namespace::ALL.into_iter().filter(|one| one.is_foreign(pid));
    foreign
        .map(|one| {
            let what = format!("{name}[{pid}] is in another {} namespace than this command", one.file());
            match one {
                Namespace::Ipc => Finding::good(format_args!(
                    "{what}, which does not matter: memory travels as descriptors over the Unix socket"
                )),
                _ => Finding::note(format_args!("{what}, as in a container"), one.means()),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_in_its_own_namespaces_and_what_cannot_be_seen_says_nothing() {
        let own = std::process::id().cast_signed();
        for one in Namespace::ALL {
            assert!(one.of("self").is_some());
            assert!(!one.is_foreign(own) && !one.parts(own, own));
            assert!(!one.is_foreign(-1) && !one.parts(own, -1));
        }
        assert!(check("test", own).is_empty());
    }
}
