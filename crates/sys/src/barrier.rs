//! A memory barrier that the sleeper pays for, on behalf of every publisher.
//!
//! Between "arm" and "look again" the sleeper calls [`sync`]: every running thread of every process
//! that called [`register`] then passes a full barrier, so a publisher needs only a compiler barrier
//! between "publish" and "look at the announcement". Source: membarrier(2),
//! `MEMBARRIER_CMD_GLOBAL_EXPEDITED`.

use std::io;

use rustix::thread::MembarrierCommand;

/// Registers this process as one whose threads take part. May be called any number of times.
///
/// False where the kernel (before 4.16) or a sandbox refuses: then publishers must fence themselves.
#[must_use]
pub fn register() -> bool {
    rustix::thread::membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok()
}

/// Makes every running thread of every registered process pass a full memory barrier.
///
/// # Errors
/// The kernel's refusal. The caller must then not rely on any order.
pub fn sync() -> io::Result<()> {
    Ok(rustix::thread::membarrier(
        MembarrierCommand::GlobalExpedited,
    )?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn registered_processes_can_sync() {
        assert!(super::register());
        super::sync().unwrap();
    }
}
