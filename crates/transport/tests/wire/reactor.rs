//! The smallest reactor: one source, until it is ready.

use std::time::Instant;

use mio::event::Source;
use mio::{Events, Interest, Poll, Token};
use ringmq_transport::{Answer, Dial, DialError, Endpoint, Listener, Options, Stream, dial};

/// Sleeps until the source has an event. The watchdog limits it.
pub(crate) fn until(source: &mut impl Source, interest: Interest) {
    let mut poll = Poll::new().unwrap();
    source
        .register(poll.registry(), Token(0), interest)
        .unwrap();
    let mut events = Events::with_capacity(1);
    while events.is_empty() {
        match poll.poll(&mut events, None) {
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::Interrupted),
        }
    }
    source.deregister(poll.registry()).unwrap();
}

/// Whether this machine has IPv6; a test that needs it says why it does nothing.
pub(crate) fn ipv6() -> bool {
    let there = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !there {
        eprintln!("skipped: ::1 is not there");
    }
    there
}

pub(crate) fn endpoint(text: &str) -> Endpoint {
    text.parse().unwrap()
}

pub(crate) fn bind(text: &str, options: &Options) -> Listener {
    Listener::bind(&endpoint(text), options).unwrap()
}

/// Connects to the end, sleeping as a reactor would.
pub(crate) fn connect(to: &Endpoint, options: &Options) -> Result<Stream, DialError> {
    let mut state = dial(to, options, Instant::now())?;
    loop {
        state = match state {
            Dial::Connected(stream) => return Ok(stream),
            Dial::Begun(mut connecting) | Dial::Waiting(mut connecting) => {
                until(&mut connecting, Interest::WRITABLE);
                connecting.poll(Instant::now())?
            }
            Dial::Named(named) => {
                let answer = Answer::look_up(named.host());
                named.go_on(&answer, Instant::now())?
            }
        };
    }
}

/// Sleeps until a peer connects, and accepts it.
pub(crate) fn accept(listener: &mut Listener) -> Stream {
    loop {
        if let Some(stream) = listener.accept().unwrap() {
            return stream;
        }
        until(listener, Interest::READABLE);
    }
}

/// Both ends of a connection: the client's, the server's.
pub(crate) fn pair(listener: &mut Listener, options: &Options) -> (Stream, Stream) {
    let client = connect(&listener.endpoint().clone(), options).unwrap();
    (client, accept(listener))
}

/// Reads until `want` bytes have come, or the stream has ended.
pub(crate) fn read(stream: &mut Stream, want: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while all.len() < want {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(some) => all.extend_from_slice(&piece[..some]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                until(stream, Interest::READABLE);
            }
            Err(error) => panic!("{error}"),
        }
    }
    all
}
