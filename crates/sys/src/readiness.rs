//! One descriptor for "the doorbell rang" and "the peer is dead", and sleeping on it.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, epoll};

use crate::deadline::{remaining, sleep, sleep_on, timespec};
use crate::doorbell::Doorbell;
use crate::event::Event;
use crate::signal::handlers;

/// What ended a sleep, or what was there without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wake {
    /// The doorbell has rings to [`drain`](Doorbell::drain).
    pub rung: bool,
    /// No process holds the doorbell's other end any more.
    pub hung_up: bool,
    /// The peer's process has ended, reaped or not.
    pub peer_dead: bool,
    /// The deadline passed (or nothing was there, in [`check`](Readiness::check)) and nothing else.
    pub timed_out: bool,
}

/// A doorbell, and a peer process if there is one, behind one descriptor (an epoll instance).
///
/// The descriptor is readable for as long as there is something: a ring that was not drained, a
/// hang-up, a dead peer. It can be handed to poll(2), or be nested in another epoll. It does not keep
/// the doorbell or the pidfd open; one that is closed ceases to be reported.
///
/// ```
/// use ringmq_sys::{Doorbell, Readiness, Ringer};
///
/// let (bell, sent) = Doorbell::new()?;
/// let readiness = Readiness::new(&bell, None)?;
/// assert!(readiness.check()?.timed_out);
/// Ringer::adopt(sent)?.ring()?;
/// assert!(readiness.wait(None)?.rung);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Readiness {
    epoll: Epoll,
    /// True if a ring ends one sleep although it is not drained; false if it ends all sleeps until it is drained.
    once: Cell<bool>,
}

/// An epoll instance to sleep on. Threads may share it.
#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
    /// Whether the kernel has `epoll_pwait2`, whose timeout is in nanoseconds.
    precise: bool,
}

const BELL: u64 = 0;
const PEER: u64 = 1;
const NUDGE: u64 = 2;

impl Readiness {
    /// Bundles a doorbell and, if given, the pidfd of the peer.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`, `ENOSPC` (`/proc/sys/fs/epoll/max_user_watches`), or `EPERM` if
    /// `pidfd` is of a kind that cannot be polled.
    pub fn new(bell: &Doorbell, pidfd: Option<BorrowedFd<'_>>) -> io::Result<Readiness> {
        Readiness::bundle(bell.as_fd(), pidfd, false)
    }

    /// As [`new`](Self::new), for a sleeper that wants to save the call of
    /// [`drain`](Doorbell::drain): each ring ends one sleep, drained or not (`EPOLLET`).
    ///
    /// Undrained rings fill the bell after 64 Ki, and a ringer that finds the bell full makes room first. So drain the
    /// bell now and then, every few hundred wakes. A ring that came while the owner was awake still ends the next
    /// sleep. A hang-up is reported once, too; a dead peer always.
    ///
    /// Pipes tell of *every* write since Linux 5.14 only; before, this is the same as `new`, and
    /// [`tells_once`](Self::tells_once) says so. Do not hand this descriptor to users: it is readable
    /// only until the first look.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn once(bell: &Doorbell, pidfd: Option<BorrowedFd<'_>>) -> io::Result<Readiness> {
        Readiness::bundle(bell.as_fd(), pidfd, every_write_wakes())
    }

    fn bundle(
        bell: BorrowedFd<'_>,
        pidfd: Option<BorrowedFd<'_>>,
        once: bool,
    ) -> io::Result<Readiness> {
        Ok(Readiness {
            epoll: Epoll::over(bell, pidfd, once)?,
            once: Cell::new(once),
        })
    }

    /// Whether a ring ends one sleep even if it is not drained: see [`once`](Self::once).
    #[inline]
    #[must_use]
    pub fn tells_once(&self) -> bool {
        self.once.get()
    }

    /// From now on a ring is reported for as long as it is not drained, as with [`new`](Self::new). This is for a
    /// descriptor that other code is to poll after all.
    ///
    /// # Errors
    /// What epoll_ctl(2) answers; nothing is expected.
    pub fn tell_always(&self, bell: &Doorbell) -> io::Result<()> {
        if self.once.replace(false) {
            let data = epoll::EventData::new_u64(BELL);
            epoll::modify(&self.epoll.fd, bell, data, epoll::EventFlags::IN)?;
        }
        Ok(())
    }

    /// Makes the descriptor readable until [`calm`](Self::calm), whatever happens: a thread that polls it is to look
    /// for itself. `writable` is anything that can be written without blocking, such as a [`Ringer`](crate::Ringer);
    /// nothing is written.
    ///
    /// # Errors
    /// `ENOMEM`, or `ENOSPC` (`/proc/sys/fs/epoll/max_user_watches`).
    pub fn nudge(&self, writable: BorrowedFd<'_>) -> io::Result<()> {
        let data = epoll::EventData::new_u64(NUDGE);
        Ok(epoll::add(
            &self.epoll.fd,
            writable,
            data,
            epoll::EventFlags::OUT,
        )?)
    }

    /// Takes a [`nudge`](Self::nudge) back.
    ///
    /// # Errors
    /// What epoll_ctl(2) answers; nothing is expected.
    pub fn calm(&self, writable: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll.fd, writable)?)
    }

    /// Sleeps until something is there or the deadline has passed: [`Epoll::wait`].
    ///
    /// # Errors
    /// As [`Epoll::wait`].
    pub fn wait(&self, deadline: Option<Instant>) -> io::Result<Wake> {
        self.epoll.wait(deadline)
    }

    /// Says what is there, without sleeping.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn check(&self) -> io::Result<Wake> {
        self.epoll.check()
    }
}

