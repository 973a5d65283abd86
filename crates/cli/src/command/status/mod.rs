//! What `top`, `ls`, `info` and `doctor` have in common: the status of processes, as lines, as text and as JSON.

pub(crate) mod json;
pub(crate) mod line;
pub(crate) mod program;
pub(crate) mod rates;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod users;

use ringmq::status::{Snapshot, Watcher};

use crate::command::outcome::Failure;

/// What looks at all processes.
pub(crate) fn watcher() -> Result<Watcher, Failure> {
    Watcher::new().map_err(|error| Failure::work(format_args!("cannot look at processes: {error}")))
}

/// The notes on processes that were not looked at, if there are any.
pub(crate) fn unseen(snapshot: &Snapshot) -> Vec<String> {
    let (denied, unread) = (snapshot.denied, snapshot.unread);
    let denied = (denied > 0)
        .then(|| format!("{denied} processes of other users were not looked at; root sees them"));
    let unread = (unread > 0).then(|| {
        format!(
            "{unread} processes were not looked at: no descriptors or memory left; `ulimit -n 1024` allows more descriptors"
        )
    });
    denied.into_iter().chain(unread).collect()
}
