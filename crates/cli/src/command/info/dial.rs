//! Connects to an endpoint, without a socket of ringmq.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::{Duration, Instant};

use crate::command::outcome::Failure;
use crate::command::status::program;

/// A stream that can be read with a timeout.
pub(crate) trait Stream: Read + Write {
    fn limit(&self, time: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn limit(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))?;
        self.set_write_timeout(Some(time))
    }
}

impl Stream for UnixStream {
    fn limit(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))?;
        self.set_write_timeout(Some(time))
    }
}

/// A peer that has accepted.
pub(crate) struct Reached {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) address: String,
    /// The time that connecting took.
    pub(crate) took: Duration,
    pub(crate) until: Instant,
    /// Over ipc, the process that called listen.
    pub(crate) process: Option<Peer>,
}

/// The process at the other end, as the kernel knows it.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// 0 if it is in another pid namespace.
    pub(crate) pid: i32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) program: Option<String>,
}

/// Where an endpoint leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    Tcp(&'a str),
    Path(&'a str),
    Abstract(&'a str),
}

/// What an endpoint says.
pub(crate) fn parse(endpoint: &str) -> Result<Place<'_>, Failure> {
    let wrong = |why: &str| {
        Failure::usage(format_args!("{endpoint:?} {why}"))
            .remedy("write tcp://HOST:PORT, ipc://PATH or ipc://@NAME")
    };
    if let Some(name) = endpoint.strip_prefix("ipc://@") {
        return match name.len() {
            0 => Err(wrong("has no name")),
            1..=107 => Ok(Place::Abstract(name)),
            _ => Err(wrong("has a name of more than 107 bytes")),
        };
    }
    if let Some(path) = endpoint.strip_prefix("ipc://") {
        return match path.len() {
            0 => Err(wrong("has no path")),
            1..=107 if path != "*" => Ok(Place::Path(path)),
            1..=107 => Err(wrong("is for binding only")),
            _ => Err(wrong("has a path of more than 107 bytes")),
        };
    }
    if let Some(address) = endpoint.strip_prefix("tcp://") {
        let port = address
            .rsplit_once(':')
            .map(|(host, port)| (host, port.parse::<u16>()));
        return match port {
            Some(("" | "*", _)) => Err(wrong("names no host")),
            Some((_, Ok(1..))) => Ok(Place::Tcp(address)),
            _ => Err(wrong("names no port")),
        };
    }
    if endpoint.starts_with("inproc://") {
        return Err(wrong(
            "is within one process: no other one can connect to it",
        ));
    }
    Err(wrong("is no endpoint that can be asked"))
}

/// Connects.
pub(crate) fn dial(endpoint: &str, timeout: Duration) -> Result<Reached, Failure> {
    let begin = Instant::now();
    let until = begin + timeout;
    let (stream, address, process): (Box<dyn Stream>, _, _) = match parse(endpoint)? {
        Place::Tcp(address) => {
            let stream = dial_tcp(address, until).map_err(|error| no_peer(endpoint, &error))?;
            let peer = stream.peer_addr();
            let peer = peer.map_or_else(|_| address.to_owned(), |peer| peer.to_string());
            (Box::new(stream), peer, None)
        }
        Place::Path(path) => {
            let stream = UnixStream::connect(path).map_err(|error| no_peer(endpoint, &error))?;
            let process = peer_of(&stream);
            (Box::new(stream), path.to_owned(), process)
        }
        Place::Abstract(name) => {
            let stream = SocketAddr::from_abstract_name(name)
                .and_then(|address| UnixStream::connect_addr(&address))
                .map_err(|error| no_peer(endpoint, &error))?;
            let process = peer_of(&stream);
            (Box::new(stream), format!("@{name}"), process)
        }
    };
    Ok(Reached {
        stream,
        address,
        took: begin.elapsed(),
        until,
        process,
    })
}

fn dial_tcp(address: &str, until: Instant) -> io::Result<TcpStream> {
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for address in address.to_socket_addrs()? {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Why no peer was reached, and what helps.
fn no_peer(endpoint: &str, error: &io::Error) -> Failure {
    let cause = format!("cannot connect to {endpoint}: {error}");
    let is_ipc = endpoint.starts_with("ipc://");
    match error.kind() {
        io::ErrorKind::TimedOut => Failure::timeout(cause)
            .remedy("a firewall may drop what is sent there; --timeout SECONDS waits longer"),
        io::ErrorKind::ConnectionRefused if is_ipc => Failure::work(cause).remedy(
            "no process listens there: the socket file is left from one that has ended, and the next bind replaces it",
        ),
        io::ErrorKind::ConnectionRefused => Failure::work(cause)
            .remedy("no process listens at this port: is the server started, and bound to this address?"),
        io::ErrorKind::NotFound if is_ipc => Failure::work(cause)
            .remedy("no process has bound this path; `ringmq ls` lists those that are bound"),
        io::ErrorKind::PermissionDenied => Failure::work(cause)
            .remedy("the permissions of the socket file or of its folder do not let this user connect"),
        _ => Failure::work(cause),
    }
}

fn peer_of(stream: &UnixStream) -> Option<Peer> {
    let peer = ringmq::peer_credentials(stream).ok()?;
    Some(Peer {
        pid: peer.pid,
        uid: peer.uid,
        gid: peer.gid,
        program: program::name(peer.pid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_checked_before_anything_is_done() {
        assert!(parse("tcp://localhost:5555").is_ok_and(|at| at == Place::Tcp("localhost:5555")));
        assert!(parse("tcp://[::1]:5555").is_ok());
        assert!(parse("ipc:///tmp/a").is_ok_and(|at| at == Place::Path("/tmp/a")));
        assert!(parse("ipc://@a").is_ok_and(|at| at == Place::Abstract("a")));
        let long = format!("ipc:///{}", "x".repeat(107));
        for wrong in [
            "",
            "x",
            "tcp://",
            "tcp://a",
            "tcp://a:",
            "tcp://a:x",
            "tcp://a:0",
            "tcp://*:1",
            "ipc://",
            "ipc://*",
            "ipc://@",
            "inproc://a",
            "udp://a:1",
            &long,
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
