//! Files that are read: whole ones, cut ones, and damaged ones.

use std::fs::{File, TryLockError};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::bytes::{Take, record_head};
use super::error::{Damage, OpenError, What};
use super::records::ChunkIndex;
use super::{CHUNK_SLACK, MAGIC, PROFILE, RECORD_HEAD, op};

/// The most bytes of a header that is read.
const HEADER_LIMIT: u64 = 64 << 10;

/// A recording that is open.
#[derive(Debug)]
pub(crate) struct Reader {
    file: File,
    /// Bytes that the file had when it was opened. A recorder may add to it.
    pub(crate) len: u64,
    /// Where the first chunk is.
    pub(crate) first: u64,
    /// The most bytes of a chunk.
    limit: u64,
    /// What the header says of the program that made the file.
    pub(crate) library: String,
}

impl Reader {
    /// Opens a file. Messages of more than `max_message` bytes are refused.
    pub(crate) fn open(path: &Path, max_message: u64) -> Result<Reader, OpenError> {
        Reader::over(File::open(path)?, max_message)
    }

    /// Reads the file from its beginning.
    pub(crate) fn over(file: File, max_message: u64) -> Result<Reader, OpenError> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(OpenError::NotMcap);
        }
        let mut reader = Reader {
            file,
            len: metadata.len(),
            first: 0,
            limit: max_message.saturating_add(CHUNK_SLACK),
            library: String::new(),
        };
        let magic = reader.array::<8>(0).ok_or(OpenError::NotMcap)?;
        if magic[..5] == MAGIC[..5] && magic[5..6] != MAGIC[5..6] && magic[6..] == MAGIC[6..] {
            return Err(OpenError::LaterMcap(magic[5]));
        }
        if magic != MAGIC {
            return Err(OpenError::NotMcap);
        }
        let head = reader.array(8).ok_or(OpenError::Header)?;
        let (op, len) = record_head(&head);
        let fits = op == op::HEADER && len <= HEADER_LIMIT;
        let header = fits.then(|| reader.bytes(8 + RECORD_HEAD, len)).flatten();
        let header = header.ok_or(OpenError::Header)?;
        let mut from = Take(&header);
        let profile = from.string().ok_or(OpenError::Header)?;
        match profile
            .strip_prefix("ringmq/")
            .and_then(|version| version.parse::<u32>().ok())
        {
            Some(1) if profile == PROFILE => {}
            Some(2..) => return Err(OpenError::LaterProfile(profile.to_owned())),
            _ => return Err(OpenError::Profile(profile.to_owned())),
        }
        reader.library = from.string().ok_or(OpenError::Header)?.to_owned();
        reader.first = 8 + RECORD_HEAD + len;
        Ok(reader)
    }

    /// Whether a recorder is at work on the file.
    pub(crate) fn is_being_written(&self) -> bool {
        let locked = self.file.try_lock_shared();
        matches!(locked, Err(TryLockError::WouldBlock))
    }

    /// Whether so much may be read at once.
    pub(crate) fn allows(&self, bytes: u64) -> bool {
        bytes <= self.limit
    }

    /// Returns a damage if the chunk is larger than the limit allows.
    pub(crate) fn check_size(&self, chunk: &ChunkIndex) -> Result<(), Damage> {
        let size = chunk.size.max(chunk.packed);
        if self.allows(size) {
            return Ok(());
        }
        Err(Damage {
            at: chunk.offset,
            what: What::Size {
                size,
                limit: self.limit,
            },
        })
    }

    /// Bytes of the file. `None` if it has fewer, or they cannot be read. The memory is never more than the file has.
    pub(crate) fn bytes(&self, at: u64, len: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.bytes_into(at, len, &mut bytes)?;
        Some(bytes)
    }

    /// As [`bytes`](Reader::bytes), into memory that is used again.
    pub(crate) fn bytes_into(&self, at: u64, len: u64, bytes: &mut Vec<u8>) -> Option<()> {
        if at.checked_add(len)? > self.len {
            return None;
        }
        bytes.resize(usize::try_from(len).ok()?, 0);
        self.file.read_exact_at(bytes, at).ok()
    }

    pub(crate) fn array<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        if at.checked_add(N as u64)? > self.len {
            return None;
        }
        self.file.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    }
}
