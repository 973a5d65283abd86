//! `ringmq pair`, `dealer`, `router`, `xpub`, `xsub` and `stream`: what is read is sent, and what is received is printed.

use std::time::{Duration, Instant};

use clap::Args;
use ringmq::{Frame, Interest, Kind, Message, SendError, SetOption, SocketOptions};

use crate::command::outcome::{Failure, say};
use crate::command::talk::arguments::{
    FormatArguments, InputArguments, OutputArguments, SocketArguments, Usual,
};
use crate::command::talk::conversation::{Conversation, Wanted};
use crate::command::talk::endpoint::{Way, ways};
use crate::command::talk::format::quote;
use crate::command::talk::input::{Input, Next, message};
use crate::command::talk::output::Printer;
use crate::command::talk::receive::{subscribe_to, try_receive};

/// Arguments of `ringmq pair`, `dealer`, `router`, `xpub` and `stream`.
#[derive(Debug, Args)]
pub(crate) struct Both {
    /// End after so many messages were received. By default the end of the input does not end the command
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
    output: OutputArguments,
    #[command(flatten)]
    format: FormatArguments,
}

/// Arguments of `ringmq xsub`.
#[derive(Debug, Args)]
pub(crate) struct Xsub {
    /// Subscribe to messages that begin with this. May be repeated. By default it is all
    #[arg(long, value_name = "PREFIX")]
    topic: Vec<String>,
    #[command(flatten)]
    both: Both,
}

/// Runs a verb whose socket sends and receives.
pub(crate) fn run(kind: Kind, arguments: &Both) -> Result<(), Failure> {
    let flags: &[SetOption<'_>] = match kind {
        // The socket refuses a message for a peer that is not there.
        Kind::Router => &[SetOption::RouterMandatory(true)],
        Kind::Xpub => &[SetOption::XpubNodrop(true)],
        _ => &[],
    };
    let usual = match kind {
        Kind::Router | Kind::Xpub => Way::Bind,
        _ => Way::Connect,
    };
    let (talk, exchange) = prepare(kind, arguments, usual, flags)?;
    exchange.run(talk, arguments.wait_peers)
}

/// Runs `ringmq xsub`.
pub(crate) fn xsub(arguments: &Xsub) -> Result<(), Failure> {
    let Xsub { both, topic } = arguments;
    let (mut talk, exchange) = prepare(Kind::Xsub, both, Way::Connect, &[])?;
    subscribe_to(&mut talk, topic)?;
    exchange.run(talk, both.wait_peers)
}

