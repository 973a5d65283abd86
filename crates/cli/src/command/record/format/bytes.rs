//! Numbers, strings and records: written to a vector, and taken from a slice that may say anything.

use std::collections::BTreeMap;

use super::RECORD_HEAD;

/// Adds what MCAP's fields are made of.
pub(crate) trait Put {
    fn put_u16(&mut self, value: u16);
    fn put_u32(&mut self, value: u32);
    fn put_u64(&mut self, value: u64);
    fn put_string(&mut self, text: &str);
    /// Adds a record: its operation code, its length, and what `fill` adds.
    fn put_record(&mut self, op: u8, fill: impl FnOnce(&mut Vec<u8>));
    /// Adds an array or a map: its length in bytes, and what `fill` adds.
    fn put_sized(&mut self, fill: impl FnOnce(&mut Vec<u8>));
}

impl Put for Vec<u8> {
    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_string(&mut self, text: &str) {
        self.put_sized(|bytes| bytes.extend_from_slice(text.as_bytes()));
    }

    fn put_record(&mut self, op: u8, fill: impl FnOnce(&mut Vec<u8>)) {
        self.push(op);
        self.put_u64(0);
        let start = self.len();
        fill(self);
        let len = (self.len() - start) as u64;
        self[start - 8..start].copy_from_slice(&len.to_le_bytes());
    }

    fn put_sized(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        self.put_u32(0);
        let start = self.len();
        fill(self);
        // What the program writes is far below 4 GiB: names, and the index of one chunk.
        let len = u32::try_from(self.len() - start).unwrap_or(u32::MAX);
        self[start - 4..start].copy_from_slice(&len.to_le_bytes());
    }
}

/// Bytes from whose front fields are taken. `None` is the answer when too few are left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    pub(crate) fn bytes(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn string(&mut self) -> Option<&'a str> {
        let len = self.u32()?;
        std::str::from_utf8(self.bytes(len.into())?).ok()
    }

    /// The bytes of an array or a map.
    pub(crate) fn sized(&mut self) -> Option<Take<'a>> {
        let len = self.u32()?;
        self.bytes(len.into()).map(Take)
    }

    /// The operation code and the content of a record.
    pub(crate) fn record(&mut self) -> Option<(u8, Take<'a>)> {
        let op = self.u8()?;
        let len = self.u64()?;
        Some((op, Take(self.bytes(len)?)))
    }

    pub(crate) fn strings(&mut self) -> Option<BTreeMap<String, String>> {
        let mut entries = self.sized()?;
        let mut map = BTreeMap::new();
        while !entries.0.is_empty() {
            let (name, value) = (entries.string()?, entries.string()?);
            map.insert(name.to_owned(), value.to_owned());
        }
        Some(map)
    }
}

/// The operation code and the length of the record that begins here.
pub(crate) fn record_head(bytes: &[u8; RECORD_HEAD as usize]) -> (u8, u64) {
    let [op, len @ ..] = *bytes;
    (op, u64::from_le_bytes(len))
}
