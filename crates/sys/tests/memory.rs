//! What is taken as a peer's memory, what is refused, and what the peer can still do to it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard};

use ringmq_sys::{
    AdoptMemoryError, CreateError, ForkMark, HugePagesError, Mapping, OwnMemory, adopt, page_size,
};
use rustix::fs::{FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

/// Tests that count descriptors must not run beside others that open some.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn maps() -> usize {
    std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .matches("memfd:")
        .count()
}

fn mark() -> ForkMark {
    ForkMark::current().unwrap()
}

/// A raw system call that answers a descriptor.
fn raw(answer: i64) -> OwnedFd {
    assert!(answer >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the caller passes what a system call that makes descriptors has just answered.
    unsafe { OwnedFd::from_raw_fd(i32::try_from(answer).unwrap()) }
}

fn all_seals() -> SealFlags {
    SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL
}

/// A memfd of `size` bytes, allocated or not, with the given seals.
fn memfd(size: usize, allocated: usize, seals: SealFlags) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = rustix::fs::memfd_create("test", flags).unwrap();
    rustix::fs::ftruncate(&fd, size as u64).unwrap();
    if allocated > 0 {
        rustix::fs::fallocate(&fd, FallocateFlags::empty(), 0, allocated as u64).unwrap();
    }
    rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
    fd
}

fn read_byte(mapping: &Mapping, at: usize) -> u8 {
    assert!(at < mapping.len());
    // SAFETY: within the mapping, which is readable; volatile because its owner may write.
    unsafe { mapping.as_ptr().as_ptr().wrapping_add(at).read_volatile() }
}

fn write_byte(mapping: &Mapping, at: usize, byte: u8) {
    assert!(at < mapping.len() && mapping.is_writable());
    // SAFETY: within the mapping, which is writable.
    unsafe {
        mapping
            .as_ptr()
            .as_ptr()
            .wrapping_add(at)
            .write_volatile(byte)
    };
}

#[test]
fn what_is_created_is_taken_and_shared_and_gone_when_dropped() {
    let _alone = alone();
    let (fds, mapped) = (open_descriptors(), maps());
    let len = 16 * page_size();
    let ours = OwnMemory::create("ringmq test", len, &mark()).unwrap();
    assert_eq!(ours.mapping().len(), len);
    let theirs = adopt(ours.fd().try_clone_to_owned().unwrap(), len, &mark()).unwrap();
    assert!(!theirs.is_writable());
    assert_eq!(read_byte(&theirs, len - 1), 0, "new memory is zero");
    write_byte(ours.mapping(), len - 1, 77);
    assert_eq!(read_byte(&theirs, len - 1), 77);
    ours.mapping().prefault().unwrap();
    theirs.prefault().unwrap();
    assert_eq!(maps(), mapped + 2);
    let kept = ours.into_mapping();
    assert_eq!(open_descriptors(), fds, "both descriptors are closed");
    drop(theirs);
    drop(kept);
    assert_eq!(maps(), mapped);
}

