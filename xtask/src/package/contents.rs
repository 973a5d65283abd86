//! What the packages have in common: the command with its pages, the library with what programs are built with, licences.

use std::fs;
use std::path::{Path, PathBuf};

use super::build::Built;
use super::crates::Crates;
use super::date::Moment;
use super::elf::Elf;
use super::licences::{self, Common};
use super::sbom;
use super::tree::Tree;
use crate::process::{Failure, Outcome};
use crate::workspace::{Workspace, files_below};

/// The crates that make the command and the library.
pub(crate) const TOOL: &str = "ringmq-cli";
pub(crate) const LIBRARY: &str = "ringmq-libzmq";
pub(crate) const HELPER: &str = "ringmq-preload";

/// All that packages are made from.
pub(crate) struct Contents<'a> {
    workspace: &'a Workspace,
    crates: Crates,
    built: Built,
    pub(crate) version: String,
    /// The version of libzmq's interface.
    pub(crate) zmq_version: String,
    pub(crate) repository: String,
    /// Seconds since 1970, the time of each file.
    pub(crate) epoch: u64,
}

impl<'a> Contents<'a> {
    pub(crate) fn new(workspace: &'a Workspace, built: Built, epoch: u64) -> Outcome<Contents<'a>> {
        let crates = Crates::find(workspace)?;
        let mut packages = workspace.metadata().packages.iter();
        let Some(package) = packages.find(|package| package.name.as_str() == LIBRARY) else {
            return Err(Failure::new(format!("there is no package {LIBRARY}")));
        };
        Ok(Contents {
            workspace,
            crates,
            built,
            version: package.version.to_string(),
            zmq_version: zmq_version(&workspace.read("include/zmq.h")?)?,
            repository: package.repository.clone().unwrap_or_default(),
            epoch,
        })
    }

    /// A file below `packaging`, with what stands between at signs replaced.
    pub(crate) fn template(&self, name: &str) -> Outcome<String> {
        let text = self.workspace.read(&format!("packaging/{name}"))?;
        Ok(text
            .replace("@VERSION@", &self.version)
            .replace("@ZMQ_VERSION@", &self.zmq_version)
            .replace("@REPOSITORY@", &self.repository)
            .replace("@TRIPLET@", super::TRIPLET))
    }

    /// A file of the repository.
    pub(crate) fn read(&self, name: &str) -> Outcome<String> {
        self.workspace.read(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.workspace.root()
    }

    /// A folder for the files of a package while it is made.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.workspace.target("package").join("trees").join(name)
    }

    /// A name and an address, as Debian's field Maintainer has them.
    pub(crate) fn maintainer(&self) -> &'static str {
        "The ringmq maintainers <ringmq@users.noreply.github.com>"
    }

    pub(crate) fn tool(&self) -> Outcome<Vec<u8>> {
        bytes(&self.built.tool)
    }

    pub(crate) fn library(&self) -> Outcome<Vec<u8>> {
        bytes(&self.built.library)
    }

    pub(crate) fn helper(&self) -> Outcome<Vec<u8>> {
        bytes(&self.built.helper)
    }

    pub(crate) fn tool_elf(&self) -> Outcome<Elf> {
        Elf::read(&self.built.tool)
    }

    pub(crate) fn library_elf(&self) -> Outcome<Elf> {
        Elf::read(&self.built.library)
    }

    /// The man pages of the command, by name.
    pub(crate) fn pages(&self) -> Outcome<Vec<(String, Vec<u8>)>> {
        let paths = files_below(&self.built.pages, "1")?;
        paths.iter().map(|path| named(path)).collect()
    }

    /// The completions for `bash`, `zsh` and `fish`.
    pub(crate) fn completions(&self) -> Outcome<[Vec<u8>; 3]> {
        let read = |name: &str| bytes(&self.built.completions.join(name));
        Ok([read("ringmq.bash")?, read("_ringmq")?, read("ringmq.fish")?])
    }

    /// A folder that is a prefix: `include`, `lib`, pkg-config's file and CMake's. What `ringmq run`
    /// needs is also directly in it, where it looks.
    pub(crate) fn prefix(&self) -> Outcome<Tree> {
        let mut tree = Tree::default();
        for name in ["zmq.h", "zmq_utils.h"] {
            tree.text(
                format!("include/{name}"),
                self.read(&format!("include/{name}"))?,
            );
        }
        tree.bytes("lib/libzmq.so.5", self.library()?);
        tree.link("lib/libzmq.so", "libzmq.so.5");
        tree.bytes("lib/libringmq_preload.so", self.helper()?);
        for name in ["libzmq.so.5", "libringmq_preload.so"] {
            tree.link(name, &format!("lib/{name}"));
        }
        tree.bytes("lib/libzmq.a", bytes(&self.built.archive)?);
        tree.text("lib/pkgconfig/libzmq.pc", self.template("dev/libzmq.pc")?);
        for name in ["ZeroMQConfig.cmake", "ZeroMQConfigVersion.cmake"] {
            let text = self.template(&format!("dev/{name}"))?;
            tree.text(format!("lib/cmake/ZeroMQ/{name}"), text);
        }
        Ok(tree)
    }

    /// The licences of the crates that `roots` ship.
    pub(crate) fn third_party(&self, roots: &[&str]) -> Outcome<String> {
        let common = Common {
            mit: self.read("LICENSE-MIT")?,
            apache: self.read("LICENSE-APACHE")?,
        };
        licences::third_party(&self.crates.shipped(roots)?, &common)
    }

    /// The list of what is in a package that ships `roots`.
    pub(crate) fn sbom(&self, package: &str, kind: &str, roots: &[&str]) -> Outcome<String> {
        let shipped = self.crates.shipped(roots)?;
        let time = Moment::of(self.epoch).rfc3339();
        Ok(sbom::list(package, kind, &self.version, &time, &shipped))
    }
}

/// The version that `zmq.h` declares.
fn zmq_version(header: &str) -> Outcome<String> {
    let number = |part: &str| {
        let mut lines = header.lines();
        let key = format!("#define ZMQ_VERSION_{part} ");
        let value = lines.find_map(|line| line.strip_prefix(&key).map(str::trim));
        value.ok_or_else(|| Failure::new(format!("include/zmq.h has no ZMQ_VERSION_{part}")))
    };
    let [major, minor, patch] = [number("MAJOR")?, number("MINOR")?, number("PATCH")?];
    Ok(format!("{major}.{minor}.{patch}"))
}

/// The bytes of a file.
pub(crate) fn bytes(path: &Path) -> Outcome<Vec<u8>> {
    fs::read(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

fn named(path: &Path) -> Outcome<(String, Vec<u8>)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok((name.into_owned(), bytes(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_interface_is_that_of_the_header() {
        let header = "#define ZMQ_VERSION_MAJOR 4\n#define ZMQ_VERSION_MINOR 3\n#define ZMQ_VERSION_PATCH 5\n";
        assert_eq!(zmq_version(header).unwrap(), "4.3.5");
        assert!(zmq_version("").is_err());
    }
}
