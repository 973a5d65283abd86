//! Where the `libzmq.so.5` of ringmq is, and a folder of its own for it.
//!
//! The loader takes libraries from two variables. `LD_PRELOAD` names files: they come before every other library, those
//! that a program carries included. A program that opens a libzmq while it runs gets the library by the helper,
//! `libringmq_preload.so` (crates/preload). Without the helper `LD_LIBRARY_PATH` names a folder, for programs that open
//! `libzmq.so` by name: a folder that has other libraries, too, would change what else a program gets.

use std::collections::hash_map::DefaultHasher;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::command::outcome::Failure;
use crate::command::run::COULD_NOT_BEGIN;
use crate::command::run::elf::{Elf, Machine};

/// The variable that names the library.
pub(super) const VARIABLE: &str = "RINGMQ_LIBRARY";
/// The names by which programs ask for it.
const NAME: &str = "libzmq.so.5";
const NAMES: [&str; 2] = [NAME, "libzmq.so"];
/// What is preloaded beside it, if it is there.
const HELPER: &str = "libringmq_preload.so";

/// The library that a program gets.
#[derive(Debug)]
pub(super) struct Library {
    /// The file, without links in its path.
    pub(super) path: PathBuf,
    pub(super) machine: Machine,
    /// Gives the library to programs that open a libzmq while they run. It may be missing where the library was copied.
    helper: Option<PathBuf>,
}

/// Where a program finds the library.
#[derive(Debug)]
pub(super) struct Place {
    /// Paths to be preloaded, with colons between them.
    pub(super) preload: OsString,
    /// A folder that has the library by its names, and no other libraries. `None` if the helper makes it needless.
    pub(super) folder: Option<PathBuf>,
}

impl Library {
    /// Finds the library: `asked` (of `--library`), else `RINGMQ_LIBRARY`, else beside this command, else where the Debian
    /// package has it.
    pub(super) fn find(asked: Option<&Path>) -> Result<Library, Failure> {
        let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let named = asked.map(Path::to_owned).or(variable.map(PathBuf::from));
        if let Some(named) = named {
            return Library::open(&in_folder(named)).map_err(|failure| {
                failure.remedy(
                    "--library and RINGMQ_LIBRARY name the libzmq.so.5 of ringmq, or its folder",
                )
            });
        }
        let candidates = candidates();
        match candidates.iter().find(|path| path.is_file()) {
            Some(path) => Library::open(path),
            None => {
                let tried: Vec<_> = candidates
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                let cause = format_args!(
                    "the libzmq.so.5 of ringmq is not at any of {}",
                    tried.join(", ")
                );
                Err(Failure::exit(COULD_NOT_BEGIN, cause).remedy(
                    "install libringmq-zmq5, or name the file with --library or RINGMQ_LIBRARY; \
                     in a checkout: cargo build --release -p ringmq-libzmq",
                ))
            }
        }
    }

    fn open(path: &Path) -> Result<Library, Failure> {
        let of = |error: io::Error| {
            let cause = format_args!("cannot use {} as a library: {error}", path.display());
            Failure::exit(COULD_NOT_BEGIN, cause)
        };
        let full = fs::canonicalize(path).map_err(of)?;
        let file = File::open(&full).map_err(of)?;
        let no_library =
            || io::Error::new(io::ErrorKind::InvalidData, "it is no library of 64 bits");
        let elf = Elf::read(&file).map_err(|_| of(no_library()))?;
        let machine = elf.machine().ok_or_else(|| of(no_library()))?;
        match elf.version_of_ringmq() {
            Ok(Some(_)) => Ok(Library {
                helper: Some(full.with_file_name(HELPER)).filter(|helper| helper.is_file()),
                path: full,
                machine,
            }),
            Ok(None) => Err(of(io::Error::other("it is not the one of ringmq"))),
            Err(error) => Err(of(error)),
        }
    }

    /// Finds a place for it, or makes one.
    pub(super) fn place(&self) -> Result<Place, Failure> {
        if let Some(helper) = &self.helper
            && is_plain(&self.path)
        {
            return Ok(Place {
                preload: both(helper, &self.path),
                folder: None,
            });
        }
        let folder = self.folder()?;
        let library = folder.join(NAME);
        let preload = match self.helper {
            Some(_) => both(&folder.join(HELPER), &library),
            None => library.into_os_string(),
        };
        Ok(Place {
            preload,
            folder: Some(folder),
        })
    }

    /// A folder that has the library by all of its names, and no other libraries. It is the library's own if that is so;
    /// otherwise a private one is made, with links.
    fn folder(&self) -> Result<PathBuf, Failure> {
        if let Some(own) = self.path.parent()
            && NAMES
                .iter()
                .all(|name| leads_to(&own.join(name), &self.path))
            && has_no_others(own)
            && is_plain(own)
        {
            return Ok(own.to_owned());
        }
        let base = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let base = base.filter(|base| is_plain(base) && base.is_dir());
        let made = base.and_then(|base| self.links(&base.join("ringmq-run")).ok());
        if let Some(made) = made {
            return Ok(made);
        }
        let user = rustix::process::getuid().as_raw();
        let base = std::env::temp_dir().join(format!("ringmq-run-{user}"));
        let made = if is_plain(&base) {
            self.links(&base)
        } else {
            Err(io::Error::other(
                "the loader takes no path with a blank, a colon or a semicolon",
            ))
        };
        made.map_err(|error| {
            let cause = format_args!("cannot make links in {}: {error}", base.display());
            Failure::exit(COULD_NOT_BEGIN, cause).remedy(
                "set TMPDIR to a folder where this user can write, or use an installed library: it needs no links",
            )
        })
    }

