//! Finds the pages of all processes, and reads them again and again.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use ringmq_pipe::status::layout;
use ringmq_sys::{MemoryInspector, Setback, file_number, most_descriptors};

use crate::status::process::{self, Who};
use crate::status::{Process, Snapshot, decode, join};

/// Descriptors of a process that are looked at. A page is opened early, and descriptors are numbered from the lowest on.
const LOOKS: usize = 4096;
/// Pages of one process that are read.
const PAGES: usize = 4;
/// Descriptors of pages that a process may have, those of other processes among them.
const CANDIDATES: usize = 64;
/// Rows that one look reads, of all processes together.
const ROWS: usize = 1 << 17;
/// Descriptors below the limit that no page keeps open: looking at a process takes some for a moment.
const SPARE: u64 = 16;
/// The first pause before a process without a page is looked at again, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MOST: Duration = Duration::from_secs(8);

/// Finds the status pages of processes and reads them.
///
/// It keeps one descriptor open for each page that it has found. Where descriptors run short, it opens pages anew at each
/// look.
#[derive(Debug)]
pub struct Watcher {
    inspector: MemoryInspector,
    /// What is known of each process, by its number and the time when it began.
    known: HashMap<(i32, u64), Known>,
}

#[derive(Debug)]
enum Known {
    /// It has pages. More are looked for later.
    Pages {
        who: Who,
        pages: Vec<Page>,
        again: Instant,
    },
    /// It had none. It is looked at again later.
    None { again: Instant, pause: Duration },
    /// It may not be looked into.
    Denied { again: Instant },
    /// There was no descriptor or memory to look at it.
    Short,
}

/// A page that is open here, and its descriptor there.
#[derive(Debug)]
struct Page {
    descriptor: i32,
    file: File,
}

impl Watcher {
    /// A watcher that knows no process yet.
    ///
    /// # Errors
    ///
    /// There is no descriptor or memory for it.
    pub fn new() -> io::Result<Watcher> {
        Ok(Watcher {
            inspector: MemoryInspector::new()?,
            known: HashMap::new(),
        })
    }

    /// Reads the pages of all processes. A process that has made its first context since the last look may be found only
    /// some looks, or eight seconds, later.
    pub fn look(&mut self) -> Snapshot {
        match process::all() {
            Ok(pids) => self.look_at(pids),
            Err(error) => Snapshot {
                unread: usize::from(is_shortage(&error)),
                ..Snapshot::default()
            },
        }
    }

    /// Reads the pages of one process.
    pub fn look_at_process(&mut self, pid: i32) -> Snapshot {
        self.look_at(vec![pid])
    }

    fn look_at(&mut self, pids: Vec<i32>) -> Snapshot {
        let now = Instant::now();
        let mut snapshot = Snapshot::default();
        let mut before = std::mem::take(&mut self.known);
        let mut budget = ROWS;
        for pid in pids {
            let began = match process::began(pid) {
                Ok(began) => began,
                Err(error) => {
                    snapshot.unread += usize::from(is_shortage(&error));
                    continue;
                }
            };
            let known = match before.remove(&(pid, began)) {
                Some(known) if !self.is_due(pid, &known, now) => known,
                known => self.find(pid, known.as_ref(), now),
            };
            match &known {
                Known::Pages { who, pages, .. } => {
                    for page in pages {
                        let read = read(who, &page.file, &mut budget, &mut snapshot.left_out);
                        snapshot.processes.extend(read);
                    }
                }
                Known::None { .. } => {}
                Known::Denied { .. } => snapshot.denied += 1,
                Known::Short => snapshot.unread += 1,
            }
            if known.may_stay() {
                self.known.insert((pid, began), known);
            }
        }
        join::join(&mut snapshot.processes);
        snapshot
    }

    /// Returns true if the pages of a process are to be looked for. It may have closed one, opened another, or become
    /// another program.
    fn is_due(&self, pid: i32, known: &Known, now: Instant) -> bool {
        match known {
            Known::Pages { pages, again, .. } => {
                let is_open =
                    |page: &Page| self.inspector.is_open(pid, page.descriptor, &page.file);
                now >= *again || !pages.iter().all(is_open)
            }
            Known::None { again, .. } | Known::Denied { again } => now >= *again,
            Known::Short => true,
        }
    }

    /// Looks for the pages of a process.
    fn find(&self, pid: i32, before: Option<&Known>, now: Instant) -> Known {
        let pause = match before {
            Some(Known::None { pause, .. }) => (*pause * 2).min(PAUSE_MOST),
            _ => PAUSE,
        };
        let none = Known::None {
            again: now + pause,
            pause,
        };
        let again = now + PAUSE_MOST;
        let found = self.inspector.find(pid, layout::NAME, LOOKS, CANDIDATES);
        let descriptors = match found {
            Ok(descriptors) if descriptors.is_empty() => return none,
            Ok(descriptors) => descriptors,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Known::Denied { again };
            }
            Err(error) if is_shortage(&error) => return Known::Short,
            Err(_) => return none,
        };
        let who = match Who::of(pid) {
            Ok(who) => who,
            Err(error) if is_shortage(&error) => return Known::Short,
            Err(_) => return none,
        };
        let mut is_short = false;
        let open = |descriptor| {
            let opened = self.inspector.open(pid, descriptor, layout::LENGTH as u64);
            let file = opened
                .inspect_err(|error| is_short |= is_shortage(error))
                .ok()?;
            // A forked child has its parent's page open, too.
            let is_own = decode::header(&file).is_some_and(|page| page.pid == who.inner_pid);
            is_own.then_some(Page { descriptor, file })
        };
        let mut pages: Vec<Page> = Vec::new();
        let mut files = Vec::new();
        for page in descriptors.into_iter().filter_map(open) {
            // A process that watches itself has its page open twice.
            let file = file_number(&page.file);
            if !files.contains(&file) && pages.len() < PAGES {
                files.push(file);
                pages.push(page);
            }
        }
        match pages.is_empty() {
            true if is_short => Known::Short,
            true => none,
            false => Known::Pages { who, pages, again },
        }
    }
}

impl Known {
    /// Returns true if it leaves enough descriptors for the other processes.
    fn may_stay(&self) -> bool {
        let most = most_descriptors();
        let leaves_some = |page: &Page| {
            let number = u64::try_from(page.file.as_raw_fd()).unwrap_or(0);
            number.saturating_add(SPARE) < most
        };
        match self {
            Known::Pages { pages, .. } => pages.iter().all(leaves_some),
            _ => true,
        }
    }
}

/// Returns true if this process has no descriptors or no memory left.
fn is_shortage(error: &io::Error) -> bool {
    Setback::of(error) == Setback::Shortage
}

/// Reads one page.
fn read(who: &Who, file: &File, budget: &mut usize, left_out: &mut u64) -> Option<Process> {
    let header = decode::header(file)?;
    let rows = header.rows.min(*budget);
    *budget -= rows;
    *left_out += (header.rows - rows) as u64;
    let contents = decode::contents(file, rows);
    *left_out += contents.left_out;
    Some(Process {
        pid: who.pid,
        uid: who.uid,
        name: who.name.clone(),
        command: who.command.clone(),
        version: header.version,
        wait: header.wait,
        shares: header.shares,
        since: header.since,
        sockets: contents.sockets,
        missing: header.missing,
    })
}
