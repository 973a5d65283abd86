//! `ringmq pub` and `ringmq push`: what is read is sent.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use ringmq::{Frame, Kind, Message, SetOption, Socket, SocketOptions, UnsentError};

use crate::command::outcome::Failure;
use crate::command::progress::bytes_and_rate;
use crate::command::talk::arguments::{FormatArguments, InputArguments, SocketArguments, Usual};
use crate::command::talk::conversation::{Conversation, Wanted};
use crate::command::talk::endpoint::Way;
use crate::command::talk::input::{Input, Next, message};

/// Arguments of `ringmq push`.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// Send so many messages, and no more. Words of --data are repeated for that
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<u64>,
    /// Wait for so many peers before the first message
    #[arg(long, value_name = "N", default_value = "0")]
    wait_peers: usize,
    #[command(flatten)]
    socket: SocketArguments,
    #[command(flatten)]
    input: InputArguments,
    #[command(flatten)]
    format: FormatArguments,
}

/// Arguments of `ringmq pub`.
#[derive(Debug, Args)]
pub(crate) struct Pub {
    /// Send this as the first part of each message
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Send so many messages, and no more. Words of --data are repeated for that
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<u64>,
    /// Wait for so many subscribers before the first message. With 0, what is sent before there is a subscriber is lost
    #[arg(long, value_name = "N", default_value = "1")]
    wait_peers: usize,
    /// Drop messages for which a subscriber has no room, as a PUB does in programs, and do not wait for it
    #[arg(long)]
    drop: bool,
    #[command(flatten)]
    socket: SocketArguments,
    #[command(flatten)]
    input: InputArguments,
    #[command(flatten)]
    format: FormatArguments,
}

/// How long a call that sends waits by itself: long enough to let a late reader catch up before memory is taken.
const PATIENCE: Duration = Duration::from_millis(100);

/// Runs `ringmq push`.
pub(crate) fn push(arguments: &Push) -> Result<(), Failure> {
    let sending = Sending::new(&arguments.format, &arguments.input, None, arguments.count)?;
    let socket = &arguments.socket;
    let talk = Conversation::begin(Kind::Push, socket, Way::Connect, patient(socket), &[])?;
    sending.run(talk, arguments.wait_peers)
}

/// Runs `ringmq pub`.
pub(crate) fn publish(arguments: &Pub) -> Result<(), Failure> {
    let topic = arguments.topic.as_deref().map(Frame::from);
    let sending = Sending::new(&arguments.format, &arguments.input, topic, arguments.count)?;
    let flags = [SetOption::XpubNodrop(!arguments.drop)];
    let socket = &arguments.socket;
    let talk = Conversation::begin(Kind::Pub, socket, Way::Bind, patient(socket), &flags)?;
    sending.run(talk, arguments.wait_peers)
}

/// Options of a socket whose calls that send wait for a moment.
pub(crate) fn patient(socket: &SocketArguments) -> SocketOptions {
    let patience = socket
        .timeout
        .map_or(PATIENCE, |timeout| timeout.min(PATIENCE));
    SocketOptions::new().send_timeout(patience)
}

/// What is to be sent, and how often.
struct Sending {
    input: Input,
    topic: Option<Frame>,
    count: Option<u64>,
    interval: Option<Duration>,
}

impl Sending {
    fn new(
        format: &FormatArguments,
        input: &InputArguments,
        topic: Option<Frame>,
        count: Option<u64>,
    ) -> Result<Sending, Failure> {
        Ok(Sending {
            input: format.input(input, Usual::Lines, count.is_some(), true)?,
            topic,
            count,
            interval: input.interval,
        })
    }

    fn run(mut self, mut talk: Conversation, peers: usize) -> Result<(), Failure> {
        talk.wait_for_peers(peers)?;
        let progress = progress(&self.input);
        let mut sent = 0;
        let mut due = Instant::now();
        while self.count.is_none_or(|count| sent < count) {
            if let Some(interval) = self.interval {
                if sent > 0 {
                    due += interval;
                    talk.wait_until(due)?;
                }
                // After a pause of the input the next message does not hurry.
                due = due.max(Instant::now() - interval);
            }
            if !self.send_next(&mut talk)? {
                break;
            }
            sent += 1;
            progress.set_position(self.input.bytes_read());
        }
        progress.finish_and_clear();
        talk.finish()
    }

    /// Sends the next message. Returns false if there is none.
    fn send_next(&mut self, talk: &mut Conversation) -> Result<bool, Failure> {
        loop {
            let layout = self.input.layout.clone();
            match self.input.next()? {
                Next::End => return Ok(false),
                Next::Text(bytes) if layout.is_plain() && self.topic.is_none() => {
                    // From where it was read to where the peer reads it.
                    talk.send_by(|socket| socket.send_slice(bytes))?;
                    return Ok(true);
                }
                Next::Text(text) => {
                    let body = message(&layout, text)?;
                    let topic = self.topic.iter().cloned();
                    send_message(talk, topic.chain(body).collect())?;
                    return Ok(true);
                }
                Next::Unread => {}
            }
            fill(talk, &mut self.input)?;
        }
    }
}

/// Reads once from the input, when there is something to read.
pub(crate) fn fill(talk: &mut Conversation, input: &mut Input) -> Result<(), Failure> {
    if let Some(descriptor) = input.waits_for() {
        let wanted = Wanted {
            input: Some(descriptor),
            ..Wanted::default()
        };
        talk.wait(&wanted, None)?;
    } else {
        talk.check()?;
    }
    input.fill()
}

/// Sends a message, and waits for room.
pub(crate) fn send_message(talk: &mut Conversation, message: Message) -> Result<(), Failure> {
    let mut waiting = Some(message);
    talk.send_by(|socket: &mut Socket| {
        let Some(message) = waiting.take() else {
            return Ok(());
        };
        socket.send(message).map_err(|error| {
            let UnsentError {
                reason, message, ..
            } = error;
            waiting = Some(message);
            reason
        })
    })
}

/// Bytes and rate on a terminal, while files are sent.
fn progress(input: &Input) -> ProgressBar {
    if !io::stderr().is_terminal() || !input.has_files() || input.is_terminal() {
        return ProgressBar::hidden();
    }
    bytes_and_rate()
}
