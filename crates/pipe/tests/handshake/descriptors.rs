//! Faults 4 to 7: descriptors that are none of what an offer has to carry, in each of its four places.

use std::fs::{self, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use ringmq_pipe::{ConnectError, OfferError};
use ringmq_sys::{AdoptMemoryError, AdoptRingerError};
use ringmq_testing::{Scratch, watchdog};

use crate::peers::{BOTH, Court, Judge};
use crate::raw::{self, DESCRIPTOR, LAYOUT, NUMBERS, RING, Raw, SEALS, Sent};

/// What refuses a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    NotSealable,
    Seals,
    FileSystem,
    Size,
    Holes,
    NotABell,
    Named,
    Family,
}

fn by(error: &ConnectError) -> By {
    match error {
        ConnectError::PeerMemory { refusal, .. } => match refusal {
            AdoptMemoryError::NotSealable { .. } => By::NotSealable,
            AdoptMemoryError::Seals { .. } => By::Seals,
            AdoptMemoryError::FileSystem { .. } => By::FileSystem,
            AdoptMemoryError::Size { .. } => By::Size,
            AdoptMemoryError::Holes { .. } => By::Holes,
            other => panic!("{other}"),
        },
        ConnectError::PeerDoorbell(refusal) => match refusal {
            AdoptRingerError::NotABell { .. } => By::NotABell,
            AdoptRingerError::Named { .. } => By::Named,
            AdoptRingerError::Family { .. } => By::Family,
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

/// A kind of descriptor: what is said of it in the place of memory, and in that of a doorbell; nothing
/// where it would be right. Made for the length that the place calls for.
struct Kind {
    name: &'static str,
    make: Box<dyn Fn(u64) -> OwnedFd>,
    as_memory: Option<By>,
    as_bell: Option<By>,
}

fn kind(
    name: &'static str,
    as_memory: impl Into<Option<By>>,
    as_bell: impl Into<Option<By>>,
    make: impl Fn(u64) -> OwnedFd + 'static,
) -> Kind {
    Kind {
        name,
        make: Box::new(make),
        as_memory: as_memory.into(),
        as_bell: as_bell.into(),
    }
}

fn sealable(len: u64) -> fs::File {
    let file = raw::memfd(len, libc::MFD_ALLOW_SEALING).unwrap();
    raw::allocate(&file, len);
    file
}

/// Descriptors that are no memory at all.
fn strangers(scratch: &Scratch) -> Vec<Kind> {
    let (folder, file, fifo) = (
        scratch.path("."),
        scratch.path("file"),
        scratch.path("fifo"),
    );
    let name = std::ffi::CString::new(fifo.clone()).unwrap();
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let open = |path: String, flags: i32| {
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
        OwnedFd::from(file.unwrap())
    };
    let of_disk = file.clone();
    // SAFETY: each of these takes numbers only.
    let eventfd = |_| raw::own(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) }).unwrap();
    // SAFETY: as above.
    let epoll = |_| raw::own(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).unwrap();
    use By::{Family, Named, NotABell, NotSealable};
    vec![
        kind("an eventfd", NotSealable, NotABell, eventfd),
        kind("an epoll", NotSealable, NotABell, epoll),
        kind("a pipe", NotSealable, None, |_| raw::bell()),
        kind("a Unix socket", NotSealable, None, |_| {
            std::os::unix::net::UnixStream::pair().unwrap().0.into()
        }),
        kind("an Internet socket", NotSealable, Family, |_| {
            std::net::UdpSocket::bind("127.0.0.1:0").unwrap().into()
        }),
        kind("a directory", NotSealable, NotABell, move |_| {
            open(folder.clone(), 0)
        }),
        kind("/dev/null", NotSealable, NotABell, move |_| {
            open("/dev/null".into(), 0)
        }),
        kind("/dev/zero", NotSealable, NotABell, move |_| {
            open("/dev/zero".into(), 0)
        }),
        kind("a file of /proc", NotSealable, NotABell, move |_| {
            open("/proc/self/maps".into(), 0)
        }),
        kind("a named pipe", NotSealable, Named, move |_| {
            open(fifo.clone(), libc::O_NONBLOCK)
        }),
        kind("a file on disk", None, NotABell, move |len| {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&of_disk)
                .unwrap();
            raw::allocate(&file, len);
            file.into()
        }),
        kind("the path of a file", NotSealable, NotABell, move |_| {
            fs::write(&file, "").unwrap();
            open(file.clone(), libc::O_PATH)
        }),
    ]
}

