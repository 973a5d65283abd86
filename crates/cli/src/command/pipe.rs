//! `ringmq pipe`: standard input and output through a pipe in shared memory, like `nc -U`.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use ringmq_bench::Size;
use ringmq_pipe::{
    ConnectError, ListenError, Listener, Options, Pipe, RecvError, SendError, Sender, Wait,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::command::progress::bytes_and_rate;

/// The verbs of `ringmq pipe`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Wait for one peer at PATH.
    Listen(Listen),
    /// Connect to the process that listens at PATH.
    Connect(Connect),
}

/// What both verbs take.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Path of the Unix socket, or @NAME for an abstract one.
    path: String,
    /// How to wait for the other side.
    #[arg(long, value_name = "HOW", default_value = "adaptive", value_parser = waits())]
    wait: Wait,
    /// Bytes of the ring that this side writes: a power of two, such as 65536, 256K or 1MiB.
    #[arg(long, value_name = "BYTES", default_value = "1M", value_parser = parse_size)]
    size: usize,
    /// Show no progress. Otherwise it stands on standard error, if that is a terminal, and the data is on none.
    #[arg(long, short)]
    quiet: bool,
}

/// Arguments of `ringmq pipe listen`.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    #[command(flatten)]
    common: Common,
    /// Permission bits of PATH in octal, such as 600. By default the umask decides.
    #[arg(long, value_name = "OCTAL", value_parser = parse_mode)]
    mode: Option<u32>,
    /// Accept a peer that runs as another user.
    #[arg(long)]
    allow_other_users: bool,
}

/// Arguments of `ringmq pipe connect`.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    common: Common,
    /// Seconds to keep trying while no process listens at PATH.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = parse_seconds)]
    timeout: Duration,
}

/// Why the command failed.
#[derive(Debug)]
enum Failure {
    Listen(ListenError),
    Connect(ConnectError),
    Interrupted(i32),
    Signals(io::Error),
    Died(i32),
    Unsent(SendError),
    Receive(RecvError),
    Stdin(io::Error),
    Stdout(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Listen(error) => write!(f, "cannot listen: {error}"),
            Failure::Connect(error) if is_without_listener(error) => write!(
                f,
                "{error}. Start `ringmq pipe listen` there first, or raise --timeout"
            ),
            Failure::Connect(error @ ConnectError::Unreachable { .. }) => error.fmt(f),
            Failure::Connect(error) => write!(f, "cannot connect: {error}"),
            Failure::Interrupted(signal) => write!(f, "ended by signal {signal}"),
            Failure::Signals(error) => write!(f, "cannot handle signals: {error}"),
            Failure::Died(pid) => {
                write!(
                    f,
                    "the peer (process {pid}) died; what it had sent was delivered"
                )
            }
            Failure::Unsent(error) => write!(f, "not everything was sent: {error}"),
            Failure::Receive(error) => write!(f, "cannot receive: {error}"),
            Failure::Stdin(error) => write!(f, "cannot read standard input: {error}"),
            Failure::Stdout(error) => write!(f, "cannot write standard output: {error}"),
        }
    }
}

/// Returns true if there is no listener where it was tried, and the next attempt may find one: there is nothing, or a
/// socket without a listener. A file of another kind refuses connections, too, and will go on to.
fn is_without_listener(error: &ConnectError) -> bool {
    let ConnectError::Unreachable { address, source } = error else {
        return false;
    };
    match source.kind() {
        io::ErrorKind::NotFound => true,
        io::ErrorKind::ConnectionRefused => std::fs::metadata(address.to_string())
            .map_or(true, |found| found.file_type().is_socket()),
        _ => false,
    }
}

