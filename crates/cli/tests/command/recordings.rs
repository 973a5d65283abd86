//! Recordings as tests make them: by the command, and by the other library for MCAP.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::{errors, ringmq};

/// What a verb of `ringmq recording` prints as JSON, and how it ends.
pub(crate) fn look(verb: &str, file: &str) -> (Value, Output) {
    let output = ringmq(&["recording", verb, file, "--json"])
        .output()
        .unwrap();
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let value =
        serde_json::from_str(text).unwrap_or_else(|_| panic!("{text:?} {}", errors(&output)));
    (value, output)
}

/// A recording of messages of one part, with these times in milliseconds after second 1,000 of 1970, by another program.
pub(crate) fn made_elsewhere(path: impl AsRef<Path>, messages: &[(u64, &str)]) {
    let options = mcap::WriteOptions::new()
        .profile("ringmq/1")
        .compression(None)
        .chunk_size(Some(64));
    let mut writer = options.create(File::create(path).unwrap()).unwrap();
    let metadata = BTreeMap::from([("type".to_owned(), "SUB".to_owned())]);
    let id = writer
        .add_channel(0, "tcp://127.0.0.1:5555", "cbor", &metadata)
        .unwrap();
    for (sequence, (millis, text)) in messages.iter().enumerate() {
        let time = 1_000_000_000_000 + millis * 1_000_000;
        let header = mcap::records::MessageHeader {
            channel_id: id,
            sequence: sequence as u32,
            log_time: time,
            publish_time: time,
        };
        assert!(text.len() < 24);
        let mut data = vec![0x81, 0x40 | text.len() as u8];
        data.extend_from_slice(text.as_bytes());
        writer.write_to_known_channel(&header, &data).unwrap();
    }
    writer.finish().unwrap();
}
