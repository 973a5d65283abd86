//! How the parts of a message are written and read: raw, quoted, hex, JSON, MessagePack.

use std::fmt::Write as _;

use clap::ValueEnum;
use ringmq::{Frame, Message};
use serde_json::Value;

use crate::command::talk::msgpack;

/// A way to write messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The bytes as they are; parts stand apart by --part-separator
    Raw,
    /// Each part in double quotes, with escapes as in C; words without quotes are read, too
    Quoted,
    /// Two hexadecimal digits for each byte; parts stand apart by commas
    Hex,
    /// An array of the parts: strings, or {"hex": "00ff"} for bytes that are no UTF-8
    Json,
    /// An array of the parts in MessagePack, as bin, without a delimiter
    Msgpack,
}

/// What separates parts and messages.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) format: Format,
    /// Stands between the parts of a raw message. Without it, what is read has one part, and parts that are written stand
    /// side by side.
    pub(crate) separator: Option<Vec<u8>>,
}

impl Layout {
    /// Writes the parts of a message at the end of `to`.
    pub(crate) fn encode(&self, parts: &[Frame], to: &mut Vec<u8>) {
        match self.format {
            Format::Raw => {
                let separator = self.separator.as_deref().unwrap_or_default();
                join(parts, separator, to, |part, to| to.extend_from_slice(part));
            }
            Format::Quoted => join(parts, b" ", to, quote),
            Format::Hex => join(parts, b",", to, |part, to| {
                to.extend_from_slice(hex(part).as_bytes());
            }),
            Format::Json => {
                to.push(b'[');
                join(parts, b",", to, |part, to| {
                    to.extend_from_slice(json_part(part).to_string().as_bytes());
                });
                to.push(b']');
            }
            Format::Msgpack => msgpack::encode(parts, to),
        }
    }

    /// Reads the parts of a message.
    pub(crate) fn decode(&self, text: &[u8]) -> Result<Message, String> {
        match self.format {
            Format::Raw => Ok(match self.separator.as_deref() {
                Some(separator) if !separator.is_empty() => split(text, separator),
                _ => Message::from(text),
            }),
            Format::Quoted => unquote(text),
            Format::Hex => text.split(|byte| *byte == b',').map(unhex).collect(),
            Format::Json => {
                let value: Value = serde_json::from_slice(text)
                    .map_err(|error| format!("this is no JSON: {error}"))?;
                from_json(&value)
            }
            Format::Msgpack => match msgpack::decode(text)? {
                Some((message, len)) if len == text.len() => Ok(message),
                _ => Err("this is no single message in MessagePack".to_owned()),
            },
        }
    }
}

fn join(
    parts: &[Frame],
    separator: &[u8],
    to: &mut Vec<u8>,
    mut write: impl FnMut(&[u8], &mut Vec<u8>),
) {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            to.extend_from_slice(separator);
        }
        write(part, to);
    }
}

fn split(text: &[u8], separator: &[u8]) -> Message {
    let mut message = Message::new();
    let mut rest = text;
    while let Some(at) = find(rest, separator) {
        message.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    message.push(rest);
    message
}

/// Where `wanted`, which is not empty, begins in `bytes`.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    match wanted {
        [byte] => bytes.iter().position(|other| other == byte),
        _ => bytes.windows(wanted.len()).position(|part| part == wanted),
    }
}

/// Writes a part so that a terminal shows it whatever it is.
pub(crate) fn quote(part: &[u8], to: &mut Vec<u8>) {
    let mut text = String::with_capacity(part.len() + 2);
    text.push('"');
    for chunk in part.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\'' => text.push('\''),
                other if other.is_ascii_control() => escape(&mut text, other as u8),
                // What does not print, such as a change of the direction of text, is \u{...}.
                other => text.extend(other.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            escape(&mut text, *byte);
        }
    }
    text.push('"');
    to.extend_from_slice(text.as_bytes());
}

fn escape(text: &mut String, byte: u8) {
    // Writing to a String does not fail.
    let _ = write!(text, "\\x{byte:02x}");
}

/// Reads quoted parts and bare words.
fn unquote(text: &[u8]) -> Result<Message, String> {
    let mut message = Message::new();
    let mut rest = text.trim_ascii_start();
    while let Some(first) = rest.first() {
        let quoted = *first == b'"';
        let (inner, end) = if quoted {
            let inner = &rest[1..];
            let end = end_of_quote(inner).ok_or("a quote is not closed")?;
            (&inner[..end], end + 2)
        } else {
            let space = rest.iter().position(u8::is_ascii_whitespace);
            let end = space.unwrap_or(rest.len());
            (&rest[..end], end)
        };
        message.push(unescape(inner)?);
        rest = rest[end..].trim_ascii_start();
    }
    Ok(message)
}

fn end_of_quote(inner: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match inner.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Reads escapes: `\n`, `\r`, `\t`, `\0`, `\\`, `\"`, `\x00`, `\u{0000}`.
pub(crate) fn unescape(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (kind, behind) = rest
            .split_first()
            .ok_or("there is nothing behind the last \\")?;
        rest = behind;
        match kind {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'0' => bytes.push(0),
            b'\\' | b'"' | b'\'' => bytes.push(*kind),
            b'x' => {
                let digits = rest.get(..2).and_then(number);
                let byte = digits.and_then(|number| u8::try_from(number).ok());
                bytes.push(byte.ok_or("\\x needs two hexadecimal digits")?);
                rest = &rest[2..];
            }
            b'u' => {
                let end = rest.iter().position(|byte| *byte == b'}');
                let digits = end.and_then(|end| rest[..end].strip_prefix(b"{"));
                let character = digits.and_then(number).and_then(char::from_u32);
                let character = character.ok_or("\\u needs a character, as in \\u{e9}")?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[end.unwrap_or_default() + 1..];
            }
            other => {
                let other = char::from(*other);
                return Err(format!("\\{other} is no escape; \\\\ is a backslash"));
            }
        }
    }
    Ok(bytes)
}

