//! Publication in the header of the record against publication by a separate index.
//!
//! ```text
//! cargo bench -p ringmq-bench --bench publication
//! ```
//!
//! Two threads on two CPUs, one ring in each direction, memory shared as between processes. `header` is the ring of
//! this project. `index` is the same with a published position in a cache line of its own. The reader caches that
//! position, and loads it again when it has read all records up to it (as in rigtorp/SPSCQueue). Both copy in and out
//! by the same functions. Rounds are interleaved, and medians are printed.
#![allow(clippy::print_stdout, reason = "a bench prints")]
#![allow(clippy::unwrap_used, reason = "a bench may stop where it stands")]
#![allow(missing_docs, reason = "a bench has no interface")]

use std::hint::{black_box, spin_loop};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::time::Instant;

use ringmq_ring::{ClaimError, Kind, Mapped, MappedMut, Memory, MemoryMut, Reader, Writer};
use rustix::thread::{CpuSet, sched_setaffinity};

const CAPACITY: usize = 256 << 10;
const ROUNDS: usize = 7;
const PINGS: usize = 50_000;

trait Send2 {
    fn send(&mut self, message: &[u8]);
}
trait Recv2 {
    fn recv(&mut self, into: &mut [MaybeUninit<u8>]) -> usize;
}

type RingWriter = Writer<MappedMut, Mapped>;
type RingReader = Reader<Mapped, MappedMut>;

impl Send2 for RingWriter {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) {
        while let Err(error) = self.push(Kind::Last, message) {
            let ClaimError::Full { wanted } = error else {
                panic!("{error}")
            };
            while self.look_at_reader().unwrap() < wanted {
                (0..100).for_each(|_| spin_loop());
            }
        }
    }
}

impl Recv2 for RingReader {
    #[inline(always)]
    fn recv(&mut self, into: &mut [MaybeUninit<u8>]) -> usize {
        loop {
            if let Ok(Some(record)) = self.peek() {
                let copied = self.copy_out(&record, 0, into);
                self.release(record);
                return copied;
            }
            spin_loop();
        }
    }
}

/// Records of a word of length and a payload, published by a position.
struct IndexWriter {
    ring: MappedMut,
    published: MappedMut,
    report: Mapped,
    position: u64,
    reader: u64,
}
struct IndexReader {
    ring: Mapped,
    published: Mapped,
    report: MappedMut,
    position: u64,
    known: u64,
}

impl Send2 for IndexWriter {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) {
        let extent = 8 + message.len().next_multiple_of(8) as u64;
        let room = CAPACITY as u64 - self.position % CAPACITY as u64;
        let at = if extent <= room {
            self.position
        } else {
            self.position + room
        };
        let end = at + extent;
        if end - self.reader > CAPACITY as u64 {
            loop {
                // SAFETY: one word.
                self.reader = unsafe { self.report.load(0) };
                if end - self.reader <= CAPACITY as u64 * 7 / 8 {
                    break;
                }
                (0..100).for_each(|_| spin_loop());
            }
        }
        if at != self.position {
            // SAFETY: in bounds; a length that no record has says: go on at the start.
            unsafe {
                self.ring
                    .store((self.position % CAPACITY as u64) as usize, u64::MAX)
            };
        }
        let offset = (at % CAPACITY as u64) as usize;
        // SAFETY: in bounds, in one piece.
        unsafe { self.ring.store(offset, message.len() as u64) };
        // SAFETY: in bounds, in one piece, unread.
        unsafe { self.ring.copy_in(offset + 8, message) };
        self.position = end;
        // SAFETY: one word.
        unsafe { self.published.publish(0, end) };
    }
}

impl Recv2 for IndexReader {
    #[inline(always)]
    fn recv(&mut self, into: &mut [MaybeUninit<u8>]) -> usize {
        while self.known == self.position {
            // SAFETY: one word.
            self.known = unsafe { self.published.load(0) };
            if self.known == self.position {
                spin_loop();
            }
        }
        // SAFETY: in bounds, published.
        let mut len = unsafe { self.ring.load((self.position % CAPACITY as u64) as usize) };
        if len == u64::MAX {
            self.position = self.position.next_multiple_of(CAPACITY as u64);
            // SAFETY: in bounds, published.
            len = unsafe { self.ring.load(0) };
        }
        let offset = (self.position % CAPACITY as u64) as usize + 8;
        let take = (len as usize).min(into.len());
        // SAFETY: in bounds: both sides are in this program.
        unsafe { self.ring.copy_out(offset, &mut into[..take]) };
        self.position += 8 + len.next_multiple_of(8);
        // SAFETY: one word.
        unsafe { self.report.publish(0, self.position) };
        // SAFETY: in bounds; the same hint as the project's ring gives.
        unsafe {
            self.ring
                .expect_soon(((self.position as usize + 256) % CAPACITY) & !7)
        };
        take
    }
}

