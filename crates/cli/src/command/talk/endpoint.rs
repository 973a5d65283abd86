//! Endpoints of the command line: which are bound and which connected to, and what is wrong with one.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ringmq::{AddressError, EndpointError, ParseEndpointError, Socket, endpoint_bytes};
use rustix::fs::{Access, access};

use crate::command::outcome::Failure;

/// What a socket does with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Bind,
    Connect,
}

/// What a socket does with an endpoint that has no prefix.
pub(crate) fn default_way(bind: bool, connect: bool, usual: Way) -> Way {
    match (bind, connect) {
        (true, _) => Way::Bind,
        (_, true) => Way::Connect,
        _ => usual,
    }
}

/// Decides for each endpoint whether the socket is bound to it: a leading `@` or `>` first, then the flags, then what is
/// usual.
pub(crate) fn ways(
    endpoints: &[String],
    bind: bool,
    connect: bool,
    usual: Way,
) -> Result<Vec<(Way, String)>, Failure> {
    let default = default_way(bind, connect, usual);
    let ways = endpoints.iter().map(|endpoint| {
        let (way, bare) = match endpoint.split_at_checked(1) {
            Some(("@", rest)) => (Way::Bind, rest),
            Some((">", rest)) => (Way::Connect, rest),
            _ => (default, endpoint.as_str()),
        };
        if bare.starts_with("inproc://") {
            let failure = Failure::usage(format_args!("{bare} stays within one process"));
            return Err(failure.remedy(FORMS));
        }
        Ok((way, bare.to_owned()))
    });
    ways.collect()
}

const FORMS: &str = "an endpoint is ipc:///path, ipc://@name or tcp://host:port";

/// Binds or connects the socket.
pub(crate) fn open(socket: &mut Socket, way: Way, endpoint: &str) -> Result<(), Failure> {
    if way == Way::Connect {
        check_path(endpoint)?;
    }
    let opened = match way {
        Way::Bind => socket.bind(endpoint),
        Way::Connect => socket.connect(endpoint),
    };
    opened.map_err(|error| explained(way, endpoint, error))
}

/// The path of an ipc endpoint that has one.
fn path(endpoint: &str) -> Option<PathBuf> {
    let name = endpoint.strip_prefix("ipc://")?;
    let named = !name.is_empty() && !name.starts_with(['@', '*']);
    named.then(|| Path::new(std::ffi::OsStr::from_bytes(&endpoint_bytes(name))).to_owned())
}

/// Fails if the path can never be connected to: there is another file, or this user may not. A path that is not there may
/// come.
fn check_path(endpoint: &str) -> Result<(), Failure> {
    let Some(path) = path(endpoint) else {
        return Ok(());
    };
    let shown = path.display();
    match fs::metadata(&path) {
        Ok(found) if !found.file_type().is_socket() => {
            let failure = Failure::work(format_args!("{endpoint}: {shown} is no socket"));
            Err(failure.remedy("name the path that the other program is bound to"))
        }
        Ok(_) if access(&path, Access::WRITE_OK).is_err() => Err(forbidden(endpoint, &shown)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(forbidden(endpoint, &shown))
        }
        _ => Ok(()),
    }
}

fn forbidden(endpoint: &str, path: &std::path::Display<'_>) -> Failure {
    let failure = Failure::work(format_args!(
        "{endpoint}: this user may not connect to {path}"
    ));
    failure.remedy("run as the user who is bound there, or let that user change the permissions")
}

/// How long a host is asked why it does not answer.
const PROBE: Duration = Duration::from_millis(300);

/// Why nothing answers at an endpoint, as far as this side sees it.
pub(crate) fn why_silent(endpoint: &str) -> Option<String> {
    if let Some(path) = path(endpoint) {
        let missing = fs::metadata(&path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        return missing.then(|| format!("there is no {} yet", path.display()));
    }
    // One with a source address is not looked at.
    let address = endpoint.strip_prefix("tcp://")?.to_owned();
    if address.contains(';') {
        return None;
    }
    // Names may take long to look up.
    let (done, answer) = mpsc::channel();
    thread::spawn(move || done.send(probe(&address)));
    answer.recv_timeout(PROBE * 2).ok().flatten()
}

/// Asks a host whether a program listens there.
fn probe(address: &str) -> Option<String> {
    let Ok(addresses) = address.to_socket_addrs() else {
        return Some("there is no such host".to_owned());
    };
    let mut refused = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, PROBE) {
            Ok(_) => return None,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                refused = Some("nothing listens there".to_owned());
            }
            Err(error) => refused = Some(format!("it cannot be reached: {error}")),
        }
    }
    refused
}

/// The failure for an endpoint, with a remedy.
fn explained(way: Way, endpoint: &str, error: EndpointError) -> Failure {
    let cause = match &error {
        EndpointError::Endpoint(error) => format!("{endpoint}: {error}"),
        error => error.to_string(),
    };
    if let EndpointError::Endpoint(error) = &error {
        let failure = Failure::usage(cause);
        return match error {
            ParseEndpointError::NotForConnect { .. } => {
                failure.remedy("* is for --bind: a peer connects to an address")
            }
            ParseEndpointError::Name(AddressError::TooLong { .. }) => {
                failure.remedy("use a shorter path, or ipc://@name, which has no file")
            }
            _ => failure.remedy(FORMS),
        };
    }
    if let EndpointError::Unfit(_) | EndpointError::Unprotected(_) = error {
        return Failure::usage(cause).remedy(FORMS);
    }
    let kind = std::io::Error::from(error).kind();
    let failure = match way {
        Way::Bind if !cause.contains(endpoint) => {
            Failure::work(format_args!("cannot bind {endpoint}: {cause}"))
        }
        _ => Failure::work(cause),
    };
    match kind {
        ErrorKind::AddrInUse => failure
            .remedy("another program is bound there: --connect to it, or choose another endpoint"),
        ErrorKind::PermissionDenied => {
            failure.remedy("choose a path in a folder of yours, or a port from 1024 on")
        }
        ErrorKind::NotFound => failure.remedy("make the folder of the path first"),
        ErrorKind::AddrNotAvailable => {
            failure.remedy("this machine has no such address; tcp://*:PORT is all of them")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_decides_before_the_flags() {
        let endpoints = ["@tcp://*:1", ">tcp://a:1", "ipc://@name"].map(str::to_owned);
        let ways = ways(&endpoints, false, false, Way::Connect).unwrap();
        let ways: Vec<_> = ways.iter().map(|(way, at)| (*way, at.as_str())).collect();
        assert_eq!(
            ways,
            [
                (Way::Bind, "tcp://*:1"),
                (Way::Connect, "tcp://a:1"),
                (Way::Connect, "ipc://@name")
            ]
        );
        let inproc = ["inproc://a".to_owned()];
        assert!(super::ways(&inproc, true, false, Way::Bind).is_err());
    }

    #[test]
    fn only_paths_are_paths() {
        assert_eq!(path("ipc:///tmp/a"), Some(PathBuf::from("/tmp/a")));
        for other in ["ipc://@a", "ipc://*", "ipc://", "tcp://a:1"] {
            assert_eq!(path(other), None);
        }
    }
}