    /// Makes the links below `base`, which only this user can change. Several processes may do so at a time.
    fn links(&self, base: &Path) -> io::Result<PathBuf> {
        private(base)?;
        let mut digest = DefaultHasher::new();
        self.path.hash(&mut digest);
        let folder = base.join(format!("{:016x}", digest.finish()));
        private(&folder)?;
        for name in NAMES {
            link(&folder, name, &self.path)?;
        }
        if let Some(helper) = &self.helper {
            link(&folder, HELPER, helper)?;
        }
        Ok(folder)
    }
}

/// Two paths, as `LD_PRELOAD` has them.
fn both(helper: &Path, library: &Path) -> OsString {
    let mut paths = helper.as_os_str().to_owned();
    paths.push(":");
    paths.push(library);
    paths
}

/// Makes a link to a file, or has an older one lead there.
fn link(folder: &Path, name: &str, file: &Path) -> io::Result<()> {
    let link = folder.join(name);
    if fs::read_link(&link).is_ok_and(|there| there == file) {
        return Ok(());
    }
    let new = folder.join(format!(".{name}.{}", std::process::id()));
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => symlink(file, &new)?,
    }
    fs::rename(&new, &link)
}

/// Makes a folder that only this user can use, if it is not there.
fn private(folder: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let there = fs::symlink_metadata(folder)?;
            let is_ours = there.is_dir() && there.uid() == rustix::process::geteuid().as_raw();
            if is_ours && there.permissions().mode() & 0o022 == 0 {
                Ok(())
            } else {
                Err(io::Error::other("another user can change it"))
            }
        }
        outcome => outcome,
    }
}

/// A file, or the library in a folder.
fn in_folder(path: PathBuf) -> PathBuf {
    if !path.is_dir() {
        return path;
    }
    let named = NAMES.iter().map(|name| path.join(name));
    named
        .clone()
        .find(|file| file.is_file())
        .unwrap_or_else(|| path.join(NAME))
}

/// Where the library may be, by where this command is.
fn candidates() -> Vec<PathBuf> {
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    let mut found = Vec::new();
    // The path without links: /usr/local/bin/ringmq may lead to where it was unpacked.
    let tool = std::env::current_exe().and_then(fs::canonicalize);
    if let Some(here) = tool.as_deref().ok().and_then(Path::parent) {
        if let Some(prefix) = here.parent() {
            found.push(prefix.join("lib/ringmq").join(NAME));
            found.push(
                prefix
                    .join("lib")
                    .join(&multiarch)
                    .join("ringmq")
                    .join(NAME),
            );
            found.extend(in_python(prefix));
        }
        // What cargo builds.
        found.push(here.join("libzmq.so"));
    }
    let debian = Path::new("/usr/lib")
        .join(&multiarch)
        .join("ringmq")
        .join(NAME);
    if !found.contains(&debian) {
        found.push(debian);
    }
    found
}

/// The library of the wheel, whose command is in `bin` of an environment of Python.
fn in_python(prefix: &Path) -> Vec<PathBuf> {
    let versions = fs::read_dir(prefix.join("lib")).into_iter().flatten();
    let mut libraries: Vec<_> = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.as_bytes().starts_with(b"python3"))
        })
        .flat_map(|path| ["site-packages", "dist-packages"].map(|packages| path.join(packages)))
        .map(|packages| packages.join("ringmq/lib").join(NAME))
        .filter(|library| library.is_file())
        .collect();
    libraries.sort();
    libraries
}

fn leads_to(link: &Path, file: &Path) -> bool {
    fs::canonicalize(link).is_ok_and(|end| end == file)
}

/// Whether a folder has no libraries but libzmq and the helper.
fn has_no_others(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.into_iter().all(|entry| {
        let name = entry.map(|entry| entry.file_name()).unwrap_or_default();
        let name = name.as_bytes();
        let is_ours = name.starts_with(b"libzmq.") || name == HELPER.as_bytes();
        is_ours || !name.windows(3).any(|part| part == b".so")
    })
}

/// Whether the loader takes the path in its variables: it separates paths at these characters, and replaces what a dollar
/// begins.
fn is_plain(path: &Path) -> bool {
    let bytes = OsStr::as_bytes(path.as_os_str());
    path.is_absolute()
        && !bytes
            .iter()
            .any(|byte| byte.is_ascii_whitespace() || b":;$".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_of_the_wheel_is_found_in_its_environment() {
        let prefix = std::env::temp_dir().join(format!("ringmq-wheel-{}", std::process::id()));
        assert_eq!(in_python(&prefix), Vec::<PathBuf>::new());
        let folder = prefix.join("lib/python3.11/site-packages/ringmq/lib");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(prefix.join("lib/python3.12/site-packages")).unwrap();
        fs::write(folder.join(NAME), "").unwrap();
        assert_eq!(in_python(&prefix), [folder.join(NAME)]);
        fs::remove_dir_all(&prefix).unwrap();
    }

    #[test]
    fn paths_that_the_loader_would_cut_are_not_plain() {
        assert!(is_plain(Path::new("/usr/lib/x86_64-linux-gnu/ringmq")));
        for path in [
            "relative/lib",
            "/a b/lib",
            "/a:b",
            "/a;b",
            "/$ORIGIN/lib",
            "/a\tb",
        ] {
            assert!(!is_plain(Path::new(path)), "{path}");
        }
    }
}
