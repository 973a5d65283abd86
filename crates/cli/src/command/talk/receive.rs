//! `ringmq sub` and `ringmq pull`: what is received is printed.

use clap::Args;
use ringmq::{Frame, Interest, Kind, SocketOptions};

use crate::command::outcome::Failure;
use crate::command::talk::arguments::{FormatArguments, OutputArguments, SocketArguments, Usual};
use crate::command::talk::conversation::{Conversation, Wanted};
use crate::command::talk::endpoint::Way;
use crate::command::talk::output::Printer;
use crate::command::talk::send::send_message;

/// Arguments of `ringmq pull`.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// End after so many messages
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    socket: SocketArguments,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    format: FormatArguments,
}

/// Arguments of `ringmq sub`.
#[derive(Debug, Args)]
pub(crate) struct Sub {
    /// Subscribe to messages that begin with this. May be repeated. By default it is all
    #[arg(long, visible_alias = "subscribe", value_name = "PREFIX")]
    topic: Vec<String>,
    #[command(flatten)]
    pull: Pull,
}

/// Runs `ringmq pull`.
pub(crate) fn pull(arguments: &Pull) -> Result<(), Failure> {
    let printer = arguments.format.output(&arguments.output, Usual::Lines)?;
    let socket = &arguments.socket;
    let talk = Conversation::begin(Kind::Pull, socket, Way::Bind, SocketOptions::new(), &[])?;
    run(talk, printer, arguments.count)
}

/// Runs `ringmq sub`.
pub(crate) fn subscribe(arguments: &Sub) -> Result<(), Failure> {
    let Sub { pull, topic } = arguments;
    let printer = pull.format.output(&pull.output, Usual::Lines)?;
    let options = SocketOptions::new();
    let mut talk = Conversation::begin(Kind::Sub, &pull.socket, Way::Connect, options, &[])?;
    subscribe_to(&mut talk, topic)?;
    run(talk, printer, pull.count)
}

/// Subscribes a SUB or an XSUB to topics, or to everything.
pub(crate) fn subscribe_to(talk: &mut Conversation, topics: &[String]) -> Result<(), Failure> {
    let all = [String::new()];
    let topics = if topics.is_empty() { &all } else { topics };
    for topic in topics {
        if talk.socket.kind() == Kind::Xsub {
            // An XSUB subscribes by a message. It tells later peers, too.
            send_message(talk, [&[1], topic.as_bytes()].concat().into())?;
        } else {
            talk.socket.subscribe(topic).map_err(Failure::work)?;
        }
    }
    Ok(())
}

fn run(mut talk: Conversation, mut printer: Printer, count: Option<u64>) -> Result<(), Failure> {
    let mut parts = Vec::new();
    let mut received = 0;
    while count.is_none_or(|count| received < count) {
        let waited = receive(&mut talk, &mut parts, &mut printer);
        if let Err(failure) = waited {
            printer.flush()?;
            return Err(failure);
        }
        printer.print(&parts)?;
        received += 1;
    }
    printer.flush()
}

/// Receives the parts of a message. Before it waits, it flushes what was printed.
pub(crate) fn receive(
    talk: &mut Conversation,
    parts: &mut Vec<Frame>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut deadline = None;
    loop {
        if try_receive(talk, parts)? {
            return Ok(());
        }
        printer.flush()?;
        let deadline = *deadline.get_or_insert_with(|| talk.deadline());
        let wanted = Wanted {
            of_socket: Interest::READABLE,
            output: Some(printer.descriptor()),
            ..Wanted::default()
        };
        talk.wait_within(&wanted, deadline, "no message came")?;
    }
}

/// Receives the parts of a message, into frames whose memory is used again, if one is there.
pub(crate) fn try_receive(
    talk: &mut Conversation,
    parts: &mut Vec<Frame>,
) -> Result<bool, Failure> {
    let mut count = 0;
    loop {
        if parts.len() == count {
            parts.push(Frame::new());
        }
        let part = &mut parts[count];
        // A message comes whole: no part but the first is waited for.
        match talk.socket.try_recv_part_into(part) {
            Ok(()) => count += 1,
            Err(error) => {
                talk.nothing_received(error)?;
                return Ok(false);
            }
        }
        if !talk.socket.has_more() {
            parts.truncate(count);
            return Ok(true);
        }
    }
}
