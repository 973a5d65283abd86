//! Cuts at every byte, flips of every byte, and the other library for MCAP as the judge of what is written.

use std::fs::{self, File};
use std::path::Path;

use ringmq_testing::{Random, Scratch, seed};

use super::chunk::{Chunk, Times};
use super::contents::Contents;
use super::error::OpenError;
use super::messages::Loader;
use super::reader::Reader;
use super::records::Channel;
use super::survey::survey;
use super::writer::{Existing, Writer};
use super::{ENCODING, MAGIC, PROFILE};

const MAX_MESSAGE: u64 = 1 << 20;

type Messages = Vec<(u16, Vec<Vec<u8>>)>;

fn channel(id: u16) -> Channel {
    Channel {
        id,
        topic: format!("ipc:///tmp/feed-{id}"),
        encoding: ENCODING.to_owned(),
        metadata: [("type".to_owned(), "SUB".to_owned())].into(),
    }
}

/// Messages of two channels: small ones, and one that spans several lengths of CBOR.
fn messages(count: usize) -> Messages {
    let mut random = Random::new(seed());
    let message = |number: usize| {
        let parts = 1 + random.within(0..3);
        let part = |_| vec![b'a' + (number % 26) as u8; random.within(0..40)];
        let mut parts: Vec<Vec<u8>> = (0..parts).map(part).collect();
        parts[0].splice(0..0, number.to_le_bytes());
        ((number % 2) as u16, parts)
    };
    (0..count).map(message).collect()
}

/// Writes the messages, so many in a chunk, and a summary if it is wanted. Returns the ends of the chunks.
fn write(path: &Path, messages: &Messages, in_chunk: usize, zstd: bool, finish: bool) -> Vec<u64> {
    let mut writer = Writer::create(path, Existing::Overwrite).unwrap();
    writer.set_zstd(zstd);
    let channels = [channel(0), channel(1)];
    writer.add_channels(&channels);
    let mut chunk = Chunk::new(&channels);
    let mut ends = Vec::new();
    let mut sequences = [0; 2];
    for (number, messages) in messages.chunks(in_chunk).enumerate() {
        chunk.clear();
        for (within, (channel, parts)) in messages.iter().enumerate() {
            let log = 1_000 + (number * in_chunk + within) as u64;
            let sequence = &mut sequences[usize::from(*channel)];
            let (count, parts) = (parts.len(), parts.iter().map(Vec::as_slice));
            chunk.push(
                (*channel).into(),
                *sequence,
                Times { log, wall: log },
                count,
                parts,
            );
            *sequence += 1;
        }
        writer.write(&chunk).unwrap();
        ends.push(writer.len());
    }
    if finish {
        writer.finish().unwrap();
    }
    ends
}

/// What a reader gets: the messages up to the first chunk that is wrong, and whether all was well.
fn read(path: &Path) -> Result<(Messages, bool), OpenError> {
    let reader = Reader::open(path, MAX_MESSAGE)?;
    let contents = Contents::of(&reader);
    let mut loader = Loader::default();
    let mut messages = Vec::new();
    let mut sound = contents.damage.is_none();
    for chunk in &contents.summary.chunks {
        if loader.load(&reader, chunk).is_err() {
            sound = false;
            break;
        }
        let parts = |message| loader.parts(message).map(<[u8]>::to_vec).collect();
        messages.extend(
            loader
                .messages
                .iter()
                .map(|message| (message.channel, parts(message))),
        );
    }
    let verified = survey(&reader, contents, |_| Ok::<(), ()>(())).unwrap();
    Ok((messages, sound && verified.damages.is_empty()))
}

#[test]
fn what_is_written_is_read() {
    let scratch = Scratch::new();
    let path = scratch.path("a.mcap");
    let made = messages(200);
    for zstd in [false, true] {
        for finish in [false, true] {
            write(path.as_ref(), &made, 30, zstd, finish);
            let (messages, sound) = read(path.as_ref()).unwrap();
            assert!(messages == made, "zstd {zstd}, finish {finish}");
            assert_eq!(sound, finish);
        }
    }
}

/// A file that is cut at any byte gives all messages of the chunks in front of the cut, and says that it is cut.
#[test]
fn a_cut_anywhere_loses_nothing_in_front_of_it() {
    let scratch = Scratch::new();
    let path = scratch.path("a.mcap");
    let made = messages(24);
    for zstd in [false, true] {
        let ends = write(path.as_ref(), &made, 6, zstd, true);
        let whole = fs::read(&path).unwrap();
        let chunks = bodies(path.as_ref());
        for len in 0..whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            let Ok((messages, sound)) = read(path.as_ref()) else {
                assert!((len as u64) < chunks[0].0, "{len}");
                continue;
            };
            assert!(!sound, "{len}");
            let kept = chunks.iter().filter(|(_, end)| *end <= len as u64).count();
            assert!(
                messages == made[..6 * kept],
                "{len} of {}, chunks end at {ends:?}",
                whole.len()
            );
        }
    }
}

