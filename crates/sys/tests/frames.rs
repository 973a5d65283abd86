//! Frames and descriptors over a connected socket: whole, or a typed error and nothing left open.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use ringmq_sys::{Credentials, RecvError, Stream};

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

fn null() -> OwnedFd {
    std::fs::File::open("/dev/null").unwrap().into()
}

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(20))
}

#[test]
fn descriptors_come_in_order_and_close_on_exec() {
    let _alone = alone();
    let before = open_descriptors();
    for count in [0, 1, 2, 3, 253] {
        let (ours, theirs) = Stream::pair().unwrap();
        let sent: Vec<OwnedFd> = (0..count).map(|_| memfd()).collect();
        let lent: Vec<BorrowedFd<'_>> = sent.iter().map(AsFd::as_fd).collect();
        ours.send(b"frame", &lent, soon()).unwrap();
        let mut frame = [0; 5];
        let came = theirs.recv_exact(&mut frame, count, soon()).unwrap();
        assert_eq!(&frame, b"frame");
        assert_eq!(came.fds.len(), count);
        for (sent, came) in sent.iter().zip(&came.fds) {
            assert_eq!(inode(sent), inode(came));
            let flags = rustix::io::fcntl_getfd(came).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        }
        assert_eq!(came.credentials, Some(Credentials::own()));
        let pidfd = came.pidfd.unwrap();
        let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()));
        let line = format!("Pid:\t{}\n", std::process::id());
        assert!(about.unwrap().contains(&line));
    }
    assert_eq!(open_descriptors(), before);
}

fn memfd() -> OwnedFd {
    rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap()
}

fn inode(fd: &OwnedFd) -> u64 {
    rustix::fs::fstat(fd).unwrap().st_ino
}

#[test]
fn more_than_expected_is_an_error_and_all_are_closed() {
    let _alone = alone();
    for (sent, max) in [
        (1, 0),
        (2, 0),
        (2, 1),
        (3, 1),
        (4, 2),
        (10, 2),
        (100, 7),
        (253, 0),
        (253, 252),
    ] {
        let (ours, theirs) = Stream::pair().unwrap();
        let one = null();
        let before = open_descriptors();
        ours.send(b"frame", &vec![one.as_fd(); sent], soon())
            .unwrap();
        let came = theirs.recv_exact(&mut [0; 5], max, soon());
        assert!(
            matches!(
                came,
                Err(RecvError::TooManyDescriptors { .. } | RecvError::DescriptorsLost { .. })
            ),
            "{sent} for {max}: {came:?}"
        );
        drop(came);
        assert_eq!(open_descriptors(), before, "{sent} for {max}");
    }
}

#[test]
fn descriptors_of_every_piece_are_gathered_and_counted_together() {
    let _alone = alone();
    let one = null();
    let before = open_descriptors();
    for max in 0..5 {
        let (ours, theirs) = Stream::pair().unwrap();
        ours.send(b"ab", &[one.as_fd()], soon()).unwrap();
        ours.send(b"cd", &[], soon()).unwrap();
        ours.send(b"ef", &[one.as_fd(), one.as_fd()], soon())
            .unwrap();
        let mut frame = [0; 6];
        let came = theirs.recv_exact(&mut frame, max, soon());
        if max < 3 {
            assert!(came.is_err(), "{max}");
        } else {
            assert_eq!((came.unwrap().fds.len(), &frame), (3, b"abcdef"));
        }
    }
    assert_eq!(open_descriptors(), before);
}

#[test]
fn a_split_control_message_is_no_way_around_the_count() {
    let _alone = alone();
    let one = null();
    let before = open_descriptors();
    for (max, good) in [(2, true), (1, false), (0, false)] {
        let (ours, theirs) = Stream::pair().unwrap();
        send_split(ours.as_fd(), one.as_raw_fd());
        let came = theirs.recv_exact(&mut [0; 1], max, soon());
        assert_eq!(came.is_ok(), good, "{max}: {came:?}");
        assert!(!good || came.unwrap().fds.len() == 2);
    }
    assert_eq!(open_descriptors(), before);
}

/// One byte with two SCM_RIGHTS messages of one descriptor each.
fn send_split(socket: BorrowedFd<'_>, fd: i32) {
    let mut control: Vec<u8> = Vec::new();
    for _ in 0..2 {
        control.extend(20usize.to_ne_bytes());
        control.extend(libc::SOL_SOCKET.to_ne_bytes());
        control.extend(libc::SCM_RIGHTS.to_ne_bytes());
        control.extend(fd.to_ne_bytes());
        control.extend([0; 4]);
    }
    let mut byte = [7u8];
    let mut piece = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    // SAFETY: all-zero bytes are a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut piece;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = control.len() as _;
    // SAFETY: the message describes arrays that outlive the call.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &message, 0) };
    assert_eq!(sent, 1);
}

