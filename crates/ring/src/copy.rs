//! The one function that copies payload out of memory that a peer may be writing, and its twin.
//!
//! # Why this is sound
//!
//! `&[u8]` into such memory would promise the compiler that the bytes stay as they are, and a plain
//! `ptr::copy` would be a data race as soon as the peer writes: both are undefined behaviour, whatever
//! the machine does. Two ways are open, and each build uses one of them.
//!
//! * **x86_64**: the loads are instructions of an `asm!` block. To the compiler the block is opaque: it
//!   may read any memory and writes bytes that it knows nothing about. Races, tearing and values that
//!   change between two loads are then the hardware's affair, which defines them all: each byte read is
//!   some byte that was there. The memory was mapped by a system call, is never a Rust object, and no
//!   reference to it exists, so the block breaks no rule that the compiler relies on.
//! * **portable** (other processors, `--cfg ringmq_portable_copy`, sanitisers, loom's build): a loop of
//!   relaxed 64-bit atomic loads. Records are aligned to 8 and their room is a multiple of 8, so that
//!   whole words can be read and the last one cut.
//!
//! What is left is the caveat that the language's memory model has no word for a peer that writes with
//! another width than we read. rustc compiles both ways to plain loads, and SECURITY.md says the same.
//!
//! Copying *in* is an ordinary copy: only we write our own memory, and what a peer reads of it too
//! early is its own loss.

#[cfg(all(target_arch = "x86_64", not(any(ringmq_portable_copy, loom))))]
pub(crate) use x86_64::out;

#[cfg(not(all(target_arch = "x86_64", not(any(ringmq_portable_copy, loom)))))]
pub(crate) use portable::{into, out};

#[cfg(all(target_arch = "x86_64", not(any(ringmq_portable_copy, loom))))]
pub(crate) use x86_64::into;

#[cfg(all(target_arch = "x86_64", not(any(ringmq_portable_copy, loom))))]
mod x86_64 {
    /// From this length on the processor's own string copy is faster than a loop of 16-byte moves
    /// (docs/performance.md, "copying out").
    const STRING_COPY: usize = 2048;

    /// Copies `len` bytes from `from` to `to` with loads that the compiler knows nothing about.
    ///
    /// # Safety
    ///
    /// `from` is aligned to 8 and valid for reads of `len` rounded up to 8; `to` is valid for writes of
    /// `len` and does not overlap `from`. `from` may be written by others meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn out(from: *const u8, to: *mut u8, len: usize) {
        if len >= STRING_COPY {
            // SAFETY: REP MOVSB reads and writes exactly `len` bytes, which the caller vouches for. The direction
            // flag is clear, as the ABI demands.
            unsafe {
                core::arch::asm!(
                    "rep movsb",
                    inout("rcx") len => _, inout("rsi") from => _, inout("rdi") to => _,
                    options(nostack, preserves_flags)
                );
            }
        } else if len >= 16 {
            // SAFETY: passed on; at least 16 bytes.
            unsafe { blocks(from, to, len) }
        } else {
            // SAFETY: passed on.
            unsafe { words(from, to, len) }
        }
    }

    /// 16 bytes at a time, the last ones overlapping; `len >= 16`.
    #[inline(always)]
    unsafe fn blocks(from: *const u8, to: *mut u8, len: usize) {
        let last = len - 16;
        // SAFETY: the loop moves 16 bytes at each offset below `last` that is a multiple of 16, then 16 bytes at
        // `last`: all within `len`, which the caller vouches for on both sides.
        unsafe {
            core::arch::asm!(
                "xor {at:e}, {at:e}",
                "test {last}, {last}",
                "jz 3f",
                "2:",
                "movups {x}, [{from} + {at}]",
                "movups [{to} + {at}], {x}",
                "add {at}, 16",
                "cmp {at}, {last}",
                "jb 2b",
                "3:",
                "movups {x}, [{from} + {last}]",
                "movups [{to} + {last}], {x}",
                at = out(reg) _, last = in(reg) last, from = in(reg) from, to = in(reg) to,
                x = out(xmm_reg) _,
                options(nostack)
            );
        }
    }

    /// Fewer than 16 bytes: one or two whole words, the last one cut.
    #[inline(always)]
    unsafe fn words(from: *const u8, to: *mut u8, len: usize) {
        let (mut at, mut left) = (0, len);
        while left > 0 {
            let word: u64;
            // SAFETY: a load of 8 bytes at a multiple of 8 below `len` rounded up to 8.
            unsafe {
                core::arch::asm!(
                    "mov {w}, [{from} + {at}]",
                    w = lateout(reg) word, from = in(reg) from, at = in(reg) at,
                    options(nostack, preserves_flags, readonly)
                );
            }
            let take = left.min(8);
            // SAFETY: `at < len`: inside of `to`.
            let target = unsafe { to.add(at) };
            if take == 8 {
                // SAFETY: `at + 8 <= len` bytes of `to` are writable.
                unsafe { target.cast::<u64>().write_unaligned(word) };
            } else {
                // SAFETY: `at + take <= len` bytes of `to` are writable; the word is a local.
                unsafe { core::ptr::copy_nonoverlapping((&raw const word).cast(), target, take) };
            }
            at += take;
            left -= take;
        }
    }

    /// Copies into memory that only we write.
    ///
    /// # Safety
    ///
    /// `from` is valid for reads and `to` for writes of `len` bytes; they do not overlap, and no other party writes
    /// `to`.
    #[inline(always)]
    pub(crate) unsafe fn into(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: passed on.
        unsafe { core::ptr::copy_nonoverlapping(from, to, len) };
    }
}

