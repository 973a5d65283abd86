//! Whether the quota of this process leaves a CPU to spin on.

use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

use ringmq_sys::cpu;

/// How long an answer holds.
const FRESH: Duration = Duration::from_secs(1);

/// The last answer, and when it was asked for. It is shared by all threads, although cgroups may differ between threads
/// of a process: to ask reads five files or more, and took 145 µs where a first message waited for it.
static LAST: Mutex<Option<(Instant, bool)>> = Mutex::new(None);

/// Returns true if the quota of the cgroup is more than one CPU, or there is none. With one CPU or less, spinning takes
/// time from the peer, or from later.
///
/// The answer is at most a second old, but while another thread is asking. Costs some 20 ns, or some 100 µs if the
/// files have to be read.
pub(crate) fn allows(now: Instant) -> bool {
    // Where the lock is taken, or was when this process was forked, the files are read: it is never waited for.
    let last = match LAST.try_lock() {
        Ok(mut last) => match &mut *last {
            Some((at, allows)) if now.saturating_duration_since(*at) < FRESH => return *allows,
            Some((at, allows)) => {
                // Other threads go by this until the files are read.
                *at = now;
                Some(*allows)
            }
            None => None,
        },
        Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => None,
    };
    let allows = cpu::quota().is_none_or(|quota| quota > 1.0);
    if last != Some(allows)
        && let Ok(mut last) = LAST.try_lock()
    {
        *last = Some((now, allows));
    }
    allows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_answer_of_the_system() {
        let now = Instant::now();
        let allows = cpu::quota().is_none_or(|quota| quota > 1.0);
        for at in [now, now, now + FRESH, now + 2 * FRESH] {
            assert_eq!(super::allows(at), allows);
        }
    }
}
