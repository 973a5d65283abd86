//! No descriptors left: the error says so, no peer is turned away, nothing leaks, and a later attempt succeeds.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use ringmq_testing::{Actor, Counters, listen, role, role_args, say, spawn_role, watchdog};
use ringmq_transport::{AcceptError, DialError, ListenError, Listener, Options, Setback, dial};

use crate::reactor::{accept, bind, connect, endpoint, read};

/// Takes all descriptors there are, under a low limit.
fn exhaust() -> Vec<OwnedFd> {
    let limit = libc::rlimit {
        rlim_cur: 60,
        rlim_max: 60,
    };
    // SAFETY: the limit is a whole value of ours.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let mut taken = Vec::with_capacity(60);
    while let Ok(fd) = std::io::stdin().as_fd().try_clone_to_owned() {
        taken.push(fd);
    }
    taken
}

/// Whether the kernel said that descriptors are short.
fn is_shortage(error: &std::io::Error) -> bool {
    Setback::of(error) == Setback::Shortage
}

/// In a process with a low limit: serves one connection after it had no descriptor for it.
fn serve(text: &str) {
    let plain = Options::default();
    let mut listener = bind(text, &plain);
    let before = Counters::now().fds;
    let taken = exhaust();
    say(&listener.endpoint().to_string());
    assert_eq!(listen(), "connected");
    for _ in 0..100 {
        let error = listener.accept().unwrap_err();
        assert!(matches!(error, AcceptError::Os(_)), "{error}");
        assert_eq!(error.setback(), Setback::Shortage);
    }

    // The other calls say it, too.
    let anywhere = Listener::bind(&endpoint("tcp://127.0.0.1:*"), &plain).unwrap_err();
    assert!(
        matches!(&anywhere, ListenError::Os { step: "socket", source, .. }
        if is_shortage(source))
    );
    let to = endpoint("tcp://127.0.0.1:9");
    let error = dial(&to, &plain, Instant::now()).unwrap_err();
    assert!(matches!(&error, DialError::Os { step: "socket", source, .. } if is_shortage(source)));

    drop(taken);
    let mut stream = accept(&mut listener);
    assert_eq!(read(&mut stream, 5), b"hello");
    drop(stream);
    assert_eq!(Counters::now().fds, before);
    say("served");
}

#[test]
fn a_listener_without_descriptors() {
    const TEST: &str = "exhausted::a_listener_without_descriptors";
    if role().is_some() {
        return serve(&role_args()[0]);
    }
    let _guard = watchdog(Duration::from_secs(60));
    for text in ["tcp://127.0.0.1:*", "ipc://*"] {
        let mut server = Actor::start(&mut spawn_role(TEST, "server", &[text]));
        let place = endpoint(&server.hear());
        let client = connect(&place, &Options::default()).unwrap();
        let hello = [std::io::IoSlice::new(b"hello")];
        assert_eq!(client.write_vectored(&hello).unwrap(), 5);
        server.tell("connected");
        assert_eq!(server.hear(), "served");
        server.finish();
    }
}
