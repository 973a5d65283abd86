//! What an ELF file says of itself: the few fields that decide whether a program can get another `libzmq.so.5`.
//!
//! Layout: the System V ABI, chapters "Object Files" and "Program Loading".

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A segment that names the program that loads this one.
const PT_INTERP: u32 = 3;
/// A segment of notes.
const PT_NOTE: u32 = 4;
/// Sections of symbols: all of them, and those that the loader needs.
const SHT_SYMTAB: u32 = 2;
const SHT_DYNSYM: u32 = 11;
/// Names are looked through in tables up to this size; a larger one is of no known program.
const MOST_NAMES: u64 = 1 << 30;
/// Longer notes, and longer names of loaders, are no such.
const MOST_TEXT: u64 = 4096;
/// What a libzmq defines, and nothing else does.
const OF_LIBZMQ: &[u8] = b"zmq_ctx_new";
/// The owner of the note in the library of ringmq (`crates/libzmq/src/capability.rs`).
const OWNER: &[u8] = b"ringmq\0";

/// The kind of machine that a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine {
    /// 1 for 32 bits, 2 for 64.
    class: u8,
    /// 1 for little-endian, 2 for big-endian.
    order: u8,
    /// Of the list in the ABI: 62 is x86-64, 183 is AArch64.
    number: u16,
}

/// An ELF file of 64 bits.
#[derive(Debug)]
pub(super) struct Elf<'a> {
    file: &'a File,
    header: [u8; 64],
}

/// A table of equal entries in the file.
#[derive(Debug, Clone, Copy)]
struct Table {
    offset: u64,
    entry: u64,
    count: u64,
}

/// A section of symbols and its names.
#[derive(Debug, Clone, Copy)]
struct Symbols {
    offset: u64,
    size: u64,
    names: (u64, u64),
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the ELF file is damaged")
}

/// Returns the machine of an ELF file by its first bytes; `None` if they are not those of one.
pub(super) fn machine(head: &[u8]) -> Option<Machine> {
    let ([class, order], number) = (head.get(4..6)?.try_into().ok()?, head.get(18..20)?);
    let number = number.try_into().ok()?;
    head.starts_with(b"\x7fELF").then_some(Machine {
        class,
        order,
        number: if order == 2 {
            u16::from_be_bytes(number)
        } else {
            u16::from_le_bytes(number)
        },
    })
}

impl Machine {
    /// The machine in words.
    pub(super) fn name(self) -> String {
        let bits = if self.class == 1 { 32 } else { 64 };
        match self.number {
            3 => "x86 (32 bits)".to_owned(),
            62 if self.class == 1 => "x86-64 with 32-bit pointers".to_owned(),
            62 => "x86-64".to_owned(),
            40 => "ARM (32 bits)".to_owned(),
            183 => "AArch64".to_owned(),
            243 => format!("RISC-V ({bits} bits)"),
            number => format!("another machine (ELF number {number}, {bits} bits)"),
        }
    }
}

