//! The verbs that talk, as processes that talk to each other and to stock libzmq.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod bad_input;
mod documentation;
mod formats;
mod habits;
mod measure;
mod options;
mod patterns;
mod permission;
mod proxy;
mod security;
mod slow;
mod stock;
mod stream;
mod terminal;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdout, Output, Stdio};
use std::time::Duration;

use ringmq_testing::{Watchdog, watchdog};

use crate::{ipc, ringmq};

/// Ends a test that waits in vain.
#[track_caller]
fn guard() -> Watchdog {
    watchdog(Duration::from_secs(100))
}

/// A command that runs, with a standard input that the test holds.
struct Talker {
    child: Child,
    lines: BufReader<ChildStdout>,
    errors: BufReader<ChildStderr>,
}

impl Talker {
    fn start(arguments: &[&str]) -> Talker {
        let mut child = ringmq(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let errors = BufReader::new(child.stderr.take().unwrap());
        Talker {
            child,
            lines,
            errors,
        }
    }

    /// The endpoint that it is bound to. It says so on standard error if it is --verbose, or if the system chooses.
    #[track_caller]
    fn bound(&mut self) -> String {
        self.error("bound to ")
    }

    /// What stands behind `words` on standard error, in the first line that has them.
    #[track_caller]
    fn error(&mut self, words: &str) -> String {
        let mut line = String::new();
        while self.errors.read_line(&mut line).unwrap() > 0 {
            if let Some((_, behind)) = line.trim_end().split_once(words) {
                return behind.to_owned();
            }
            line.clear();
        }
        panic!("it did not say {words:?}");
    }

    /// Writes to its standard input.
    fn say(&mut self, text: impl AsRef<[u8]>) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_ref()).unwrap();
    }

    /// Ends its standard input.
    fn end_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Reads a line of its standard output.
    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the output ended with {line:?}");
        line.pop();
        line
    }

    /// Waits for its end. Returns what it still printed.
    fn finish(mut self) -> Output {
        self.end_input();
        let mut stdout = Vec::new();
        self.lines.read_to_end(&mut stdout).unwrap();
        let mut stderr = Vec::new();
        self.errors.read_to_end(&mut stderr).unwrap();
        let status = self.child.wait().unwrap();
        Output {
            status,
            stdout,
            stderr,
        }
    }

    /// Sends it a signal, such as `INT`.
    fn signal(&self, name: &str) {
        crate::signal(&self.child, name);
    }

    /// Ends it by ctrl-C. Returns what it still printed.
    fn interrupt(self) -> Output {
        self.signal("INT");
        self.finish()
    }

    /// Closes its standard output, and waits for its end.
    fn close_output(self) -> Output {
        let Talker {
            mut child,
            lines,
            mut errors,
        } = self;
        drop(lines);
        let mut stderr = Vec::new();
        errors.read_to_end(&mut stderr).unwrap();
        Output {
            status: child.wait().unwrap(),
            stdout: Vec::new(),
            stderr,
        }
    }

    /// Waits for its success. Returns what it still printed.
    #[track_caller]
    fn rest(self) -> String {
        text(self.finish())
    }

    /// Ends it at once.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What a command printed that has succeeded.
#[track_caller]
fn text(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command with this on its standard input, to its end.
fn run(arguments: &[&str], input: impl AsRef<[u8]>) -> Output {
    let mut child = ringmq(arguments).stdin(Stdio::piped()).spawn().unwrap();
    let input = input.as_ref().to_vec();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        // The command may end before it has read everything.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Runs a command with this on its standard input, to its success.
#[track_caller]
fn runs(arguments: &[&str], input: impl AsRef<[u8]>) -> String {
    text(run(arguments, input))
}
