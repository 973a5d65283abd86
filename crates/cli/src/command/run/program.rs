//! The program that is to run: where it is, and whether the loader will give it the library.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::command::outcome::Failure;
use crate::command::run::elf::{Elf, Machine, machine};
use crate::command::run::{CANNOT_RUN, NOT_FOUND};

/// As many bytes of a `#!` line count for the kernel.
const LINE: usize = 256;
/// As many scripts may be each other's interpreters, as the kernel has it.
const SCRIPTS: usize = 5;
const SETUID: u32 = 0o4000;
/// Set with the permission of the group to execute; without, it means locks.
const SETGID: u32 = 0o2010;

/// Why a file that can be executed does not get the library.
#[derive(Debug, PartialEq, Eq)]
enum Obstacle {
    Static,
    Carries,
    Musl(String),
    Machine { its: String, ours: String },
    Privileged(&'static str),
    NoProgram,
    NoInterpreter(String),
    Damaged,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::Static => {
                f.write_str("is linked statically: no library can be replaced in it")
            }
            Obstacle::Carries => {
                f.write_str("has a libzmq linked into it statically, which cannot be replaced")
            }
            Obstacle::Musl(loader) => write!(
                f,
                "is linked with musl ({loader}), and the library with glibc"
            ),
            Obstacle::Machine { its, ours } => {
                write!(f, "is for {its}, and the library for {ours}")
            }
            Obstacle::Privileged(how) => {
                write!(f, "{how}: the loader ignores LD_PRELOAD for it")
            }
            Obstacle::NoProgram => f.write_str("is neither an ELF program nor a script"),
            Obstacle::NoInterpreter(path) => {
                write!(f, "is a script for {path}, which does not exist")
            }
            Obstacle::Damaged => f.write_str("is a damaged ELF file"),
        }
    }
}

impl Obstacle {
    fn remedy(&self) -> &'static str {
        match self {
            Obstacle::Static | Obstacle::Carries => {
                "link the program with libzmq.so (in C: -lzmq without -static; with the crate zmq 0.10: cargo build --config 'target.x86_64-unknown-linux-gnu.zmq.rustc-link-lib=[\"zmq\"]')"
            }
            Obstacle::Musl(_) => "run a build of the program for glibc",
            Obstacle::Machine { .. } => {
                "run a build of the program for the same machine, or name another --library"
            }
            Obstacle::Privileged(_) => {
                "run the command as the other user (sudo ringmq run -- PROGRAM), or a copy without the privilege"
            }
            Obstacle::NoProgram => "is PROGRAM the program, and not a file that it reads?",
            Obstacle::NoInterpreter(_) => "install the interpreter, or name it before the script",
            Obstacle::Damaged => "install the program again",
        }
    }
}

/// Finds a program as a shell does: a name without a slash on `PATH`.
pub(super) fn resolve(name: &OsStr) -> Result<PathBuf, Failure> {
    let not_found = |why: fmt::Arguments<'_>| {
        let name = name.display();
        Failure::exit(NOT_FOUND, format_args!("{name}: {why}"))
            .remedy("check the name, or give the whole path")
    };
    if name.as_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(not_found(format_args!("there is no such file")))
            }
            Err(error) => Err(cannot(&path, &error)),
            Ok(_) => executable(path),
        };
    }
    if let Some(path) = on_path(name) {
        return Ok(path);
    }
    // As shells do: what is there and cannot be executed is named.
    match searched()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
    {
        Some(path) => executable(path),
        None => Err(not_found(format_args!("there is no such program on PATH"))),
    }
}

fn searched() -> impl Iterator<Item = PathBuf> {
    let path =
        std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // An empty one is the folder of the shell.
    folders.into_iter().map(|folder| {
        if folder.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            folder
        }
    })
}

fn on_path(name: &OsStr) -> Option<PathBuf> {
    searched()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file() && can_execute(path))
}

fn can_execute(path: &Path) -> bool {
    access(path, Access::EXEC_OK).is_ok()
}

fn cannot(path: &Path, why: &dyn fmt::Display) -> Failure {
    Failure::exit(
        CANNOT_RUN,
        format_args!("cannot run {}: {why}", path.display()),
    )
}

fn executable(path: PathBuf) -> Result<PathBuf, Failure> {
    if path.is_dir() {
        return Err(cannot(&path, &"it is a folder").remedy("name the program in it"));
    }
    if !can_execute(&path) {
        let remedy = format!(
            "chmod +x {}, or name its interpreter before it",
            path.display()
        );
        return Err(cannot(&path, &"it is not executable").remedy(remedy));
    }
    Ok(path)
}