#[test]
fn every_descriptor_is_close_on_exec() {
    let _alone = alone();
    let ours = OwnMemory::create("test", page_size(), &mark()).unwrap();
    let flags = rustix::io::fcntl_getfd(ours.fd()).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[test]
fn lengths_that_cannot_be() {
    let _alone = alone();
    let page = page_size();
    for len in [
        0,
        1,
        page - 1,
        page + 1,
        usize::MAX,
        usize::MAX - page + 1,
        1 << 63,
    ] {
        let made = OwnMemory::create("test", len, &mark());
        assert!(
            matches!(made, Err(CreateError::Length { .. })),
            "{len}: {made:?}"
        );
        let taken = adopt(memfd(page, page, all_seals()), len, &mark());
        assert!(
            matches!(taken, Err(AdoptMemoryError::Length { .. })),
            "{len}: {taken:?}"
        );
    }
    let immense = OwnMemory::create("test", 1 << 62, &mark());
    assert!(
        matches!(immense, Err(CreateError::Memory { .. })),
        "{immense:?}"
    );
}

/// Descriptors that are no memory at all.
fn wrong_kinds() -> Vec<(&'static str, OwnedFd)> {
    let mut kinds: Vec<(&'static str, OwnedFd)> = Vec::new();
    let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
    kinds.push(("eventfd", event));
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    kinds.push(("pipe, reading end", reader));
    kinds.push(("pipe, writing end", writer));
    let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    kinds.push(("unix socket", one.into()));
    kinds.push((
        "tcp socket",
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().into(),
    ));
    let epoll = rustix::event::epoll::create(rustix::event::epoll::CreateFlags::CLOEXEC);
    kinds.push(("epoll", epoll.unwrap()));
    kinds.push(("directory", File::open("/").unwrap().into()));
    kinds.push(("/dev/null", File::open("/dev/null").unwrap().into()));
    kinds.push(("/dev/zero", File::open("/dev/zero").unwrap().into()));
    kinds.push(("/proc file", File::open("/proc/self/maps").unwrap().into()));
    let disk = File::open("/proc/self/exe").unwrap();
    kinds.push(("disk file", disk.into()));
    // SAFETY: makes a descriptor; no pointers.
    let timer = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) };
    kinds.push(("timerfd", raw(timer.into())));
    // SAFETY: all-zero bytes are a valid, empty signal set.
    let none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: makes a descriptor; the set outlives the call.
    let signal = unsafe { libc::signalfd(-1, &none, libc::SFD_CLOEXEC) };
    kinds.push(("signalfd", raw(signal.into())));
    let own = rustix::process::getpid();
    let pidfd = rustix::process::pidfd_open(own, rustix::process::PidfdFlags::empty());
    kinds.push(("pidfd", pidfd.unwrap()));
    // SAFETY: makes a descriptor; no pointers.
    let inotify = unsafe { libc::inotify_init1(libc::IN_CLOEXEC) };
    kinds.push(("inotify", raw(inotify.into())));
    let mut params = [0u8; 120];
    // SAFETY: io_uring_params has 120 bytes, and the call writes no more.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, params.as_mut_ptr()) };
    if ring >= 0 {
        kinds.push(("io_uring", raw(ring)));
    }
    let memory = memfd(page_size(), page_size(), all_seals());
    let name = format!("/proc/self/fd/{}", memory.as_raw_fd());
    let path = rustix::fs::open(name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    kinds.push(("O_PATH of good memory", path.unwrap()));
    kinds
}

#[test]
fn what_is_no_memory_is_refused_and_closed() {
    let _alone = alone();
    let before = open_descriptors();
    for (name, fd) in wrong_kinds() {
        let taken = adopt(fd, page_size(), &mark());
        assert!(
            matches!(taken, Err(AdoptMemoryError::NotSealable { .. })),
            "{name}: {taken:?}"
        );
    }
    assert_eq!(open_descriptors(), before);
}

#[test]
fn memory_of_the_wrong_kind_is_refused_and_closed() {
    let _alone = alone();
    let before = open_descriptors();
    let page = page_size();

    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let shm = File::create_new(folder.path().join("file")).unwrap();
    rustix::fs::fallocate(&shm, FallocateFlags::empty(), 0, page as u64).unwrap();
    let taken = adopt(shm.into(), page, &mark());
    assert!(
        matches!(taken, Err(AdoptMemoryError::Seals { have: 1, .. })),
        "/dev/shm file: {taken:?}"
    );

    let unsealable = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&unsealable, page as u64).unwrap();
    let taken = adopt(unsealable, page, &mark());
    assert!(
        matches!(taken, Err(AdoptMemoryError::Seals { have: 1, .. })),
        "{taken:?}"
    );

    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB;
    if let Ok(huge) = rustix::fs::memfd_create("test", flags) {
        rustix::fs::ftruncate(&huge, 2 << 20).unwrap();
        rustix::fs::fcntl_add_seals(&huge, all_seals()).unwrap();
        let taken = adopt(huge, 2 << 20, &mark());
        let magic = 0x9584_58f6;
        assert!(
            matches!(taken, Err(AdoptMemoryError::FileSystem { magic: m }) if m == magic),
            "{taken:?}"
        );
    }
    drop(folder);
    assert_eq!(open_descriptors(), before);
}

