//! The page, and its rows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use ringmq_ring::{MappedMut, Word};
use ringmq_sys::{ForkMark, SparseMemory, lock_despite_fork};

use super::layout::{self, LENGTH, NAME, ROW, ROWS};

/// Bytes that are allocated at a time. Each costs a process its time, whether it has many sockets or one.
const STEP: usize = 4 << 10;

/// The status page of this process. It is closed with the last handle and the last row.
#[derive(Debug, Clone)]
pub struct Page {
    inside: Arc<Inside>,
}

#[derive(Debug)]
struct Inside {
    mark: ForkMark,
    /// Where the memory begins. Invariant: it is mapped writable, [`LENGTH`] bytes long, for as long as `state` lives, in
    /// the process of `mark`.
    base: std::ptr::NonNull<u8>,
    state: Mutex<State>,
}

// SAFETY: the pointer is to shared memory of which every access is atomic, and which belongs to no thread.
unsafe impl Send for Inside {}
// SAFETY: as above; what is not atomic is under the lock.
unsafe impl Sync for Inside {}

#[derive(Debug)]
struct State {
    memory: SparseMemory,
    /// Rows that were in use and are not.
    free: Vec<u32>,
    /// The first row that was never in use.
    next: u32,
    missing: u64,
}

/// A row of the page. Another socket or connection gets it after this is dropped.
#[derive(Debug)]
pub struct Row {
    page: Page,
    number: u32,
}

/// The description of a row while it is written.
#[derive(Debug)]
pub struct Writing<'a> {
    row: &'a Row,
}

impl Page {
    /// The page of this process, which is made if there is none. `None` if there is no descriptor, memory or mapping for it.
    pub fn current(version: &str) -> Option<Page> {
        static CURRENT: Mutex<Weak<Inside>> = Mutex::new(Weak::new());
        let mut current = lock_despite_fork(&CURRENT)?;
        let found = current.upgrade().filter(|inside| inside.mark.is_here());
        let inside = match found {
            Some(inside) => inside,
            None => {
                let made = Arc::new(Inside::make(version)?);
                *current = Arc::downgrade(&made);
                made
            }
        };
        Some(Page { inside })
    }

    /// A row of its own for a socket, a listener or a connection. `None` if there is no room or memory for one more.
    pub fn row(&self) -> Option<Arc<Row>> {
        if !self.inside.mark.is_here() {
            return None;
        }
        let mut state = self.inside.lock();
        let reused = state.free.pop();
        let number = match reused {
            Some(number) => number,
            None => {
                let next = state.next;
                let end = (next as usize + 1) * ROW;
                let allocated = end <= LENGTH && state.memory.allocate(end.next_multiple_of(STEP));
                if !allocated {
                    state.missing += 1;
                    self.inside.put(0, layout::MISSING, state.missing);
                    return None;
                }
                state.next += 1;
                self.inside.put(0, layout::USED, u64::from(state.next));
                next
            }
        };
        // Counts of the one before.
        for word in (layout::ROLE..ROW).step_by(8) {
            self.inside.put(number, word, 0);
        }
        drop(state);
        let page = self.clone();
        Some(Arc::new(Row { page, number }))
    }

    /// Sets what sockets of this process do that were not told.
    pub fn set_defaults(&self, defaults: u64) {
        if self.inside.mark.is_here() {
            self.inside.put(0, layout::DEFAULTS, defaults);
        }
    }

    /// Closes the descriptor, for descriptors run short: no other process finds the page from now on.
    pub fn shed(&self) {
        if self.inside.mark.is_here() {
            self.inside.lock().memory.close();
        }
    }
}

impl Inside {
    fn make(version: &str) -> Option<Inside> {
        let mark = ForkMark::current().ok()?;
        let mut memory = SparseMemory::create(NAME, LENGTH, &mark).ok()?;
        if !memory.allocate(STEP) {
            return None;
        }
        let inside = Inside {
            base: memory.mapping().as_ptr(),
            state: Mutex::new(State {
                memory,
                free: Vec::new(),
                next: 1,
                missing: 0,
            }),
            mark,
        };
        inside.put(0, layout::PID, u64::from(std::process::id()));
        inside.put(0, layout::USED, 1);
        inside.put(0, layout::MADE, now());
        let room = ROW - layout::VERSION;
        let len = inside.put_text(0, layout::VERSION, room, version);
        inside.put(0, layout::VERSION_LENGTH, len);
        inside.put(0, layout::IDENTITY, layout::MAGIC);
        Some(inside)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn word(&self, row: u32, word: usize) -> Word<MappedMut> {
        let at = row as usize * ROW + word;
        assert!(
            (row as usize) < ROWS && word.is_multiple_of(8) && word < ROW,
            "within the page"
        );
        // SAFETY: within the mapping, by the invariant of the field.
        let at = unsafe { self.base.add(at) };
        // SAFETY: aligned, mapped writable, and allocated: rows are given out behind `allocate`. The mapping outlives the
        // value, which its callers drop at once. Each word has one writer at a time; a second one would spoil a count, and
        // nothing else, because every access is atomic.
        unsafe { Word::at_mut(at) }
    }

    fn put(&self, row: u32, word: usize, value: u64) {
        self.word(row, word).publish(value);
    }

    /// Writes at most `room` bytes of a text, whole characters. Returns the number of bytes.
    fn put_text(&self, row: u32, at: usize, room: usize, text: &str) -> u64 {
        let text = &text[..text.floor_char_boundary(room)];
        for (index, bytes) in text.as_bytes().chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            self.put(row, at + index * 8, u64::from_ne_bytes(word));
        }
        text.len() as u64
    }
}