/// Where each chunk begins, and where its records end.
fn bodies(path: &Path) -> Vec<(u64, u64)> {
    let chunks = Contents::of(&Reader::open(path, MAX_MESSAGE).unwrap())
        .summary
        .chunks;
    chunks
        .iter()
        .map(|chunk| (chunk.offset, chunk.offset + chunk.len))
        .collect()
}

/// A byte that is another one is noticed, and no message is one that was not recorded.
#[test]
fn a_flip_anywhere_is_noticed() {
    let scratch = Scratch::new();
    let path = scratch.path("a.mcap");
    let made = messages(12);
    let mut random = Random::new(seed());
    for zstd in [false, true] {
        for finish in [false, true] {
            write(path.as_ref(), &made, 5, zstd, finish);
            let whole = fs::read(&path).unwrap();
            for at in 0..whole.len() {
                let flip = 1 << random.below(8);
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                fs::write(&path, &bytes).unwrap();
                if let Ok((messages, sound)) = read(path.as_ref()) {
                    assert!(made.starts_with(&messages), "byte {at} ^ {flip:#x}");
                    assert!(!sound, "byte {at} ^ {flip:#x}");
                }
            }
        }
    }
}

/// Noise in many bytes at once.
#[test]
fn noise_is_no_message() {
    let scratch = Scratch::new();
    let path = scratch.path("a.mcap");
    let made = messages(40);
    let mut random = Random::new(seed());
    for zstd in [false, true] {
        write(path.as_ref(), &made, 10, zstd, true);
        let whole = fs::read(&path).unwrap();
        for _ in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..1 + random.below(20) {
                let at = random.within(0..bytes.len());
                bytes[at] = random.next() as u8;
            }
            fs::write(&path, &bytes).unwrap();
            if let Ok((messages, _)) = read(path.as_ref()) {
                assert!(made.starts_with(&messages));
            }
        }
    }
}

#[test]
fn later_versions_are_refused() {
    let scratch = Scratch::new();
    let path = scratch.path("a.mcap");
    write(path.as_ref(), &messages(3), 5, false, true);
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    bytes[5] = b'1';
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(
        read(path.as_ref()),
        Err(OpenError::LaterMcap(b'1'))
    ));
    let at = whole
        .windows(PROFILE.len())
        .position(|bytes| bytes == PROFILE.as_bytes())
        .unwrap();
    let mut bytes = whole.clone();
    bytes[at + PROFILE.len() - 1] = b'2';
    fs::write(&path, &bytes).unwrap();
    assert!(
        matches!(read(path.as_ref()), Err(OpenError::LaterProfile(profile)) if profile == "ringmq/2")
    );
    fs::write(&path, &whole[..4]).unwrap();
    assert!(matches!(read(path.as_ref()), Err(OpenError::NotMcap)));
}

/// The other library reads what is written here, finds each message by its index, and checks all checksums.
#[test]
fn another_library_reads_it() {
    let scratch = Scratch::new();
    let path = scratch.path("a.mcap");
    let made = messages(100);
    write(path.as_ref(), &made, 30, false, true);
    let bytes = fs::read(&path).unwrap();
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    assert_eq!(summary.stats.as_ref().unwrap().message_count, 100);
    assert_eq!(summary.chunk_indexes.len(), 4);
    let mut found = 0;
    for chunk in &summary.chunk_indexes {
        for entries in summary
            .read_message_indexes(&bytes, chunk)
            .unwrap()
            .values()
        {
            found += entries.len();
        }
    }
    assert_eq!(found, 100);
    let messages = mcap::MessageStream::new(&bytes).unwrap();
    for (message, (channel, parts)) in messages.map(Result::unwrap).zip(&made) {
        assert_eq!(message.channel.id, *channel);
        assert_eq!(message.channel.topic, format!("ipc:///tmp/feed-{channel}"));
        assert!(super::parts::parts(&message.data).eq(parts.iter().map(Vec::as_slice)));
    }
}

/// What the other library writes with the profile is read here.
#[test]
fn another_library_writes_it() {
    let scratch = Scratch::new();
    let path = scratch.path("a.mcap");
    let options = mcap::WriteOptions::new()
        .profile(PROFILE)
        .compression(None)
        .chunk_size(Some(100));
    let mut writer = options.create(File::create(&path).unwrap()).unwrap();
    let id = writer
        .add_channel(0, "tcp://127.0.0.1:5555", ENCODING, &Default::default())
        .unwrap();
    for sequence in 0..20 {
        let header = mcap::records::MessageHeader {
            channel_id: id,
            sequence,
            log_time: sequence.into(),
            publish_time: sequence.into(),
        };
        writer
            .write_to_known_channel(&header, b"\x82\x41a\x42bc")
            .unwrap();
    }
    writer.finish().unwrap();
    let (messages, sound) = read(path.as_ref()).unwrap();
    assert!(sound);
    assert!(messages == vec![(id, vec![b"a".to_vec(), b"bc".to_vec()]); 20]);
}

/// The magic is that of MCAP.
#[test]
fn the_magic_is_theirs() {
    assert_eq!(MAGIC, mcap::MAGIC);
}
