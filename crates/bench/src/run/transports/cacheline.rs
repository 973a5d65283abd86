//! The floor of latency: one cache line in each direction, and payload in further lines.
//!
//! ```text
//!   0        128                         (for each direction; one writer)
//!   ┌────────┬──────────────── ─ ─ ┐
//!   │ flag   │ payload             │
//!   └────────┴──────────────── ─ ─ ┘
//! ```
//!
//! The flag is the number of the message. There is no ring, no length, no check and no sleep.

use std::hint::{black_box, spin_loop};
use std::io;
use std::sync::atomic::Ordering;

use crate::error::Error;
use crate::plan::spec::Spec;
use crate::run::carrier::{Carrier, End, Ends, Wires};
use crate::run::job::Side;
use crate::run::memory::{self, LINE, Shared};

/// The carrier of a cache line.
pub(crate) struct Cacheline;

/// The bytes of one direction.
fn direction(spec: &Spec) -> usize {
    LINE + spec.size.0.next_multiple_of(LINE)
}

impl Carrier for Cacheline {
    type End = Lines;

    fn prepare(spec: &Spec) -> Result<Wires, Error> {
        Wires::shared(vec![memory::create(2 * direction(spec))?])
    }

    fn attach(spec: &Spec, side: Side, wires: Ends) -> Result<Lines, Error> {
        let [memory] = wires.take()?;
        let step = direction(spec);
        let shared = Shared::map(memory, 2 * step)?;
        let (out, into) = if side == Side::Near {
            (0, step)
        } else {
            (step, 0)
        };
        Ok(Lines {
            shared,
            out,
            into,
            sent: 0,
            received: 0,
            size: spec.size.0,
        })
    }
}

/// A side's view of the two directions.
pub(crate) struct Lines {
    shared: Shared,
    /// Offset of the direction that this side writes.
    out: usize,
    /// Offset of the direction that it reads.
    into: usize,
    /// Messages sent.
    sent: u64,
    /// Messages received.
    received: u64,
    size: usize,
}

impl End for Lines {
    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if self.size > 0 {
            // SAFETY: the other side reads this place only after the store below. It read the last message before it
            // answered, and this side has received that answer, because messages go back and forth one at a time.
            unsafe { self.shared.copy_in(self.out + LINE, black_box(message)) };
        }
        self.sent += 1;
        // ORDERING: release, pairs with the acquire load in the other side's `recv`: it sees the payload.
        self.shared
            .word(self.out)
            .store(self.sent, Ordering::Release);
        Ok(())
    }

    #[inline]
    fn recv(&mut self, message: &mut Vec<u8>) -> io::Result<()> {
        self.received += 1;
        let flag = self.shared.word(self.into);
        // ORDERING: acquire, pairs with the release store in the other side's `send`.
        while flag.load(Ordering::Acquire) != self.received {
            spin_loop();
        }
        if self.size > 0 {
            message.resize(self.size, 0);
            // SAFETY: the load above saw the payload published. The other side writes it again only after this side
            // has sent.
            unsafe { self.shared.copy_out(self.into + LINE, message) };
            black_box(message);
        }
        Ok(())
    }
}