impl<'a> Elf<'a> {
    /// Reads the header. Everything else is understood of files of 64 bits, little-endian, only.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or ends within the header.
    pub(super) fn read(file: &'a File) -> io::Result<Elf<'a>> {
        let mut header = [0; 64];
        file.read_exact_at(&mut header, 0)?;
        Ok(Elf { file, header })
    }

    /// The machine that it is for; `None` if this is no ELF file, or not one that is understood.
    pub(super) fn machine(&self) -> Option<Machine> {
        machine(&self.header).filter(|machine| machine.class == 2 && machine.order == 1)
    }

    fn segments(&self) -> io::Result<Table> {
        self.table(32, 54)
    }

    fn sections(&self) -> io::Result<Table> {
        self.table(40, 58)
    }

    fn table(&self, offset: usize, sizes: usize) -> io::Result<Table> {
        Ok(Table {
            offset: number(&self.header, offset, 8)?,
            entry: number(&self.header, sizes, 2)?,
            count: number(&self.header, sizes + 2, 2)?,
        })
    }

    fn bytes(&self, offset: u64, size: u64, most: u64) -> io::Result<Vec<u8>> {
        let within = offset.checked_add(size).ok_or_else(malformed)?;
        if size > most || within > self.file.metadata()?.len() {
            return Err(malformed());
        }
        let size = usize::try_from(size).map_err(|_| malformed())?;
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn entries(&self, table: Table) -> io::Result<Vec<Vec<u8>>> {
        if table.count == 0 {
            return Ok(Vec::new());
        }
        // 65,535 entries of 65,535 bytes would be 4 GiB.
        let size = table.count * table.entry;
        let bytes = self.bytes(table.offset, size, 1 << 26)?;
        let entry = usize::try_from(table.entry).map_err(|_| malformed())?;
        Ok(bytes
            .chunks_exact(entry.max(1))
            .map(<[u8]>::to_vec)
            .collect())
    }

    /// The segments of a kind: offset and size.
    fn segments_of(&self, kind: u32) -> io::Result<Vec<(u64, u64)>> {
        let mut found = Vec::new();
        for entry in self.entries(self.segments()?)? {
            if number(&entry, 0, 4)? == u64::from(kind) {
                found.push((number(&entry, 8, 8)?, number(&entry, 32, 8)?));
            }
        }
        Ok(found)
    }

    /// The path of the loader; `None` if the program is static, or a library.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is damaged.
    pub(super) fn loader(&self) -> io::Result<Option<String>> {
        let Some((offset, size)) = self.segments_of(PT_INTERP)?.first().copied() else {
            return Ok(None);
        };
        let bytes = self.bytes(offset, size, MOST_TEXT)?;
        let path = bytes.split(|byte| *byte == 0).next().unwrap_or(&[]);
        Ok(Some(String::from_utf8_lossy(path).into_owned()))
    }

    /// The version of ringmq of which this file is the library; `None` if it is another's.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is damaged.
    pub(super) fn version_of_ringmq(&self) -> io::Result<Option<String>> {
        for (offset, size) in self.segments_of(PT_NOTE)? {
            let bytes = self.bytes(offset, size, MOST_TEXT)?;
            let mut rest = &bytes[..];
            while let Some((owner, text, behind)) = note(rest) {
                if owner == OWNER {
                    let text = text.trim_ascii_end();
                    let text = text.split(|byte| *byte == 0).next().unwrap_or(text);
                    return Ok(Some(String::from_utf8_lossy(text).into_owned()));
                }
                rest = behind;
            }
        }
        Ok(None)
    }

    /// Returns true if the file itself has the functions of a libzmq. A program that has was linked with a static one: the
    /// loader binds its calls to its own functions first. A file without a table of symbols does not say so.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is damaged.
    pub(super) fn defines_libzmq(&self) -> io::Result<bool> {
        for symbols in self.symbols()? {
            let (offset, size) = symbols.names;
            let names = self.bytes(offset, size, MOST_NAMES)?;
            let places = places(&names, OF_LIBZMQ);
            if places.is_empty() {
                continue;
            }
            let table = self.bytes(symbols.offset, symbols.size, MOST_NAMES)?;
            for symbol in table.chunks_exact(24) {
                let is_defined = number(symbol, 6, 2)? != 0;
                if is_defined && places.contains(&number(symbol, 0, 4)?) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn symbols(&self) -> io::Result<Vec<Symbols>> {
        let sections = self.entries(self.sections()?)?;
        let span = |section: &[u8]| -> io::Result<(u64, u64)> {
            Ok((number(section, 24, 8)?, number(section, 32, 8)?))
        };
        let mut found = Vec::new();
        for section in &sections {
            let kind = number(section, 4, 4)?;
            if kind != u64::from(SHT_SYMTAB) && kind != u64::from(SHT_DYNSYM) {
                continue;
            }
            let link = usize::try_from(number(section, 40, 4)?).map_err(|_| malformed())?;
            let names = sections.get(link).ok_or_else(malformed)?;
            let (offset, size) = span(section)?;
            found.push(Symbols {
                offset,
                size,
                names: span(names)?,
            });
        }
        Ok(found)
    }
}

/// A little-endian number of up to 8 bytes.
fn number(bytes: &[u8], offset: usize, size: usize) -> io::Result<u64> {
    let part = bytes.get(offset..offset + size).ok_or_else(malformed)?;
    let mut whole = [0; 8];
    whole[..size].copy_from_slice(part);
    Ok(u64::from_le_bytes(whole))
}

/// The first note: its owner, its text, and what is behind it.
fn note(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let size = |offset| usize::try_from(number(bytes, offset, 4).ok()?).ok();
    let (owner, text) = (size(0)?, size(4)?);
    let begin = 12 + owner.checked_next_multiple_of(4)?;
    let end = begin.checked_add(text)?;
    let behind = end.checked_next_multiple_of(4)?;
    let name = bytes.get(12..12 + owner)?;
    Some((
        name,
        bytes.get(begin..end)?,
        bytes.get(behind..).unwrap_or(&[]),
    ))
}

/// Where a name stands in a table of names.
fn places(names: &[u8], name: &[u8]) -> Vec<u64> {
    let mut found = Vec::new();
    let mut offset = 0;
    for one in names.split(|byte| *byte == 0) {
        // The end of a longer name may serve as a name, too.
        if one.ends_with(name) {
            found.push((offset + one.len() - name.len()) as u64);
        }
        offset += one.len() + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_at_its_end_too() {
        let names = b"\0zmq_ctx_new\0my_zmq_ctx_new\0zmq_ctx_new_\0";
        assert_eq!(places(names, OF_LIBZMQ), [1, 16]);
    }

    #[test]
    fn notes_are_read_one_behind_the_other() {
        let mut bytes = Vec::new();
        for (owner, text) in [(&b"GNU\0"[..], &b"abcdefg\0"[..]), (OWNER, b"0.2.0\0\0\0")] {
            bytes.extend(u32::try_from(owner.len()).unwrap_or(0).to_le_bytes());
            bytes.extend(u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
            bytes.extend(1_u32.to_le_bytes());
            bytes.extend(owner);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend(text);
        }
        let (owner, text, behind) = note(&bytes).unwrap_or_default();
        assert_eq!((owner, text), (&b"GNU\0"[..], &b"abcdefg\0"[..]));
        let (owner, text, behind) = note(behind).unwrap_or_default();
        assert_eq!((owner, text), (OWNER, &b"0.2.0\0\0\0"[..]));
        assert_eq!(note(behind), None);
        assert_eq!(
            note(&bytes[..30]).map(|(_, _, behind)| behind.len()),
            Some(6)
        );
        assert_eq!(note(&[0xff; 64]), None);
    }

    #[test]
    fn other_files_have_no_machine() {
        assert_eq!(machine(b"#!/bin/sh\necho a longer text\n"), None);
        assert_eq!(machine(b"\x7fELF"), None);
    }
}
