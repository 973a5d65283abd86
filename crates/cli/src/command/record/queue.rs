//! Chunks on their way from the thread that receives to the thread that writes.
//!
//! ```text
//! receives: fills a chunk ---- full, or due ----> writes: checksum, compression, file
//!                         <---- empty again -----
//! ```
//!
//! The thread that receives never waits for the disk, unless it is asked to.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::format::CHUNK;
use super::format::chunk::Chunk;
use super::format::records::Channel;
use super::format::writer::Writer;

/// How often a wait for the writing thread looks at other things.
const LOOK: Duration = Duration::from_millis(50);

/// The writing thread has ended, because the file failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopped;

/// What the writing thread leaves.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Messages in the file.
    pub(super) messages: u64,
    /// Bytes of the file up to its last chunk.
    pub(super) bytes: u64,
    /// Why it ended early.
    pub(super) error: Option<io::Error>,
}

/// The thread that receives has this end.
pub(super) struct Queue {
    /// The chunk that is being filled.
    pub(super) chunk: Chunk,
    channels: Vec<Channel>,
    full: Sender<Chunk>,
    empty: Receiver<Emptied>,
    spare: Vec<Chunk>,
    /// Bytes of chunks that are not written yet.
    waiting: u64,
    limit: u64,
    writing: JoinHandle<Written>,
}

struct Emptied {
    chunk: Chunk,
    bytes: u64,
}

impl Queue {
    /// Starts the writing thread. Up to about `limit` bytes wait for it.
    pub(super) fn start(
        mut writer: Writer,
        channels: Vec<Channel>,
        limit: u64,
    ) -> io::Result<Queue> {
        writer.add_channels(&channels);
        let (full, to_write) = mpsc::channel();
        let (emptied, empty) = mpsc::channel();
        let writing = thread::Builder::new().name("writing".to_owned());
        Ok(Queue {
            chunk: Chunk::new(&channels),
            channels,
            full,
            empty,
            spare: Vec::new(),
            waiting: 0,
            limit,
            writing: writing.spawn(move || write(writer, &to_write, &emptied))?,
        })
    }

    /// Whether the chunk takes another message. A full one is handed over first, unless too many wait.
    pub(super) fn has_room(&mut self) -> Result<bool, Stopped> {
        if self.chunk.records.len() < CHUNK {
            return Ok(true);
        }
        self.hand_over()
    }

    /// Hands the chunk over, however full it is. False if too many wait.
    pub(super) fn hand_over(&mut self) -> Result<bool, Stopped> {
        if self.chunk.is_empty() {
            return Ok(true);
        }
        while let Ok(emptied) = self.empty.try_recv() {
            self.take_back(emptied);
        }
        if self.waiting >= self.limit {
            return Ok(false);
        }
        let next = self
            .spare
            .pop()
            .unwrap_or_else(|| Chunk::new(&self.channels));
        let chunk = std::mem::replace(&mut self.chunk, next);
        self.waiting += chunk.records.len() as u64;
        self.full.send(chunk).map_err(|_| Stopped)?;
        Ok(true)
    }

    /// Waits a moment until a chunk was written.
    pub(super) fn wait(&mut self) -> Result<(), Stopped> {
        match self.empty.recv_timeout(LOOK) {
            Ok(emptied) => self.take_back(emptied),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Stopped),
        }
        Ok(())
    }

    fn take_back(&mut self, emptied: Emptied) {
        self.waiting = self.waiting.saturating_sub(emptied.bytes);
        self.spare.push(emptied.chunk);
    }

    /// Has everything written, with the summary, and waits for that.
    pub(super) fn finish(self) -> Written {
        if !self.chunk.is_empty() {
            // If the thread has stopped, it says why below.
            let _ = self.full.send(self.chunk);
        }
        drop(self.full);
        self.writing.join().unwrap_or_else(|_| Written {
            error: Some(io::Error::other("the writing thread failed")),
            ..Written::default()
        })
    }
}

/// The writing thread.
fn write(mut writer: Writer, full: &Receiver<Chunk>, empty: &Sender<Emptied>) -> Written {
    let mut written = Written::default();
    for mut chunk in full {
        if let Err(error) = writer.write(&chunk) {
            written.error = Some(error);
            break;
        }
        written.messages += chunk.messages() as u64;
        let bytes = chunk.records.len() as u64;
        chunk.clear();
        // The other thread may have come to its end.
        let _ = empty.send(Emptied { chunk, bytes });
    }
    written.bytes = writer.len();
    // After a failure there may be room for the summary, which is much smaller than a chunk.
    if let Err(error) = writer.finish() {
        written.error.get_or_insert(error);
    }
    written
}
