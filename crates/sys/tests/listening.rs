//! The Unix listener: what it reclaims, what it spares, who may connect.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringmq_sys::{Address, BindError, Credentials, ListenOptions, Steal, Stream, UnixListener};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    (folder, path)
}

fn bind(path: &Path) -> Result<UnixListener, BindError> {
    UnixListener::bind(&Address::from(path), &ListenOptions::default())
}

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(20))
}

/// Leaves a dead socket, as a killed server does.
fn die_at(path: &Path) {
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    assert!(
        std::fs::symlink_metadata(path)
            .unwrap()
            .file_type()
            .is_socket()
    );
}

/// Runs `work` in a thread of its own whose effective uid is `uid`; None if we are not root.
fn as_uid<T: Send + 'static>(uid: u32, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let thread = std::thread::spawn(move || {
        // A raw system call changes the credentials of its thread alone.
        // SAFETY: no pointers; the thread ends with `work`.
        let done = unsafe { libc::syscall(libc::SYS_setresuid, -1, uid, -1) };
        assert_eq!(done, 0);
        work()
    });
    Some(thread.join().unwrap())
}

#[test]
fn bytes_go_both_ways_and_the_path_goes_with_the_listener() {
    let (folder, path) = folder();
    let listener = bind(&path).unwrap();
    assert_eq!(listener.address(), &Address::Path(path.clone()));
    let client = Stream::connect(listener.address(), soon()).unwrap();
    let server = listener.accept(soon()).unwrap();
    for (from, to) in [(&client, &server), (&server, &client)] {
        from.send(b"hello", &[], soon()).unwrap();
        let came = to.recv_exact(&mut [0; 5], 0, soon()).unwrap();
        assert_eq!(came.credentials, Some(Credentials::own()));
        assert_eq!(from.peer_cred().unwrap(), Credentials::own());
    }
    drop(listener);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing is left"
    );
}

#[test]
fn what_was_sent_before_accept_shows_its_sender() {
    let (_folder, path) = folder();
    let listener = bind(&path).unwrap();
    let client = Stream::connect(listener.address(), soon()).unwrap();
    client.send(b"x", &[], soon()).unwrap();
    let came = listener
        .accept(soon())
        .unwrap()
        .recv_exact(&mut [0], 0, soon())
        .unwrap();
    assert_eq!(came.credentials, Some(Credentials::own()));
    assert!(came.pidfd.is_some());
}

