//! Messages on standard output.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::SystemTime;

use ringmq::Frame;

use crate::command::outcome::Failure;
use crate::command::talk::format::{Format, Layout, json_part};
use crate::command::talk::time::{seconds_since_1970, timestamp};

/// Bytes that are collected before they are written, while more messages wait.
const COLLECTED: usize = 256 << 10;

/// Writes messages. What it was given is written when it is much, and by [`flush`](Printer::flush).
#[derive(Debug)]
pub(crate) struct Printer {
    file: File,
    is_terminal: bool,
    collected: Vec<u8>,
    layout: Layout,
    delimiter: Vec<u8>,
    timestamps: bool,
}

/// Opens standard output.
pub(crate) fn stdout() -> Result<(File, bool), Failure> {
    let stdout = io::stdout();
    // Without the buffer of std, which looks for the ends of lines.
    let file = stdout.as_fd().try_clone_to_owned();
    let file = file.map_err(Failure::output)?;
    Ok((file.into(), stdout.is_terminal()))
}

impl Printer {
    /// Writes to standard output. MessagePack has no delimiter.
    pub(crate) fn new(
        layout: Layout,
        delimiter: Vec<u8>,
        timestamps: bool,
    ) -> Result<Printer, Failure> {
        let (file, is_terminal) = stdout()?;
        let delimiter = match layout.format {
            Format::Msgpack => Vec::new(),
            _ => delimiter,
        };
        Ok(Printer {
            file,
            is_terminal,
            collected: Vec::with_capacity(COLLECTED),
            layout,
            delimiter,
            timestamps,
        })
    }

    /// The descriptor, to learn that the reader has closed it.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Prints a message.
    pub(crate) fn print(&mut self, parts: &[Frame]) -> Result<(), Failure> {
        if let ([part], Format::Raw, false) = (parts, self.layout.format, self.timestamps)
            && part.len() >= COLLECTED / 4
        {
            return self.print_large(part);
        }
        self.encode(parts);
        if self.collected.len() >= COLLECTED || self.is_terminal {
            self.flush()?;
        }
        Ok(())
    }

    /// Prints a large part without a copy.
    fn print_large(&mut self, part: &[u8]) -> Result<(), Failure> {
        self.flush()?;
        self.file.write_all(part).map_err(Failure::output)?;
        self.collected.extend_from_slice(&self.delimiter);
        Ok(())
    }

    fn encode(&mut self, parts: &[Frame]) {
        if !self.timestamps {
            self.layout.encode(parts, &mut self.collected);
        } else if self.layout.format == Format::Json {
            let parts: Vec<_> = parts.iter().map(|part| json_part(part)).collect();
            let time = seconds_since_1970(SystemTime::now());
            let line = serde_json::json!({ "time": time, "parts": parts });
            self.collected
                .extend_from_slice(line.to_string().as_bytes());
        } else {
            let time = timestamp(SystemTime::now());
            self.collected.extend_from_slice(time.as_bytes());
            self.collected.push(b' ');
            self.layout.encode(parts, &mut self.collected);
        }
        self.collected.extend_from_slice(&self.delimiter);
    }

    /// Writes what was collected.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        if !self.collected.is_empty() {
            let written = self.file.write_all(&self.collected);
            self.collected.clear();
            written.map_err(Failure::output)?;
        }
        Ok(())
    }
}

/// Lines of text on standard output, each written at once.
#[derive(Debug)]
pub(crate) struct Lines(File);

impl Lines {
    pub(crate) fn stdout() -> Result<Lines, Failure> {
        stdout().map(|(file, _)| Lines(file))
    }

    /// The descriptor, to learn that the reader has closed it.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Prints text that ends with a line break.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.0.write_all(text.as_bytes()).map_err(Failure::output)
    }
}