/// Checks whether the loader will give the program at `path` a library for `ours`. Of a script it is the interpreter that
/// counts.
pub(super) fn check(path: &Path, ours: Machine) -> Result<(), Failure> {
    let mut path = path.to_owned();
    for _ in 0..SCRIPTS {
        let file = match File::open(&path) {
            Ok(file) => file,
            // A program may be executable without being readable. The kernel runs it; nothing can be said about it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
            Err(error) => return Err(cannot(&path, &error)),
        };
        let refused = |obstacle: Obstacle| {
            let cause = format_args!("{} {obstacle}", path.display());
            Failure::exit(CANNOT_RUN, cause).remedy(obstacle.remedy())
        };
        let mut head = [0; LINE];
        let read = read_head(&file, &mut head).map_err(|error| cannot(&path, &error))?;
        let head = &head[..read];
        if let Some(its) = machine(head) {
            return inspect(&path, &file, its, ours).map_err(refused);
        }
        let Some(line) = head.strip_prefix(b"#!") else {
            // Shells, and the C library, have /bin/sh run a text.
            if head.contains(&0) {
                return Err(refused(Obstacle::NoProgram));
            }
            path = PathBuf::from("/bin/sh");
            continue;
        };
        let next = interpreter(line);
        if fs::metadata(&next).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Err(refused(Obstacle::NoInterpreter(next.display().to_string())));
        }
        path = next;
    }
    // The kernel will say so.
    Ok(())
}

fn read_head(file: &File, into: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < into.len() {
        match file.read_at(&mut into[read..], read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// The program behind a `#!`, and behind `env`.
fn interpreter(line: &[u8]) -> PathBuf {
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or(line);
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let first = PathBuf::from(OsString::from_vec(
        words.next().unwrap_or_default().to_vec(),
    ));
    if first.file_name() != Some(OsStr::new("env")) {
        return first;
    }
    let named = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='));
    // env itself says what it does not find.
    named
        .and_then(|name| on_path(OsStr::from_bytes(name)))
        .unwrap_or(first)
}

fn inspect(path: &Path, file: &File, its: Machine, ours: Machine) -> Result<(), Obstacle> {
    if its != ours {
        return Err(Obstacle::Machine {
            its: its.name(),
            ours: ours.name(),
        });
    }
    if let Some(how) = privilege(path, file) {
        return Err(Obstacle::Privileged(how));
    }
    let elf = Elf::read(file).map_err(|_| Obstacle::Damaged)?;
    match elf.loader().map_err(|_| Obstacle::Damaged)? {
        None => Err(Obstacle::Static),
        Some(loader) if loader.contains("ld-musl") => Err(Obstacle::Musl(loader)),
        // Symbols do not matter to the kernel: a table that cannot be read stops nothing.
        Some(_) if elf.defines_libzmq().unwrap_or(false) => Err(Obstacle::Carries),
        Some(_) => Ok(()),
    }
}

/// The privilege that a program gets when it begins, and this process does not have.
fn privilege(path: &Path, file: &File) -> Option<&'static str> {
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    let about = file.metadata().ok()?;
    if about.mode() & SETUID != 0 && about.uid() != user.as_raw() {
        return Some("runs as its owner (setuid)");
    }
    if about.mode() & SETGID == SETGID && about.gid() != group.as_raw() {
        return Some("runs as its group (setgid)");
    }
    // Root has them anyway.
    if user.is_root() {
        return None;
    }
    let mut attribute = [0_u8; 64];
    let length = rustix::fs::getxattr(path, "security.capability", &mut attribute).ok()?;
    elevates(attribute.get(..length)?).then_some("has capabilities of its own (getcap shows them)")
}

/// Returns true if a program with these file capabilities gets some, or has those that it gets in effect at once. The
/// loader ignores `LD_PRELOAD` then.
///
/// Source: ld.so(8), and `struct vfs_cap_data` of linux/capability.h.
fn elevates(attribute: &[u8]) -> bool {
    let words = attribute.chunks_exact(4);
    let words: Vec<_> = words
        .map(|word| [word[0], word[1], word[2], word[3]])
        .collect();
    let word = |place: usize| words.get(place).map_or(0, |word| u32::from_le_bytes(*word));
    let in_effect = word(0) & 1 != 0;
    let (permitted_low, permitted_high) = (word(1), word(3));
    in_effect || permitted_low != 0 || permitted_high != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_of_a_line_is_its_first_word_or_what_env_runs() {
        let of = |line: &str| interpreter(line.as_bytes());
        assert_eq!(of("/bin/sh -e\nsecond line"), Path::new("/bin/sh"));
        assert_eq!(of(" /usr/bin/perl"), Path::new("/usr/bin/perl"));
        assert_eq!(of(""), Path::new(""));
        for line in [
            "/usr/bin/env sh",
            "/usr/bin/env -S A=b sh -e",
            "/bin/env -S -i sh",
        ] {
            assert_eq!(of(line).file_name(), Some(OsStr::new("sh")), "{line}");
            assert!(of(line).is_absolute());
        }
        assert_eq!(
            of("/usr/bin/env no-such-program-here"),
            Path::new("/usr/bin/env")
        );
    }
}