/// Runs the command.
pub(crate) fn run(verb: &Verb) -> ExitCode {
    // A signal that would end this process ends both directions first: the peer sees the end of a stream, not a death.
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(Failure::Signals);
    let outcome = signals.and_then(|mut signals| {
        let pipe = meet(verb, &mut signals)?;
        converse(pipe, verb, &mut signals)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Failure::Interrupted(signal) = failure {
                // Does not return for these signals. If it does, the failure is printed.
                let _ = emulate_default_handler(signal);
            }
            eprintln!("ringmq: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// After a call that was interrupted, or between two looks: whether it is time to end.
fn check(signals: &mut Signals) -> Result<(), Failure> {
    match signals.pending().next() {
        Some(signal) => Err(Failure::Interrupted(signal)),
        None => Ok(()),
    }
}

fn meet(verb: &Verb, signals: &mut Signals) -> Result<Pipe, Failure> {
    match verb {
        Verb::Listen(listen) => {
            let mut options = listen
                .common
                .options()
                .allow_other_uids(listen.allow_other_users);
            if let Some(mode) = listen.mode {
                options = options.mode(mode);
            }
            let mut listener =
                Listener::bind(&listen.common.path, &options).map_err(Failure::Listen)?;
            loop {
                match listener.accept() {
                    Err(ConnectError::Interrupted) => check(signals)?,
                    outcome => return outcome.map_err(Failure::Connect),
                }
            }
        }
        Verb::Connect(connect) => {
            let options = connect.common.options();
            let start = Instant::now();
            loop {
                match options.connect(&connect.common.path) {
                    Err(error)
                        if is_without_listener(&error) && start.elapsed() < connect.timeout =>
                    {
                        check(signals)?;
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    Err(ConnectError::Interrupted) => check(signals)?,
                    outcome => return outcome.map_err(Failure::Connect),
                }
            }
        }
    }
}

impl Common {
    fn options(&self) -> Options {
        Options::new().wait(self.wait).capacity(self.size)
    }
}

/// Standard input to the peer in a thread of its own, the peer to standard output in this one.
fn converse(pipe: Pipe, verb: &Verb, signals: &mut Signals) -> Result<(), Failure> {
    let (Verb::Listen(Listen { common, .. }) | Verb::Connect(Connect { common, .. })) = verb;
    let peer = pipe.peer_credentials().pid;
    let progress = progress(common.quiet, Terminals::here());
    let (sender, mut receiver) = pipe.split();
    // The thread takes the sender out when standard input ends; until then this side may look at it.
    let sender = Arc::new(Mutex::new(Some(sender)));
    let outgoing = std::thread::spawn({
        let (sender, progress) = (Arc::clone(&sender), progress.clone());
        move || {
            let outcome = send_stdin(&sender, &progress);
            lock(&sender).take();
            outcome
        }
    });
    let received = receive(&mut receiver, &progress, peer, signals);
    drop(receiver);
    if let Err(Failure::Interrupted(_)) = received
        && let Ok(mut sender) = sender.try_lock()
    {
        // The thread may be reading standard input for ever. If it is sending, the peer does not read, or will soon.
        sender.take();
    }
    if let Err(Failure::Died(_) | Failure::Interrupted(_)) = received {
        progress.finish_and_clear();
        return received;
    }
    // The other direction goes on for as long as the peer reads it. After that, standard input is not waited for: it
    // may be a terminal.
    let sent = loop {
        if outgoing.is_finished() {
            break outgoing.join().unwrap_or(Ok(()));
        }
        let checked = match sender.try_lock() {
            Ok(mut sender) => sender.as_mut().map_or(Ok(()), Sender::check_peer),
            Err(_) => Ok(()),
        };
        if let Err(interrupted) = check(signals) {
            if let Ok(mut sender) = sender.try_lock() {
                sender.take();
            }
            break Err(interrupted);
        }
        match checked {
            Ok(()) => std::thread::sleep(Duration::from_millis(20)),
            Err(SendError::Closed) => break Ok(()),
            Err(SendError::PeerDied) => break Err(Failure::Died(peer)),
            Err(error) => break Err(Failure::Unsent(error)),
        }
    };
    progress.finish();
    received.and(sent)
}

fn lock(sender: &Mutex<Option<Sender>>) -> std::sync::MutexGuard<'_, Option<Sender>> {
    sender.lock().unwrap_or_else(PoisonError::into_inner)
}

fn send_stdin(sender: &Mutex<Option<Sender>>, progress: &ProgressBar) -> Result<(), Failure> {
    let mut stdin = io::stdin().lock();
    let mut bytes = vec![0; 128 << 10];
    loop {
        let read = match stdin.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::Stdin(error)),
        };
        let mut guard = lock(sender);
        let Some(sender) = guard.as_mut() else {
            return Ok(());
        };
        sender.write_all(&bytes[..read]).map_err(|error| {
            let source = error.downcast::<SendError>();
            Failure::Unsent(source.unwrap_or_else(SendError::Os))
        })?;
        progress.inc(read as u64);
    }
}

fn receive(
    receiver: &mut ringmq_pipe::Receiver,
    progress: &ProgressBar,
    peer: i32,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let mut bytes = vec![0; 128 << 10];
    loop {
        let read = match receiver.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                check(signals)?;
                continue;
            }
            Err(error) => {
                return Err(match error.downcast::<RecvError>() {
                    Ok(RecvError::PeerDied) => Failure::Died(peer),
                    Ok(other) => Failure::Receive(other),
                    Err(os) => Failure::Receive(RecvError::Os(os)),
                });
            }
        };
        stdout.write_all(&bytes[..read]).map_err(Failure::Stdout)?;
        // A person at the other end of standard output wants to see what has come.
        stdout.flush().map_err(Failure::Stdout)?;
        progress.inc(read as u64);
    }
    drop(stdout);
    // The reader of our output learns now that it is complete, although the other direction may go on.
    let nothing = File::open("/dev/null").map_err(Failure::Stdout)?;
    rustix::stdio::dup2_stdout(nothing).map_err(|errno| Failure::Stdout(errno.into()))
}

