//! A test that runs itself again in another process, for another role.

use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

const ROLE: &str = "RINGMQ_TEST_ROLE";
const ARGS: &str = "RINGMQ_TEST_ROLE_ARGS";
/// Between arguments: no argument holds it.
const SEPARATOR: char = '\u{1f}';
/// Begins each line of [`say`]: the test harness prints lines of its own.
pub(crate) const MARK: &str = "@ringmq ";

/// The role that this process was started for by [`spawn_role`]; `None` in the test itself.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// The arguments that [`spawn_role`] was given for this process.
pub fn role_args() -> Vec<String> {
    match std::env::var(ARGS) {
        Ok(args) if !args.is_empty() => args.split(SEPARATOR).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// A command that runs the test `test` of this very program (its full path, as `--list` shows it) in a
/// process of its own, whose [`role`] is `role`. Not started yet: pipes, wrappers and limits may be added.
///
/// The process dies with the thread that starts it.
///
/// # Panics
///
/// If an argument holds the character that separates them, U+001F.
pub fn spawn_role(test: &str, role: &str, args: &[&str]) -> Command {
    assert!(args.iter().all(|arg| !arg.contains(SEPARATOR)));
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        // A long test that is ignored by default has roles, too.
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(ROLE, role)
        .env(ARGS, args.join(&SEPARATOR.to_string()));
    die_with_parent(&mut command);
    command
}

/// Runs `body` in a process of its own, which runs the test `test` again: for tests that measure or limit their whole
/// process. The other tests of a program may run in one process, at the same time.
///
/// `test` is the full path of the calling test, as `--list` shows it. Begin the [`watchdog`](crate::watchdog) in `body`.
///
/// ```no_run
/// use ringmq_testing::{Counters, in_own_process};
///
/// #[test]
/// fn no_descriptor_is_left_open() {
///     in_own_process("no_descriptor_is_left_open", || {
///         let before = Counters::now().fds;
///         drop(std::fs::File::open("/dev/null"));
///         assert_eq!(Counters::now().fds, before);
///     });
/// }
/// ```
///
/// # Panics
///
/// If `body` panics, or its process cannot be started.
#[track_caller]
pub fn in_own_process(test: &str, body: impl FnOnce()) {
    if role().is_some() {
        return body();
    }
    let done = spawn_role(test, "alone", &[]).output().unwrap();
    print!("{}", String::from_utf8_lossy(&done.stdout));
    eprint!("{}", String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{test}: {}", done.status);
}

/// The same command under a wrapper, such as `["strace", "-f"]`: a program and its first arguments.
///
/// The wrapper dies with the thread that starts it; what it starts has to die with the wrapper.
///
/// # Panics
///
/// If the wrapper is empty.
pub fn under(wrapper: &[&str], command: &Command) -> Command {
    let mut wrapped = Command::new(wrapper[0]);
    wrapped.args(&wrapper[1..]);
    wrapped.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            wrapped.env(name, value);
        }
    }
    // A wrapper that traces is the only one that may, and LeakSanitizer would have to.
    wrapped.env("ASAN_OPTIONS", "detect_leaks=0");
    die_with_parent(&mut wrapped);
    wrapped
}

/// Lets the process that `command` starts die when the thread that starts it ends.
fn die_with_parent(command: &mut Command) {
    let parent = i32::try_from(std::process::id()).unwrap();
    let ask = move || {
        // SAFETY: asks for a signal at the parent's end; no pointers.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        // It may have ended before that.
        // SAFETY: reads a number.
        if unsafe { libc::getppid() } != parent {
            return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: between fork and exec it makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(ask) };
}

/// Sends a line to the test that started this role, which reads it by [`Actor::hear`](crate::Actor::hear).
///
/// # Panics
///
/// If the test does not read any more.
pub fn say(line: &str) {
    // Begins a line of its own: the harness may have left one unfinished.
    let whole = format!("\n{MARK}{line}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(whole.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// In a role: waits for a line that [`Actor::tell`](crate::Actor::tell) says. Returns an empty line once the test has
/// gone.
pub fn listen() -> String {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// In a role: forks a child that holds all descriptors of this process, and lives for as long as the
/// [`Actor`](crate::Actor) that plays the role does, whatever becomes of this process. Returns its number.
///
/// # Panics
///
/// If the kernel refuses.
pub fn fork_and_linger() -> u32 {
    // SAFETY: the child makes system calls and ends by _exit; it neither unwinds nor returns.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let mut byte = 0u8;
        // The test holds the other end, and says nothing more: this returns at its end.
        // SAFETY: reads into a byte of ours.
        while unsafe { libc::read(0, (&raw mut byte).cast(), 1) } > 0 {}
        // SAFETY: ends the child without running anything that belongs to the parent.
        unsafe { libc::_exit(0) };
    }
    u32::try_from(pid).unwrap()
}

/// Forks a child that runs `run` and ends. Says whether that was true there.
///
/// # Panics
///
/// If the kernel refuses.
pub fn fork_and(run: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs what the test wants to see in a child, and ends by _exit; it never returns.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        // SAFETY: ends the child without running anything that belongs to the parent.
        unsafe { libc::_exit(i32::from(!ran.unwrap_or(false))) };
    }
    let mut status = 0;
    // SAFETY: a child of ours, and `status` outlives the call.
    let reaped = unsafe { libc::waitpid(pid, &mut status, 0) };
    reaped == pid && libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}
