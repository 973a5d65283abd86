//! `ringmq top --prometheus`: the counts for a Prometheus that asks for them.
//!
//! It answers `GET /metrics` in the text format of Prometheus, version 0.0.4. A request has 8 KiB and 5 seconds at most, and
//! 16 are answered at a time.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ringmq::status::{Connection, Flow, Process, Snapshot, Socket, Waiting};

use crate::command::outcome::Failure;
use crate::command::status::line::{carrier_name, reason_code};
use crate::command::top::looks::Looks;

/// Bytes of the longest request.
const REQUEST: usize = 8 << 10;
/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests that are answered at a time.
const MOST: usize = 16;
/// The port, if none is given.
const PORT: u16 = 9470;

/// Where to listen: `PORT`, `ADDRESS`, or `ADDRESS:PORT`. Without an address it is loopback.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if text.is_empty() {
        return Ok((loopback, PORT).into());
    }
    if let Ok(port) = text.parse() {
        return Ok((loopback, port).into());
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok((ip, PORT).into());
    }
    text.parse()
        .map_err(|_| "a port, an address, or both, such as 127.0.0.1:9470".to_owned())
}

/// Answers requests until the process ends.
pub(super) fn serve(looks: Looks, address: SocketAddr) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).map_err(|error| {
        Failure::work(format_args!("cannot listen at {address}: {error}"))
            .remedy("choose another port: --prometheus PORT")
    })?;
    let bound = listener.local_addr().unwrap_or(address);
    // The user wants to know the port that the system chose.
    let _ = writeln!(io::stderr(), "ringmq: metrics at http://{bound}/metrics");
    let looks = Arc::new(Mutex::new(looks));
    // Each answer holds a clone.
    let busy = Arc::new(());
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(_) => {
                // Descriptors run short: those of answers come back.
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        if Arc::strong_count(&busy) > MOST {
            continue;
        }
        let (looks, busy) = (Arc::clone(&looks), Arc::clone(&busy));
        let answer = move || {
            // A client that goes away needs no answer.
            let _ = answer(stream, &looks);
            drop(busy);
        };
        // Without memory for a thread the client asks again.
        let _ = std::thread::Builder::new().spawn(answer);
    }
}

fn answer(mut stream: TcpStream, looks: &Mutex<Looks>) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = match read_request(&mut stream, deadline)? {
        Some(request) => request,
        None => {
            return reply(
                &mut stream,
                "431 Request Header Fields Too Large",
                "too long\n",
            );
        }
    };
    match route(&request) {
        Route::Metrics => {
            let text = {
                let mut looks = looks.lock().unwrap_or_else(PoisonError::into_inner);
                metrics(&looks.look())
            };
            reply(&mut stream, "200 OK", &text)
        }
        Route::Nothing => reply(&mut stream, "404 Not Found", "it is at /metrics\n"),
        Route::Method => reply(&mut stream, "405 Method Not Allowed", "GET only\n"),
        Route::Bad => reply(&mut stream, "400 Bad Request", "no HTTP\n"),
    }
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    Metrics,
    Nothing,
    Method,
    Bad,
}

fn route(request: &[u8]) -> Route {
    let line = request.split(|byte| *byte == b'\r').next();
    let mut words = line.unwrap_or_default().split(|byte| *byte == b' ');
    let (method, path, version) = (words.next(), words.next(), words.next());
    let is_http = version.is_some_and(|version| version.starts_with(b"HTTP/1."));
    let (Some(method), Some(path), true) = (method, path, is_http) else {
        return Route::Bad;
    };
    let path = path.split(|byte| *byte == b'?').next();
    match (method, path) {
        (b"GET", Some(b"/metrics" | b"/")) => Route::Metrics,
        (b"GET", _) => Route::Nothing,
        _ => Route::Method,
    }
}

/// The head of a request; `None` if it is too long.
fn read_request(stream: &mut TcpStream, deadline: Instant) -> io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    let mut room = [0; 1024];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        if request.len() >= REQUEST {
            return Ok(None);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut room)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => request.extend_from_slice(&room[..read]),
        }
    }
    Ok(Some(request))
}

