//! `ringmq top --prometheus`, asked by hand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::Duration;

use ringmq::Context;

use super::{asked, errors, ringmq};

/// A server of metrics, and its address.
struct Metrics {
    server: Child,
    address: String,
}

impl Metrics {
    fn begin() -> Metrics {
        let mut server = ringmq(&["top", "--prometheus", "0"]).spawn().unwrap();
        let mut line = String::new();
        let mut says = BufReader::new(server.stderr.take().unwrap());
        says.read_line(&mut line).unwrap();
        let address = line
            .split("http://")
            .nth(1)
            .unwrap()
            .split('/')
            .next()
            .unwrap();
        let address = address.to_owned();
        assert!(address.starts_with("127.0.0.1:"));
        Metrics { server, address }
    }

    /// The answer to these bytes.
    fn ask(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        // It may have answered and closed before all is written.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn metrics_are_served_and_bad_requests_do_no_harm() {
    let context = Context::new().unwrap();
    let (_server, _client, endpoint) = asked(&context);
    let metrics = Metrics::begin();
    // A client that says nothing keeps no other one from its answer.
    let silent = TcpStream::connect(&metrics.address).unwrap();
    for (request, status) in [
        (&b"POST /metrics HTTP/1.1\r\n\r\n"[..], "405"),
        (b"GET /nothing HTTP/1.1\r\n\r\n", "404"),
        (b"\xff\xfe\0\r\n\r\n", "400"),
        (b"GET /metrics\r\n\r\n", "400"),
    ] {
        let answer = metrics.ask(request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    let long = [b"GET /metrics HTTP/1.1\r\n", &[b'a'; 100_000][..]].concat();
    let answer = metrics.ask(&long);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
    let answer = metrics.ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())));
    let pid = format!("pid=\"{}\"", std::process::id());
    let has = |words: &[&str]| {
        let fits = |line: &&str| words.iter().all(|word| line.contains(word));
        assert!(body.lines().any(|line| fits(&line)), "{words:?} in {body}");
    };
    has(&["# TYPE ringmq_messages_total counter"]);
    has(&[
        "ringmq_messages_total{",
        &pid,
        &endpoint,
        "type=\"REP\"",
        "direction=\"received\"} 1",
    ]);
    has(&[
        "ringmq_mark_messages{",
        &pid,
        &endpoint,
        "direction=\"sent\"} 1000",
    ]);
    has(&["ringmq_socket_sleeps_total{", &pid]);
    drop(silent);
}

#[test]
fn an_address_that_is_taken_or_makes_no_sense_is_an_error() {
    let metrics = Metrics::begin();
    let output = ringmq(&["top", "--prometheus", &metrics.address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("cannot listen at"),
        "{}",
        errors(&output)
    );
    for wrong in [
        &["--prometheus", "nowhere"][..],
        &["--prometheus", "0", "--once"],
    ] {
        let output = ringmq(&[&["top"], wrong].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}
