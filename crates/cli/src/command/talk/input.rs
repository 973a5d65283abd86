//! What is sent: words of the command line, files and standard input, cut into messages.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};

use ringmq::Message;

use crate::command::outcome::Failure;
use crate::command::talk::format::{Format, Layout, find};
use crate::command::talk::msgpack;

/// How a stream of bytes is cut into messages.
#[derive(Debug, Clone)]
pub(crate) enum Framing {
    /// Messages end with these bytes. What stands behind the last of them is a message, too.
    Delimited(Vec<u8>),
    /// Each message has so many bytes, but for the last.
    Chunks(usize),
    /// Each file is a message.
    Whole,
    /// Each message is what one read returns.
    AsRead,
    /// Values of MessagePack say their lengths.
    Msgpack,
}

/// Bytes that one read asks for at least.
const READ: usize = 256 << 10;

/// What is sent.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) layout: Layout,
    framing: Framing,
    words: Words,
    files: VecDeque<Source>,
    /// Bytes read; those in `unsent` were not taken out yet.
    buffer: Vec<u8>,
    unsent: Range<usize>,
    /// In `unsent`, bytes that have no delimiter.
    searched: usize,
    /// Bytes read from files so far.
    read: u64,
}

/// The messages of the command line.
#[derive(Debug, Default)]
struct Words {
    words: Vec<String>,
    next: usize,
    repeat: bool,
}

#[derive(Debug)]
struct Source {
    name: String,
    file: File,
    /// Reading it never waits: it is no pipe, terminal or socket.
    is_regular: bool,
    ended: bool,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    /// The text of a message.
    Text(&'a [u8]),
    /// Nothing before more is read: [`Input::fill`].
    Unread,
    /// Nothing.
    End,
}

/// Where input comes from, as the command line says it.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) words: &'a [String],
    pub(crate) repeat: bool,
    pub(crate) files: &'a [String],
    /// Whether standard input is read if there are neither words nor files.
    pub(crate) reads_stdin: bool,
}

impl Input {
    /// Opens the files.
    pub(crate) fn open(
        sources: &Sources<'_>,
        layout: Layout,
        framing: Framing,
    ) -> Result<Input, Failure> {
        let stdin = ["-".to_owned()];
        let files = match sources {
            Sources {
                words: [],
                files: [],
                reads_stdin: true,
                ..
            } => &stdin,
            Sources { files, .. } => *files,
        };
        Ok(Input {
            layout,
            framing,
            words: Words {
                words: sources.words.to_vec(),
                next: 0,
                repeat: sources.repeat,
            },
            files: files
                .iter()
                .map(|name| Source::open(name))
                .collect::<Result<_, _>>()?,
            buffer: Vec::new(),
            unsent: 0..0,
            searched: 0,
            read: 0,
        })
    }

    /// The descriptor to wait for before [`fill`](Input::fill), if reading can wait.
    pub(crate) fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        let source = self.files.front()?;
        (!source.is_regular).then(|| source.file.as_fd())
    }

    /// Bytes read from files and standard input so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.read
    }

    /// Whether files are read, or standard input.
    pub(crate) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// Whether a person types.
    pub(crate) fn is_terminal(&self) -> bool {
        self.files.iter().any(|source| source.file.is_terminal())
    }

    /// Takes the text of the next message.
    pub(crate) fn next(&mut self) -> Result<Next<'_>, Failure> {
        if self.words.has_next() {
            return Ok(self.words.next().map_or(Next::End, Next::Text));
        }
        let Some(source) = self.files.front() else {
            return Ok(Next::End);
        };
        let ended = source.ended;
        let bytes = &self.buffer[self.unsent.clone()];
        let found = match &self.framing {
            Framing::Delimited(delimiter) => {
                let from = self.searched.saturating_sub(delimiter.len() - 1);
                let at = find(&bytes[from..], delimiter).map(|at| at + from);
                self.searched = bytes.len();
                at.map(|at| (at, at + delimiter.len()))
            }
            Framing::Chunks(size) => (bytes.len() >= *size).then_some((*size, *size)),
            Framing::AsRead => (!bytes.is_empty()).then_some((bytes.len(), bytes.len())),
            Framing::Whole => ended.then_some((bytes.len(), bytes.len())),
            Framing::Msgpack => {
                let decoded = msgpack::decode(bytes);
                let decoded = decoded.map_err(|error| self.bad(&error))?;
                decoded.map(|(_, len)| (len, len))
            }
        };
        let is_last = found.is_none() && ended;
        let (text, taken) = match found {
            Some(found) => found,
            None if !ended => return Ok(Next::Unread),
            None => (bytes.len(), bytes.len()),
        };
        if is_last && text > 0 && matches!(self.framing, Framing::Msgpack) {
            return Err(self.bad("the last value of MessagePack is not whole"));
        }
        let start = self.unsent.start;
        self.unsent.start += taken;
        self.searched = 0;
        if is_last || (ended && matches!(self.framing, Framing::Whole)) {
            self.files.pop_front();
        }
        if is_last && text == 0 {
            return self.next();
        }
        Ok(Next::Text(&self.buffer[start..start + text]))
    }

    fn bad(&self, error: &str) -> Failure {
        let source = self.files.front();
        let name = source.map_or("--data", |source| &source.name);
        Failure::work(format_args!("{name}: {error}"))
    }

    /// Reads once from the file in front. It waits if that waits.
    pub(crate) fn fill(&mut self) -> Result<(), Failure> {
        let Some(source) = self.files.front_mut() else {
            return Ok(());
        };
        let wanted = match self.framing {
            Framing::Chunks(size) => size.max(READ),
            _ => READ,
        };
        if self.unsent.is_empty() {
            self.unsent = 0..0;
        } else if self.unsent.start > 0 && self.buffer.len() - self.unsent.end < wanted {
            self.buffer.copy_within(self.unsent.clone(), 0);
            self.unsent = 0..self.unsent.len();
        }
        let room = self.unsent.end + wanted;
        if self.buffer.len() < room {
            // Twice the size each time, so that a long message is copied seldom.
            self.buffer.resize(room.max(self.buffer.len() * 2), 0);
        }
        match source.file.read(&mut self.buffer[self.unsent.end..]) {
            Ok(0) => source.ended = true,
            Ok(len) => {
                self.unsent.end += len;
                self.read += len as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(Failure::work(format_args!(
                    "cannot read {}: {error}",
                    source.name
                )));
            }
        }
        Ok(())
    }
}

