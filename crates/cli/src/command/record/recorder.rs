//! `ringmq record`: what comes at a socket goes into a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use ringmq::{Frame, Interest, Kind, SocketOptions};
use serde_json::json;
use signal_hook::consts::SIGXFSZ;
use signal_hook::iterator::Signals;

use super::clock::Clock;
use super::file::{kind_of, parse_bytes, print};
use super::format::records::Channel;
use super::format::{ENCODING, parts};
use super::queue::{Queue, Stopped};
use super::target::{OnExisting, Target};
use crate::command::outcome::{self, Failure, say};
use crate::command::progress::bytes_and_rate;
use crate::command::talk::arguments::SocketArguments;
use crate::command::talk::conversation::{Conversation, Wanted};
use crate::command::talk::endpoint::{Way, default_way};
use crate::command::talk::receive::{subscribe_to, try_receive};
use crate::command::talk::time::parse_duration;

/// How many messages may wait in the socket while this process does not run.
const MARK: u32 = 100_000;

/// Arguments of `ringmq record`.
#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The recording to make: an MCAP file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Type of the socket
    #[arg(long = "type", value_name = "TYPE", default_value = "sub", value_parser = ["sub", "xsub", "pull", "pair", "dealer", "router", "dish", "gather", "channel"])]
    kind: String,
    /// Record messages that begin with this; for a DISH, messages of this group. May be repeated. By default all
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    /// End after so many messages
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<u64>,
    /// End after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Compress chunks by zstd of level 1. It takes tens of megabytes a second on one CPU
    #[arg(long)]
    zstd: bool,
    /// Overwrite FILE
    #[arg(long)]
    force: bool,
    /// Go on behind what is in FILE
    #[arg(long, conflicts_with = "force")]
    append: bool,
    /// Write what has come at least each TIME. What was written outlives this process
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    flush: Duration,
    /// Wait for the disk after each write. What was written outlives a power cut
    #[arg(long)]
    fsync: bool,
    /// Bytes that may wait for the disk. Beyond that SUB, XSUB and DISH drop messages, and others let their peers wait
    #[arg(long, value_name = "BYTES", default_value = "128M", value_parser = parse_bytes)]
    queue: u64,
    /// Drop messages of more bytes
    #[arg(long, value_name = "BYTES", default_value = "256M", value_parser = parse_bytes)]
    max_message: u64,
    /// Print the numbers as one JSON value at the end
    #[arg(long)]
    json: bool,
    /// Show no progress, and no numbers at the end
    #[arg(long, short)]
    quiet: bool,
    // The last one: its headings would stand above what follows.
    #[command(flatten)]
    socket: SocketArguments,
}

/// What was dropped, and why.
#[derive(Debug, Default)]
struct Dropped {
    /// The disk was too slow.
    late: u64,
    /// It had more bytes than the limit, or too many parts.
    large: u64,
}

struct Recorder<'a> {
    arguments: &'a Record,
    talk: Conversation,
    queue: Queue,
    clock: Clock,
    /// Messages that have come.
    sequence: u32,
    kept: u64,
    bytes: u64,
    dropped: Dropped,
    lossy: bool,
    progress: ProgressBar,
}

/// Why recording ended early.
enum End {
    Failed(Failure),
    /// The file failed; the writing thread says why.
    Stopped,
}

/// Runs `ringmq record`.
pub(crate) fn run(arguments: &Record) -> ExitCode {
    outcome::end(record(arguments))
}

fn record(arguments: &Record) -> Result<(), Failure> {
    let kind = kind_of(&arguments.kind)?;
    if kind == Kind::Dish && arguments.topic.is_empty() {
        return Err(
            Failure::usage("a DISH needs the groups that it joins").remedy("name them by --topic")
        );
    }
    let usual = match kind {
        Kind::Pull | Kind::Router | Kind::Gather => Way::Bind,
        _ => Way::Connect,
    };
    let options = SocketOptions::new().recv_hwm(MARK);
    // Endpoints are checked before the file is touched.
    let mut talk = Conversation::begin(kind, &arguments.socket, usual, options, &[])?;
    // What has come is written first.
    talk.be_patient();
    join(&mut talk, kind, &arguments.topic)?;
    let target = Target {
        path: &arguments.file,
        existing: if arguments.append {
            OnExisting::Append
        } else if arguments.force {
            OnExisting::Overwrite
        } else {
            OnExisting::Refuse
        },
        zstd: arguments.zstd,
        fsync: arguments.fsync,
        max_message: arguments.max_message,
    };
    let writer = target.open()?;
    let first = writer
        .channels()
        .keys()
        .next_back()
        .map_or(Some(0), |last| last.checked_add(1));
    let id = first.ok_or_else(|| {
        Failure::work("the recording has 65,536 channels, as many as a file may have")
    })?;
    let channel = channel(id, kind, arguments, usual);
    // A file that may not grow makes a write fail, and does not end the process.
    let _oversize = Signals::new([SIGXFSZ]).map_err(Failure::work)?;
    let queue = Queue::start(writer, vec![channel], arguments.queue).map_err(Failure::work)?;
    let recorder = Recorder {
        arguments,
        talk,
        queue,
        clock: Clock::now(),
        sequence: 0,
        kept: 0,
        bytes: 0,
        dropped: Dropped::default(),
        lossy: matches!(kind, Kind::Sub | Kind::Xsub | Kind::Dish),
        progress: progress(arguments),
    };
    recorder.run()
}

