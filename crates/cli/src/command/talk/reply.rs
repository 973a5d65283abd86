//! `ringmq rep`: requests are printed, and answered.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::thread;

use clap::Args;
use ringmq::{Frame, Kind, Message, SocketOptions};

use crate::command::outcome::{Failure, say};
use crate::command::talk::arguments::{FormatArguments, OutputArguments, SocketArguments, Usual};
use crate::command::talk::conversation::Conversation;
use crate::command::talk::endpoint::Way;
use crate::command::talk::format::{Format, Layout};
use crate::command::talk::input::message;
use crate::command::talk::receive::receive;
use crate::command::talk::send::send_message;

/// Arguments of `ringmq rep`.
#[derive(Debug, Args)]
pub(crate) struct Rep {
    /// Answer each request with this. Without --data and --exec the answer is the request
    #[arg(long, short = 'D', value_name = "TEXT", allow_hyphen_values = true)]
    data: Option<String>,
    /// Answer each request with the request. This is the default
    #[arg(long, conflicts_with_all = ["data", "exec"])]
    echo: bool,
    /// Run COMMAND by `sh -c` for each request, which it reads from its standard input. What it prints is the answer,
    /// without a delimiter at the end
    #[arg(long, value_name = "COMMAND", conflicts_with = "data")]
    exec: Option<String>,
    /// Print no requests
    #[arg(long, short)]
    quiet: bool,
    /// End after so many requests
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    socket: SocketArguments,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    format: FormatArguments,
}

/// How requests are answered.
enum Answer {
    Echo,
    Fixed(Message),
    Command {
        command: String,
        layout: Layout,
        delimiter: Vec<u8>,
    },
}

/// Runs `ringmq rep`.
pub(crate) fn run(arguments: &Rep) -> Result<(), Failure> {
    let layout = arguments.format.layout_of_command();
    let answer = match (&arguments.data, &arguments.exec) {
        (Some(text), _) => Answer::Fixed(message(&layout, text.as_bytes())?),
        (None, Some(command)) => Answer::Command {
            command: command.clone(),
            layout,
            delimiter: arguments.format.delimiter(),
        },
        (None, None) => Answer::Echo,
    };
    let mut printer = arguments.format.output(&arguments.output, Usual::Lines)?;
    let options = SocketOptions::new();
    let mut talk = Conversation::begin(Kind::Rep, &arguments.socket, Way::Bind, options, &[])?;
    let mut parts = Vec::new();
    let mut answered = 0;
    while arguments.count.is_none_or(|count| answered < count) {
        receive(&mut talk, &mut parts, &mut printer)?;
        if !arguments.quiet {
            printer.print(&parts)?;
            printer.flush()?;
        }
        let reply = answer.to(&parts)?;
        send_message(&mut talk, reply)?;
        answered += 1;
    }
    talk.finish()
}

impl Answer {
    fn to(&self, request: &[Frame]) -> Result<Message, Failure> {
        match self {
            Answer::Echo => Ok(request.iter().cloned().collect()),
            Answer::Fixed(message) => Ok(message.clone()),
            Answer::Command {
                command,
                layout,
                delimiter,
            } => {
                let mut text = Vec::new();
                layout.encode(request, &mut text);
                let mut reply = ask_command(command, text)?;
                if layout.format != Format::Msgpack && reply.ends_with(delimiter) {
                    reply.truncate(reply.len() - delimiter.len());
                }
                message(layout, &reply)
            }
        }
    }
}

/// Runs a command with this on its standard input. Returns what it prints.
fn ask_command(command: &str, request: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| Failure::work(format_args!("cannot run {command:?}: {error}"));
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdin = child.stdin.take();
    // The command may print before it has read everything, or end without reading.
    let writer = thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(&request);
        }
    });
    let output = child.wait_with_output().map_err(failed)?;
    let _ = writer.join();
    if !output.status.success() {
        // The client gets its answer anyway: without one it would wait for ever.
        say(format_args!("{command:?} ended with {}", output.status));
    }
    Ok(output.stdout)
}
