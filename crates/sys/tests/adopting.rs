//! The Unix listener beside bind: descriptors from elsewhere, live paths that are taken, calls that
//! never sleep.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{ErrorKind, IoSlice};
use std::os::fd::AsFd;
use std::path::Path;

use ringmq_sys::{
    Address, Credentials, ListenOptions, Steal, Stream, UnixListener, receive_some, send_some,
};

fn stealing() -> ListenOptions {
    ListenOptions {
        steal: Steal::Always,
        ..ListenOptions::default()
    }
}

fn bind(path: &Path, options: &ListenOptions) -> UnixListener {
    UnixListener::bind(&Address::from(path), options).unwrap()
}

#[test]
fn a_stolen_path_belongs_to_the_thief() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let robbed = bind(&path, &ListenOptions::default());
    let early = Stream::try_connect(robbed.address()).unwrap();
    let thief = bind(&path, &stealing());
    let late = Stream::try_connect(thief.address()).unwrap();
    let served = [robbed.try_accept().unwrap(), thief.try_accept().unwrap()];
    for (server, client) in served.iter().zip([&early, &late]) {
        let sent = send_some(server.as_fd(), &[IoSlice::new(b"x"), IoSlice::new(b"y")]);
        assert_eq!(sent.unwrap(), 2);
        let mut got = [0; 4];
        assert_eq!(receive_some(client.as_fd(), &mut got).unwrap(), 2);
        assert_eq!(&got, b"xy\0\0");
    }
    drop(robbed);
    drop(Stream::try_connect(thief.address()).unwrap());
    drop(thief);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_no_socket_is_not_stolen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "precious").unwrap();
    assert!(UnixListener::bind(&Address::from(&*path), &stealing()).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_given_listener_keeps_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let given = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let listener = UnixListener::adopt(given.into()).unwrap();
    assert_eq!(listener.address(), &Address::Path(path.clone()));
    let empty = listener.try_accept().unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::WouldBlock, "it was made so");
    let client = Stream::try_connect(listener.address()).unwrap();
    let server = listener.try_accept().unwrap();
    drop(client);
    // SAFETY: restores the default action (death), so that a SIGPIPE cannot go unseen; Rust's
    // runtime ignores it otherwise.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    assert_eq!(receive_some(server.as_fd(), &mut [0]).unwrap(), 0);
    let gone = send_some(server.as_fd(), &[IoSlice::new(b"x")]).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::BrokenPipe, "and no signal");
    drop(listener);
    assert!(path.exists());
}

/// A pidfd that is asked for late comes with what was sent before, too.
#[test]
fn an_accepted_stream_gives_credentials_and_pidfd_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let given = std::os::unix::net::UnixListener::bind(&path).unwrap();
    // It is in line before the listener is adopted.
    let early = Stream::try_connect(&Address::from(&*path)).unwrap();
    let adopted = UnixListener::adopt(given.into()).unwrap();
    let bound = bind(&folder.path().join("other"), &ListenOptions::default());
    let late = Stream::try_connect(bound.address()).unwrap();
    for (listener, client) in [(&adopted, &early), (&bound, &late)] {
        let server = listener.try_accept().unwrap();
        for (from, to) in [(client, &server), (&server, client)] {
            for bytes in [b"x", b"y"] {
                let sent = send_some(from.as_fd(), &[IoSlice::new(bytes)]);
                assert_eq!(sent.unwrap(), 1);
            }
            let came = to.receive_now(&mut [0], 0).unwrap().ancillary;
            assert_eq!(came.credentials, Some(Credentials::own()));
            assert!(came.pidfd.is_none());
            to.ask_for_pidfd();
            let came = to.receive_now(&mut [0], 0).unwrap().ancillary;
            assert_eq!(came.credentials, Some(Credentials::own()));
            assert!(came.pidfd.is_some());
        }
    }
}

#[test]
fn what_does_not_listen_is_not_adopted() {
    let (one, _other) = Stream::pair().unwrap();
    let file = tempfile::tempfile().unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for fd in [one.into(), file.into(), tcp.into()] {
        UnixListener::adopt(fd).unwrap_err();
    }
}

#[test]
fn a_full_backlog_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let options = ListenOptions {
        backlog: 0,
        ..ListenOptions::default()
    };
    let listener = bind(&path, &options);
    let _in_line = Stream::try_connect(listener.address()).unwrap();
    let refused = Stream::try_connect(listener.address()).unwrap_err();
    assert_eq!(refused.source.kind(), ErrorKind::WouldBlock);
    assert!(refused.fd.is_some());
}

#[test]
fn groups_of_the_peer_are_the_kernels() {
    let (one, _other) = Stream::pair().unwrap();
    let own: Vec<u32> = rustix::process::getgroups()
        .unwrap()
        .into_iter()
        .map(rustix::process::Gid::as_raw)
        .collect();
    assert_eq!(one.peer_groups().unwrap(), own);
}