impl Words {
    fn has_next(&self) -> bool {
        self.next < self.words.len()
    }

    fn next(&mut self) -> Option<&[u8]> {
        let word = self.words.get(self.next)?;
        self.next += 1;
        if self.repeat && self.next == self.words.len() {
            self.next = 0;
        }
        Some(word.as_bytes())
    }
}

impl Source {
    fn open(name: &str) -> Result<Source, Failure> {
        let (name, file) = if name == "-" {
            let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
            ("standard input", file)
        } else {
            (name, File::open(name))
        };
        let opened = file.and_then(|file| {
            let about = file.metadata()?;
            if about.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            Ok(Source {
                name: name.to_owned(),
                is_regular: about.is_file(),
                file,
                ended: false,
            })
        });
        opened.map_err(|error| {
            let failure = Failure::work(format_args!("cannot read {name}: {error}"));
            failure.remedy("--data sends words of the command line, and --file - standard input")
        })
    }
}

/// The message that a text stands for.
pub(crate) fn message(layout: &Layout, text: &[u8]) -> Result<Message, Failure> {
    layout.decode(text).map_err(|error| {
        let mut shown = Vec::new();
        super::format::quote(&text[..text.len().min(60)], &mut shown);
        let shown = String::from_utf8_lossy(&shown).into_owned();
        let failure = Failure::work(format_args!("the input {shown} is no message: {error}"));
        failure
            .remedy("--input-format says how input is written: raw, quoted, hex, json or msgpack")
    })
}

impl Layout {
    /// Whether the text of a message is its only part.
    pub(crate) fn is_plain(&self) -> bool {
        self.format == Format::Raw && self.separator.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn cut(framing: Framing, text: &[u8]) -> Vec<Vec<u8>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        file.rewind().unwrap();
        let layout = Layout {
            format: Format::Raw,
            separator: None,
        };
        let sources = Sources {
            words: &[],
            repeat: false,
            files: &[],
            reads_stdin: false,
        };
        let mut input = Input::open(&sources, layout, framing).unwrap();
        input.files.push_back(Source {
            name: "a file".to_owned(),
            file,
            is_regular: true,
            ended: false,
        });
        let mut texts = Vec::new();
        loop {
            match input.next().unwrap() {
                Next::Text(text) => texts.push(text.to_vec()),
                Next::Unread => input.fill().unwrap(),
                Next::End => return texts,
            }
        }
    }

    #[test]
    fn a_last_line_without_an_end_is_a_message() {
        let lines = |text: &[u8]| cut(Framing::Delimited(b"\n".to_vec()), text);
        assert_eq!(lines(b"a\n\nb"), [&b"a"[..], b"", b"b"]);
        assert_eq!(lines(b"a\n"), [b"a"]);
        assert_eq!(lines(b""), [b""; 0]);
        let long = [vec![b'x'; 3 * READ], vec![b'\n'], vec![b'y'; READ]].concat();
        assert_eq!(lines(&long), [vec![b'x'; 3 * READ], vec![b'y'; READ]]);
    }

    #[test]
    fn a_delimiter_may_be_cut_by_a_read() {
        let mut text = vec![b'x'; READ - 1];
        text.extend_from_slice(b"--end");
        let parts = cut(Framing::Delimited(b"--".to_vec()), &text);
        assert_eq!(parts, [vec![b'x'; READ - 1], b"end".to_vec()]);
    }

    #[test]
    fn chunks_have_their_size_but_for_the_last() {
        assert_eq!(cut(Framing::Chunks(2), b"abcde"), [&b"ab"[..], b"cd", b"e"]);
        assert_eq!(cut(Framing::Chunks(2), b"abcd"), [b"ab", b"cd"]);
        let long = cut(Framing::Chunks(READ * 2), &vec![1; READ * 5]);
        let sizes: Vec<usize> = long.iter().map(Vec::len).collect();
        assert_eq!(sizes, [READ * 2, READ * 2, READ]);
        assert_eq!(cut(Framing::Whole, b"a\nb"), [b"a\nb"]);
        assert_eq!(cut(Framing::Whole, b""), [b""]);
    }
}
