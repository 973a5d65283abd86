//! What `top`, `ls`, `info` and `doctor` have in common: the status of processes, as lines, as text and as JSON.

pub(crate) mod json;
pub(crate) mod line;
pub(crate) mod program;
pub(crate) mod rates;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod users;

use ringmq::status::Watcher;

use crate::command::outcome::Failure;

/// What looks at all processes.
pub(crate) fn watcher() -> Result<Watcher, Failure> {
    Watcher::new().map_err(|error| Failure::work(format_args!("cannot look at processes: {error}")))
}

/// The note on processes that were not looked at, if there are any.
pub(crate) fn denied(count: usize) -> Option<String> {
    (count > 0)
        .then(|| format!("{count} processes of other users were not looked at; root sees them"))
}
