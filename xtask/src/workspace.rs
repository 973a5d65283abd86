//! Where the workspace is, what is in it, and how cargo is called in it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand};

use crate::process::{Failure, Outcome};

/// The workspace that this program was built in.
pub(crate) struct Workspace {
    metadata: Metadata,
}

impl Workspace {
    pub(crate) fn find() -> Outcome<Workspace> {
        let mut command = MetadataCommand::new();
        command.no_deps();
        match command.exec() {
            Ok(metadata) => Ok(Workspace { metadata }),
            Err(error) => Err(Failure::new(format!("cargo metadata: {error}"))),
        }
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(crate) fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// A folder below the target directory, for builds whose flags must not disturb the others.
    pub(crate) fn target(&self, name: &str) -> PathBuf {
        self.metadata.target_directory.as_std_path().join(name)
    }

    /// The cargo that runs us, at the root of the workspace.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command.current_dir(self.root());
        command
    }

    /// As [`Workspace::cargo`], with `flags` after those that the caller's environment asks for.
    pub(crate) fn cargo_with_flags(&self, flags: &str) -> Command {
        let mut all = std::env::var_os("RUSTFLAGS").unwrap_or_default();
        if !all.is_empty() {
            all.push(OsString::from(" "));
        }
        all.push(flags);
        let mut command = self.cargo();
        command.env("RUSTFLAGS", all);
        command
    }

    /// The text of a file, named from the root.
    pub(crate) fn read(&self, name: &str) -> Outcome<String> {
        read(&self.root().join(name))
    }
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// All files below `folder` whose names end in `.<extension>`, in order; none if there is no such
/// folder. Build output is passed over.
pub(crate) fn files_below(folder: &Path, extension: &str) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    if folder.is_dir() {
        collect(folder, extension, &mut found)
            .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    }
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, extension, found)?;
            }
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    Ok(())
}
