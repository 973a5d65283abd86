//! The file that `ringmq record` writes to: a new one, one that it overwrites, or one that it goes on with.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use super::file::open;
use super::format::contents::Contents;
use super::format::writer::{Existing, Resumed, Writer};
use crate::command::outcome::Failure;

/// Which file that is, and how it is written.
pub(super) struct Target<'a> {
    pub(super) path: &'a Path,
    /// What to do with a file that exists.
    pub(super) existing: OnExisting,
    pub(super) zstd: bool,
    pub(super) fsync: bool,
    /// Bytes of the largest message that a recording to go on with may have.
    pub(super) max_message: u64,
}

/// What to do with a file that exists.
pub(super) enum OnExisting {
    Refuse,
    Overwrite,
    Append,
}

impl Target<'_> {
    /// Opens it.
    pub(super) fn open(&self) -> Result<Writer, Failure> {
        let create = |existing| {
            let created = Writer::create(self.path, existing);
            created.map_err(|error| refused(self.path, error))
        };
        let mut writer = match self.existing {
            OnExisting::Append if self.path.exists() => self.resume()?,
            OnExisting::Append | OnExisting::Refuse => create(Existing::Refuse)?,
            OnExisting::Overwrite => create(Existing::Overwrite)?,
        };
        writer.set_zstd(self.zstd);
        writer.set_fsync(self.fsync);
        Ok(writer)
    }

    fn resume(&self) -> Result<Writer, Failure> {
        let path = self.path;
        let contents = Contents::of(&open(path, self.max_message)?);
        if let Some(damage) = contents.damage {
            let remedy = format!(
                "`ringmq recording repair {}` makes it whole",
                path.display()
            );
            return Err(Failure::work(format_args!("{}: {damage}", path.display())).remedy(remedy));
        }
        let file = OpenOptions::new().read(true).write(true).open(path);
        let resumed = Resumed {
            summary: contents.summary,
        };
        let writer = file.and_then(|file| Writer::resume(file, resumed));
        writer.map_err(|error| refused(path, error))
    }
}

fn refused(path: &Path, error: io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::AlreadyExists => "--force overwrites it, --append goes on behind it",
        io::ErrorKind::PermissionDenied => "choose a folder of yours",
        io::ErrorKind::NotFound => "make the folder first",
        io::ErrorKind::ResourceBusy => "end that program, or choose another file",
        _ => "choose another file",
    };
    Failure::work(format_args!("{}: {error}", path.display())).remedy(remedy)
}
