//! Places and names that belong to one test.

use std::sync::atomic::{AtomicU32, Ordering};

/// A directory for one test, removed when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// If there is no place for it.
    #[allow(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Scratch {
        let folder = tempfile::Builder::new().prefix("ringmq-").tempdir();
        Scratch {
            folder: folder.unwrap(),
        }
    }

    /// The path of `name` in it, short enough for a Unix socket if the name is.
    pub fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.into_os_string().into_string().unwrap()
    }
}

/// An abstract address, `@` and all, that no other process and no other call gets.
pub fn abstract_name(tag: &str) -> String {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    // ORDERING: only the number counts.
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    format!("@ringmq-test-{tag}-{}-{call}", std::process::id())
}
