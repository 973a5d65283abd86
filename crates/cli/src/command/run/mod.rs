//! `ringmq run`: a program on the `libzmq.so.5` of ringmq, without a change to it.
//!
//! ```text
//!   find the library -> find the program -> can it get another libzmq? -> variables -> exec
//! ```
//!
//! The program replaces this process: pid, signals, standard streams and exit status are its own.

mod elf;
mod library;
mod program;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Args, ValueEnum};

use crate::command::outcome::{self, Failure};
use crate::command::run::library::Library;

/// Exit codes of a command that runs another one, as env, nohup and timeout have them.
const COULD_NOT_BEGIN: u8 = 125;
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

const PRELOAD: &str = "LD_PRELOAD";
const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

const LONG: &str = "\
Runs a program on the libzmq.so.5 of ringmq. The program needs no change and no rebuild; it may be linked with libzmq, \
open it while it runs, or carry one of its own, as the wheels of pyzmq and the packages of Node do. What the program \
starts gets the library, too.

The program replaces this command: its pid, signals, standard streams and exit status are its own.

Programs that no library can be replaced in are refused with the reason: static ones, those with privileges (setuid, \
setgid, file capabilities), those for another machine or for musl, and those with a libzmq linked into them. A libzmq that \
is hidden in a plugin of the program cannot be seen before: with --log, a line \"ringmq[PID] loaded\" says that ringmq is \
in use; without that line the program runs on a libzmq of its own.";

const AFTER: &str = "\
Exit codes:
  125  the library was not found, or cannot be used
  126  the program cannot be run, or cannot be given the library
  127  the program was not found
  otherwise that of the program

Examples:
  ringmq run -- python3 app.py
  ringmq run --log -- ./server --port 5555
  ringmq run --shm require --wait spin -- node app.js";

/// Arguments of `ringmq run`.
#[derive(Debug, Args)]
#[command(long_about = LONG, after_long_help = AFTER)]
pub(crate) struct Run {
    /// Which connections use shared memory [default: RINGMQ_SHM, else on]
    #[arg(long, value_name = "WHICH")]
    shm: Option<Shm>,
    /// How calls wait [default: RINGMQ_WAIT, else adaptive]
    #[arg(long, value_name = "HOW")]
    wait: Option<Waits>,
    /// Let the program read messages of 4 KiB and more where its peers have put them: for programs that do not write to
    /// what they receive, with peers that are trusted. Sets RINGMQ_IN_PLACE=1.
    #[arg(long)]
    in_place: bool,
    /// Print what is loaded and what carries each connection on standard error. Sets RINGMQ_LOG=1.
    #[arg(long)]
    log: bool,
    /// The libzmq.so.5 of ringmq, or its folder [default: RINGMQ_LIBRARY, else where ringmq is installed]
    #[arg(long, value_name = "PATH")]
    library: Option<PathBuf>,
    /// The program and its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PROGRAM"
    )]
    program: Vec<OsString>,
}

/// Values of `RINGMQ_SHM`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shm {
    /// Each connection over ipc that can, and over tcp if the peer is on this machine.
    On,
    /// Each connection over ipc that can.
    Ipc,
    /// None.
    Off,
    /// As on; a connection over ipc that cannot is refused, with the reason on standard error.
    Require,
}

/// Values of `RINGMQ_WAIT`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Waits {
    /// Never sleep: the quickest, and a CPU for each thread that waits.
    Spin,
    /// Sleep at once.
    Park,
    /// Spin for a moment while that has paid lately, then sleep.
    Adaptive,
}

/// Runs the command. Returns only if the program could not be run.
pub(crate) fn run(arguments: &Run) -> ExitCode {
    outcome::end(prepare(arguments).and_then(|command| execute(command, arguments)))
}

/// The program with its environment.
fn prepare(arguments: &Run) -> Result<Command, Failure> {
    let [name, rest @ ..] = &arguments.program[..] else {
        return Err(Failure::usage("PROGRAM is missing"));
    };
    let library = Library::find(arguments.library.as_deref())?;
    let program = program::resolve(name)?;
    program::check(&program, library.machine)?;
    let place = library.place()?;
    let mut command = Command::new(program);
    command
        .arg0(name)
        .args(rest)
        .env(PRELOAD, first(&place.preload, PRELOAD))
        .env(library::VARIABLE, &library.path);
    if let Some(folder) = &place.folder {
        command.env(LIBRARY_PATH, first(folder.as_os_str(), LIBRARY_PATH));
    }
    if let Some(shm) = arguments.shm {
        command.env("RINGMQ_SHM", word(shm));
    }
    if let Some(wait) = arguments.wait {
        command.env("RINGMQ_WAIT", word(wait));
    }
    if arguments.in_place {
        command.env("RINGMQ_IN_PLACE", "1");
    }
    if arguments.log {
        command.env("RINGMQ_LOG", "1");
        log(&library.path, command.get_program());
    }
    Ok(command)
}

fn execute(mut command: Command, arguments: &Run) -> Result<(), Failure> {
    let error = command.exec();
    let name = arguments
        .program
        .first()
        .map(PathBuf::from)
        .unwrap_or_default();
    let cause = format_args!("cannot run {}: {error}", name.display());
    Err(Failure::exit(CANNOT_RUN, cause))
}

fn log(library: &Path, program: &OsStr) {
    let (pid, library) = (std::process::id(), library.display());
    // A program whose standard error is closed runs all the same.
    let _ = writeln!(
        std::io::stderr(),
        "ringmq[{pid}] run program={} library={library}",
        program.display()
    );
}

/// The variable `name` with this before what it has. The loader separates both variables at colons.
fn first(new: &OsStr, name: &str) -> OsString {
    let mut value = new.to_owned();
    let old = std::env::var_os(name).unwrap_or_default();
    let rest = old.as_bytes().strip_prefix(new.as_bytes());
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b":")) {
        return old;
    }
    if !old.is_empty() {
        value.push(":");
        value.push(old);
    }
    value
}

/// The word for a value, as the library's variables have it.
fn word(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}
