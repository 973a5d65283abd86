//! `ringmq req`: what is read is sent as requests, and the replies are printed.

use std::time::Instant;

use clap::Args;
use ringmq::{Interest, Kind, SocketOptions};

use crate::command::outcome::Failure;
use crate::command::talk::arguments::{
    FormatArguments, InputArguments, OutputArguments, SocketArguments, Usual,
};
use crate::command::talk::conversation::{Conversation, Wanted};
use crate::command::talk::endpoint::Way;
use crate::command::talk::input::{Input, Next, message};
use crate::command::talk::output::Printer;
use crate::command::talk::receive::try_receive;
use crate::command::talk::send::{fill, send_message};

/// Arguments of `ringmq req`.
#[derive(Debug, Args)]
pub(crate) struct Req {
    /// Send so many requests, and no more. Words of --data are repeated for that
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    socket: SocketArguments,
    #[command(flatten)]
    input: InputArguments,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    format: FormatArguments,
}

/// Runs `ringmq req`.
pub(crate) fn run(arguments: &Req) -> Result<(), Failure> {
    let repeats = arguments.count.is_some();
    let mut input = arguments
        .format
        .input(&arguments.input, Usual::Lines, repeats, true)?;
    let mut printer = arguments.format.output(&arguments.output, Usual::Lines)?;
    let options = SocketOptions::new();
    let mut talk = Conversation::begin(Kind::Req, &arguments.socket, Way::Connect, options, &[])?;
    let mut asked = 0;
    let mut due = Instant::now();
    while arguments.count.is_none_or(|count| asked < count) {
        if let Some(interval) = arguments.input.interval.filter(|_| asked > 0) {
            due = (due + interval).max(Instant::now());
            talk.wait_until(due)?;
        }
        if !ask(&mut talk, &mut input, &mut printer)? {
            break;
        }
        asked += 1;
    }
    talk.finish()
}

/// Sends the next request and prints its reply. Returns false if there is none.
fn ask(talk: &mut Conversation, input: &mut Input, printer: &mut Printer) -> Result<bool, Failure> {
    let request = loop {
        let layout = input.layout.clone();
        match input.next()? {
            Next::End => return Ok(false),
            Next::Text(text) => break message(&layout, text)?,
            Next::Unread => fill(talk, input)?,
        }
    };
    let deadline = talk.deadline();
    send_message(talk, request)?;
    let mut parts = Vec::new();
    while !try_receive(talk, &mut parts)? {
        let wanted = Wanted {
            of_socket: Interest::READABLE,
            output: Some(printer.descriptor()),
            ..Wanted::default()
        };
        talk.wait_within(&wanted, deadline, "no reply came")?;
    }
    printer.print(&parts)?;
    printer.flush()?;
    Ok(true)
}
