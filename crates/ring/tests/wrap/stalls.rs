//! Two threads over a ring that holds few records: each sleeps only when it must, and is woken when it may go on.

use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use ringmq_ring::{
    ClaimError, Generation, GenerationSeen, Kind, Look, Mapped, MappedMut, Memory, Wanted,
    WantedSeen, Word,
};

use super::{LEAST, TestReader, TestWriter, payload, ring};
use crate::heap::{Heap, Held};

/// After this time without a wake-up a test fails. It is no limit of speed.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Sleeps until `unpark` comes; tokens of earlier wake-ups only make the caller look again.
fn sleep() {
    let begin = Instant::now();
    thread::park_timeout(WATCHDOG);
    assert!(begin.elapsed() < WATCHDOG, "a wake-up was lost");
}

/// The writer's half: announces what it wants, looks at who sleeps.
struct Source {
    writer: TestWriter,
    wanted: Wanted<Held<MappedMut>>,
    readers_sleep: GenerationSeen<Held<Mapped>>,
    reader: Thread,
}

impl Source {
    fn push(&mut self, payload: &[u8]) {
        loop {
            let wanted = match self.writer.push(Kind::Last, payload) {
                Ok(()) => break,
                Err(ClaimError::Full { wanted }) => wanted,
                Err(error) => panic!("{error}"),
            };
            self.wanted.arm(wanted);
            if self.writer.claim(payload.len()).is_err() {
                sleep();
            }
            self.wanted.disarm();
        }
        self.ring();
    }

    fn end(&mut self) {
        self.writer.end();
        self.ring();
    }

    fn ring(&mut self) {
        if self.readers_sleep.look() == Look::Ring {
            self.reader.unpark();
        }
    }
}

/// The reader's half: announces that it sleeps, looks at what is wanted, where an eighth is passed.
struct Sink {
    reader: TestReader,
    generation: Generation<Held<MappedMut>>,
    writer_wants: WantedSeen<Held<Mapped>>,
}

impl Sink {
    /// The next payload; nothing after the end.
    fn take(&mut self, writer: &Thread) -> Option<Vec<u8>> {
        let record = loop {
            if let Some(record) = self.reader.peek().unwrap() {
                break record;
            }
            let owed = self.generation.arm();
            assert_eq!(owed, ringmq_ring::Owed::Nothing, "publishers fence here");
            if self.reader.is_empty() {
                sleep();
            }
            self.generation.disarm();
        };
        if record.kind() == Kind::End {
            return None;
        }
        let bytes = payload(&self.reader, &record);
        let look_due = self.reader.release(record);
        if look_due && self.writer_wants.look(self.reader.position()) == Look::Ring {
            writer.unpark();
        }
        Some(bytes)
    }
}

fn run(capacity: usize, start: u64, records: usize, len: impl Fn(usize) -> usize + Sync) {
    let (writer, reader, _) = ring(capacity, start);
    let (wanted, sleeping) = (Heap::new(8), Heap::new(8));
    assert!(!wanted.mapped().is_empty());
    let mut sink = Sink {
        reader,
        generation: Generation::new(Word::new(sleeping.mapped_mut()).unwrap(), true),
        writer_wants: WantedSeen::new(Word::new(wanted.mapped()).unwrap()),
    };
    let mut source = Source {
        writer,
        wanted: Wanted::new(Word::new(wanted.mapped_mut()).unwrap()),
        readers_sleep: GenerationSeen::new(Word::new(sleeping.mapped()).unwrap()),
        reader: thread::current(),
    };
    thread::scope(|scope| {
        let source = scope.spawn(|| {
            let longest = source.writer.longest();
            for number in 0..records {
                source.push(&vec![number as u8; len(number).min(longest)]);
            }
            source.end();
        });
        let mut number = 0;
        while let Some(bytes) = sink.take(source.thread()) {
            assert!(bytes.iter().all(|&byte| byte == number as u8), "{number}");
            number += 1;
        }
        assert_eq!(number, records);
        // ThreadSanitizer sees a join, but not the scope's own waiting.
        source.join().unwrap();
    });
}

#[test]
fn the_longest_records_in_the_smallest_ring() {
    for start in (0..LEAST as u64).step_by(104) {
        run(LEAST, start, 2000, |_| usize::MAX);
    }
}

#[test]
fn fewer_than_eight_records_of_any_length() {
    // From an eighth to three eighths: at most seven go in, and an eighth is never many of them.
    for start in [0, 40, (1 << 32) - 600] {
        run(LEAST, start, 20_000, |number| 100 + number * 29 % 157);
    }
}

#[test]
fn short_and_long_records_in_turn() {
    run(LEAST, 8, 50_000, |number| {
        if number % 5 == 0 { 250 } else { number % 60 }
    });
    run(4096, 8, 50_000, |number| number * 61 % 1400);
}
