//! Zip archives: just what a wheel needs, and the same bytes on every machine.
//!
//! ```text
//! entry  = local header, name, compressed bytes
//! archive = entries, directory (a header and name for each entry), end of directory
//! ```

use std::io::Write;

use flate2::{Compression, Crc, write::DeflateEncoder};

use super::date::Moment;
use crate::process::{Failure, Outcome};

const LOCAL: u32 = 0x0403_4b50;
const DIRECTORY: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// The version that understands deflate, and Unix as the system whose modes the directory has.
const NEEDED: u16 = 20;
const MADE_BY: u16 = 3 << 8 | NEEDED;
const DEFLATED: u16 = 8;
/// A regular file, in the upper half of the attributes.
const REGULAR: u32 = 0o100_000;

/// An archive that is being made.
pub(crate) struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
    date: u16,
    time: u16,
}

impl Zip {
    /// An empty archive. All entries get the time `epoch`, in seconds since 1970.
    pub(crate) fn new(epoch: u64) -> Zip {
        let at = Moment::of(epoch);
        // Years begin with 1980, and seconds come in pairs. All parts are in their range.
        let pack = |high: u64, middle: u64, low: u64, bits: u32| {
            u16::try_from(high << (bits + 4) | middle << bits | low).unwrap_or(0)
        };
        Zip {
            bytes: Vec::new(),
            directory: Vec::new(),
            entries: 0,
            date: pack(at.year.saturating_sub(1980), at.month, at.day, 5),
            time: u16::try_from((at.hour << 11) | (at.minute << 5) | (at.second / 2)).unwrap_or(0),
        }
    }

    /// Adds a file.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8], mode: u32) -> Outcome {
        let broken = |error| Failure::new(format!("{name}: {error}"));
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).map_err(broken)?;
        let packed = encoder.finish().map_err(broken)?;
        let mut crc = Crc::new();
        crc.update(bytes);
        let long = |_| Failure::new(format!("{name}: too long for a zip archive"));
        let mut fields = Vec::new();
        for half in [NEEDED, 0, DEFLATED, self.time, self.date] {
            fields.extend(half.to_le_bytes());
        }
        fields.extend(crc.sum().to_le_bytes());
        for length in [packed.len(), bytes.len()] {
            fields.extend(u32::try_from(length).map_err(long)?.to_le_bytes());
        }
        fields.extend(u16::try_from(name.len()).map_err(long)?.to_le_bytes());
        // No extra field.
        fields.extend([0; 2]);

        let offset = u32::try_from(self.bytes.len()).map_err(long)?;
        self.bytes.extend(LOCAL.to_le_bytes());
        self.bytes.extend(&fields);
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(packed);

        self.directory.extend(DIRECTORY.to_le_bytes());
        self.directory.extend(MADE_BY.to_le_bytes());
        self.directory.extend(&fields);
        // No comment, the first disk, no internal attributes.
        self.directory.extend([0; 6]);
        self.directory
            .extend(((REGULAR | mode) << 16).to_le_bytes());
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.entries = self
            .entries
            .checked_add(1)
            .ok_or_else(|| Failure::new("too many files"))?;
        Ok(())
    }

    /// The whole archive.
    pub(crate) fn finish(mut self) -> Outcome<Vec<u8>> {
        let long = |_| Failure::new("too long for a zip archive");
        let offset = u32::try_from(self.bytes.len()).map_err(long)?;
        let length = u32::try_from(self.directory.len()).map_err(long)?;
        self.bytes.append(&mut self.directory);
        self.bytes.extend(END.to_le_bytes());
        // This disk, and the one with the directory.
        self.bytes.extend([0; 4]);
        for _ in 0..2 {
            self.bytes.extend(self.entries.to_le_bytes());
        }
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(offset.to_le_bytes());
        self.bytes.extend([0; 2]);
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    use crate::process;

    #[test]
    fn python_reads_the_archive() {
        let mut zip = Zip::new(1_796_061_601);
        zip.add("a/one.txt", "text ".repeat(100).as_bytes(), 0o644)
            .unwrap();
        zip.add("two", b"", 0o755).unwrap();
        let path = std::env::temp_dir().join(format!("ringmq-zip-{}.zip", std::process::id()));
        std::fs::write(&path, zip.finish().unwrap()).unwrap();
        let script = "\
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    for one in archive.infolist():
        print(one.filename, one.file_size, oct(one.external_attr >> 16), one.date_time)
    assert archive.read('a/one.txt') == b'text ' * 100
";
        let mut python = Command::new("python3");
        let said = process::answer(python.args(["-c", script]).arg(&path));
        std::fs::remove_file(&path).unwrap();
        let time = "(2026, 11, 30, 18, 0, 0)";
        assert_eq!(
            said.unwrap(),
            format!("a/one.txt 500 0o100644 {time}\ntwo 0 0o100755 {time}\n")
        );
    }
}
