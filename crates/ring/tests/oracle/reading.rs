//! The operations of the reader, and their expected results.

use std::mem::MaybeUninit;

use ringmq_ring::{Kind, Record};

use super::{Choices, Rig};

/// What lies in the target of a copy before, and behind it afterwards.
const UNTOUCHED: u8 = 0xa5;

impl Rig {
    pub(super) fn read(&mut self, choices: &mut impl Choices) {
        match choices.below(8) {
            0 => _ = self.peek(),
            1 => assert_eq!(self.reader.is_empty(), self.model.front().is_none()),
            2 => self.release_stale(),
            _ => _ = self.take(choices),
        }
    }

    /// The record in sight is the model's.
    pub(super) fn peek(&self) -> Option<Record> {
        let found = self.reader.peek().expect("an honest writer");
        match (&found, self.model.front()) {
            (Some(record), Some(front)) => {
                assert_eq!(record.kind(), front.kind);
                assert_eq!(record.len(), front.payload.len());
                assert_eq!(record.is_empty(), front.payload.is_empty());
            }
            (None, None) => {}
            (found, front) => panic!("{found:?}, where {front:?} should be"),
        }
        found
    }

    /// Reads the record in sight, if there is one, and releases it. Returns whether an eighth was passed.
    pub(super) fn take(&mut self, choices: &mut impl Choices) -> bool {
        if let Some(record) = self.peek() {
            for _ in 0..choices.below(3) {
                let limit = record.len() as u64 + 20;
                let (from, room) = (choices.below(limit), choices.below(limit));
                self.copy(&record, from as usize, room as usize);
            }
            self.copy(&record, 0, record.len());
            // SAFETY: the writer is honest.
            let in_place = unsafe { self.reader.in_place(&record) };
            assert!(
                self.model
                    .front()
                    .is_some_and(|front| front.payload == in_place)
            );
        }
        self.release()
    }

    /// What comes out is what went in, and nothing lands beside it.
    fn copy(&self, record: &Record, from: usize, room: usize) {
        let mut into = vec![MaybeUninit::new(UNTOUCHED); room];
        let taken = self.reader.copy_out(record, from, &mut into);
        let front = self.model.front().expect("the record that was found");
        let expected = &front.payload[from.min(record.len())..];
        assert_eq!(taken, room.min(expected.len()));
        // SAFETY: initialised above.
        let into: Vec<u8> = into
            .iter()
            .map(|byte| unsafe { byte.assume_init() })
            .collect();
        assert!(into[..taken] == expected[..taken], "{record:?} from {from}");
        assert!(into[taken..].iter().all(|&byte| byte == UNTOUCHED));
    }

    /// Releases the record in sight, unless it is the end. Returns whether an eighth was passed.
    pub(super) fn release(&mut self) -> bool {
        let Some(record) = self.peek() else {
            return false;
        };
        let passed = self.reader.release(record);
        if record.kind() == Kind::End {
            assert!(!passed);
        } else {
            self.stale = Some(record);
            assert_eq!(passed, self.model.release());
        }
        passed
    }

    /// A record that was released before is nothing to release, and nothing to see.
    fn release_stale(&mut self) {
        if let Some(record) = self.stale {
            assert!(!self.reader.release(record));
            // SAFETY: the writer is honest.
            assert!(unsafe { self.reader.in_place(&record) }.is_empty());
        }
    }
}