impl Recorder<'_> {
    fn run(mut self) -> Result<(), Failure> {
        let end = self.receive();
        let Recorder {
            arguments,
            talk,
            queue,
            dropped,
            progress,
            bytes,
            ..
        } = self;
        // Peers learn at once that no message is taken any more.
        drop(talk);
        let written = queue.finish();
        progress.finish_and_clear();
        let name = arguments.file.display();
        let Dropped { late, large } = dropped;
        if !arguments.quiet {
            say(format_args!(
                "{} messages recorded in {name}",
                written.messages
            ));
            if late > 0 {
                say(format_args!(
                    "{late} messages dropped, because the disk was too slow"
                ));
            }
            if large > 0 {
                say(format_args!(
                    "{large} messages dropped, because they were too large"
                ));
            }
        }
        if arguments.json {
            print(true, String::new, || {
                json!({
                    "file": name.to_string(),
                    "messages": written.messages,
                    "message_bytes": bytes,
                    "file_bytes": written.bytes,
                    "dropped_late": late,
                    "dropped_large": large,
                    "error": written.error.as_ref().map(ToString::to_string),
                })
            })?;
        }
        if let Some(error) = written.error {
            let cause = format!(
                "{name}: {error}; the {} messages before that are in it",
                written.messages
            );
            return Err(Failure::work(cause).remedy("make room, or record to another disk"));
        }
        match end {
            Err(End::Failed(failure)) => Err(failure),
            Ok(()) | Err(End::Stopped) => Ok(()),
        }
    }

    /// Receives until an end is reached.
    fn receive(&mut self) -> Result<(), End> {
        let start = Instant::now();
        let end = self
            .arguments
            .duration
            .and_then(|duration| start.checked_add(duration));
        let mut message = Vec::new();
        let mut flush = self.next_flush();
        let mut deadline = None;
        let mut since_look = 0_u32;
        while self.arguments.count.is_none_or(|count| self.kept < count) {
            let idle = !try_receive(&mut self.talk, &mut message)?;
            if !idle {
                self.take(&message)?;
                deadline = None;
                since_look += 1;
            }
            // The clock is not asked for each message.
            if !idle && since_look < 64 {
                continue;
            }
            since_look = 0;
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                return Ok(());
            }
            if now >= flush {
                self.queue.hand_over()?;
                self.tell();
                flush = self.next_flush();
            }
            if idle {
                let due = (!self.queue.chunk.is_empty()).then_some(flush);
                let due = due.into_iter().chain(end).min();
                let wanted = Wanted {
                    of_socket: Interest::READABLE,
                    due,
                    ..Wanted::default()
                };
                let until = *deadline.get_or_insert_with(|| self.talk.deadline());
                self.talk.wait_within(&wanted, until, "no message came")?;
            }
        }
        Ok(())
    }

    fn next_flush(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.arguments.flush).unwrap_or(now)
    }

    /// Puts a message into the chunk, or counts it as dropped.
    fn take(&mut self, message: &[Frame]) -> Result<(), End> {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let bytes = message.iter().map(Frame::len).sum::<usize>() as u64;
        if bytes > self.arguments.max_message || message.len() >= parts::MOST {
            self.dropped.large += 1;
            return Ok(());
        }
        while !self.queue.has_room()? {
            if self.lossy {
                self.dropped.late += 1;
                return Ok(());
            }
            self.queue.wait()?;
            self.talk.check()?;
        }
        let times = self.clock.read();
        let group = message
            .first()
            .map(Frame::group)
            .filter(|group| !group.is_empty());
        let parts = message.iter().map(Frame::as_slice);
        match group {
            None => self
                .queue
                .chunk
                .push(0, sequence, times, message.len(), parts),
            Some(group) => {
                let parts = std::iter::once(group).chain(parts);
                self.queue
                    .chunk
                    .push(0, sequence, times, message.len() + 1, parts);
            }
        }
        self.kept += 1;
        self.bytes += bytes;
        Ok(())
    }

    fn tell(&self) {
        self.progress.set_position(self.bytes);
        let dropped = self.dropped.late + self.dropped.large;
        self.progress
            .set_message(format!(", {} messages, {dropped} dropped", self.kept));
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> End {
        End::Failed(failure)
    }
}

impl From<Stopped> for End {
    fn from(_: Stopped) -> End {
        End::Stopped
    }
}

/// Asks for messages.
fn join(talk: &mut Conversation, kind: Kind, topics: &[String]) -> Result<(), Failure> {
    match kind {
        Kind::Sub | Kind::Xsub => subscribe_to(talk, topics),
        Kind::Dish => topics
            .iter()
            .try_for_each(|group| talk.socket.join(group).map_err(Failure::usage)),
        _ => Ok(()),
    }
}

fn channel(id: u16, kind: Kind, arguments: &Record, usual: Way) -> Channel {
    let socket = &arguments.socket;
    let attached = match default_way(socket.bind, socket.connect, usual) {
        Way::Bind => "bound",
        Way::Connect => "connected",
    };
    let mut metadata = BTreeMap::from([
        ("type".to_owned(), kind.to_string()),
        ("attached".to_owned(), attached.to_owned()),
    ]);
    for (number, topic) in arguments.topic.iter().enumerate() {
        metadata.insert(format!("topic.{number}"), topic.clone());
    }
    Channel {
        id,
        topic: socket.endpoints.join(" "),
        encoding: ENCODING.to_owned(),
        metadata,
    }
}

/// Numbers on a terminal.
fn progress(arguments: &Record) -> ProgressBar {
    if arguments.quiet {
        return ProgressBar::hidden();
    }
    bytes_and_rate()
}
