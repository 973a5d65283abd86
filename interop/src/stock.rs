//! The stock side.

use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use ringmq::Kind;
use ringmq_testing::{Actor, Watchdog, watchdog};

/// The Python for which Debian packages libzmq, whatever else is on the path.
const PYTHON: &str = "/usr/bin/python3";

/// Begins a test: a watchdog; or nothing, said aloud, where there is no stock libzmq.
#[track_caller]
pub fn begin() -> Option<Watchdog> {
    static THERE: OnceLock<bool> = OnceLock::new();
    let there = THERE.get_or_init(|| {
        let tried = Command::new(PYTHON).args(["-c", "import zmq"]).output();
        tried.is_ok_and(|output| output.status.success())
    });
    if !there {
        eprintln!("skipped: {PYTHON} has no zmq (`cargo xtask setup` installs it)");
        return None;
    }
    Some(watchdog(Duration::from_secs(60)))
}

/// A socket of stock libzmq, in a process of its own. Each method panics if that fails.
#[derive(Debug)]
pub struct Stock {
    actor: Actor,
}

impl Stock {
    /// Starts a process that has no socket yet.
    pub fn start() -> Stock {
        Stock::run(&mut Command::new(PYTHON))
    }

    /// Starts a process that has no socket yet, with the libzmq.so.5 in a folder in the place of stock libzmq.
    pub fn with_library(folder: &str) -> Stock {
        Stock::run(Command::new(PYTHON).env("LD_LIBRARY_PATH", folder))
    }

    fn run(python: &mut Command) -> Stock {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/peer.py");
        let mut actor = Actor::start(python.args(["-B", script]));
        assert_eq!(actor.hear(), "ready");
        Stock { actor }
    }

    /// Starts a process with a socket.
    pub fn new(kind: Kind) -> Stock {
        let mut stock = Stock::start();
        stock.open(kind);
        stock
    }

    /// Makes the socket.
    pub fn open(&mut self, kind: Kind) {
        self.ask(&format!("open {kind}"));
    }

    /// Sets an option, named without `ZMQ_`, to a number.
    pub fn set(&mut self, option: &str, value: i32) {
        self.ask(&format!("set {option} {value}"));
    }

    /// Sets an option, named without `ZMQ_`, to bytes.
    pub fn set_bytes(&mut self, option: &str, value: &[u8]) {
        self.ask(&format!("set_bytes {option} {}", words(&[value])));
    }

    /// Binds, and answers to what.
    pub fn bind(&mut self, endpoint: &str) -> String {
        self.ask(&format!("bind {endpoint}"))
    }

    /// Connects.
    pub fn connect(&mut self, endpoint: &str) {
        self.ask(&format!("connect {endpoint}"));
    }

    /// Closes the socket, and returns when what was sent has left.
    pub fn close(&mut self) {
        self.ask("close");
    }

    /// Sends a message.
    pub fn send<P: AsRef<[u8]>>(&mut self, parts: &[P]) {
        assert_eq!(self.ask(&format!("send {}", words(parts))), "sent");
    }

    /// Sends a message if a peer has room for it within this time.
    pub fn try_send<P: AsRef<[u8]>>(&mut self, parts: &[P], patience: Duration) {
        self.ask(&format!(
            "try_send {} {}",
            patience.as_millis(),
            words(parts)
        ));
    }

    /// Receives a message.
    #[track_caller]
    pub fn recv(&mut self) -> Vec<Vec<u8>> {
        self.tell("recv");
        self.hear_message()
    }

    /// Receives all messages that are there, or come before there was none for so long. A REP answers them.
    #[track_caller]
    pub fn drain(&mut self, patience: Duration) -> Vec<Vec<Vec<u8>>> {
        match &*self.ask(&format!("drain {}", patience.as_millis())) {
            "nothing" => Vec::new(),
            heard => heard.split(" , ").map(message_of).collect(),
        }
    }

    /// Tells the process a line, whose answer is to be [heard](Stock::hear).
    pub fn tell(&mut self, line: &str) {
        self.actor.tell(line);
    }

    /// The answer to a line.
    #[track_caller]
    pub fn hear(&mut self) -> String {
        let answer = self.actor.hear();
        assert!(!answer.starts_with("error"), "stock: {answer}");
        answer
    }

    /// Tells a line, and hears the answer.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.hear()
    }

    /// The answer to `recv`.
    #[track_caller]
    pub fn hear_message(&mut self) -> Vec<Vec<u8>> {
        message_of(&self.hear())
    }

    /// The answer to `recv`, if `act` is what it takes, every millisecond: a socket that publishes does not know when
    /// a subscription has arrived.
    pub fn hear_message_while(&mut self, mut act: impl FnMut()) -> Vec<Vec<u8>> {
        thread::scope(|scope| {
            let heard = scope.spawn(|| self.hear_message());
            while !heard.is_finished() {
                act();
                // Not more often: what it sends is dropped until the subscription has come, which nothing tells.
                thread::sleep(Duration::from_millis(1));
            }
            heard.join().unwrap()
        })
    }

    /// Sends a message every millisecond until `done` has returned.
    pub fn repeat_until<P: AsRef<[u8]>, R>(&mut self, parts: &[P], done: impl FnOnce() -> R) -> R {
        self.tell(&format!("repeat {}", words(parts)));
        let result = done();
        // Any line ends it; this one has an answer of its own.
        assert_eq!(self.ask("nothing_within 0"), "repeated");
        self.hear();
        result
    }

    /// Stops the process (SIGSTOP), and returns once it has stopped.
    pub fn stop(&self) {
        self.actor.stop();
    }

    /// Kills the process (SIGKILL), and returns when it has ended.
    pub fn kill(mut self) {
        self.actor.kill();
        self.actor.wait();
    }
}

fn words<P: AsRef<[u8]>>(parts: &[P]) -> String {
    let words = parts.iter().map(|part| match part.as_ref() {
        [] => "-".to_owned(),
        bytes => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    });
    words.collect::<Vec<String>>().join(" ")
}

fn message_of(words: &str) -> Vec<Vec<u8>> {
    let bytes = |word: &str| {
        let digits = word.strip_prefix('-').unwrap_or(word);
        let pairs = (0..digits.len()).step_by(2);
        pairs
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()
    };
    words.split(' ').map(bytes).collect()
}
