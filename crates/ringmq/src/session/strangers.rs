//! Processes at the other end of a Unix socket that have yet to prove that they are the other end of a tcp connection.

use std::io;
use std::os::fd::AsFd;

use ringmq_sys::Credentials;
use ringmq_transport::Stream;

use crate::session::introduction::{FRAME, Hello};

/// What came on a Unix socket.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Nothing yet.
    Nothing,
    /// A whole frame of a process of this user.
    Hello(Hello),
    /// The end, another user, or what is no frame.
    Wrong,
}

/// Receives a frame. It was sent at once, and is there whole or not at all.
pub(crate) fn receive(unix: &ringmq_sys::Stream) -> Heard {
    let mut frame = [0; FRAME];
    match unix.receive_now(&mut frame, 0) {
        Ok(came)
            if came.bytes == FRAME && !came.lost && is_of_our_user(came.ancillary.credentials) =>
        {
            Hello::decode(&frame).map_or(Heard::Wrong, Heard::Hello)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Heard::Nothing,
        _ => Heard::Wrong,
    }
}

/// Sends a frame, whole. Returns false if it does not go.
pub(crate) fn sends(unix: &ringmq_sys::Stream, hello: &Hello) -> bool {
    unix.send_now(&hello.encode(), &[])
        .is_ok_and(|sent| sent == FRAME)
}

/// Returns true if the kernel names a process of this user.
pub(crate) fn is_of_our_user(credentials: Option<Credentials>) -> bool {
    credentials.is_some_and(|theirs| theirs.uid == Credentials::own().uid)
}

/// Returns true if the other end of a Unix socket has closed, and nothing is in it.
pub(crate) fn is_left(unix: &Stream) -> bool {
    ringmq_sys::is_at_end(unix.as_fd())
}