fn number(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    // from_str_radix also takes a sign.
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal.then(|| u32::from_str_radix(digits, 16).ok())?
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn unhex(text: &[u8]) -> Result<Frame, String> {
    let digits: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let bytes = digits.chunks(2).map(|pair| {
        let byte = (pair.len() == 2).then(|| number(pair)).flatten();
        byte.and_then(|byte| u8::try_from(byte).ok())
    });
    let bytes: Option<Vec<u8>> = bytes.collect();
    let wrong = || {
        let text = String::from_utf8_lossy(text);
        format!("{text:?} is no even number of hexadecimal digits")
    };
    Ok(bytes.ok_or_else(wrong)?.into())
}

/// A part as JSON: a string, or hexadecimal digits.
pub(crate) fn json_part(part: &[u8]) -> Value {
    match std::str::from_utf8(part) {
        Ok(text) => Value::from(text),
        Err(_) => serde_json::json!({ "hex": hex(part) }),
    }
}

/// Reads a message: an array of parts, one part, or an object that has the array as `parts`.
fn from_json(value: &Value) -> Result<Message, String> {
    let parts = match value {
        Value::Object(object) => object.get("parts").unwrap_or(value),
        _ => value,
    };
    match parts {
        Value::Array(parts) => parts.iter().map(part_from_json).collect(),
        part => Ok(Message::from(part_from_json(part)?)),
    }
}

fn part_from_json(part: &Value) -> Result<Frame, String> {
    if let Value::String(text) = part {
        return Ok(text.as_str().into());
    }
    match part.get("hex") {
        Some(Value::String(digits)) => unhex(digits.as_bytes()),
        _ => Err(format!(
            "{part} is no part of a message: a string, or {{\"hex\": \"00ff\"}}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(format: Format) -> Layout {
        Layout {
            format,
            separator: Some(b"\t".to_vec()),
        }
    }

    fn written(format: Format, parts: &[&[u8]]) -> String {
        let frames: Vec<Frame> = parts.iter().map(|part| Frame::from(*part)).collect();
        let mut to = Vec::new();
        layout(format).encode(&frames, &mut to);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn every_format_reads_what_it_writes() {
        let bytes: Vec<u8> = (0..=255).filter(|byte| *byte != b'\t').collect();
        let parts: [&[u8]; 5] = [b"", b"hello", &bytes, "\u{202e}\u{e9}".as_bytes(), b"\"\\"];
        for format in Format::value_variants() {
            for count in 1..=parts.len() {
                let message = Message::from_iter(parts[..count].iter().copied());
                let mut text = Vec::new();
                let frames: Vec<Frame> = message.clone().into_frames();
                layout(*format).encode(&frames, &mut text);
                let read = layout(*format).decode(&text).unwrap();
                assert_eq!(read, message, "{format:?} {count}");
            }
        }
    }

    #[test]
    fn the_forms_are_those_of_the_help() {
        assert_eq!(written(Format::Raw, &[b"a", b"b"]), "a\tb");
        assert_eq!(
            written(Format::Quoted, &[b"it's\n", b"\x00\xff"]),
            r#""it's\n" "\x00\xff""#
        );
        assert_eq!(written(Format::Hex, &[b"\x00\xff", b"", b"a"]), "00ff,,61");
        assert_eq!(
            written(Format::Json, &[b"a\"", b"\xff"]),
            r#"["a\"",{"hex":"ff"}]"#
        );
        assert_eq!(
            written(Format::Quoted, &["\u{202e}".as_bytes()]),
            r#""\u{202e}""#
        );
    }

    #[test]
    fn words_need_no_quotes() {
        let read = layout(Format::Quoted)
            .decode(br#" alice  "" hello\x21 "#)
            .unwrap();
        assert_eq!(read, Message::from_iter(["alice", "", "hello!"]));
        let read = layout(Format::Json).decode(br#""hello""#).unwrap();
        assert_eq!(read, Message::from("hello"));
        let read = layout(Format::Json).decode(br#"{"time": 1.5, "parts": ["a", {"hex": "00"}]}"#);
        assert_eq!(read.unwrap(), Message::from_iter([&b"a"[..], b"\0"]));
    }

    #[test]
    fn what_is_wrong_is_an_error() {
        for (format, text) in [
            (Format::Quoted, &br#""open"#[..]),
            (Format::Quoted, br"\q"),
            (Format::Quoted, br"\x+1"),
            (Format::Quoted, br"\x1"),
            (Format::Quoted, br"\u{110000}"),
            (Format::Quoted, br"\u"),
            (Format::Quoted, br"end\"),
            (Format::Hex, b"0"),
            (Format::Hex, b"0g"),
            (Format::Json, b"[1]"),
            (Format::Json, b"{"),
            (Format::Json, br#"{"part": "a"}"#),
            (Format::Msgpack, b""),
            (Format::Msgpack, b"\x91\xc4"),
        ] {
            assert!(layout(format).decode(text).is_err(), "{format:?} {text:?}");
        }
    }
}
