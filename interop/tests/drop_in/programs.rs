//! A Python program, and the library that it finds.

use std::fs::{self, File};
use std::process::Command;

use ringmq_testing::{Actor, Scratch, abstract_name, built_library};

/// The Python for which Debian packages libzmq, whatever else is on the path.
const PYTHON: &str = "/usr/bin/python3";

/// Whose libzmq.so.5 a program finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    Ours,
    Stock,
}

/// A folder with our library under libzmq's name.
pub(crate) fn library_folder(scratch: &Scratch) -> String {
    let folder = scratch.path("library");
    if !fs::exists(&folder).unwrap() {
        fs::create_dir(&folder).unwrap();
        fs::copy(built_library(), format!("{folder}/libzmq.so.5")).unwrap();
    }
    folder
}

/// A program that runs.
pub(crate) struct Program {
    actor: Actor,
    library: Library,
    /// What it has written to its standard error.
    log: String,
}

impl Program {
    /// Starts one, with this library and these arguments.
    pub(crate) fn start(library: Library, scratch: &Scratch, args: &[&str]) -> Program {
        let folder = library_folder(scratch);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/program.py");
        let log = scratch.path(&abstract_name("log")[1..]);
        let mut command = Command::new(PYTHON);
        command.args(["-B", script]).args(args);
        command.env("RINGMQ_LOG", "1");
        command.stderr(File::create(&log).unwrap());
        if library == Library::Ours {
            command.env("LD_LIBRARY_PATH", &folder);
        }
        Program {
            actor: Actor::start(&mut command),
            library,
            log,
        }
    }

    /// Waits until it is done, and says whether it has shared memory with its partner: it has it mapped, and has said
    /// so.
    pub(crate) fn has_shared(&mut self) -> bool {
        let heard = self.actor.hear_or_end();
        let log = fs::read_to_string(&self.log).unwrap();
        let heard = heard.unwrap_or_else(|| panic!("it has ended: {log}"));
        let (library, carrier) = heard.split_once(' ').unwrap();
        let ours = library.ends_with("/library/libzmq.so.5");
        assert_eq!(ours, self.library == Library::Ours, "{library}");
        let shared = carrier == "shared";
        assert_eq!(log.contains("carrier=shared-memory"), shared, "{log}");
        shared
    }

    /// Lets it end.
    pub(crate) fn finish(mut self) {
        self.actor.tell("end");
        self.actor.finish();
    }
}