/// Which of the standard streams are terminals.
#[derive(Debug, Clone, Copy)]
struct Terminals {
    stdin: bool,
    stdout: bool,
    stderr: bool,
}

impl Terminals {
    fn here() -> Terminals {
        Terminals {
            stdin: io::stdin().is_terminal(),
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
        }
    }

    /// Progress is for a terminal, and not for one on which data stands, or is typed.
    fn show_progress(self) -> bool {
        self.stderr && !self.stdout && !self.stdin
    }
}

/// Bytes and rate, both directions together, on a terminal.
fn progress(quiet: bool, terminals: Terminals) -> ProgressBar {
    if quiet || !terminals.show_progress() {
        return ProgressBar::hidden();
    }
    bytes_and_rate()
}

/// A parser of the waiting strategies, which shows them in the help.
fn waits() -> impl TypedValueParser<Value = Wait> {
    PossibleValuesParser::new(["spin", "park", "adaptive"]).map(|word| match word.as_str() {
        "spin" => Wait::Spin,
        "park" => Wait::Park,
        _ => Wait::Adaptive,
    })
}

/// Parses a number of bytes, with K, M or G for powers of 1,024, as `ringmq perf` does.
fn parse_size(text: &str) -> Result<usize, String> {
    Size::bytes(text).ok_or_else(|| {
        format!("{text} is no number of bytes that memory can hold, such as 65536, 64K or 64KiB")
    })
}

/// Parses a number of seconds.
fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("{text} is no number of seconds, such as 0.5 or 60"))
}

/// Parses permission bits.
fn parse_mode(text: &str) -> Result<u32, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let bits = u32::from_str_radix(text, 8).ok();
    bits.filter(|bits| digits && *bits <= 0o777)
        .ok_or_else(|| format!("{text} is no octal number of permission bits from 0 to 777"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_suffixes() {
        assert_eq!(parse_size("65536"), Ok(65536));
        assert_eq!(parse_size("64K"), Ok(65536));
        assert_eq!(parse_size("1m"), Ok(1 << 20));
        assert_eq!(parse_size("2G"), Ok(2 << 30));
        assert!(parse_size("").is_err());
        assert!(parse_size("K").is_err());
        assert_eq!(parse_size("64KiB"), Ok(65536));
        assert!(parse_size("-1").is_err());
        assert!(parse_size("99999999999999999G").is_err());
    }

    #[test]
    fn seconds_are_finite_and_not_negative() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_seconds("0"), Ok(Duration::ZERO));
        for wrong in ["nan", "inf", "-1", "1e30", "", "1s"] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn modes_have_nine_bits() {
        assert_eq!(parse_mode("0640"), Ok(0o640));
        assert_eq!(parse_mode("777"), Ok(0o777));
        for wrong in ["77777", "1777", "8", "+600", "", "rw"] {
            assert!(parse_mode(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn progress_is_kept_away_from_data() {
        let shows = |stdin, stdout, stderr| {
            let terminals = Terminals {
                stdin,
                stdout,
                stderr,
            };
            terminals.show_progress()
        };
        assert!(shows(false, false, true));
        for (stdin, stdout, stderr) in [
            (false, true, true),
            (true, false, true),
            (true, true, true),
            (false, false, false),
        ] {
            assert!(!shows(stdin, stdout, stderr));
        }
    }
}
