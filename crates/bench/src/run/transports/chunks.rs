//! The floor of throughput: a copy in and a copy out, through a ring of chunks on two cores.
//!
//! ```text
//!   0          128                                      (for each direction)
//!   ┌──────────┬────────┬─────────┬────────┬────────── ─ ─ ┐
//!   │ position │ flag   │ payload │ flag   │ payload       │
//!   └──────────┴────────┴─────────┴────────┴────────── ─ ─ ┘
//!     reader     writer
//! ```
//!
//! All chunks have one size. Messages have one size, too, and are cut into chunks. A flag is the number of the lap in
//! which its chunk was written, so that no flag has to be cleared. The reader stores its position eight times a lap.
//! The writer loads that position only when it has no room left by the last one that it loaded. This is the fastest
//! such ring that we know. Unlike a pipe, it has no length in each record, no checks against a hostile peer, and no
//! sleep.

use std::hint::{black_box, spin_loop};
use std::io;
use std::sync::atomic::Ordering;

use crate::error::Error;
use crate::plan::size::Size;
use crate::plan::spec::Spec;
use crate::run::carrier::{Carrier, End, Ends, Wires};
use crate::run::job::Side;
use crate::run::memory::{self, LINE, Shared};

/// The carrier of a ring of chunks.
pub(crate) struct Chunks;

/// The largest payload of a chunk, the best of several values on one machine.
const CHUNK: usize = 64 << 10;
/// The approximate payload of a ring, chosen in the same way.
const RING: usize = 1 << 20;

/// The layout of a ring for messages of one size.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// The payload bytes of a chunk. The last chunk of a message may have less.
    chunk: usize,
    /// The bytes before the payload.
    header: usize,
    /// The bytes from one chunk to the next.
    stride: usize,
    /// The binary logarithm of the number of chunks, which is 8 at least.
    shift: u32,
}

impl Layout {
    fn of(size: Size) -> Layout {
        let chunk = size.0.clamp(1, CHUNK);
        // Small payload shares the cache line of the flag. Large payload begins in a line of its own.
        let (header, align) = if chunk < 4096 { (8, 8) } else { (64, 64) };
        let stride = (header + chunk).next_multiple_of(align);
        Layout {
            chunk,
            header,
            stride,
            shift: (RING / stride).max(8).ilog2(),
        }
    }

    /// The number of chunks of a ring.
    #[inline(always)]
    fn chunks(&self) -> u64 {
        1 << self.shift
    }

    /// The bytes of one direction.
    fn bytes(&self) -> usize {
        (LINE + (self.stride << self.shift)).next_multiple_of(LINE)
    }

    /// The offset of chunk `n`, counted over all laps, and the flag that publishes it.
    #[inline(always)]
    fn place(&self, n: u64) -> (usize, u64) {
        let at = (n & (self.chunks() - 1)) as usize;
        (LINE + at * self.stride, (n >> self.shift) + 1)
    }
}

impl Carrier for Chunks {
    type End = Ring;

    fn prepare(spec: &Spec) -> Result<Wires, Error> {
        Wires::shared(vec![memory::create(2 * Layout::of(spec.size).bytes())?])
    }

    fn attach(spec: &Spec, side: Side, wires: Ends) -> Result<Ring, Error> {
        let [memory] = wires.take()?;
        let layout = Layout::of(spec.size);
        let step = layout.bytes();
        let shared = Shared::map(memory, 2 * step)?;
        let (out, into) = if side == Side::Near {
            (0, step)
        } else {
            (step, 0)
        };
        let (written, room, read) = (0, layout.chunks(), 0);
        Ok(Ring {
            shared,
            layout,
            out,
            into,
            written,
            room,
            read,
            size: spec.size.0,
        })
    }
}

/// A side's view of the two directions.
pub(crate) struct Ring {
    shared: Shared,
    layout: Layout,
    /// Offset of the direction that this side writes.
    out: usize,
    /// Offset of the direction that it reads.
    into: usize,
    /// Chunks written.
    written: u64,
    /// The value of `written` at which the reader's position has to be loaded again.
    room: u64,
    /// Chunks read.
    read: u64,
    size: usize,
}

impl Ring {
    /// Spins until the reader has made room.
    #[cold]
    fn wait_for_room(&mut self) {
        let position = self.shared.word(self.out);
        loop {
            // ORDERING: acquire, pairs with the release store in the reader's `recv`: its copy out is done.
            self.room = position.load(Ordering::Acquire) + self.layout.chunks();
            if self.written < self.room {
                return;
            }
            spin_loop();
        }
    }
}

impl End for Ring {
    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        for piece in message.chunks(self.layout.chunk) {
            if self.written == self.room {
                self.wait_for_room();
            }
            let (at, lap) = self.layout.place(self.written);
            let at = self.out + at;
            // SAFETY: the position of the reader is behind this chunk, so that the reader reads it again only after the
            // store below.
            unsafe { self.shared.copy_in(at + self.layout.header, piece) };
            // ORDERING: release, pairs with the acquire load in the reader's `recv`: it sees the payload.
            self.shared.word(at).store(lap, Ordering::Release);
            self.written += 1;
        }
        Ok(())
    }

    #[inline]
    fn recv(&mut self, message: &mut Vec<u8>) -> io::Result<()> {
        message.resize(self.size, 0);
        for piece in message.chunks_mut(self.layout.chunk) {
            let (at, lap) = self.layout.place(self.read);
            let at = self.into + at;
            let flag = self.shared.word(at);
            // ORDERING: acquire, pairs with the release store in the writer's `send`.
            while flag.load(Ordering::Acquire) != lap {
                spin_loop();
            }
            // SAFETY: the load above saw the chunk published. The writer waits for the position of this side before it
            // writes the chunk again.
            unsafe { self.shared.copy_out(at + self.layout.header, piece) };
            black_box(piece);
            self.read += 1;
            if self.read & (self.layout.chunks() / 8 - 1) == 0 {
                // ORDERING: release, pairs with the acquire load in `wait_for_room`: the copy out is done.
                self.shared
                    .word(self.into)
                    .store(self.read, Ordering::Release);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_do_not_overlap_and_flags_are_aligned() {
        for size in [1, 8, 64, 1000, 4096, 65_536, 1 << 20, (1 << 20) + 1] {
            let layout = Layout::of(Size(size));
            assert!(layout.chunks() >= 8, "{layout:?}");
            assert!(layout.stride >= layout.header + layout.chunk, "{layout:?}");
            assert!(layout.stride.is_multiple_of(8), "{layout:?}");
            let (last, lap) = layout.place(layout.chunks() - 1);
            assert!(
                last + layout.stride <= layout.bytes() && lap == 1,
                "{layout:?}"
            );
            assert_eq!(layout.place(layout.chunks()), (LINE, 2));
        }
    }

    #[test]
    fn a_ring_carries_messages_over_many_laps() {
        let spec = Spec::new(crate::Work::Throughput, crate::Transport::Cacheline);
        let spec = spec.with_size(Size(CHUNK + 3));
        let wires = Chunks::prepare(&spec).unwrap();
        let ends = |fds| Ends {
            fds,
            address: String::new(),
        };
        let mut near = Chunks::attach(&spec, Side::Near, ends(wires.near)).unwrap();
        let mut far = Chunks::attach(&spec, Side::Far, ends(wires.far)).unwrap();
        let mut seen = Vec::new();
        for n in 0..50_u8 {
            near.send(&vec![n; CHUNK + 3]).unwrap();
            far.recv(&mut seen).unwrap();
            assert_eq!(seen, vec![n; CHUNK + 3]);
        }
    }
}