impl Epoll {
    /// As [`Readiness::once`], over the bell of a socket; `None` where each ring would have to be drained.
    ///
    /// # Errors
    /// As [`Readiness::new`].
    pub fn of_event(event: &Event) -> io::Result<Option<Epoll>> {
        match every_write_wakes() {
            true => Epoll::over(event.as_fd(), None, true).map(Some),
            false => Ok(None),
        }
    }

    fn over(bell: BorrowedFd<'_>, pidfd: Option<BorrowedFd<'_>>, once: bool) -> io::Result<Epoll> {
        let fd = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut made = Epoll { fd, precise: true };
        // Older kernels answer ENOSYS, sandboxes EPERM; either way it is the older call from now on.
        // Asked while there is nothing to tell of, because the answer could take it away.
        made.precise = made.pwait2(Some(Duration::ZERO)).is_ok();
        let events = epoll::EventFlags::IN;
        let told = if once {
            events | epoll::EventFlags::ET
        } else {
            events
        };
        epoll::add(&made.fd, bell, epoll::EventData::new_u64(BELL), told)?;
        if let Some(pidfd) = pidfd {
            epoll::add(&made.fd, pidfd, epoll::EventData::new_u64(PEER), events)?;
        }
        Ok(made)
    }

    /// Sleeps until something is there or the deadline has passed. Never ends early: the clock is
    /// asked. Without a deadline no timer is set.
    ///
    /// # Errors
    /// `Interrupted` when a signal was handled, and within a second of the program's first handler also after the
    /// process was stopped and continued. Otherwise what epoll_wait(2) answers; nothing is expected.
    pub fn wait(&self, deadline: Option<Instant>) -> io::Result<Wake> {
        loop {
            if handlers::were_seen() {
                // After a stop poll(2) goes on by itself, where epoll_wait(2) fails as it does for a handler.
                let told = sleep(self.fd.as_fd(), PollFlags::IN, deadline)?;
                let wake = self.pwait(Some(Duration::ZERO))?;
                // Another thread may have taken what was there.
                if wake.timed_out && told {
                    continue;
                }
                return Ok(wake);
            }
            let left = remaining(deadline);
            let wake = if self.precise {
                self.pwait2(left)
            } else {
                self.pwait(left)
            };
            let wake = match wake {
                // Nothing but a stop interrupts a program without handlers.
                Err(error) if is_stop(&error) => continue,
                wake => wake?,
            };
            if !wake.timed_out || left.is_some_and(|left| left.is_zero()) {
                return Ok(wake);
            }
            // The kernel's timer ended; what `remaining` says now decides.
        }
    }