fn prepare(
    kind: Kind,
    arguments: &Both,
    usual: Way,
    flags: &[SetOption<'_>],
) -> Result<(Conversation, Exchange), Failure> {
    let socket = &arguments.socket;
    let ways = ways(&socket.endpoints, socket.bind, socket.connect, usual)?;
    let is_single = kind == Kind::Stream && matches!(ways[..], [(Way::Connect, _)]);
    let format = match kind {
        Kind::Stream if is_single => Usual::Bytes,
        Kind::Stream | Kind::Router => Usual::Quoted,
        _ => Usual::Lines,
    };
    // An XSUB is used to receive: standard input is not for its publishers.
    let reads = kind != Kind::Xsub;
    let input = arguments
        .format
        .input(&arguments.input, format, false, reads)?;
    let printer = arguments.format.output(&arguments.output, format)?;
    let options = SocketOptions::new();
    let talk = Conversation::begin(kind, socket, usual, options, flags)?;
    let connection = is_single.then(|| Connection {
        id: Frame::from(talk.socket.options().get_routing_id()),
        is_made: false,
    });
    let exchange = Exchange {
        connection,
        input,
        printer,
        count: arguments.count,
        interval: arguments.input.interval,
        unknown: None,
    };
    Ok((talk, exchange))
}

/// Both directions of a socket.
struct Exchange {
    /// The only connection of a STREAM. Messages are shown and read without its id then.
    connection: Option<Connection>,
    input: Input,
    printer: Printer,
    count: Option<u64>,
    interval: Option<Duration>,
    /// The last failure of a message for a peer that is not there.
    unknown: Option<Failure>,
}

/// A connection to a program that speaks no ZeroMQ.
struct Connection {
    id: Frame,
    is_made: bool,
}

/// What was received.
enum Received {
    /// Nothing, or nothing to be shown.
    Nothing,
    Message,
    /// The end of the only connection.
    End,
}

/// Messages between two looks at the input.
const BURST: u32 = 64;

/// What the input has to say.
enum Turn {
    /// A message is to be sent.
    Message(Message),
    /// Nothing before the input is readable.
    Unread,
    /// Nothing before this time.
    NotYet(Instant),
    Ended,
}

impl Exchange {
    fn run(mut self, mut talk: Conversation, peers: usize) -> Result<(), Failure> {
        talk.wait_for_peers(peers)?;
        let outcome = self.exchange(&mut talk);
        self.printer.flush()?;
        outcome?;
        talk.finish()?;
        self.unknown.map_or(Ok(()), Err)
    }

    fn exchange(&mut self, talk: &mut Conversation) -> Result<(), Failure> {
        let mut parts = Vec::new();
        let mut received = 0;
        let mut unsent: Option<Message> = None;
        let mut due = Instant::now();
        let mut deadline = talk.deadline();
        let mut busy: u32 = 0;
        loop {
            let mut moved = false;
            if self.count.is_none_or(|count| received < count) && try_receive(talk, &mut parts)? {
                match self.print(&parts)? {
                    Received::Nothing => {}
                    Received::Message => received += 1,
                    Received::End => return Ok(()),
                }
                moved = true;
            } else {
                // What is sent meanwhile does not hold up what was received.
                self.printer.flush()?;
            }
            let done = self.count.is_some_and(|count| received >= count);
            let turn = match unsent.take() {
                Some(message) => Turn::Message(message),
                None => self.turn(due)?,
            };
            let mut wanted = Wanted {
                of_socket: Interest::READABLE,
                ..Wanted::default()
            };
            let mut reads = false;
            match turn {
                Turn::Message(message) => match self.send(talk, message)? {
                    None => {
                        moved = true;
                        if let Some(interval) = self.interval {
                            due = Instant::now() + interval;
                        }
                    }
                    refused => {
                        unsent = refused;
                        wanted.of_socket |= Interest::WRITABLE;
                    }
                },
                Turn::Unread if self.input.waits_for().is_none() => {
                    self.input.fill()?;
                    continue;
                }
                // After the last message, what can be read at once is still sent.
                Turn::Unread if done && self.is_readable() => {
                    self.input.fill()?;
                    continue;
                }
                Turn::Unread | Turn::NotYet(_) | Turn::Ended if done => return Ok(()),
                Turn::Unread => reads = true,
                Turn::NotYet(at) => wanted.due = Some(at),
                Turn::Ended => {}
            }
            if moved {
                deadline = talk.deadline();
                busy = busy.wrapping_add(1);
                // A peer that never pauses does not keep the input from being read.
                if reads && busy.is_multiple_of(BURST) && self.is_readable() {
                    self.input.fill()?;
                }
                continue;
            }
            if done {
                // Only a message that has no room is waited for.
                wanted.of_socket = Interest::WRITABLE;
            }
            self.printer.flush()?;
            wanted.output = Some(self.printer.descriptor());
            wanted.input = self.input.waits_for().filter(|_| reads);
            talk.wait_within(&wanted, deadline, "no message came")?;
            if reads && self.is_readable() {
                self.input.fill()?;
            }
        }
    }

    /// Prints what was received.
    fn print(&mut self, parts: &[Frame]) -> Result<Received, Failure> {
        let Some(connection) = &mut self.connection else {
            self.printer.print(parts)?;
            return Ok(Received::Message);
        };
        let body = parts.get(1..).unwrap_or_default();
        if body.iter().all(|part| part.is_empty()) {
            // An empty message says that the connection is made, the next one that it has ended.
            let was_made = std::mem::replace(&mut connection.is_made, true);
            return Ok(if was_made {
                Received::End
            } else {
                Received::Nothing
            });
        }
        self.printer.print(body)?;
        Ok(Received::Message)
    }

    /// Whether the input can be read without waiting.
    fn is_readable(&self) -> bool {
        let Some(descriptor) = self.input.waits_for() else {
            return true;
        };
        let mut items = [ringmq::Item::descriptor(descriptor, Interest::READABLE)];
        let ready = ringmq::Poller::new().wait(&mut items, Some(Duration::ZERO));
        ready.is_ok_and(|count| count > 0)
    }

    fn turn(&mut self, due: Instant) -> Result<Turn, Failure> {
        if self.interval.is_some() && Instant::now() < due {
            return Ok(Turn::NotYet(due));
        }
        let layout = self.input.layout.clone();
        Ok(match self.input.next()? {
            Next::Text(text) => {
                let body = message(&layout, text)?;
                let id = self.connection.iter().map(|connection| &connection.id);
                Turn::Message(id.cloned().chain(body).collect())
            }
            Next::Unread => Turn::Unread,
            Next::End => Turn::Ended,
        })
    }

    /// Sends a message. Returns it if there is no room.
    fn send(
        &mut self,
        talk: &mut Conversation,
        message: Message,
    ) -> Result<Option<Message>, Failure> {
        let Err(error) = talk.socket.try_send(message) else {
            talk.has_sent();
            return Ok(None);
        };
        match error.reason {
            SendError::WouldBlock => Ok(Some(error.message)),
            SendError::Interrupted | SendError::Terminated => {
                talk.check()?;
                Ok(Some(error.message))
            }
            SendError::HostUnreachable => {
                let mut id = Vec::new();
                quote(
                    error.message.first().map_or(&[][..], Frame::as_slice),
                    &mut id,
                );
                let id = String::from_utf8_lossy(&id).into_owned();
                let failure = Failure::work(format_args!("no peer has the id {id}"));
                let failure = failure.remedy("the first part of a message is the id of its peer");
                say(&failure);
                self.unknown = Some(Failure::work("a message was for a peer that is not there"));
                Ok(None)
            }
            error => Err(Failure::work(error)),
        }
    }
}
