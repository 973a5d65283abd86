//! Recordings: MCAP files whose messages are ZeroMQ messages, as docs/recording.md specifies them.
//!
//! ```text
//! magic  Header  [ Chunk  Message Index … ] …  Data End  Channel …  Chunk Index …  Statistics  Summary Offset …  Footer  magic
//!                  ^ whole, with a checksum; on disk before the next one is begun   ^ the summary: written at the end
//! ```
//!
//! [`writer`] makes files, chunk by chunk, and [`chunk`] fills a chunk. [`reader`] opens files, whole or cut, and
//! [`messages`] takes chunks apart. Nothing that is read is believed before it was checked.

pub(crate) mod bytes;
pub(crate) mod chunk;
pub(crate) mod contents;
pub(crate) mod error;
pub(crate) mod messages;
pub(crate) mod parts;
pub(crate) mod reader;
pub(crate) mod records;
pub(crate) mod scan;
pub(crate) mod summary;
pub(crate) mod survey;
#[cfg(test)]
mod tests;
pub(crate) mod writer;

/// The first and the last bytes of a file. The fifth is the version of MCAP.
pub(crate) const MAGIC: [u8; 8] = [0x89, b'M', b'C', b'A', b'P', b'0', b'\r', b'\n'];

/// The profile that the header names: what this is, and the version of docs/recording.md.
pub(crate) const PROFILE: &str = "ringmq/1";

/// The encoding of messages: an array of byte strings in CBOR, one for each part.
pub(crate) const ENCODING: &str = "cbor";

/// Bytes of records after which a chunk is closed.
pub(crate) const CHUNK: usize = 1 << 20;

/// Bytes of a chunk that are not its last message: what is in front of it, and the channels.
pub(crate) const CHUNK_SLACK: u64 = 16 << 20;

/// Operation codes of records.
pub(crate) mod op {
    pub(crate) const HEADER: u8 = 0x01;
    pub(crate) const FOOTER: u8 = 0x02;
    pub(crate) const CHANNEL: u8 = 0x04;
    pub(crate) const MESSAGE: u8 = 0x05;
    pub(crate) const CHUNK: u8 = 0x06;
    pub(crate) const MESSAGE_INDEX: u8 = 0x07;
    pub(crate) const CHUNK_INDEX: u8 = 0x08;
    pub(crate) const STATISTICS: u8 = 0x0b;
    pub(crate) const SUMMARY_OFFSET: u8 = 0x0e;
    pub(crate) const DATA_END: u8 = 0x0f;
}

/// Bytes of an operation code and a length.
pub(crate) const RECORD_HEAD: u64 = 9;

/// Bytes of a footer with its head, and the magic behind it.
pub(crate) const FOOTER_AND_MAGIC: u64 = RECORD_HEAD + 20 + 8;