/// Memory that is not quite right.
fn impostors() -> Vec<Kind> {
    use By::{Holes, NotABell, NotSealable, Seals, Size};
    let mut kinds = vec![
        kind("a file of /dev/shm", Seals, NotABell, |len| {
            let file = tempfile_in("/dev/shm");
            raw::allocate(&file, len);
            file.into()
        }),
        kind("memory without seals", Seals, NotABell, |len| {
            sealable(len).into()
        }),
        kind("memory that cannot be sealed", Seals, NotABell, |len| {
            let file = raw::memfd(len, 0).unwrap();
            raw::allocate(&file, len);
            file.into()
        }),
        kind("the path of good memory", NotSealable, NotABell, |len| {
            use std::os::fd::AsRawFd;
            let good = raw::memory(LAYOUT, len, SEALS);
            let path = format!("/proc/self/fd/{}", good.as_raw_fd());
            let path = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_PATH)
                .open(path);
            path.unwrap().into()
        }),
        kind("a page too short", Size, NotABell, |len| {
            raw::memory(&[], (len - 4096).max(1), SEALS)
        }),
        kind("a byte too short", Size, NotABell, |len| {
            raw::memory(&[], len - 1, SEALS)
        }),
        kind("a page too long", Size, NotABell, |len| {
            raw::memory(&[], len + 4096, SEALS)
        }),
        kind("no bytes", Size, NotABell, |_| {
            let file = raw::memfd(0, libc::MFD_ALLOW_SEALING).unwrap();
            raw::seal(&file, SEALS);
            file.into()
        }),
        kind("memory with nothing allocated", Holes, NotABell, |len| {
            let file = raw::memfd(len, libc::MFD_ALLOW_SEALING).unwrap();
            raw::seal(&file, SEALS);
            file.into()
        }),
        kind("good memory", None, NotABell, |len| {
            raw::memory(LAYOUT, len, SEALS)
        }),
        kind("memory with one more seal", None, NotABell, |len| {
            // F_SEAL_WRITE
            raw::memory(LAYOUT, len, SEALS | 0x8)
        }),
    ];
    for (name, seal) in [
        ("memory that can be sealed further", 0x1),
        ("memory that can shrink", 0x2),
        ("memory that can grow", 0x4),
        ("memory that others can write", 0x10),
    ] {
        kinds.push(kind(name, Seals, NotABell, move |len| {
            raw::memory(&[], len, SEALS & !seal)
        }));
    }
    kinds
}

fn tempfile_in(folder: &str) -> fs::File {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .open(folder);
    file.unwrap()
}

/// Each kind in each place, before a listener and before a connector.
fn try_all(kinds: &[Kind]) {
    let mut court = Court::open();
    let mut tried = 0;
    for kind in kinds {
        for place in 0..4 {
            let (is_memory, len) = match place {
                0 => (true, 4096),
                1 => (true, RING),
                _ => (false, RING),
            };
            let Some(wanted) = (if is_memory {
                kind.as_memory
            } else {
                kind.as_bell
            }) else {
                continue;
            };
            for judge in BOTH {
                let case = format!("{} in place {place}, {judge:?}", kind.name);
                let mut fds = raw::descriptors();
                fds[place] = (kind.make)(len);
                let sent = [Sent::new(Raw::offer(), fds)];
                let verdict = court.judge(judge, &sent);
                drop(sent);
                assert_eq!(by(&verdict.error), wanted, "{case}: {}", verdict.error);
                assert_eq!(verdict.reason(), DESCRIPTOR, "{case}");
                court.adjourn(&case);
                tried += 1;
            }
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn descriptors_that_are_no_memory_and_no_bells() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let mut kinds = strangers(&scratch);
    // On a tmpfs an ordinary file has seals, and says that there are none.
    let disk = kinds
        .iter_mut()
        .find(|kind| kind.name == "a file on disk")
        .unwrap();
    let on_tmpfs = is_tmpfs(&(disk.make)(4096));
    disk.as_memory = Some(if on_tmpfs { By::Seals } else { By::NotSealable });
    try_all(&kinds);
}

fn is_tmpfs(fd: &OwnedFd) -> bool {
    use std::os::fd::AsRawFd;
    // SAFETY: all zero is a statfs.
    let mut told: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open, and the result is ours.
    assert_eq!(unsafe { libc::fstatfs(fd.as_raw_fd(), &mut told) }, 0);
    told.f_type == 0x0102_1994
}

#[test]
fn memory_that_is_not_quite_right() {
    let _guard = watchdog(Duration::from_secs(60));
    try_all(&impostors());
}

#[test]
fn memory_of_huge_pages() {
    let _guard = watchdog(Duration::from_secs(60));
    let len = 2 << 20;
    let flags = libc::MFD_ALLOW_SEALING | libc::MFD_HUGETLB;
    let make = || {
        let file = raw::memfd(len, flags)?;
        raw::seal(&file, SEALS);
        Ok::<OwnedFd, std::io::Error>(file.into())
    };
    if let Err(error) = make() {
        eprintln!("skipped: no memfd of huge pages: {error}");
        return;
    }
    let mut court = Court::open();
    for judge in BOTH {
        let mut fds = raw::descriptors();
        fds[1] = make().unwrap();
        let frame = Raw {
            ring: len,
            ..Raw::offer()
        };
        let sent = [Sent::new(frame, fds)];
        let verdict = court.judge(judge, &sent);
        drop(sent);
        assert_eq!(
            by(&verdict.error),
            By::FileSystem,
            "{judge:?}: {}",
            verdict.error
        );
        assert_eq!(verdict.reason(), DESCRIPTOR, "{judge:?}");
        court.adjourn("huge pages");
    }
}

/// Fault 6: a descriptor that takes commands by being mapped.
#[test]
fn a_ring_of_the_kernels_own() {
    let _guard = watchdog(Duration::from_secs(60));
    let make = || {
        let mut parameters = [0u32; 30];
        // SAFETY: the parameters are as long as struct io_uring_params, 120 bytes, and ours.
        let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr()) };
        raw::own(fd as i32)
    };
    let sendable = make().and_then(|fd| {
        let (one, _other) = ringmq_sys::Stream::pair()?;
        one.send(b"x", &[std::os::fd::AsFd::as_fd(&fd)], None)
    });
    if let Err(error) = sendable {
        eprintln!("skipped: no io_uring that can be sent (none can since Linux 6.7): {error}");
        return;
    }
    let mut court = Court::open();
    for judge in BOTH {
        for (place, wanted) in [
            (0, By::NotSealable),
            (1, By::NotSealable),
            (2, By::NotABell),
        ] {
            let mut fds = raw::descriptors();
            fds[place] = make().unwrap();
            let sent = [Sent::new(Raw::offer(), fds)];
            let verdict = court.judge(judge, &sent);
            drop(sent);
            assert_eq!(
                by(&verdict.error),
                wanted,
                "{judge:?} {place}: {}",
                verdict.error
            );
            assert_eq!(verdict.reason(), DESCRIPTOR);
            court.adjourn("io_uring");
        }
    }
}

