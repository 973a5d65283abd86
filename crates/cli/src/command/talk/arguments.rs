//! The arguments that the verbs share.

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use ringmq_bench::Size;

use crate::command::outcome::Failure;
use crate::command::talk::format::{Format, Layout, unescape};
use crate::command::talk::input::{Framing, Input, Sources};
use crate::command::talk::options::{self, Setting, parse_setting};
use crate::command::talk::output::Printer;
use crate::command::talk::security::SecurityArguments;
use crate::command::talk::time::parse_duration;

/// The socket and its endpoints.
#[derive(Debug, Args)]
#[command(after_long_help = options::help())]
pub(crate) struct SocketArguments {
    /// Where to: ipc:///path, ipc://@name or tcp://host:port. A leading @ binds this endpoint, a leading > connects to it
    #[arg(required = true, value_name = "ENDPOINT")]
    pub(crate) endpoints: Vec<String>,
    /// Bind, so that peers connect
    #[arg(long, short)]
    pub(crate) bind: bool,
    /// Connect to peers that are bound
    #[arg(long, short, conflicts_with = "bind")]
    pub(crate) connect: bool,
    /// The routing id, which a ROUTER at the other end knows this socket by
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// A socket option, such as sndhwm=10; --help lists them
    #[arg(long = "option", short, value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub(crate) options: Vec<Setting>,
    /// How long to wait: 0.5, 500ms, 10s
    ///
    /// It bounds each wait: for a peer, for a message, for a reply, for room, and until what was sent has left. Then the
    /// command ends with exit code 3. By default it waits without end
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Say on standard error what happens to connections
    #[arg(long, short)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) security: SecurityArguments,
}

/// How messages are written and read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Format")]
pub(crate) struct FormatArguments {
    /// How messages are read and printed
    ///
    /// By default they are read raw, and printed raw, but quoted on a terminal. ROUTER has quoted ones always, and so has
    /// STREAM, unless it has one endpoint that it connects to
    #[arg(long, short, value_name = "FORMAT")]
    format: Option<Format>,
    /// How messages are read, if not as they are printed
    #[arg(long, value_name = "FORMAT")]
    input_format: Option<Format>,
    /// What stands behind each message, with escapes as in C; empty for nothing. By default it is \n
    #[arg(long, short, value_name = "TEXT", value_parser = parse_escapes)]
    delimiter: Option<Bytes>,
    /// End each message with a NUL byte
    #[arg(long, short = '0', conflicts_with = "delimiter")]
    null: bool,
    /// What stands between the parts of a raw message
    ///
    /// It cuts what is read, and joins what is printed. By default what is read has one part, and a tab joins what is
    /// printed
    #[arg(long, value_name = "TEXT", value_parser = parse_escapes)]
    part_separator: Option<Bytes>,
}

/// Bytes that were given with escapes.
#[derive(Debug, Clone)]
pub(crate) struct Bytes(Vec<u8>);

/// What messages are like, if the command line does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usual {
    /// Lines of text.
    Lines,
    /// Lines of quoted parts: one of them is an id, which is no text.
    Quoted,
    /// Bytes without ends.
    Bytes,
}

impl Usual {
    fn format(self) -> Format {
        match self {
            Usual::Lines | Usual::Bytes => Format::Raw,
            Usual::Quoted => Format::Quoted,
        }
    }
}

/// What is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArguments {
    /// A message to send. May be repeated. Without --data and --file, standard input is read
    #[arg(long, short = 'D', value_name = "TEXT", allow_hyphen_values = true)]
    data: Vec<String>,
    /// A file to send, cut into messages as standard input is; - is standard input. May be repeated
    #[arg(long, short = 'F', value_name = "FILE")]
    file: Vec<String>,
    /// Cut what is read into messages of so many bytes, such as 64K, whatever they are
    #[arg(long, value_name = "BYTES", value_parser = parse_chunk)]
    chunk: Option<usize>,
    /// Send each file, or all of standard input, as one message
    #[arg(long, conflicts_with = "chunk")]
    whole: bool,
    /// Send a message each TIME. Words of --data are repeated
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) interval: Option<Duration>,
}

/// What is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArguments {
    /// Print each message as JSON: an array of its parts; with --timestamps, {"time": SECONDS, "parts": [...]}
    #[arg(long)]
    json: bool,
    /// Print when each message came: in UTC, or in JSON as seconds since 1970
    #[arg(long)]
    timestamps: bool,
}

impl FormatArguments {
    /// The input of a socket whose messages are as `usual` by default.
    pub(crate) fn input(
        &self,
        input: &InputArguments,
        usual: Usual,
        repeats: bool,
        reads_stdin: bool,
    ) -> Result<Input, Failure> {
        let format = self.input_format.or(self.format).unwrap_or(usual.format());
        let framing = match (input.chunk, input.whole, format) {
            (Some(size), ..) => Framing::Chunks(size),
            (None, true, _) => Framing::Whole,
            (None, false, Format::Msgpack) => Framing::Msgpack,
            (None, false, Format::Raw) if self.is_stream(usual) => Framing::AsRead,
            (None, false, _) if self.delimiter().is_empty() => Framing::Whole,
            (None, false, _) => Framing::Delimited(self.delimiter()),
        };
        let sources = Sources {
            words: &input.data,
            // Files would never have their turn.
            repeat: (repeats || input.interval.is_some()) && input.file.is_empty(),
            files: &input.file,
            reads_stdin,
        };
        Input::open(&sources, self.layout(format, None), framing)
    }

    /// The output of a socket whose messages are as `usual` by default.
    pub(crate) fn output(
        &self,
        output: &OutputArguments,
        usual: Usual,
    ) -> Result<Printer, Failure> {
        let shown = match usual.format() {
            Format::Raw if io::stdout().is_terminal() => Format::Quoted,
            usual => usual,
        };
        let format = match output.json {
            true => Format::Json,
            false => self.format.unwrap_or(shown),
        };
        let layout = self.layout(format, Some(b"\t"));
        let delimiter = match format {
            Format::Raw if self.is_stream(usual) => Vec::new(),
            _ => self.delimiter(),
        };
        Printer::new(layout, delimiter, output.timestamps)
    }

    /// Whether bytes go through as they come.
    fn is_stream(&self, usual: Usual) -> bool {
        usual == Usual::Bytes && self.delimiter.is_none() && !self.null
    }

    /// The layout of requests that a command reads, and of the replies that it prints.
    pub(crate) fn layout_of_command(&self) -> Layout {
        self.layout(self.format.unwrap_or(Format::Raw), None)
    }

    pub(crate) fn delimiter(&self) -> Vec<u8> {
        match (self.null, &self.delimiter) {
            (true, _) => vec![0],
            (false, Some(given)) => given.0.clone(),
            (false, None) => b"\n".to_vec(),
        }
    }

    fn layout(&self, format: Format, separator: Option<&[u8]>) -> Layout {
        let given = self.part_separator.as_ref().map(|bytes| bytes.0.as_slice());
        // Bytes without a delimiter are no text, and have no tabs.
        let usual = separator.filter(|_| !self.delimiter().is_empty());
        Layout {
            format,
            separator: given.or(usual).map(<[u8]>::to_vec),
        }
    }
}

fn parse_escapes(text: &str) -> Result<Bytes, String> {
    unescape(text.as_bytes()).map(Bytes)
}

fn parse_chunk(text: &str) -> Result<usize, String> {
    // More than a message may have is no chunk.
    Size::bytes(text)
        .filter(|size| (1..=1 << 30).contains(size))
        .ok_or_else(|| format!("{text} is no number of bytes up to 1G, such as 65536 or 64K"))
}