#[test]
fn a_dead_socket_is_reclaimed_and_a_live_one_is_not() {
    let (folder, path) = folder();
    die_at(&path);
    let listener = bind(&path).unwrap();
    let refused = bind(&path);
    assert!(
        matches!(refused, Err(BindError::AddrInUse { .. })),
        "{refused:?}"
    );
    // The one who asked was accepted, and is gone.
    Stream::connect(listener.address(), soon()).unwrap();
    drop(listener);
    assert!(!path.exists());
    bind(&path).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_full_backlog_is_a_live_socket() {
    let (_folder, path) = folder();
    let options = ListenOptions {
        backlog: 0,
        ..ListenOptions::default()
    };
    let listener = UnixListener::bind(&Address::from(&*path), &options).unwrap();
    let _first = Stream::connect(listener.address(), soon()).unwrap();
    let deadline = Instant::now() + Duration::from_millis(5);
    let full = Stream::connect(listener.address(), Some(deadline));
    assert_eq!(full.unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(Instant::now() >= deadline);
    let refused = bind(&path);
    assert!(
        matches!(refused, Err(BindError::AddrInUse { .. })),
        "{refused:?}"
    );

    let address = listener.address().clone();
    let patient = std::thread::spawn(move || Stream::connect(&address, soon()).map(drop));
    for _ in 0..2 {
        listener.accept(soon()).unwrap();
    }
    patient.join().unwrap().unwrap();
}

#[test]
fn what_is_no_socket_is_spared() {
    let (folder, path) = folder();
    type Make = fn(&Path);
    let kinds: [(&str, Make); 5] = [
        ("file", |path| std::fs::write(path, "precious").unwrap()),
        ("directory", |path| std::fs::create_dir(path).unwrap()),
        ("fifo", |path| {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
        }),
        ("dangling link", |path| {
            std::os::unix::fs::symlink("nowhere", path).unwrap()
        }),
        ("link to a dead socket", |path| {
            let dead = path.with_file_name("dead");
            die_at(&dead);
            std::os::unix::fs::symlink(dead, path).unwrap();
        }),
    ];
    for (name, make) in kinds {
        make(&path);
        let before = std::fs::symlink_metadata(&path).unwrap();
        let refused = bind(&path);
        let mode = before.mode();
        assert!(
            matches!(&refused, Err(BindError::NotASocket { mode: m, .. }) if *m == mode),
            "{name}: {refused:?}"
        );
        let after = std::fs::symlink_metadata(&path).unwrap();
        assert_eq!(after.ino(), before.ino(), "{name}");
        if before.is_dir() {
            std::fs::remove_dir(&path).unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
    }
    assert!(!folder.path().join("nowhere").exists());
    assert!(folder.path().join("dead").symlink_metadata().is_ok());
}

#[test]
fn a_path_that_changed_hands_is_not_removed() {
    let (_folder, path) = folder();
    let listener = bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let successor = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(listener);
    assert!(path.exists());
    drop(successor);
}

#[test]
fn permissions_are_as_asked_for_whatever_the_umask() {
    let (folder, path) = folder();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    for (mode, other_may) in [(0o600, false), (0o666, true), (0o777, true), (0o700, false)] {
        let options = ListenOptions {
            mode: Some(mode),
            ..ListenOptions::default()
        };
        let listener = UnixListener::bind(&Address::from(&*path), &options).unwrap();
        let found = std::fs::symlink_metadata(&path).unwrap().mode() & 0o7777;
        assert_eq!(found, mode, "{found:o} for {mode:o}");
        let address = listener.address().clone();
        if let Some(connected) = as_uid(65534, move || Stream::connect(&address, soon()).map(drop))
        {
            let kind = connected.err().map(|error| error.kind());
            let wanted = (!other_may).then_some(ErrorKind::PermissionDenied);
            assert_eq!(kind, wanted, "{mode:o}");
        }
    }
    let own = bind(&path).unwrap();
    let plain = folder.path().join("plain");
    let _plain = std::os::unix::net::UnixListener::bind(&plain).unwrap();
    let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().mode();
    assert_eq!(mode(&path), mode(&plain), "without the option, the umask's");
    drop(own);
}

#[test]
fn another_users_dead_socket_is_spared_in_a_directory_that_others_write() {
    let (folder, path) = folder();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    let theirs = path.clone();
    if as_uid(65534, move || die_at(&theirs)).is_none() {
        return;
    }
    let refused = bind(&path);
    assert!(
        matches!(
            refused,
            Err(BindError::NotOurs {
                uid: 65534,
                own: 0,
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(path.symlink_metadata().is_ok());
    // In a directory of our own, what is dead may go.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    bind(&path).unwrap();
}

#[test]
fn a_stranger_who_locks_the_directory_delays_but_does_not_stop() {
    let (folder, path) = folder();
    let stranger = std::fs::File::open(folder.path()).unwrap();
    stranger.lock().unwrap();
    drop(bind(&path).unwrap());
    die_at(&path);
    let refused = bind(&path);
    assert!(
        matches!(
            refused,
            Err(BindError::DirectoryLocked {
                waited_ms: 200..,
                ..
            })
        ),
        "{refused:?}"
    );
    stranger.unlock().unwrap();
    bind(&path).unwrap();
}

#[test]
fn of_many_who_want_a_dead_path_one_gets_it() {
    let (folder, path) = folder();
    for _ in 0..50 {
        die_at(&path);
        let results: Vec<_> = std::thread::scope(|scope| {
            let binders: Vec<_> = (0..8).map(|_| scope.spawn(|| bind(&path))).collect();
            binders
                .into_iter()
                .map(|binder| binder.join().unwrap())
                .collect()
        });
        let (winners, losers): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(winners.len(), 1, "{losers:?}");
        for loser in losers {
            assert!(
                matches!(loser, Err(BindError::AddrInUse { .. })),
                "{loser:?}"
            );
        }
        Stream::connect(&Address::from(&*path), soon()).expect("the winner is reached");
        drop(winners);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn abstract_names_leave_no_file_and_are_free_after_use() {
    let address = Address::Abstract(format!("ringmq-test-{}", std::process::id()).into_bytes());
    let options = ListenOptions {
        mode: Some(0o600),
        ..ListenOptions::default()
    };
    let listener = UnixListener::bind(&address, &options).unwrap();
    let refused = UnixListener::bind(&address, &options);
    assert!(
        matches!(refused, Err(BindError::AddrInUse { .. })),
        "{refused:?}"
    );
    let listed = std::fs::read_to_string("/proc/net/unix").unwrap();
    assert!(
        listed
            .lines()
            .any(|line| line.ends_with(&format!(" {address}"))),
        "exactly this name"
    );
    Stream::connect(&address, soon()).unwrap();
    drop(listener);
    let gone = Stream::connect(&address, soon()).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::ConnectionRefused);
    UnixListener::bind(&address, &options).unwrap();
}

#[test]
fn errors_name_the_step_and_the_number() {
    let nowhere = bind(Path::new("/nonexistent/socket"));
    assert!(
        matches!(&nowhere, Err(BindError::Os { step: "bind", source, .. })
            if source.raw_os_error() == Some(libc::ENOENT)),
        "{nowhere:?}"
    );
    let long = Address::Path("x".repeat(108).into());
    let refused = UnixListener::bind(&long, &ListenOptions::default());
    assert!(matches!(refused, Err(BindError::Address(_))), "{refused:?}");
    let error = Stream::connect(&long, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error =
        Stream::connect(&Address::from(Path::new("/nonexistent/socket")), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn accepting_keeps_its_deadline() {
    let (_folder, path) = folder();
    let listener = bind(&path).unwrap();
    for millis in [0, 3] {
        let deadline = Instant::now() + Duration::from_millis(millis);
        let error = listener.accept(Some(deadline)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(Instant::now() >= deadline);
    }
    let flags = rustix::io::fcntl_getfd(listener.as_fd()).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

/// A path that mkstemp(3) has reserved is for a socket that may steal; a file with contents is for none.
#[test]
fn an_empty_file_makes_way_for_a_socket_that_may_steal() {
    let (folder, path) = folder();
    let options = ListenOptions {
        steal: Steal::Always,
        ..ListenOptions::default()
    };
    let steal = || UnixListener::bind(&Address::from(path.as_path()), &options);
    std::fs::write(&path, "").unwrap();
    std::fs::hard_link(&path, folder.path().join("other name")).unwrap();
    assert!(matches!(steal(), Err(BindError::NotASocket { .. })));
    std::fs::remove_file(folder.path().join("other name")).unwrap();
    assert!(matches!(bind(&path), Err(BindError::NotASocket { .. })));
    drop(steal().unwrap());
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(steal(), Err(BindError::NotASocket { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}
