//! Faults 21 to 24: what may stand at an address, and what stands there afterwards.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::time::Duration;

use ringmq_pipe::{ConnectError, ListenError, Listener, Options};
use ringmq_sys::BindError;
use ringmq_testing::{
    Actor, Scratch, abstract_name, listen, role, role_args, say, spawn_role, watchdog,
};

use crate::peers::hear;
use crate::raw::later;

fn bind(address: &str) -> Result<Listener, ListenError> {
    Listener::bind(address, &Options::new())
}

/// A message gets through. (A process that tries to bind the address connects and hangs up: `accept` passes over that.)
#[track_caller]
fn serves(listener: &mut Listener) {
    let address = listener.address();
    ringmq_testing::scope(|scope| {
        scope.spawn(|| {
            let mut pipe = Options::new().connect(&address).unwrap();
            pipe.sender().send(b"hello").unwrap();
        });
        assert_eq!(hear(&mut listener.accept().unwrap()), b"hello");
    });
}

fn unreachable_as(address: &str) -> io::ErrorKind {
    match Options::new().connect(address).unwrap_err() {
        ConnectError::Unreachable {
            address: at,
            source,
        } => {
            assert_eq!(at.to_string(), address);
            source.kind()
        }
        other => panic!("{other}"),
    }
}

#[test]
fn the_path_of_a_killed_listener_is_taken_over() {
    const TEST: &str = "paths::the_path_of_a_killed_listener_is_taken_over";
    if role().is_some() {
        let _listener = bind(&role_args()[0]).unwrap();
        say("listening");
        listen();
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    for _ in 0..3 {
        let mut dies = Actor::start(&mut spawn_role(TEST, "dies", &[&path]));
        assert_eq!(dies.hear(), "listening");
        let error = bind(&path).unwrap_err();
        assert!(
            matches!(error, ListenError::Bind(BindError::AddrInUse { .. })),
            "{error}"
        );
        dies.kill();
        dies.wait();
        assert!(fs::metadata(&path).unwrap().file_type().is_socket());
        assert_eq!(unreachable_as(&path), io::ErrorKind::ConnectionRefused);
        let mut listener = bind(&path).unwrap();
        serves(&mut listener);
    }
    assert_eq!(fs::read_dir(scratch.path("")).unwrap().count(), 0);
}

#[test]
fn a_second_listener_is_refused_and_the_first_goes_on() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    for address in [scratch.path("socket"), abstract_name("second")] {
        let mut first = bind(&address).unwrap();
        for _ in 0..3 {
            let error = bind(&address).unwrap_err();
            match &error {
                ListenError::Bind(BindError::AddrInUse { address: at }) => {
                    assert_eq!(at.to_string(), address);
                }
                other => panic!("{other}"),
            }
            serves(&mut first);
        }
        drop(first);
        serves(&mut bind(&address).unwrap());
    }
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    let live = scratch.path("live");
    let mut listener = bind(&live).unwrap();
    let text = |path: &str| std::ffi::CString::new(path).unwrap();
    let made: [(&str, &dyn Fn()); 6] = [
        ("a file", &|| fs::write(&path, "precious").unwrap()),
        ("a directory", &|| fs::create_dir(&path).unwrap()),
        ("a named pipe", &|| {
            // SAFETY: the path is a C string.
            assert_eq!(unsafe { libc::mkfifo(text(&path).as_ptr(), 0o600) }, 0);
        }),
        ("a link to nothing", &|| {
            symlink(scratch.path("nothing"), &path).unwrap()
        }),
        ("a link to a file", &|| {
            fs::write(scratch.path("file"), "precious").unwrap();
            symlink(scratch.path("file"), &path).unwrap();
        }),
        ("a link to a socket", &|| symlink(&live, &path).unwrap()),
    ];
    for (what, make) in made {
        make();
        let before = fs::symlink_metadata(&path).unwrap();
        let error = bind(&path).unwrap_err();
        match &error {
            ListenError::Bind(BindError::NotASocket { mode, .. }) => {
                assert_eq!(*mode, before.mode(), "{what}");
            }
            other => panic!("{what}: {other}"),
        }
        let after = fs::symlink_metadata(&path).unwrap();
        assert_eq!(
            (after.ino(), after.mode(), after.len()),
            (before.ino(), before.mode(), before.len()),
            "{what}"
        );
        if before.is_dir() {
            fs::remove_dir(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
    }
    assert!(!fs::exists(scratch.path("nothing")).unwrap());
    assert_eq!(
        fs::read_to_string(scratch.path("file")).unwrap(),
        "precious"
    );
    serves(&mut listener);
}

#[test]
fn the_path_goes_with_the_listener_and_only_its_own() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    let mut listener = bind(&path).unwrap();
    serves(&mut listener);
    drop(listener);
    assert_eq!(fs::read_dir(scratch.path("")).unwrap().count(), 0);
    assert_eq!(unreachable_as(&path), io::ErrorKind::NotFound);

    // The path was removed, and another listener has bound it.
    let first = bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let mut second = bind(&path).unwrap();
    drop(first);
    serves(&mut second);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "a file").unwrap();
    drop(second);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
}