#[test]
fn descriptors_of_a_later_frame_stay_where_they_are() {
    let _alone = alone();
    let (ours, theirs) = Stream::pair().unwrap();
    let one = null();
    ours.send(b"head", &[], soon()).unwrap();
    ours.send(b"body", &[one.as_fd()], soon()).unwrap();
    assert!(
        theirs
            .recv_exact(&mut [0; 4], 0, soon())
            .unwrap()
            .fds
            .is_empty()
    );
    assert_eq!(
        theirs.recv_exact(&mut [0; 4], 1, soon()).unwrap().fds.len(),
        1
    );

    ours.send(b"one", &[one.as_fd()], soon()).unwrap();
    assert_eq!(
        theirs.recv_exact(&mut [0; 1], 1, soon()).unwrap().fds.len(),
        1
    );
    assert!(
        theirs
            .recv_exact(&mut [0; 2], 0, soon())
            .unwrap()
            .fds
            .is_empty()
    );
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let _alone = alone();
    let (ours, theirs) = Stream::pair().unwrap();
    let one = null();
    let kind = |result: std::io::Result<()>| result.unwrap_err().kind();
    let invalid = std::io::ErrorKind::InvalidInput;
    assert_eq!(kind(ours.send(b"x", &[one.as_fd(); 254], soon())), invalid);
    assert_eq!(kind(ours.send(b"", &[one.as_fd()], soon())), invalid);
    ours.send(b"", &[], soon()).unwrap();
    assert_eq!(theirs.recv_exact(&mut [], 0, None).unwrap().fds.len(), 0);
}

#[test]
fn a_deadline_is_kept_and_never_early() {
    let _alone = alone();
    let (ours, theirs) = Stream::pair().unwrap();
    ours.send(b"ab", &[], soon()).unwrap();
    let deadline = Instant::now() + Duration::from_millis(3);
    let came = theirs.recv_exact(&mut [0; 4], 0, Some(deadline));
    assert!(
        matches!(came, Err(RecvError::TimedOut { got: 2, want: 4 })),
        "{came:?}"
    );
    assert!(Instant::now() >= deadline);

    let much = vec![0; 16 << 20];
    let deadline = Instant::now() + Duration::from_millis(3);
    let error = ours.send(&much, &[], Some(deadline)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(Instant::now() >= deadline);

    let past = Instant::now().checked_sub(Duration::from_secs(1));
    let (_other, silent) = Stream::pair().unwrap();
    let came = silent.recv_exact(&mut [0; 4], 0, past);
    assert!(
        matches!(came, Err(RecvError::TimedOut { got: 0, want: 4 })),
        "{came:?}"
    );
}

#[test]
fn a_peer_that_closes_is_told_from_one_that_is_silent() {
    let _alone = alone();
    let (ours, theirs) = Stream::pair().unwrap();
    ours.send(b"ab", &[], soon()).unwrap();
    drop(ours);
    let came = theirs.recv_exact(&mut [0; 4], 0, soon());
    assert!(
        matches!(came, Err(RecvError::Closed { got: 2, want: 4 })),
        "{came:?}"
    );

    let (ours, theirs) = Stream::pair().unwrap();
    theirs.send(b"unread", &[], soon()).unwrap();
    drop(ours);
    let came = theirs.recv_exact(&mut [0; 4], 0, soon());
    assert!(
        matches!(came, Err(RecvError::Closed { got: 0, want: 4 })),
        "{came:?}"
    );
}

#[test]
fn sending_without_a_receiver_raises_no_signal() {
    let _alone = alone();
    // SAFETY: restores the default action (death), so that a SIGPIPE cannot go unseen; Rust's
    // runtime ignores it otherwise.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (ours, theirs) = Stream::pair().unwrap();
    drop(theirs);
    let error = ours.send(b"x", &[], soon()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn a_large_frame_comes_in_pieces_and_whole() {
    let _alone = alone();
    let (ours, theirs) = Stream::pair().unwrap();
    let sent: Vec<u8> = (0..8 << 20).map(|i| (i % 251) as u8).collect();
    let expected = sent.clone();
    let one = null();
    let writer = std::thread::spawn(move || ours.send(&sent, &[one.as_fd()], soon()).unwrap());
    let mut frame = vec![0; expected.len()];
    let came = theirs.recv_exact(&mut frame, 1, soon()).unwrap();
    assert_eq!(came.fds.len(), 1);
    assert!(frame == expected);
    writer.join().unwrap();
}

#[test]
fn a_peer_that_asks_for_nothing_still_shows_who_it_is() {
    let _alone = alone();
    // Bytes sent before the receiver asked for credentials carry them, because the sender gave them.
    let (ours, theirs) = Stream::pair().unwrap();
    rustix::net::sockopt::set_socket_passcred(&theirs, false).unwrap();
    rustix::net::sockopt::set_socket_passcred(&ours, false).unwrap();
    ours.send(b"early", &[], soon()).unwrap();
    rustix::net::sockopt::set_socket_passcred(&theirs, true).unwrap();
    let came = theirs.recv_exact(&mut [0; 5], 0, soon()).unwrap();
    assert_eq!(came.credentials, Some(Credentials::own()));
    assert_eq!(theirs.peer_cred().unwrap(), Credentials::own());
}
