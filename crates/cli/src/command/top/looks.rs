//! Looks at all processes, and what happened in between.

use std::time::Instant;

use ringmq::status::{Snapshot, Watcher};

use crate::command::outcome::Failure;
use crate::command::status::{self, rates::Rates, text};

/// A watcher, and the rates of its last two looks.
pub(super) struct Looks {
    watcher: Watcher,
    pub(super) rates: Rates,
}

impl Looks {
    pub(super) fn new() -> Result<Looks, Failure> {
        let watcher = status::watcher().map_err(|failure| {
            failure.remedy("it needs /proc, and a descriptor for each process with ringmq")
        })?;
        Ok(Looks {
            watcher,
            rates: Rates::default(),
        })
    }

    pub(super) fn look(&mut self) -> Snapshot {
        let snapshot = self.watcher.look();
        self.rates.take(&snapshot, Instant::now());
        snapshot
    }
}

/// What there is to say beside the lines of a snapshot.
pub(super) fn notes(snapshot: &Snapshot) -> Vec<String> {
    let mut notes = Vec::new();
    if snapshot.processes.iter().all(|one| one.sockets.is_empty()) {
        notes.push("no process with a ringmq socket".to_owned());
    }
    let missing: u64 = snapshot
        .processes
        .iter()
        .map(|process| process.missing)
        .fold(snapshot.left_out, u64::saturating_add);
    if missing > 0 {
        let missing = text::short(missing as f64);
        notes.push(format!(
            "{missing} more sockets and connections are not shown"
        ));
    }
    notes.extend(status::unseen(snapshot));
    notes
}
