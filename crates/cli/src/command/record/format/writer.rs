//! Files that grow by whole chunks. What fails leaves the chunks before it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::path::Path;

use crc32fast::Hasher;
use ruzstd::encoding::{CompressionLevel, compress};

use super::bytes::Put;
use super::chunk::{Chunk, Places};
use super::records::{Channel, ChunkHead, ChunkIndex, Packing};
use super::summary::Summary;
use super::{MAGIC, PROFILE, op};

/// What a file may be when a recording begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Refuse,
    Overwrite,
}

/// Where a file ends that goes on, and what is in it.
#[derive(Debug)]
pub(crate) struct Resumed {
    /// Channels, chunks and statistics; `data_end` is where the next chunk goes.
    pub(crate) summary: Summary,
}

/// A recording that is written.
pub(crate) struct Writer {
    file: File,
    /// All that is in front of the next chunk; `data_end` is where it goes.
    summary: Summary,
    data: Hasher,
    zstd: bool,
    fsync: bool,
    packed: Vec<u8>,
    around: Vec<u8>,
}

impl Writer {
    /// Makes a file.
    pub(crate) fn create(path: &Path, existing: Existing) -> io::Result<Writer> {
        let mut options = OpenOptions::new();
        options.write(true);
        match existing {
            Existing::Refuse => options.create_new(true),
            Existing::Overwrite => options.create(true),
        };
        let file = options.open(path)?;
        lock(&file)?;
        // Only now: another recorder may have been at work on it.
        file.set_len(0)
            .or_else(|error| if is_plain(&file) { Err(error) } else { Ok(()) })?;
        let mut header = MAGIC.to_vec();
        header.put_record(op::HEADER, |to| {
            to.put_string(PROFILE);
            to.put_string(concat!("ringmq ", env!("CARGO_PKG_VERSION")));
        });
        let mut writer = Writer::with(file, Summary::default(), Hasher::new());
        writer.write_whole(&[&header])?;
        writer.data.update(&header);
        Ok(writer)
    }

    /// Goes on behind `resumed.summary.data_end`; what is there is removed.
    pub(crate) fn resume(file: File, resumed: Resumed) -> io::Result<Writer> {
        lock(&file)?;
        let summary = resumed.summary;
        let data = Hasher::new_with_initial_len(summary.data_checksum, summary.data_end);
        file.set_len(summary.data_end)?;
        let mut writer = Writer::with(file, summary, data);
        writer.file.seek(SeekFrom::Start(writer.summary.data_end))?;
        Ok(writer)
    }

    fn with(file: File, summary: Summary, data: Hasher) -> Writer {
        Writer {
            file,
            summary,
            data,
            zstd: false,
            fsync: false,
            packed: Vec::new(),
            around: Vec::new(),
        }
    }

    /// Packs chunks by zstd.
    pub(crate) fn set_zstd(&mut self, zstd: bool) {
        self.zstd = zstd;
    }

    /// Whether each chunk is on the disk before the next one is written.
    pub(crate) fn set_fsync(&mut self, fsync: bool) {
        self.fsync = fsync;
    }

    /// Announces channels whose messages will come.
    pub(crate) fn add_channels(&mut self, channels: &[Channel]) {
        let named = channels.iter().map(|channel| (channel.id, channel.clone()));
        self.summary.channels.extend(named);
    }

    pub(crate) fn channels(&self) -> &BTreeMap<u16, Channel> {
        &self.summary.channels
    }

    /// Bytes of the file up to the last whole chunk.
    pub(crate) fn len(&self) -> u64 {
        self.summary.data_end
    }

    /// Adds a chunk, unless it has no messages.
    ///
    /// # Errors
    ///
    /// That of the file, which then ends after the chunk before this one.
    pub(crate) fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        let Some((start, end)) = chunk.span else {
            return Ok(());
        };
        let mut hasher = Hasher::new();
        hasher.update(&chunk.records);
        let mut head = ChunkHead {
            start,
            end,
            size: chunk.records.len() as u64,
            checksum: hasher.clone().finalize(),
            packing: Packing::None,
            packed: chunk.records.len() as u64,
        };
        let mut packed = std::mem::take(&mut self.packed);
        if self.zstd {
            packed.clear();
            compress(&chunk.records[..], &mut packed, CompressionLevel::Fastest);
            hasher = Hasher::new();
            hasher.update(&packed);
            (head.packing, head.packed) = (Packing::Zstd, packed.len() as u64);
        }
        let body = if self.zstd { &packed } else { &chunk.records };
        let outcome = self.write_packed(&head, body, &hasher, &chunk.places);
        self.packed = packed;
        outcome
    }

    /// Adds a chunk that is packed already, with the checksum of its packed bytes.
    pub(crate) fn write_packed(
        &mut self,
        head: &ChunkHead,
        body: &[u8],
        of_body: &Hasher,
        places: &[Places],
    ) -> io::Result<()> {
        let offset = self.summary.data_end;
        let mut around = std::mem::take(&mut self.around);
        around.clear();
        head.put(&mut around);
        let (len, split) = (head.len() + head.packed, around.len());
        let places = || places.iter().filter(|places| !places.messages.is_empty());
        let mut indexes = BTreeMap::new();
        for places in places() {
            let at = offset + len + (around.len() - split) as u64;
            indexes.insert(places.channel, at);
            places.put(&mut around);
        }
        let (front, behind) = around.split_at(split);
        let outcome = self.write_whole(&[front, body, behind]);
        if outcome.is_ok() {
            self.data.update(front);
            self.data.combine(of_body);
            self.data.update(behind);
            let counts = places().map(|places| (places.channel, places.messages.len() as u64));
            self.summary.statistics.add((head.start, head.end), counts);
            self.summary.chunks.push(ChunkIndex {
                start: head.start,
                end: head.end,
                offset,
                len,
                indexes,
                indexes_len: behind.len() as u64,
                packing: head.packing,
                packed: head.packed,
                size: head.size,
            });
        }
        self.around = around;
        outcome
    }

    /// Writes the summary. The file can go on after that.
    ///
    /// # Errors
    ///
    /// That of the file, which then ends after its last chunk.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.summary.data_checksum = self.data.clone().finalize();
        let (bytes, data_end) = (self.summary.to_bytes(), self.summary.data_end);
        self.write_whole(&[&bytes])?;
        self.summary.data_end = data_end;
        Ok(())
    }

    /// Writes all of it, or leaves the file as it was.
    fn write_whole(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let outcome = write_all(&mut self.file, pieces).and_then(|()| {
            if self.fsync {
                self.file.sync_data()
            } else {
                Ok(())
            }
        });
        match outcome {
            Ok(()) => {
                self.summary.data_end += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>()
            }
            Err(_) => {
                // A reader stops at a torn chunk, too, if this does not succeed.
                let _ = self.file.set_len(self.summary.data_end);
                let _ = self.file.seek(SeekFrom::Start(self.summary.data_end));
            }
        }
        outcome
    }
}

fn write_all(file: &mut File, pieces: &[&[u8]]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = &mut slices[..];
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_plain(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// Two recorders of one file would write over each other.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another program is recording into it",
        )),
        // Some file systems have no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}
