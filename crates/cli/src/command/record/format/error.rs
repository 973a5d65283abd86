//! Why a recording cannot be read, and where.

use std::fmt;
use std::io;

/// What is wrong in a file, at a byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) at: u64,
    pub(crate) what: What,
}

/// Kinds of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The file ends within a record.
    Cut,
    /// A record whose fields contradict each other, or one that no recording has.
    Record(u8),
    /// The bytes of a chunk do not have the checksum that it names.
    Checksum,
    /// The bytes of a chunk cannot be unpacked.
    Packed,
    /// The records of a chunk are not what its head says.
    Content,
    /// A chunk says that it has more bytes than the limit.
    Size { size: u64, limit: u64 },
    /// The index behind a chunk is wrong. The messages are not concerned.
    Index,
    /// The checksum of the whole data is another one.
    Data,
    /// The summary, or the footer, is wrong. The messages are not concerned.
    Summary,
    /// The file ends after a whole chunk, without a summary: the recorder was killed, or is still at work.
    Unfinished,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.what {
            What::Cut => write!(f, "it is cut within the record at byte {at}"),
            What::Record(op) => write!(f, "the record at byte {at} (kind {op:#04x}) is damaged"),
            What::Checksum => write!(f, "the chunk at byte {at} has a wrong checksum"),
            What::Packed => write!(f, "the chunk at byte {at} cannot be decompressed"),
            What::Content => write!(f, "the chunk at byte {at} has wrong content"),
            What::Size { size, limit } => write!(
                f,
                "the chunk at byte {at} says that it has {size} bytes, more than the limit of {limit}"
            ),
            What::Index => write!(
                f,
                "the index at byte {at} is damaged; no message is concerned"
            ),
            What::Data => write!(f, "the checksum of all data, at byte {at}, is wrong"),
            What::Summary => write!(
                f,
                "the summary at byte {at} is damaged; no message is concerned"
            ),
            What::Unfinished => write!(
                f,
                "it has no summary: it ends at byte {at}, after a whole chunk"
            ),
        }
    }
}

/// Why a file cannot be opened as a recording.
#[derive(Debug)]
pub(crate) enum OpenError {
    Io(io::Error),
    /// It does not begin as an MCAP file.
    NotMcap,
    /// It is an MCAP file of a later version.
    LaterMcap(u8),
    /// It is an MCAP file of another program.
    Profile(String),
    /// It is a recording of a later version.
    LaterProfile(String),
    /// It is cut or damaged within its header.
    Header,
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        OpenError::Io(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Io(error) => error.fmt(f),
            OpenError::NotMcap => {
                f.write_str("it is no recording: it does not begin as an MCAP file")
            }
            OpenError::LaterMcap(version) => write!(
                f,
                "it is an MCAP file of version {}, and this program reads version 0",
                version.escape_ascii()
            ),
            OpenError::Profile(profile) => write!(
                f,
                "it is an MCAP file with the profile {profile:?}, and no recording of ringmq"
            ),
            OpenError::LaterProfile(profile) => write!(
                f,
                "it is a recording of a later version, {profile:?}; this program reads {:?}",
                super::PROFILE
            ),
            OpenError::Header => f.write_str("it is cut or damaged within its header"),
        }
    }
}
