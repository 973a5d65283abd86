//! A process that plays a role, seen from the test.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use crate::role::MARK;

/// A process that plays a role. It is killed and reaped when this is dropped.
#[derive(Debug)]
pub struct Actor {
    child: Child,
    ears: ChildStdin,
    mouth: BufReader<ChildStdout>,
}

impl Actor {
    /// Starts what [`spawn_role`](crate::spawn_role) made, with a line to talk over. What it writes to
    /// its standard error goes where the test's goes.
    ///
    /// # Panics
    ///
    /// If the process cannot be started.
    pub fn start(command: &mut Command) -> Actor {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let ears = child.stdin.take().unwrap();
        let mouth = BufReader::new(child.stdout.take().unwrap());
        Actor { child, ears, mouth }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it [says](crate::say); waits for it.
    ///
    /// # Panics
    ///
    /// If it ends without a further word.
    #[track_caller]
    pub fn hear(&mut self) -> String {
        match self.hear_or_end() {
            Some(line) => line,
            None => panic!("process {} ended without a word", self.pid()),
        }
    }

    /// As [`hear`](Actor::hear); `None` if it has ended instead.
    pub fn hear_or_end(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.mouth.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(said) = line.strip_prefix(MARK) {
                return Some(said.trim_end().to_owned());
            }
        }
    }

    /// Tells it a line, which it hears by [`listen`](crate::listen).
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn tell(&mut self, line: &str) {
        self.ears.write_all(format!("{line}\n").as_bytes()).unwrap();
        self.ears.flush().unwrap();
    }

    /// Sends it a signal.
    ///
    /// # Panics
    ///
    /// If it was reaped.
    pub fn signal(&self, number: i32) {
        let pid = i32::try_from(self.pid()).unwrap();
        // SAFETY: a child of ours that was not reaped, so the number is still its own.
        assert_eq!(unsafe { libc::kill(pid, number) }, 0);
    }

    /// Kills it (SIGKILL) and leaves it unreaped, a zombie, until [`wait`](Actor::wait) or drop.
    pub fn kill(&self) {
        self.signal(libc::SIGKILL);
    }

    /// Stops it (SIGSTOP), and returns once it has stopped.
    ///
    /// # Panics
    ///
    /// If it ends instead.
    pub fn stop(&self) {
        self.signal(libc::SIGSTOP);
        let pid = i32::try_from(self.pid()).unwrap();
        let mut status = 0;
        // SAFETY: `pid` is a child of ours, and `status` outlives the call.
        let answer = unsafe { libc::waitpid(pid, &mut status, libc::WUNTRACED) };
        assert!(answer == pid && libc::WIFSTOPPED(status), "{status:#x}");
    }

    /// Lets it go on after [`stop`](Actor::stop).
    pub fn go_on(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Waits for its end, which has to be a good one.
    ///
    /// # Panics
    ///
    /// If it failed.
    #[track_caller]
    pub fn finish(mut self) {
        // What it still says must not block it.
        while self.hear_or_end().is_some() {}
        let status = self.wait();
        assert!(status.success(), "process {}: {status}", self.pid());
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