#[cfg(not(all(target_arch = "x86_64", not(any(ringmq_portable_copy, loom)))))]
mod portable {
    use crate::atomics::{MappedWord, Ordering};

    /// Copies `len` bytes from `from` to `to` with relaxed atomic loads of 8 bytes.
    ///
    /// # Safety
    ///
    /// `from` is aligned to 8 and valid for reads of `len` rounded up to 8; `to` is valid for writes of
    /// `len` and does not overlap `from`. `from` may be written by others meanwhile.
    #[inline]
    pub(crate) unsafe fn out(from: *const u8, to: *mut u8, len: usize) {
        let mut at = 0;
        while at < len {
            // SAFETY: a multiple of 8 below `len` rounded up to 8: in bounds.
            let word = unsafe { from.add(at) };
            // SAFETY: aligned and valid; used for one load.
            let word = unsafe { MappedWord::from_ptr(word.cast_mut().cast()) };
            // ORDERING: the acquire load of the record's header came before.
            let bytes = word.load(Ordering::Relaxed).to_ne_bytes();
            let take = (len - at).min(8);
            // SAFETY: `at + take <= len` bytes of `to` are writable.
            unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to.add(at), take) };
            at += 8;
        }
    }

    /// Copies into memory that only we write, with relaxed atomic stores of 8 bytes.
    ///
    /// # Safety
    ///
    /// `from` is valid for reads of `len` and `to`, aligned to 8, for writes of `len` rounded up to 8;
    /// no other party writes `to`.
    #[inline]
    pub(crate) unsafe fn into(from: *const u8, to: *mut u8, len: usize) {
        let mut at = 0;
        while at < len {
            let mut bytes = [0; 8];
            let take = (len - at).min(8);
            // SAFETY: `at + take <= len` bytes of `from` are readable.
            unsafe { core::ptr::copy_nonoverlapping(from.add(at), bytes.as_mut_ptr(), take) };
            // SAFETY: a multiple of 8 below `len` rounded up to 8: in bounds.
            let word = unsafe { to.add(at) };
            // SAFETY: aligned and valid; used for one store.
            let word = unsafe { MappedWord::from_ptr(word.cast()) };
            // ORDERING: the release store of the record's header comes after.
            word.store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
            at += 8;
        }
    }
}
