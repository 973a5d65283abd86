//! The files of a package, in memory: the same tree gives the same bytes, whatever machine and folder it is made in.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use flate2::{Compression, GzBuilder};

use crate::process::{Failure, Outcome};

/// What is at a path of a package.
pub(crate) enum Node {
    File {
        bytes: Vec<u8>,
        is_program: bool,
    },
    /// A symbolic link with its target.
    Link(String),
    /// A folder that is part of the package although nothing is in it.
    Folder,
}

/// Files by their paths from the root of the package, such as `usr/bin/ringmq`.
#[derive(Default)]
pub(crate) struct Tree(BTreeMap<String, Node>);

impl Tree {
    pub(crate) fn text(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.bytes(path, text.into().into_bytes());
    }

    pub(crate) fn bytes(&mut self, path: impl Into<String>, bytes: Vec<u8>) {
        let node = Node::File {
            bytes,
            is_program: false,
        };
        self.0.insert(path.into(), node);
    }

    /// A program or a script.
    pub(crate) fn program(&mut self, path: impl Into<String>, bytes: Vec<u8>) {
        let node = Node::File {
            bytes,
            is_program: true,
        };
        self.0.insert(path.into(), node);
    }

    /// A file in gzip's form; `.gz` is added to the path.
    pub(crate) fn compressed(&mut self, path: &str, bytes: &[u8]) {
        self.bytes(format!("{path}.gz"), gzip(bytes));
    }

    pub(crate) fn link(&mut self, path: impl Into<String>, target: &str) {
        self.0.insert(path.into(), Node::Link(target.to_owned()));
    }

    pub(crate) fn folder(&mut self, path: impl Into<String>) {
        self.0.insert(path.into(), Node::Folder);
    }

    /// Takes all that `other` has, below `folder`.
    pub(crate) fn place(&mut self, folder: &str, other: Tree) {
        let moved = other.0.into_iter();
        self.0
            .extend(moved.map(|(path, node)| (format!("{folder}/{path}"), node)));
    }

    /// All paths and what is there, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The bytes of the files and links, in KiB, as Debian's field Installed-Size has them.
    pub(crate) fn kibibytes(&self) -> u64 {
        let sizes = self.0.values().map(|node| match node {
            Node::File { bytes, .. } => (bytes.len() as u64).div_ceil(1024),
            Node::Link(_) | Node::Folder => 1,
        });
        sizes.sum()
    }

    /// Writes the tree to `folder`, which is emptied before, with `epoch` (seconds since 1970) as the time of each file.
    pub(crate) fn write(&self, folder: &Path, epoch: u64) -> Outcome {
        self.try_write(folder, epoch)
            .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))
    }

    fn try_write(&self, folder: &Path, epoch: u64) -> io::Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(epoch);
        for (path, node) in &self.0 {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            match node {
                Node::File { bytes, is_program } => {
                    let mut file = File::create(&path)?;
                    file.write_all(bytes)?;
                    let mode = if *is_program { 0o755 } else { 0o644 };
                    file.set_permissions(Permissions::from_mode(mode))?;
                    file.set_modified(time)?;
                }
                Node::Link(target) => symlink(target, &path)?,
                Node::Folder => fs::create_dir_all(&path)?,
            }
        }
        folders(folder, time)
    }
}

/// Gives all folders below `folder` the time, and a mode that does not depend on the umask.
fn folders(folder: &Path, time: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders(&entry.path(), time)?;
        }
    }
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    File::open(folder)?.set_modified(time)
}

/// The bytes in gzip's form, without a name and a time.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    // A vector takes all.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_written_with_modes_links_and_one_time() {
        let mut tree = Tree::default();
        tree.text("etc/one", "1");
        tree.program("bin/two", b"#!/bin/sh\n".to_vec());
        tree.link("bin/three", "two");
        tree.folder("var/empty");
        let folder = std::env::temp_dir().join(format!("ringmq-tree-{}", std::process::id()));
        // What was there before is gone.
        fs::create_dir_all(folder.join("old")).unwrap();
        tree.write(&folder, 86_400).unwrap();
        let mode = |name: &str| {
            let metadata = fs::metadata(folder.join(name)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(
            [mode("etc/one"), mode("bin/two"), mode("bin")],
            [0o644, 0o755, 0o755]
        );
        assert_eq!(
            fs::read_link(folder.join("bin/three")).unwrap(),
            Path::new("two")
        );
        assert!(folder.join("var/empty").is_dir());
        assert!(!folder.join("old").exists());
        for name in ["", "etc", "etc/one", "bin/two"] {
            let modified = fs::metadata(folder.join(name)).unwrap().modified().unwrap();
            let day = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
            assert_eq!(modified, day, "{name}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn gzip_has_no_time() {
        let packed = gzip(b"text");
        assert_eq!(packed[..3], [0x1f, 0x8b, 8]);
        assert_eq!(packed[3..8], [0; 5], "neither flags nor a time");
    }
}