/// Pipes outlive the listener that made them.
#[test]
fn a_pipe_needs_no_listener_any_more() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    let mut listener = bind(&path).unwrap();
    let (mut left, mut right) = ringmq_testing::scope(|scope| {
        let client = scope.spawn(|| Options::new().connect(&path).unwrap());
        (listener.attempt(later()).unwrap(), client.join().unwrap())
    });
    drop(listener);
    drop(scratch);
    left.sender().send(b"still here").unwrap();
    assert_eq!(hear(&mut right), b"still here");
}

#[test]
fn the_mode_is_what_was_asked_for() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    let mode = |options: &Options| {
        let _listener = Listener::bind(&path, options).unwrap();
        fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777
    };
    for umask in [0o000, 0o022, 0o077, 0o777] {
        // SAFETY: a number; of this process, which no other test shares at this moment.
        let before = unsafe { libc::umask(umask) };
        for bits in [0o000, 0o600, 0o660, 0o666, 0o777] {
            assert_eq!(mode(&Options::new().mode(bits)), bits, "umask {umask:o}");
        }
        assert_eq!(mode(&Options::new()), 0o777 & !umask);
        // SAFETY: a number.
        unsafe { libc::umask(before) };
    }
}

/// Fault 23: the path's mode keeps another user out; fault 24: an abstract name has none, the uid does it.
#[test]
fn another_user_at_the_door() {
    const TEST: &str = "paths::another_user_at_the_door";
    if role().is_some() {
        // SAFETY: numbers only.
        assert_eq!(unsafe { libc::setresuid(65534, 65534, 65534) }, 0);
        for address in role_args() {
            say(&match Options::new().connect(&address).unwrap_err() {
                ConnectError::Unreachable { source, .. } => format!("{:?}", source.kind()),
                ConnectError::Refused(reason) => format!("{reason:?}"),
                other => panic!("{other}"),
            });
        }
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    // SAFETY: reads a number.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("skipped: only root becomes another user");
        return;
    }
    let scratch = Scratch::new();
    fs::set_permissions(scratch.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let (closed, open, name) = (
        scratch.path("closed"),
        scratch.path("open"),
        abstract_name("door"),
    );
    let _closed = Listener::bind(&closed, &Options::new().mode(0o600)).unwrap();
    let mut open_to_all = Listener::bind(&open, &Options::new().mode(0o666)).unwrap();
    let mut without_mode = Listener::bind(&name, &Options::new().mode(0o600)).unwrap();
    let mut other = Actor::start(&mut spawn_role(
        TEST,
        "other-user",
        &[&closed, &open, &name],
    ));
    assert_eq!(other.hear(), "PermissionDenied");
    for listener in [&mut open_to_all, &mut without_mode] {
        let error = listener.attempt(later()).unwrap_err();
        assert!(
            matches!(error, ConnectError::OtherUser { peer: 65534, .. }),
            "{error}"
        );
        assert_eq!(other.hear(), "OtherUser");
    }
    other.finish();
}

#[test]
fn abstract_names_leave_no_trace() {
    let _guard = watchdog(Duration::from_secs(60));
    let name = abstract_name("trace");
    assert_eq!(unreachable_as(&name), io::ErrorKind::ConnectionRefused);
    let mut listener = bind(&name).unwrap();
    assert_eq!(listener.address(), name);
    serves(&mut listener);
    let known = || {
        fs::read_to_string("/proc/net/unix")
            .unwrap()
            .contains(&name)
    };
    assert!(known() && !fs::exists(&name).unwrap());
    drop(listener);
    assert!(!known());
}

#[test]
fn addresses_that_are_none() {
    let _guard = watchdog(Duration::from_secs(60));
    let long = "x".repeat(108);
    for address in [
        "",
        "@",
        "with\0nul",
        "@with\0nul",
        &long,
        &format!("@{long}"),
    ] {
        let error = bind(address).unwrap_err();
        assert!(matches!(error, ListenError::Address(_)), "{error}");
        let error = Options::new().connect(address).unwrap_err();
        assert!(matches!(error, ConnectError::Address(_)), "{error}");
    }
    let scratch = Scratch::new();
    let missing = scratch.path("missing/socket");
    assert!(matches!(
        bind(&missing),
        Err(ListenError::Bind(BindError::Os { step: "bind", .. }))
    ));
    assert_eq!(unreachable_as(&missing), io::ErrorKind::NotFound);
}
