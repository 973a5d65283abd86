//! Am I still the process that made this?

use std::cell::RefCell;
use std::ffi::c_void;
use std::io;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::page::page_size;

/// Says whether the caller runs in the process that made the mark, or in a child forked from it.
///
/// The mark is a page that the kernel wipes in a forked child (`MADV_WIPEONFORK`), so
/// [`is_here`](Self::is_here) is a load and a comparison, with no system call. Clones share the
/// page. A child made by `vfork` or `clone(CLONE_VM)` shares the parent's memory and counts as
/// the parent.
///
/// Source: madvise(2), `MADV_WIPEONFORK`.
///
/// ```
/// let mark = ringmq_sys::ForkMark::current()?;
/// assert!(mark.is_here());
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct ForkMark {
    page: Arc<Page>,
}

/// The page behind the marks of one thread.
///
/// Invariant P: `word` is the start of a private anonymous mapping of `len` bytes, readable and
/// writable, written once before any clone of the owner existed, unmapped when this value is
/// dropped and never earlier.
#[derive(Debug)]
struct Page {
    word: NonNull<u32>,
    len: usize,
    // Not implied by the pointer, and what the two impls below argue for.
    _not_auto: PhantomData<*const u32>,
}

// SAFETY: invariant P: nothing is tied to a thread; mappings belong to the process.
unsafe impl Send for Page {}
// SAFETY: invariant P: after creation the word is only read, so there is no race. (The kernel's
// wiping happens in the child's own copy, before the child runs.)
unsafe impl Sync for Page {}

const ALIVE: u32 = 0x5249_4e47;

impl Page {
    fn new() -> io::Result<Page> {
        let len = page_size();
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }?;
        let Some(word) = NonNull::new(start.cast::<u32>()) else {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        };
        // From here on `page` unmaps on every way out.
        let page = Page {
            word,
            len,
            _not_auto: PhantomData,
        };
        // SAFETY: invariant P: the range is exactly our mapping, and the advice changes only what a
        // child will see.
        unsafe { rustix::mm::madvise(start, len, Advice::LinuxWipeOnFork) }?;
        // SAFETY: invariant P: mapped writable, page-aligned, and not shared with another thread yet.
        unsafe { page.word.write_volatile(ALIVE) };
        Ok(page)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // A forked child has this page too (wiped), so unmapping is right on both sides.
        // SAFETY: invariant P: the range is ours and the last owner is being dropped.
        let _ = unsafe { rustix::mm::munmap(self.word.as_ptr().cast::<c_void>(), self.len) };
    }
}

thread_local! {
    // One mark for each thread, not one for each process: a lock could be held by another thread
    // at the moment of a fork, and the child would then wait for it for ever.
    static CURRENT: RefCell<Option<ForkMark>> = const { RefCell::new(None) };
}

impl ForkMark {
    /// The mark of the calling process.
    ///
    /// The first call in a thread, and the first in a forked child, maps one page; later ones clone.
    ///
    /// # Errors
    /// Whatever mmap(2) or madvise(2) answers: `ENOMEM` when memory or maps run short, `EINVAL` on a
    /// kernel before 4.14.
    pub fn current() -> io::Result<ForkMark> {
        let cached = CURRENT
            .try_with(|slot| slot.try_borrow().ok().and_then(|mark| mark.clone()))
            .ok()
            .flatten();
        if let Some(mark) = cached
            && mark.is_here()
        {
            return Ok(mark);
        }
        let mark = ForkMark {
            page: Arc::new(Page::new()?),
        };
        // A thread whose locals are being torn down simply does without the cache.
        let _ = CURRENT.try_with(|slot| {
            if let Ok(mut slot) = slot.try_borrow_mut() {
                *slot = Some(mark.clone());
            }
        });
        Ok(mark)
    }

    /// True in the process that made the mark, false in a child forked from it.
    #[inline]
    #[must_use]
    pub fn is_here(&self) -> bool {
        // Volatile, because the value can differ from what this code wrote: fork changes it.
        // SAFETY: invariant P: mapped readable for as long as `page` lives, aligned, never written
        // after creation.
        let word = unsafe { self.page.word.read_volatile() };
        word != 0
    }
}

/// Tries of [`lock_despite_fork`].
const TRIES: u32 = 1000;

/// Locks what the threads of a process hold for a short time only. `None` after many tries: in a forked child the lock may be
/// that of a thread of the parent, which never releases it there. `None`, too, after a panic under the lock.
pub fn lock_despite_fork<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    (0..TRIES).find_map(|_| {
        let locked = mutex.try_lock().ok();
        if locked.is_none() {
            std::thread::yield_now();
        }
        locked
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_page_and_threads_have_their_own() {
        let first = ForkMark::current().unwrap();
        let second = ForkMark::current().unwrap();
        assert!(Arc::ptr_eq(&first.page, &second.page));
        let other = std::thread::spawn(|| ForkMark::current().unwrap())
            .join()
            .unwrap();
        assert!(!Arc::ptr_eq(&first.page, &other.page));
        assert!(other.is_here(), "a mark outlives the thread that made it");
    }
}
