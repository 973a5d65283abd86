//! Connecting through a SOCKS5 proxy.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::Interest;
use ringmq_testing::watchdog;
use ringmq_transport::{Answer, Dial, DialError, Options, SocksError, SocksProxy, Stream, dial};

use crate::reactor::{endpoint, read, until};

/// A proxy that expects and answers, in turn, what it is given, one byte at a time, to each of its clients.
fn proxy(talk: &'static [(&[u8], &[u8])], clients: usize) -> (SocksProxy, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = thread::spawn(move || {
        for _ in 0..clients {
            let (client, _) = listener.accept().unwrap();
            serve(client, talk);
        }
    });
    // A name, so that it is looked up, and a source.
    let address = format!("127.0.0.1:0;localhost:{port}");
    (address.parse().unwrap(), serving)
}

fn serve(mut client: TcpStream, talk: &[(&[u8], &[u8])]) {
    client.set_nodelay(true).unwrap();
    for (expected, answer) in talk {
        let mut heard = vec![0; expected.len()];
        client.read_exact(&mut heard).unwrap();
        assert_eq!(heard, *expected);
        for byte in *answer {
            client.write_all(&[*byte]).unwrap();
        }
    }
    client.shutdown(Shutdown::Write).unwrap();
    // The client closes first. It need not read everything.
    let _ = client.read(&mut [0]);
}

fn connect(to: &str, options: &Options) -> Result<Stream, DialError> {
    let mut state = dial(&endpoint(to), options, Instant::now())?;
    loop {
        state = match state {
            Dial::Connected(stream) => return Ok(stream),
            Dial::Begun(mut connecting) => {
                until(&mut connecting, Interest::WRITABLE);
                connecting.poll(Instant::now())?
            }
            // The proxy is to answer.
            Dial::Waiting(mut connecting) => {
                until(&mut connecting, Interest::READABLE);
                connecting.poll(Instant::now())?
            }
            Dial::Named(named) => {
                assert_eq!(named.host(), "localhost");
                named.go_on(&Answer::look_up("localhost"), Instant::now())?
            }
        };
    }
}

fn through(proxy: SocksProxy) -> Options {
    Options {
        socks_proxy: Some(proxy),
        ..Options::default()
    }
}

#[test]
fn bytes_behind_the_answer_are_read_from_the_stream() {
    let _guard = watchdog(Duration::from_secs(60));
    let talk: &[(&[u8], &[u8])] = &[
        (b"\x05\x01\x00", b"\x05\x00"),
        (
            b"\x05\x01\x00\x03\x0cpeer.invalid\x15\xb3",
            b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38of the peer",
        ),
    ];
    let (proxy, serving) = proxy(talk, 1);
    let mut stream = connect("tcp://peer.invalid:5555", &through(proxy)).unwrap();
    assert_eq!(read(&mut stream, 11), b"of the peer");
    drop(stream);
    serving.join().unwrap();
}

#[test]
fn a_user_and_a_password_are_sent() {
    let _guard = watchdog(Duration::from_secs(60));
    let talk: &[(&[u8], &[u8])] = &[
        (b"\x05\x01\x02", b"\x05\x02"),
        (b"\x01\x02me\x06secret", b"\x01\x00"),
        (
            b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50",
            b"\x05\x00\x00\x03\x01n\x00\x00",
        ),
    ];
    let (proxy, serving) = proxy(talk, 1);
    let options = through(proxy.user("me", "secret"));
    drop(connect("tcp://192.0.2.1:80", &options).unwrap());
    serving.join().unwrap();
}

#[test]
fn refusals_and_ends_are_errors() {
    let _guard = watchdog(Duration::from_secs(60));
    let refused = |talk| {
        let (proxy, serving) = proxy(talk, 1);
        let error = connect("tcp://192.0.2.1:80", &through(proxy)).unwrap_err();
        assert!(error.fd().is_some() || matches!(error, DialError::TimedOut { .. }));
        serving.join().unwrap();
        error
    };
    let error = refused(&[(b"\x05\x01\x00", b"\x05\xff")]);
    let method = SocksError::Method { method: 255 };
    assert!(
        matches!(&error, DialError::Proxy { source, .. } if *source == method),
        "{error}"
    );
    let connects: &[u8] = b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50";
    let talk: &[_] = Vec::leak(vec![
        (&b"\x05\x01\x00"[..], &b"\x05\x00"[..]),
        (connects, b"\x05\x05"),
    ]);
    let error = refused(talk);
    assert!(
        error.to_string().ends_with("connection refused (code 5)"),
        "{error}"
    );
    // It ends in the middle of an answer.
    let error = refused(&[(b"\x05\x01\x00", b"\x05")]);
    assert!(
        matches!(error, DialError::Os { step: "SOCKS", .. }),
        "{error}"
    );
}

/// A proxy that says nothing has as long as a connection has, or 30 s.
#[test]
fn a_silent_proxy_times_out() {
    let _guard = watchdog(Duration::from_secs(60));
    for (given, has) in [(0, 30), (5, 5)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let options = Options {
            connect_timeout: Duration::from_secs(given),
            ..through(address.parse().unwrap())
        };
        let now = Instant::now();
        let begun = dial(&endpoint("tcp://192.0.2.1:80"), &options, now).unwrap();
        let Dial::Begun(mut connecting) = begun else {
            panic!("{begun:?}");
        };
        until(&mut connecting, Interest::WRITABLE);
        let Dial::Waiting(connecting) = connecting.poll(now).unwrap() else {
            panic!("it was not answered");
        };
        assert_eq!(connecting.deadline(), Some(now + Duration::from_secs(has)));
        let error = connecting.poll(now + Duration::from_secs(has)).unwrap_err();
        let after = Duration::from_secs(has);
        assert!(
            matches!(error, DialError::TimedOut { after: found, .. } if found == after),
            "{error}"
        );
    }
}

#[test]
fn a_proxy_at_no_address_connects_to_nothing() {
    let options = through(SocksProxy::of_any("no address"));
    let error = connect("tcp://127.0.0.1:1", &options).unwrap_err();
    assert!(matches!(error, DialError::Endpoint(_)), "{error}");
}
