//! What a ring should do, in the plainest words: a queue, and arithmetic on positions.

use std::collections::VecDeque;

use ringmq_ring::Kind;

/// A record that was committed and not yet released.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) payload: Vec<u8>,
    /// The position of the record that follows.
    next: u64,
}

/// What should come of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fits,
    Full { wanted: u64 },
    TooLong { longest: usize },
}

#[derive(Debug)]
pub(crate) struct Model {
    capacity: u64,
    /// Where the next record goes.
    pub(crate) head: u64,
    /// What the reader may see ends here.
    pub(crate) published: u64,
    /// What the reader has released ends here.
    pub(crate) reader: u64,
    entries: VecDeque<Entry>,
    /// How many of them the reader may see.
    visible: usize,
    pub(crate) ended: bool,
}

/// A record's bytes, header included: whole words.
fn size(len: u64) -> u64 {
    8 + len.next_multiple_of(8)
}

/// The position behind a record of `len` bytes at `at`: the next line, if a record of the same size would
/// otherwise lie across two.
fn behind(at: u64, len: u64) -> u64 {
    let end = at + size(len);
    if size(len) <= 64 && end % 64 + size(len) > 64 {
        end.next_multiple_of(64)
    } else {
        end
    }
}

/// The farthest position at which a record can end that was claimed with `len` bytes and may be committed with
/// fewer.
fn farthest(at: u64, len: u64) -> u64 {
    let shorter = (0..=len.min(64)).step_by(8);
    let ends = shorter.chain([len]).map(|len| behind(at, len));
    ends.max().expect("one at least")
}

impl Model {
    pub(crate) fn new(capacity: u64, start: u64) -> Model {
        Model {
            capacity,
            head: start,
            published: start,
            reader: start,
            entries: VecDeque::new(),
            visible: 0,
            ended: false,
        }
    }

    pub(crate) fn longest(&self) -> usize {
        (self.capacity * 3 / 8) as usize - 128
    }

    /// Bytes from the next record to the end of the memory.
    pub(crate) fn room_to_wrap(&self) -> u64 {
        self.capacity - self.head % self.capacity
    }

    /// A record lies in one piece: at the head, or at the start of the memory.
    fn place(&self, claimed: u64) -> u64 {
        if size(claimed) <= self.room_to_wrap() {
            self.head
        } else {
            self.head + self.room_to_wrap()
        }
    }

    /// Whether a record of `len` bytes fits, with a header behind it that is free, and `spare` bytes.
    pub(crate) fn verdict(&self, len: usize, spare: u64) -> Verdict {
        let longest = self.longest();
        if len > longest {
            return Verdict::TooLong { longest };
        }
        let end = farthest(self.place(len as u64), len as u64) + 8 + spare;
        if end <= self.reader + self.capacity {
            return Verdict::Fits;
        }
        // Resumed when there is room, and an eighth is free; told at a multiple of an eighth.
        let eighth = self.capacity / 8;
        let enough = (end - self.capacity).max(self.reader + eighth);
        let wanted = enough.next_multiple_of(eighth);
        Verdict::Full { wanted }
    }

    /// The record was claimed with `claimed` bytes.
    pub(crate) fn commit(&mut self, kind: Kind, payload: Vec<u8>, claimed: usize) {
        let at = self.place(claimed as u64);
        self.head = behind(at, payload.len() as u64);
        self.entries.push_back(Entry {
            kind,
            payload,
            next: self.head,
        });
        let used = self.head + 8 - self.reader;
        assert!(used <= self.capacity, "{used} bytes of {}", self.capacity);
    }

    pub(crate) fn publish(&mut self) {
        self.published = self.head;
        self.visible = self.entries.len();
    }

    pub(crate) fn has_unpublished(&self) -> bool {
        self.visible < self.entries.len()
    }

    /// Nothing follows; the end takes no room that the reader ever gives back.
    pub(crate) fn end(&mut self) {
        self.publish();
        if !self.ended {
            self.ended = true;
            self.entries.push_back(Entry {
                kind: Kind::End,
                payload: Vec::new(),
                next: self.head,
            });
            self.visible += 1;
        }
    }

    /// The record that the reader should see.
    pub(crate) fn front(&self) -> Option<&Entry> {
        self.entries.front().filter(|_| self.visible > 0)
    }

    /// Lets go of the front; whether a multiple of an eighth is passed.
    pub(crate) fn release(&mut self) -> bool {
        let entry = self.entries.pop_front().expect("a record in sight");
        self.visible -= 1;
        let eighth = self.capacity / 8;
        let passed = entry.next / eighth > self.reader / eighth;
        self.reader = entry.next;
        passed
    }
}

impl Entry {
    pub(crate) fn is_end(&self) -> bool {
        self.kind == Kind::End
    }
}