/// A control page with a wrong first word: memory of another program.
#[test]
fn a_control_page_of_another_layout() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    for judge in BOTH {
        for content in [&b""[..], b"ringmq\0\x02", b"\0\0\0\0\0\0\0\x01"] {
            let mut fds = raw::descriptors();
            fds[0] = raw::memory(content, 4096, SEALS);
            let sent = [Sent::new(Raw::offer(), fds)];
            let verdict = court.judge(judge, &sent);
            drop(sent);
            let mut word = [0; 8];
            word[..content.len()].copy_from_slice(content);
            let found = u64::from_le_bytes(word);
            assert!(
                matches!(verdict.error, ConnectError::Offer(OfferError::Layout(it)) if it == found),
                "{}",
                verdict.error
            );
            assert_eq!(verdict.reason(), NUMBERS);
            court.adjourn("layout");
        }
    }
}

/// Fault 7: too few, too many, as many as the kernel carries.
#[test]
fn another_number_of_descriptors() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    for judge in BOTH {
        for count in [0, 1, 2, 3, 5, 6, 9, 10, 11, 64, 253] {
            let case = format!("{count} descriptors, {judge:?}");
            let mut fds = raw::descriptors();
            fds.truncate(count);
            while fds.len() < count {
                fds.push(raw::bell());
            }
            let sent = [Sent::new(Raw::offer(), fds)];
            let verdict = court.judge(judge, &sent);
            drop(sent);
            // A connector has room for the memory for blocks, which this offer says nothing of.
            let most = match judge {
                Judge::Listener => 4,
                Judge::Connector => 5,
            };
            match &verdict.error {
                ConnectError::Offer(OfferError::Descriptors { got, want: 4 }) => {
                    assert!(*got == count, "{case}: {}", verdict.error);
                    assert!(count != 4 && count <= most, "{case}: {}", verdict.error);
                }
                ConnectError::Exchange(
                    ringmq_sys::RecvError::TooManyDescriptors { got, max }
                    | ringmq_sys::RecvError::DescriptorsLost { got, max },
                ) => {
                    assert!(*max == most && *got > most, "{case}: {}", verdict.error);
                    assert!(count > most, "{case}: {}", verdict.error);
                }
                other => panic!("{case}: {other}"),
            }
            assert_eq!(verdict.reason(), DESCRIPTOR, "{case}");
            court.adjourn(&case);
        }
    }
}

/// Descriptors in front of the last frame, which has none: closed, and refused.
#[test]
fn descriptors_with_the_accept() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    for count in [1, 2, 3, 4, 253] {
        let fds = (0..count).map(|_| raw::bell()).collect();
        let sent = [
            Sent::new(Raw::offer(), raw::descriptors()),
            Sent::new(Raw::accept(), fds),
        ];
        let verdict = court.judge(Judge::Listener, &sent);
        drop(sent);
        assert!(
            matches!(
                verdict.error,
                ConnectError::Exchange(
                    ringmq_sys::RecvError::TooManyDescriptors { max: 0, .. }
                        | ringmq_sys::RecvError::DescriptorsLost { max: 0, .. }
                )
            ),
            "{count}: {}",
            verdict.error
        );
        assert_eq!(verdict.reason(), DESCRIPTOR, "{count}");
        court.adjourn("accept with descriptors");
    }
}