    /// Says what is there, without sleeping.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn check(&self) -> io::Result<Wake> {
        self.pwait(Some(Duration::ZERO))
    }

    /// One epoll_pwait2(2).
    fn pwait2(&self, left: Option<Duration>) -> io::Result<Wake> {
        let timeout = left.map(|left| {
            let left = timespec(left);
            // As the kernel lays it out on every architecture: two 64-bit words.
            [left.tv_sec, left.tv_nsec]
        });
        let timeout = timeout
            .as_ref()
            .map_or(std::ptr::null(), |words| words.as_ptr());
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 2];
        // SAFETY: the descriptor is open for as long as `self` is; `events` has room for the two that
        // are announced; `timeout` is null or points to a timespec that outlives the call; the mask is
        // null, so its size is not looked at.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd.as_raw_fd(),
                events.as_mut_ptr(),
                2,
                timeout,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        understand(&events, count)
    }

    /// One epoll_wait(2): milliseconds, rounded up.
    fn pwait(&self, left: Option<Duration>) -> io::Result<Wake> {
        let timeout = left.map_or(-1, |left| {
            i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 2];
        // SAFETY: the descriptor is open for as long as `self` is, and `events` has room for the two
        // that are announced.
        let count =
            unsafe { libc::epoll_wait(self.fd.as_raw_fd(), events.as_mut_ptr(), 2, timeout) };
        understand(&events, libc::c_long::from(count))
    }
}

/// Whether a wait was interrupted although no signal was handled.
#[cold]
fn is_stop(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted && !handlers::may_have_run()
}

/// Whether a write into a pipe wakes who polls it even if there was something in it: since 5.14.
/// (Linux 3a34b13a88ca, "pipe: make pipe writes always wake up readers".)
fn every_write_wakes() -> bool {
    version(rustix::system::uname().release().to_bytes()) >= (5, 14)
}

/// Major and minor number of a kernel's release, such as "6.18.4-arch1"; zeros for what is no number.
fn version(release: &[u8]) -> (u32, u32) {
    let mut numbers = release
        .split(|byte| !byte.is_ascii_digit())
        .map(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let mut next = || numbers.next().flatten().unwrap_or(0);
    (next(), next())
}

/// Turns what epoll reported into a [`Wake`].
fn understand(events: &[libc::epoll_event; 2], count: libc::c_long) -> io::Result<Wake> {
    let Ok(count) = usize::try_from(count) else {
        return Err(io::Error::last_os_error());
    };
    let mut wake = Wake {
        timed_out: count == 0,
        ..Wake::default()
    };
    for event in events.iter().take(count) {
        let flags = event.events;
        match event.u64 {
            PEER => wake.peer_dead = true,
            BELL => {
                wake.rung |= flags & libc::EPOLLIN as u32 != 0;
                wake.hung_up |= flags & (libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0;
            }
            _ => {}
        }
    }
    Ok(wake)
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsFd for Readiness {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.fd.as_fd()
    }
}

/// The same sleep by ppoll(2), without an epoll instance: for a caller that needs no pollable descriptor.
///
/// # Errors
/// `Interrupted` when a signal was handled. Otherwise what ppoll(2) answers; nothing is expected.
pub fn wait_poll(
    bell: &Doorbell,
    pidfd: Option<BorrowedFd<'_>>,
    deadline: Option<Instant>,
) -> io::Result<Wake> {
    let bell = PollFd::new(bell, PollFlags::IN);
    let (bell, peer) = match pidfd {
        None => {
            let mut fds = [bell];
            sleep_on(&mut fds, deadline)?;
            (fds[0].revents(), PollFlags::empty())
        }
        Some(pidfd) => {
            let mut fds = [bell, PollFd::from_borrowed_fd(pidfd, PollFlags::IN)];
            sleep_on(&mut fds, deadline)?;
            (fds[0].revents(), fds[1].revents())
        }
    };
    Ok(Wake {
        rung: bell.contains(PollFlags::IN),
        hung_up: bell.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
        peer_dead: !peer.is_empty(),
        timed_out: bell.is_empty() && peer.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ringer;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(version(b"6.18.44-fc-v669"), (6, 18));
        assert_eq!(version(b"5.9"), (5, 9));
        assert!(version(b"5.9.1") < (5, 14) && version(b"5.14-rc1") >= (5, 14));
        assert_eq!(version(b"4"), (4, 0));
        assert_eq!(version(b"unknown"), (0, 0));
    }

    #[test]
    fn without_epoll_pwait2_a_deadline_is_not_early_either() {
        let (bell, sent) = Doorbell::new().unwrap();
        let mut readiness = Readiness::new(&bell, None).unwrap();
        readiness.epoll.precise = false;
        for micros in [0, 1, 999, 1_001, 2_500] {
            let deadline = Instant::now() + Duration::from_micros(micros);
            assert!(readiness.wait(Some(deadline)).unwrap().timed_out);
            assert!(Instant::now() >= deadline);
        }
        Ringer::adopt(sent).unwrap().ring().unwrap();
        assert!(readiness.wait(None).unwrap().rung);
    }
}
