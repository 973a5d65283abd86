//! A directory for a socket that may be anywhere.

use std::fs::DirBuilder;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Names to try. One in four thousand million is taken already.
const ATTEMPTS: usize = 16;

/// An empty directory that only its owner can enter; removed on drop if it is empty again.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The same, whatever the working directory is when it is removed.
    absolute: PathBuf,
}

impl Folder {
    /// Makes one in `TMPDIR`, `TEMPDIR` or `TMP`, whichever is a directory, or in `/tmp`. (libzmq
    /// takes the working directory in the last case, and reports a relative path.)
    pub(crate) fn new() -> io::Result<Folder> {
        let named = ["TMPDIR", "TEMPDIR", "TMP"].into_iter();
        let parent = named
            .filter_map(std::env::var_os)
            .map(PathBuf::from)
            .find(|path| path.is_dir())
            .unwrap_or_else(|| "/tmp".into());
        let mut last = io::ErrorKind::AlreadyExists.into();
        for _ in 0..ATTEMPTS {
            // Keyed anew each time, by the system's randomness.
            let number = RandomState::new().build_hasher().finish() as u32;
            let path = parent.join(format!("tmp{number:08x}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let absolute = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
                    return Ok(Folder { path, absolute });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // In a forked child the parent's socket is still in it, and it stays.
        let _ = std::fs::remove_dir(&self.absolute);
    }
}