#[test]
fn each_missing_seal_each_wrong_size_and_every_hole_is_refused() {
    let _alone = alone();
    let before = (open_descriptors(), maps());
    let page = page_size();
    let len = 4 * page;
    for missing in all_seals().iter() {
        let have = all_seals() - missing;
        let taken = adopt(memfd(len, len, have), len, &mark());
        assert!(
            matches!(taken, Err(AdoptMemoryError::Seals { have: h, .. }) if h == have.bits()),
            "without {missing:?}: {taken:?}"
        );
    }
    let taken = adopt(memfd(len, len, SealFlags::empty()), len, &mark());
    assert!(
        matches!(taken, Err(AdoptMemoryError::Seals { have: 0, .. })),
        "{taken:?}"
    );
    for wrong in [len - page, len + page, 2 * len, 1] {
        let taken = adopt(memfd(wrong, wrong, all_seals()), len, &mark());
        assert!(
            matches!(taken, Err(AdoptMemoryError::Size { size, .. }) if size == wrong as u64),
            "{wrong}: {taken:?}"
        );
    }
    let taken = adopt(memfd(len, 0, all_seals()), len, &mark());
    assert!(
        matches!(taken, Err(AdoptMemoryError::Holes { allocated: 0, .. })),
        "{taken:?}"
    );
    let taken = adopt(memfd(len, len - page, all_seals()), len, &mark());
    assert!(
        matches!(taken, Err(AdoptMemoryError::Holes { .. })),
        "{taken:?}"
    );

    let more = all_seals() | SealFlags::WRITE;
    adopt(memfd(len, len, more), len, &mark()).expect("more seals are welcome");
    assert_eq!((open_descriptors(), maps()), before);
}

#[test]
fn a_descriptor_that_may_not_be_read_is_refused() {
    let _alone = alone();
    let memory = memfd(
        page_size(),
        page_size(),
        SealFlags::SHRINK | SealFlags::GROW,
    );
    let name = format!("/proc/self/fd/{}", memory.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let write_only = rustix::fs::open(name, flags, Mode::empty()).unwrap();
    rustix::fs::fcntl_add_seals(&memory, all_seals()).unwrap();
    let taken = adopt(write_only, page_size(), &mark());
    assert!(
        matches!(taken, Err(AdoptMemoryError::Os { step: "mmap", .. })),
        "{taken:?}"
    );
}

/// All that a hostile peer tries with the descriptor that it was sent.
fn attack(fd: BorrowedFd<'_>, len: usize) -> Vec<(&'static str, Errno)> {
    let mut answers = Vec::new();
    let mut note = |what, answer: Result<(), Errno>| {
        answers.push((what, answer.expect_err(what)));
    };
    let map = |fd: BorrowedFd<'_>, access| {
        // SAFETY: a new mapping at an address of the kernel's choice.
        unsafe { rustix::mm::mmap(std::ptr::null_mut(), len, access, MapFlags::SHARED, fd, 0) }
    };
    let both = ProtFlags::READ | ProtFlags::WRITE;
    note("write", rustix::io::pwrite(fd, b"x", 0).map(drop));
    note("map for writing", map(fd, both).map(drop));
    note("shrink", rustix::fs::ftruncate(fd, 0));
    note("grow", rustix::fs::ftruncate(fd, 2 * len as u64));
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    note(
        "punch a hole",
        rustix::fs::fallocate(fd, punch, 0, len as u64),
    );
    note(
        "more seals",
        rustix::fs::fcntl_add_seals(fd, SealFlags::WRITE),
    );
    let name = format!("/proc/self/fd/{}", fd.as_raw_fd());
    if let Ok(again) = rustix::fs::open(&name, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        note(
            "write by another opening",
            rustix::io::pwrite(&again, b"x", 0).map(drop),
        );
        note("map by another opening", map(again.as_fd(), both).map(drop));
        note(
            "shrink by another opening",
            rustix::fs::ftruncate(&again, 0),
        );
    }
    let cut = OFlags::RDWR | OFlags::TRUNC | OFlags::CLOEXEC;
    note(
        "cut by opening",
        rustix::fs::open(&name, cut, Mode::empty()).map(drop),
    );
    let path = CString::new(name).unwrap();
    // SAFETY: the path is a C string that outlives the call.
    let answer = unsafe { libc::truncate(path.as_ptr(), 0) };
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap();
    note(
        "cut by name",
        if answer == 0 {
            Ok(())
        } else {
            Err(Errno::from_raw_os_error(errno))
        },
    );

    let start = map(fd, ProtFlags::READ).unwrap();
    // SAFETY: the mapping is this function's own.
    let answer = unsafe { rustix::mm::mprotect(start, len, MprotectFlags::WRITE) };
    note("make a reading map writable", answer);
    // SAFETY: the mapping is this function's own; the call is expected to fail.
    let answer = unsafe { rustix::mm::madvise(start, len, rustix::mm::Advice::LinuxRemove) };
    note("remove pages", answer);
    // SAFETY: the mapping is this function's own, and not used again.
    unsafe { rustix::mm::munmap(start, len) }.unwrap();
    answers
}

