//! Memory that a peer has filled as it likes, and goes on changing, against either end: errors, and nothing worse.
//!
//! [`heap::Held`] panics at any access outside of the memory.
#![no_main]

#[path = "../../crates/ring/tests/oracle/heap.rs"]
mod heap;

use std::mem::MaybeUninit;

use heap::{Heap, Held};
use libfuzzer_sys::arbitrary::{self, Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use ringmq_ring::{
    ClaimError, Corrupt, GenerationSeen, Kind, Mapped, MappedMut, Reader, Record, WantedSeen, Word,
    Writer,
};

/// What happens next, at one end or behind its back.
#[derive(Debug, Arbitrary)]
enum Step {
    Peek,
    CopyOut {
        from: u16,
        room: u16,
    },
    Release,
    /// The header that the reader looks at next becomes one of this kind and length.
    LieAhead {
        kind: u8,
        len: u32,
    },
    /// A word of the ring becomes this.
    Scribble {
        word: u16,
        value: u64,
    },
    Claim {
        len: u16,
        spare: u8,
        commit: Option<u16>,
    },
    Publish,
    Abort,
    /// The reader reports what was published, less this.
    ReportBehind {
        less: u16,
    },
    Report {
        value: u64,
    },
    LookAtReader,
    /// An announcement becomes this, and is looked at.
    Announce {
        value: u64,
    },
}

/// Each end has a ring of its own, and a peer that lies.
struct Rig {
    region: Heap,
    reader: Reader<Held<Mapped>, Held<MappedMut>>,
    found: Option<Record>,
    report: Heap,
    writer: Writer<Held<MappedMut>, Held<Mapped>>,
    announcement: Heap,
    generation: GenerationSeen<Held<Mapped>>,
    wanted: WantedSeen<Held<Mapped>>,
}

impl Rig {
    fn new(capacity: usize, start: u64) -> Rig {
        let (region, report, announcement) = (Heap::new(capacity), Heap::new(8), Heap::new(8));
        let reader = Reader::new(region.mapped(), Heap::new(8).mapped_mut(), start);
        let writer = Writer::new(Heap::new(capacity).mapped_mut(), report.mapped(), start);
        Rig {
            reader: reader.expect("a capacity that can be"),
            found: None,
            writer: writer.expect("a capacity that can be"),
            generation: GenerationSeen::new(Word::new(announcement.mapped()).expect("a word")),
            wanted: WantedSeen::new(Word::new(announcement.mapped()).expect("a word")),
            region,
            report,
            announcement,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Peek => self.peek(),
            Step::CopyOut { from, room } => self.copy_out(from.into(), room.into()),
            Step::Release => self.release(),
            Step::LieAhead { kind, len } => {
                let offset = self.reader.position() as usize % self.reader.capacity();
                self.region
                    .scribble(offset, u64::from(kind % 8) << 32 | u64::from(len));
            }
            Step::Scribble { word, value } => {
                self.region
                    .scribble(usize::from(word) * 8 % self.reader.capacity(), value);
            }
            Step::Claim { len, spare, commit } => self.claim(len.into(), spare.into(), commit),
            Step::Publish => self.writer.publish(),
            Step::Abort => self.abort(),
            Step::ReportBehind { less } => {
                let value = self.writer.position().wrapping_sub(u64::from(less) * 8);
                self.report.scribble(0, value);
            }
            Step::Report { value } => self.report.scribble(0, value),
            Step::LookAtReader => {
                let (least, most) = (self.writer.seen_reader(), self.writer.position());
                match self.writer.look_at_reader() {
                    Ok(position) => assert!((least..=most).contains(&position)),
                    Err(Corrupt::Position { .. }) => assert_eq!(self.writer.seen_reader(), least),
                    Err(other) => panic!("a writer reads positions only: {other}"),
                }
            }
            Step::Announce { value } => {
                self.announcement.scribble(0, value);
                self.generation.look();
                self.wanted.look(self.reader.position());
            }
        }
    }

    fn peek(&mut self) {
        if let Ok(found) = self.reader.peek() {
            if let Some(record) = found {
                assert!(record.kind() != Kind::Pad && record.len() <= self.reader.capacity() - 8);
            }
            self.found = found;
        }
    }

    /// Copies a record that may have been released, or changed, since it was found.
    fn copy_out(&self, from: usize, room: usize) {
        if let Some(record) = &self.found {
            let mut into = vec![MaybeUninit::new(0); room];
            let taken = self.reader.copy_out(record, from, &mut into);
            assert_eq!(taken, record.len().saturating_sub(from).min(room));
        }
    }

    fn release(&mut self) {
        if let Some(record) = self.found {
            let before = self.reader.position();
            self.reader.release(record);
            let after = self.reader.position();
            assert!(after >= before && after - before <= 2 * self.reader.capacity() as u64);
        }
    }

    fn claim(&mut self, len: usize, spare: u64, commit: Option<u16>) {
        let spare = spare % 9 * 8;
        match self.writer.claim_sparing(len, spare) {
            Ok(mut claim) => {
                assert_eq!(claim.len(), len);
                claim.as_mut_slice().fill(0x5a);
                if let Some(commit) = commit {
                    claim.commit_shorter(Kind::More, commit.into());
                }
            }
            Err(ClaimError::Full { wanted }) => assert!(wanted > self.writer.seen_reader()),
            Err(ClaimError::TooLong { longest, .. }) => assert!(len > longest),
            Err(ClaimError::Corrupt(Corrupt::Position { .. })) => {}
            Err(other) => panic!("{other}"),
        }
    }

    /// A writer that aborts has spared the room for it.
    fn abort(&mut self) {
        if let Ok(claim) = self.writer.claim_sparing(0, 8) {
            claim.publish(Kind::More, 0);
            self.writer.abort();
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Unstructured::new(bytes);
    let _ = run(&mut bytes);
});

/// A capacity, a start, the region's first words, and then steps until the bytes are over.
fn run(bytes: &mut Unstructured<'_>) -> libfuzzer_sys::arbitrary::Result<()> {
    let capacity = 1024 << bytes.int_in_range(0..=3)?;
    let start =
        (1_u64 << bytes.int_in_range(0..=63)?).saturating_sub(bytes.arbitrary::<u16>()?.into());
    let mut rig = Rig::new(capacity, start);
    for word in 0..bytes.int_in_range(0..=64)? {
        let offset = (start / 8 * 8 + word * 8) as usize % capacity;
        rig.region.scribble(offset, bytes.arbitrary()?);
    }
    while !bytes.is_empty() {
        rig.step(bytes.arbitrary()?);
    }
    Ok(())
}