impl Row {
    /// Another row of the same page.
    pub fn beside(&self) -> Option<Arc<Row>> {
        self.page.row()
    }

    /// The number of the row in its page.
    pub fn number(&self) -> u64 {
        u64::from(self.number)
    }

    /// The page of the row.
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// Writes a part of the description. A reader sees all of it, or nothing.
    pub fn describe(&self, write: impl FnOnce(&Writing<'_>)) {
        let inside = &*self.page.inside;
        if !inside.mark.is_here() {
            return;
        }
        let _alone = inside.lock();
        let sequence = inside.word(self.number, layout::SEQUENCE).load();
        // Each word is stored with release ordering, so that no reader sees it before the odd sequence, nor the even one
        // before it.
        inside.put(self.number, layout::SEQUENCE, sequence | 1);
        write(&Writing { row: self });
        let next = (sequence | 1).wrapping_add(1);
        inside.put(self.number, layout::SEQUENCE, next);
    }

    /// Adds to a count, of which the caller is the only writer now.
    pub fn add(&self, count: usize, more: u64) {
        let inside = &*self.page.inside;
        if more != 0 && inside.mark.is_here() {
            let word = inside.word(self.number, count);
            word.publish(word.load().wrapping_add(more));
        }
    }

    /// Sets a word that is no count, of which the caller is the only writer now.
    pub fn set(&self, word: usize, value: u64) {
        let inside = &*self.page.inside;
        if inside.mark.is_here() {
            inside.put(self.number, word, value);
        }
    }
}

impl Writing<'_> {
    /// Sets a word.
    pub fn set(&self, word: usize, value: u64) {
        self.row.page.inside.put(self.row.number, word, value);
    }

    /// What a word is.
    pub fn get(&self, word: usize) -> u64 {
        self.row.page.inside.word(self.row.number, word).load()
    }

    /// Sets the text of the endpoint.
    pub fn set_endpoint(&self, text: &str) {
        self.set_text(layout::ENDPOINT, layout::ENDPOINT_MOST, 0, text);
    }

    /// Sets the text of the peer's address.
    pub fn set_address(&self, text: &str) {
        self.set_text(layout::ADDRESS, layout::ADDRESS_MOST, 16, text);
    }

    fn set_text(&self, at: usize, room: usize, shift: u32, text: &str) {
        let row = self.row.number;
        let len = self.row.page.inside.put_text(row, at, room, text);
        // The greatest length says that the text is longer.
        let len = if text.len() > room { 0xffff } else { len };
        let others = self.get(layout::LENGTHS) & !(0xffff << shift);
        self.set(layout::LENGTHS, others | len << shift);
    }

    /// Sets the time at which the row was made to now, in microseconds since 1970.
    pub fn set_since(&self) {
        self.set(layout::SINCE, now());
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        self.describe(|row| row.set(layout::ROLE, 0));
        let inside = &self.page.inside;
        if inside.mark.is_here() {
            inside.lock().free.push(self.number);
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_used_again_and_a_page_ends_with_its_last_handle() {
        let page = Page::current("1.2.3").unwrap();
        let (one, two) = (page.row().unwrap(), page.row().unwrap());
        assert_ne!(one.number(), two.number());
        one.describe(|row| {
            row.set(layout::ROLE, 1);
            row.set_endpoint("ipc:///tmp/a");
            row.set_address(&"x".repeat(200));
            assert_eq!(row.get(layout::LENGTHS), 12 | 0xffff << 16);
        });
        one.add(layout::LOCAL_SENT, 3);
        let number = one.number();
        drop(one);
        let again = two.beside().unwrap();
        assert_eq!(again.number(), number);
        again.describe(|row| {
            assert_eq!((row.get(layout::ROLE), row.get(layout::LENGTHS)), (0, 0));
            assert_eq!(row.get(layout::LOCAL_SENT), 0);
            // Four times even and odd, and odd again now.
            assert_eq!(row.get(layout::SEQUENCE) % 2, 1);
        });
        let weak = Arc::downgrade(&page.inside);
        drop((page, two, again));
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn rows_that_do_not_fit_are_counted() {
        let inside = Arc::new(Inside::make("").unwrap());
        let page = Page { inside };
        let rows: Vec<_> = (1..ROWS).map(|_| page.row().unwrap()).collect();
        assert!(page.row().is_none() && rows[7].beside().is_none());
        assert_eq!(page.inside.word(0, layout::MISSING).load(), 2);
        drop(rows);
        assert!(page.row().is_some());
    }
}