fn reply(stream: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// The values of a metric, for the directions that have one.
type Values = [Option<(&'static str, u64)>; 2];

/// One metric of connections.
struct Metric {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    value: fn(&Connection) -> Values,
}

fn both(connection: &Connection, value: fn(&Flow) -> Option<u64>) -> Values {
    let sent = value(&connection.sent).map(|value| ("sent", value));
    let received = value(&connection.received).map(|value| ("received", value));
    [sent, received]
}

const METRICS: [Metric; 7] = [
    Metric {
        name: "ringmq_messages_total",
        help: "Messages of a connection.",
        kind: "counter",
        value: |connection| both(connection, |flow| Some(flow.messages)),
    },
    Metric {
        name: "ringmq_bytes_total",
        help: "Bytes of a connection, with what the carrier adds.",
        kind: "counter",
        value: |connection| both(connection, |flow| flow.bytes),
    },
    Metric {
        name: "ringmq_waiting_messages",
        help: "Messages that wait.",
        kind: "gauge",
        value: |connection| both(connection, |flow| flow.waiting.map(Waiting::count)),
    },
    Metric {
        name: "ringmq_mark_messages",
        help: "Messages that may wait: the high-water mark. Absent without a limit.",
        kind: "gauge",
        value: |connection| both(connection, |flow| flow.mark),
    },
    Metric {
        name: "ringmq_dropped_messages_total",
        help: "Messages that were dropped because the peer had no room.",
        kind: "counter",
        value: |connection| [Some(("sent", connection.dropped)), None],
    },
    Metric {
        name: "ringmq_shared_memory_bytes",
        help: "Shared memory for messages to the peer.",
        kind: "gauge",
        value: |connection| [Some(("sent", connection.memory)), None],
    },
    Metric {
        name: "ringmq_wakes_total",
        help: "System calls that woke the peer, in shared memory.",
        kind: "counter",
        value: |connection| [Some(("sent", connection.wakes)), None],
    },
];

/// All metrics of a snapshot.
fn metrics(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    let connections: Vec<_> = connections(snapshot)
        .map(|(process, socket, one)| (labels(process, socket, one), one))
        .collect();
    for metric in &METRICS {
        let Metric {
            name, help, kind, ..
        } = metric;
        // Writing to a string does not fail, here and below.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for (labels, connection) in &connections {
            for (direction, value) in (metric.value)(connection).into_iter().flatten() {
                let _ = writeln!(text, "{name}{{{labels},direction=\"{direction}\"}} {value}");
            }
        }
    }
    let name = "ringmq_socket_sleeps_total";
    let help = "How often a thread slept until something happened at a socket.";
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} counter\n");
    for process in &snapshot.processes {
        for socket in &process.sockets {
            let labels = socket_labels(process, socket);
            let _ = writeln!(text, "{name}{{{labels}}} {}", socket.sleeps);
        }
    }
    text
}

fn connections(snapshot: &Snapshot) -> impl Iterator<Item = (&Process, &Socket, &Connection)> {
    snapshot.processes.iter().flat_map(|process| {
        process.sockets.iter().flat_map(move |socket| {
            let connections = socket.connections.iter();
            connections.map(move |connection| (process, socket, connection))
        })
    })
}

fn socket_labels(process: &Process, socket: &Socket) -> String {
    format!(
        "pid=\"{}\",program=\"{}\",socket=\"{}\",type=\"{}\"",
        process.pid,
        escaped(&process.name),
        socket.number,
        socket.kind,
    )
}

fn labels(process: &Process, socket: &Socket, connection: &Connection) -> String {
    let socket = socket_labels(process, socket);
    format!(
        "{socket},connection=\"{}\",endpoint=\"{}\",peer=\"{}\",peer_pid=\"{}\",carrier=\"{}\",reason=\"{}\"",
        connection.number,
        escaped(&connection.endpoint),
        escaped(&connection.peer),
        connection
            .peer_pid
            .map_or(String::new(), |pid| pid.to_string()),
        carrier_name(connection),
        reason_code(connection.carrier).unwrap_or_default(),
    )
}

/// The value of a label. Control characters were escaped when the page was read.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_lack_either_part() {
        for (text, want) in [
            ("", "127.0.0.1:9470"),
            ("9000", "127.0.0.1:9000"),
            ("0.0.0.0", "0.0.0.0:9470"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("[::1]", "[::1]:9470"),
            ("[::1]:1", "[::1]:1"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), want);
        }
        assert!(address("nowhere").is_err() && address("70000").is_err());
    }

    #[test]
    fn only_gets_of_metrics_are_answered() {
        for (request, want) in [
            ("GET /metrics HTTP/1.1\r\n\r\n", Route::Metrics),
            ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", Route::Metrics),
            ("GET /other HTTP/1.1\r\n\r\n", Route::Nothing),
            ("POST /metrics HTTP/1.1\r\n\r\n", Route::Method),
            ("GET /metrics\r\n\r\n", Route::Bad),
            ("\0\u{1}", Route::Bad),
            ("", Route::Bad),
        ] {
            assert_eq!(route(request.as_bytes()), want, "{request:?}");
        }
        assert_eq!(escaped("a\"b\\c"), "a\\\"b\\\\c");
    }
}
