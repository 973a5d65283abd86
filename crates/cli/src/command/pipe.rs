//! `ringmq pipe`: standard input and output through a pipe in shared memory, like `nc -U`.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use ringmq_pipe::{
    ConnectError, ListenError, Listener, Options, Pipe, RecvError, SendError, Sender, Wait,
};

/// The verbs of `ringmq pipe`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Wait for one peer at PATH.
    Listen(Listen),
    /// Connect to whoever listens at PATH.
    Connect(Connect),
}

/// What both verbs take.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Path of the Unix socket, or @NAME for an abstract one.
    path: String,
    /// How to wait for the other side.
    #[arg(long, value_name = "HOW", default_value = "adaptive", value_parser = parse_wait)]
    wait: Wait,
    /// Bytes of the ring that this side writes: a power of two, such as 65536, 256K or 1M.
    #[arg(long, value_name = "BYTES", default_value = "1M", value_parser = parse_size)]
    size: usize,
    /// Show no progress, even on a terminal.
    #[arg(long, short)]
    quiet: bool,
}

/// Arguments of `ringmq pipe listen`.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    #[command(flatten)]
    common: Common,
    /// Permission bits of PATH in octal, such as 600. By default the umask decides.
    #[arg(long, value_name = "OCTAL", value_parser = |text: &str| u32::from_str_radix(text, 8))]
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
    /// Seconds to keep trying while nobody listens at PATH.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    timeout: f64,
}

/// Why the command failed.
#[derive(Debug)]
enum Failure {
    Listen(ListenError),
    Connect(ConnectError),
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
            Failure::Connect(error @ ConnectError::Unreachable { .. }) => {
                write!(
                    f,
                    "{error}. Start `ringmq pipe listen` there first, or raise --timeout"
                )
            }
            Failure::Connect(error) => write!(f, "cannot connect: {error}"),
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

/// Runs the command.
pub(crate) fn run(verb: &Verb) -> ExitCode {
    match meet(verb).and_then(|pipe| converse(pipe, verb)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ringmq: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn meet(verb: &Verb) -> Result<Pipe, Failure> {
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
            listener.accept().map_err(Failure::Connect)
        }
        Verb::Connect(connect) => {
            let options = connect.common.options();
            let patience = Duration::try_from_secs_f64(connect.timeout).unwrap_or_default();
            let start = Instant::now();
            loop {
                match options.connect(&connect.common.path) {
                    Err(ConnectError::Unreachable { .. }) if start.elapsed() < patience => {
                        std::thread::sleep(Duration::from_millis(10));
                    }
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
fn converse(pipe: Pipe, verb: &Verb) -> Result<(), Failure> {
    let (Verb::Listen(Listen { common, .. }) | Verb::Connect(Connect { common, .. })) = verb;
    let peer = pipe.peer_credentials().pid;
    let progress = progress(common.quiet);
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
    let received = receive(&mut receiver, &progress, peer);
    drop(receiver);
    if matches!(received, Err(Failure::Died(_))) {
        progress.finish_and_clear();
        return received;
    }
    // The other direction goes on for as long as there is somebody to read it. Standard input that nobody wants
    // any more is not waited for: it may be a terminal.
    let sent = loop {
        if outgoing.is_finished() {
            break outgoing.join().unwrap_or(Ok(()));
        }
        let checked = match sender.try_lock() {
            Ok(mut sender) => sender.as_mut().map_or(Ok(()), Sender::check_peer),
            Err(_) => Ok(()),
        };
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
) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let mut bytes = vec![0; 128 << 10];
    loop {
        let read = match receiver.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
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
    // Whoever reads our output learns now that it is complete, although the other direction may go on.
    let nothing = File::open("/dev/null").map_err(Failure::Stdout)?;
    rustix::stdio::dup2_stdout(nothing).map_err(|errno| Failure::Stdout(errno.into()))
}

/// Bytes and rate, both directions together, on a terminal.
fn progress(quiet: bool) -> ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {bytes} in {elapsed}, {bytes_per_sec}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Parses a waiting strategy.
pub(crate) fn parse_wait(text: &str) -> Result<Wait, String> {
    match text {
        "spin" => Ok(Wait::Spin),
        "park" => Ok(Wait::Park),
        "adaptive" => Ok(Wait::Adaptive),
        other => Err(format!(
            "{other} is no way to wait; it is spin, park or adaptive"
        )),
    }
}

/// Parses a number of bytes, with K, M or G for powers of 1,024.
pub(crate) fn parse_size(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: usize = digits
        .parse()
        .map_err(|_| format!("{text} is no number of bytes, such as 65536 or 64K"))?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| format!("{text} is more than memory can hold"))
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
        assert!(parse_size("-1").is_err());
        assert!(parse_size("99999999999999999G").is_err());
    }

    #[test]
    fn waits_have_three_names() {
        assert_eq!(parse_wait("spin"), Ok(Wait::Spin));
        assert_eq!(parse_wait("park"), Ok(Wait::Park));
        assert_eq!(parse_wait("adaptive"), Ok(Wait::Adaptive));
        assert!(parse_wait("sleep").is_err());
    }
}