#[test]
fn a_peer_can_change_nothing() {
    let _alone = alone();
    let len = 4 * page_size();
    let ours = OwnMemory::create("test", len, &mark()).unwrap();
    for at in 0..len {
        write_byte(ours.mapping(), at, (at % 251) as u8 + 1);
    }
    let sent = ours.fd().try_clone_to_owned().unwrap();
    let theirs = adopt(ours.fd().try_clone_to_owned().unwrap(), len, &mark()).unwrap();
    let answers = attack(sent.as_fd(), len);
    assert!(answers.len() >= 10, "{answers:?}");
    for (what, errno) in answers {
        assert!(
            matches!(errno, Errno::PERM | Errno::ACCESS),
            "{what}: {errno:?}"
        );
    }
    for at in 0..len {
        assert_eq!(read_byte(&theirs, at), (at % 251) as u8 + 1, "byte {at}");
    }
    write_byte(ours.mapping(), 0, 9);
    assert_eq!(read_byte(&theirs, 0), 9, "the owner still writes");
}

/// Kilobytes of huge pages that mappings of memory of this name have in this process.
fn huge_kilobytes(name: &str) -> u64 {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut is_ours, mut sum) = (false, 0);
    for line in maps.lines() {
        let field = line.split(' ').next().unwrap();
        if !field.ends_with(':') {
            is_ours = line.contains(&format!("memfd:{name} "));
        } else if is_ours && field == "ShmemPmdMapped:" {
            let words: Vec<&str> = line.split_whitespace().collect();
            sum += words[1].parse::<u64>().unwrap();
        }
    }
    sum
}

#[test]
fn huge_pages_are_there_or_it_is_known_why_not() {
    const HUGE: usize = 2 << 20;
    let _alone = alone();
    // One page more than two huge ones.
    let len = 2 * HUGE + page_size();
    let ours = OwnMemory::create_with("huge test", len, true, &mark()).unwrap();
    let theirs = adopt(ours.fd().try_clone_to_owned().unwrap(), len, &mark()).unwrap();
    ours.mapping().prefault().unwrap();
    theirs.prefault().unwrap();
    write_byte(ours.mapping(), len - 1, 77);
    assert_eq!(read_byte(&theirs, len - 1), 77);
    assert_eq!(read_byte(&theirs, HUGE), 0, "new memory is zero");
    let huge = huge_kilobytes("huge");
    match ours.huge_pages() {
        Some(Ok(())) => assert_eq!(huge, (2 * 2 * HUGE as u64) >> 10, "of both sides"),
        refused => {
            println!("{refused:?}");
            assert!(matches!(refused, Some(Err(_))));
            assert_eq!(huge, 0);
        }
    }
    let plain = OwnMemory::create("plain test", len, &mark()).unwrap();
    assert_eq!(plain.huge_pages(), None);
}

#[test]
fn memory_that_is_shorter_than_a_huge_page_has_ordinary_ones() {
    let _alone = alone();
    let short = OwnMemory::create_with("test", page_size(), true, &mark()).unwrap();
    assert!(matches!(short.huge_pages(), Some(Err(_))));
    write_byte(short.mapping(), page_size() - 1, 7);
}

#[test]
fn a_kernel_that_makes_no_huge_pages_gives_ordinary_ones() {
    // It is for the process, for the time of the test.
    let _alone = alone();
    let disable = |on: usize| {
        // SAFETY: the call takes numbers and touches no memory.
        let answer = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, on, 0, 0, 0) };
        assert_eq!(answer, 0);
    };
    disable(1);
    let ours = OwnMemory::create_with("test", 4 << 20, true, &mark());
    disable(0);
    let ours = ours.unwrap();
    assert_eq!(ours.huge_pages(), Some(Err(HugePagesError::Unsupported)));
    let theirs = adopt(ours.fd().try_clone_to_owned().unwrap(), 4 << 20, &mark()).unwrap();
    write_byte(ours.mapping(), 7, 77);
    assert_eq!(read_byte(&theirs, 7), 77);
}