/// Zeroed memory for the life of the program, on pages of its own.
fn memory(bytes: usize) -> NonNull<u8> {
    let layout = std::alloc::Layout::from_size_align(bytes.max(4096), 4096).unwrap();
    // SAFETY: the layout has a size.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) }).unwrap()
}

/// A word in a line of its own, as its writer and its reader see it.
fn word() -> (MappedMut, Mapped) {
    let at = memory(4096);
    views(at, 8)
}

/// What the writer and the reader of some leaked memory hold.
fn views(at: NonNull<u8>, bytes: usize) -> (MappedMut, Mapped) {
    // SAFETY: leaked memory of that size, and this is its one writer.
    let own = unsafe { MappedMut::new(at, bytes) };
    // SAFETY: as above; it is only read through this.
    let seen = unsafe { Mapped::new(at, bytes) };
    (own, seen)
}

fn by_header() -> (RingWriter, RingReader) {
    let ((mine, theirs), (own, seen)) = (views(memory(CAPACITY), CAPACITY), word());
    (
        Writer::new(mine, seen, 0).unwrap(),
        Reader::new(theirs, own, 0).unwrap(),
    )
}

fn by_index() -> (IndexWriter, IndexReader) {
    let (ring, seen) = views(memory(CAPACITY), CAPACITY);
    let ((report, report_seen), (published, published_seen)) = (word(), word());
    (
        IndexWriter {
            ring,
            published,
            report: report_seen,
            position: 0,
            reader: 0,
        },
        IndexReader {
            ring: seen,
            published: published_seen,
            report,
            position: 0,
            known: 0,
        },
    )
}

fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).unwrap();
}

fn round_trip<W, R>(make: impl Fn() -> (W, R), size: usize) -> f64
where
    W: Send2 + Send + 'static,
    R: Recv2 + Send + 'static,
{
    let ((mut out, mut far_in), (mut far_out, mut back)) = (make(), make());
    let far = std::thread::spawn(move || {
        pin(1);
        let (mut room, message) = (vec![MaybeUninit::uninit(); size], vec![1; size]);
        for _ in 0..PINGS {
            far_in.recv(black_box(&mut room));
            far_out.send(black_box(&message));
        }
    });
    pin(0);
    let (mut room, message) = (vec![MaybeUninit::uninit(); size], vec![1; size]);
    let mut times: Vec<u64> = Vec::with_capacity(PINGS);
    for _ in 0..PINGS {
        let start = Instant::now();
        out.send(black_box(&message));
        back.recv(black_box(&mut room));
        times.push(start.elapsed().as_nanos() as u64);
    }
    far.join().unwrap();
    times.sort_unstable();
    times[PINGS / 2] as f64
}

fn one_way<W, R>(make: impl Fn() -> (W, R), size: usize) -> f64
where
    W: Send2 + Send + 'static,
    R: Recv2 + Send + 'static,
{
    let count = if size < 1024 { 5_000_000 } else { 1_000_000 };
    let (mut out, mut far_in) = make();
    let far = std::thread::spawn(move || {
        pin(1);
        let mut room = vec![MaybeUninit::uninit(); size];
        for _ in 0..count {
            far_in.recv(black_box(&mut room));
        }
    });
    pin(0);
    let message = vec![1; size];
    let start = Instant::now();
    for _ in 0..count {
        out.send(black_box(&message));
    }
    far.join().unwrap();
    f64::from(count) / start.elapsed().as_secs_f64() / 1e6
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    println!(
        "{:>8} {:>12} {:>12} {:>14} {:>14}",
        "bytes", "RTT header", "RTT index", "M/s header", "M/s index"
    );
    for size in [8, 48, 64, 256, 1024] {
        let mut rows = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            rows[0].push(round_trip(by_header, size));
            rows[1].push(round_trip(by_index, size));
            rows[2].push(one_way(by_header, size));
            rows[3].push(one_way(by_index, size));
        }
        let [a, b, c, d] = rows.map(median);
        println!("{size:>8} {a:>9.0} ns {b:>9.0} ns {c:>14.1} {d:>14.1}");
    }
}
