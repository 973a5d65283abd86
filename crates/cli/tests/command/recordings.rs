//! Recordings as tests make them: by the command, and by the other library for MCAP.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Output};

use ringmq::{Context, Kind, Message, Socket};
use serde_json::Value;

use crate::{errors, ipc, ringmq};

/// A message of one to three parts, with its number in the first one.
pub(crate) fn message(number: u64) -> Vec<Vec<u8>> {
    let mut parts = vec![format!("topic.{number}").into_bytes()];
    parts
        .extend((0..number % 3).map(|part| vec![b'a' + part as u8; (number as usize * 37) % 3000]));
    parts
}

/// A recorder that is bound as a PULL, and a PUSH that sends to it.
pub(crate) fn recorder(file: &str, more: &[&str]) -> (Child, Socket) {
    let endpoint = ipc("recorder");
    let mut command = ringmq(&["record", file, &endpoint, "--type", "pull"]);
    let child = command.args(more).spawn().unwrap();
    let mut push = Context::new().unwrap().socket(Kind::Push).unwrap();
    push.connect(&endpoint).unwrap();
    (child, push)
}

/// Sends messages with these numbers.
pub(crate) fn send(push: &mut Socket, numbers: std::ops::Range<u64>) {
    for number in numbers {
        push.send(Message::from_iter(message(number))).unwrap();
    }
}

/// Records so many messages.
pub(crate) fn record(file: &str, count: u64, more: &[&str]) -> Output {
    let number = count.to_string();
    let arguments = [&["--count", &number], more].concat();
    let (child, mut push) = recorder(file, &arguments);
    send(&mut push, 0..count);
    child.wait_with_output().unwrap()
}

/// Replays to a PULL, and returns what came with what the command left.
pub(crate) fn replay(file: &str, more: &[&str], count: usize) -> (Vec<Vec<Vec<u8>>>, Output) {
    let endpoint = ipc("replay");
    let context = Context::new().unwrap();
    let mut pull = context.socket(Kind::Pull).unwrap();
    pull.bind(&endpoint).unwrap();
    let mut command = ringmq(&[
        "replay", file, &endpoint, "--type", "push", "--speed", "max",
    ]);
    let child = command.args(more).spawn().unwrap();
    let parts = |message: Message| message.iter().map(|part| part.to_vec()).collect();
    let came = (0..count).map(|_| parts(pull.recv().unwrap())).collect();
    let output = child.wait_with_output().unwrap();
    assert!(pull.try_recv().is_err(), "more came than {count}");
    (came, output)
}

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
