//! Connections, and why they are not in shared memory.

use std::time::Duration;

use ringmq::status::{Connection, Phase, Process, Protection, Snapshot, Socket};
use ringmq::{Carrier, RefusalReason, ZmtpReason};

use crate::command::doctor::finding::Finding;
use crate::command::doctor::maps;
use crate::command::doctor::namespaces::{self, Namespace};
use crate::command::info::dial::{self, Reached};
use crate::command::info::hello::{self, Hello};
use crate::command::status::program;

/// Asks the peer at an endpoint, and checks the connections of it that can be seen.
pub(crate) fn check_endpoint(
    endpoint: &str,
    timeout: Duration,
    snapshot: &Snapshot,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    match dial::dial(endpoint, timeout) {
        Err(failure) => findings.push(failure.into()),
        Ok(mut reached) => {
            findings.extend(of_process(&reached));
            match hello::listen(&mut reached, endpoint) {
                Ok(hello) => findings.extend(of_hello(endpoint, &reached, &hello, snapshot)),
                Err(failure) => findings.push(failure.into()),
            }
        }
    }
    for process in &snapshot.processes {
        for socket in &process.sockets {
            let connections = socket.connections.iter();
            for connection in connections.filter(|one| one.endpoint == endpoint) {
                findings.push(check(process, socket, connection, snapshot));
            }
        }
    }
    findings
}

/// The process that listens, by what the kernel says.
fn of_process(reached: &Reached) -> Vec<Finding> {
    let Some(peer) = &reached.process else {
        return Vec::new();
    };
    let program = peer.program.as_deref().unwrap_or("?");
    let mut findings = Vec::new();
    if peer.pid == 0 {
        findings.push(Finding::note(
            "the process that listens is in another pid namespace: in a container, or outside of this one",
            "shared memory works between containers if they have the user and the folder of the socket in common",
        ));
    } else {
        findings.push(Finding::good(format_args!(
            "{program}[{}] listens",
            peer.pid
        )));
        findings.extend(namespaces::check(program, peer.pid));
    }
    let own = rustix::process::geteuid().as_raw();
    if peer.uid != own {
        findings.push(Finding::problem(
            format_args!(
                "it runs as user {}, and this command as user {own}",
                peer.uid
            ),
            "memory is shared by processes of one user only: run both as the same user",
        ));
    }
    findings
}

/// What the peer says of itself.
fn of_hello(endpoint: &str, reached: &Reached, hello: &Hello, snapshot: &Snapshot) -> Vec<Finding> {
    let version = hello.version.as_deref().unwrap_or("?");
    let mechanism = hello.mechanism.as_deref().unwrap_or("none");
    let mut findings = vec![Finding::good(format_args!(
        "it speaks ZMTP {version}, mechanism {mechanism}"
    ))];
    if mechanism == "CURVE" {
        findings.push(Finding::note(
            "CURVE encrypts: such connections never share memory",
            "over ipc the permissions of the path may do instead of CURVE",
        ));
        return findings;
    }
    if hello.property("Socket-Type").is_none() {
        return findings;
    }
    if endpoint.starts_with("tcp://") && hello.property("X-Ringmq-Tcp").is_none() {
        findings.push(Finding::note(
            "it offers no shared memory over tcp: it is on another machine or in another network namespace, it is on \
             another ZeroMQ, or its ringmq is turned off for tcp",
            "within one machine, start it with `ringmq run -- COMMAND`, without RINGMQ_SHM=off or ipc",
        ));
        return findings;
    }
    if let Some(offered) = hello.property("X-Ringmq-Shm") {
        findings.push(Finding::good(format_args!(
            "it offers shared memory, version {offered}"
        )));
        return findings;
    }
    let pid = reached.process.as_ref().map_or(0, |peer| peer.pid);
    let on_ringmq = snapshot.processes.iter().any(|one| one.pid == pid);
    let libraries = maps::libzmqs(pid).unwrap_or_default();
    findings.push(match (on_ringmq, libraries.first()) {
        (true, _) => Finding::problem(
            "it is on ringmq, and offers no shared memory: turned off there, or short of descriptors or memory",
            format_args!("`ringmq doctor {pid}` says more"),
        ),
        (false, Some(library)) => Finding::problem(
            format_args!("it offers no shared memory: it has {library} mapped, and no page of ringmq"),
            "start it with `ringmq run -- COMMAND`",
        ),
        (false, None) => Finding::problem(
            "it offers no shared memory: it is on another ZeroMQ, or its ringmq is turned off",
            "start it with `ringmq run -- COMMAND`, without RINGMQ_SHM=off",
        ),
    });
    findings
}

/// Checks one connection.
pub(crate) fn check(
    process: &Process,
    socket: &Socket,
    connection: &Connection,
    snapshot: &Snapshot,
) -> Finding {
    let (program, pid) = (&process.name, process.pid);
    let endpoint = &connection.endpoint;
    let what = format!("{program}[{pid}] {} {endpoint}", socket.kind);
    match connection.phase {
        Phase::Connecting => {
            if let Some(finding) = out_of_reach(&what, process, endpoint, snapshot) {
                return finding;
            }
            return Finding::problem(
                format_args!("{what}: no peer"),
                format_args!(
                    "is the other side started, and bound there? `ringmq info {endpoint}` tries"
                ),
            );
        }
        Phase::Handshake => {
            return Finding::problem(
                format_args!("{what}: the peer has not introduced itself"),
                "another protocol, another mechanism, or a peer that is stopped",
            );
        }
        _ => {}
    }
    let Carrier::Zmtp(why) = connection.carrier else {
        return Finding::good(format_args!("{what}: {}", connection.carrier));
    };
    let stays = format!("{what} speaks ZMTP: {why}");
    match why {
        ZmtpReason::NotIpc => Finding::note(
            stays,
            "between network namespaces of one machine, as those of two containers, bind to an ipc:// path in a folder \
             that both have, and connect to that; a STREAM, and a connection by a SOCKS proxy, stays on tcp",
        ),
        ZmtpReason::Unproven => Finding::note(
            stays,
            "run both as the same user, in one network namespace, and connect directly: forwarders such as socat and \
             ssh -L are in between",
        ),
        ZmtpReason::Undecided => Finding::note(stays, "look again in a moment"),
        ZmtpReason::TurnedOff if connection.protection == Protection::Curve => Finding::note(
            format_args!("{what} speaks ZMTP: CURVE encrypts"),
            "over ipc the permissions of the path may do instead of CURVE",
        ),
        ZmtpReason::TurnedOff if is_tcp(connection) => Finding::problem(
            stays,
            "remove RINGMQ_SHM=off or RINGMQ_SHM=ipc, or the option of the socket; a socket with ZMQ_CONFLATE never \
             shares memory",
        ),
        ZmtpReason::TurnedOff => Finding::problem(
            stays,
            "remove RINGMQ_SHM=off, or the option of the socket; a socket with ZMQ_CONFLATE never shares memory",
        ),
        ZmtpReason::NotOffered => not_offered(&stays, process, connection, snapshot),
        ZmtpReason::Resources => Finding::problem(
            stays,
            format_args!(
                "raise the limits: `ringmq doctor {pid}` says which are near; connect again then"
            ),
        ),
        ZmtpReason::Refused(why) => refused(&stays, why, "here", "the peer"),
        ZmtpReason::RefusedByPeer(why) => refused(&stays, why, "at the peer", "this process"),
        ZmtpReason::PeerGone => Finding::note(stays, "it goes over again with the next peer"),
        _ => Finding::note(stays, "this version of the command knows no more about it"),
    }
}

/// Whether it is a connection over tcp.
fn is_tcp(connection: &Connection) -> bool {
    connection.endpoint.starts_with("tcp://")
}

/// The socket that listens at an endpoint to which a process connects in vain, where namespaces keep the two apart.
fn out_of_reach(
    what: &str,
    process: &Process,
    endpoint: &str,
    snapshot: &Snapshot,
) -> Option<Finding> {
    let by_path = endpoint.starts_with("ipc://") && !endpoint.starts_with("ipc://@");
    let namespace = if by_path {
        Namespace::Mnt
    } else {
        Namespace::Net
    };
    let listens = |socket: &Socket| socket.listeners.iter().any(|one| one == endpoint);
    let mut others = snapshot.processes.iter();
    let other = others.find(|other| {
        other.sockets.iter().any(listens) && namespace.parts(process.pid, other.pid)
    })?;
    let (name, pid) = (&other.name, other.pid);
    let kind = match namespace {
        Namespace::Mnt => "mount",
        _ => "network",
    };
    Some(Finding::problem(
        format_args!("{what}: no peer; {name}[{pid}] listens there, in another {kind} namespace"),
        namespace.means(),
    ))
}

fn not_offered(
    stays: &str,
    process: &Process,
    connection: &Connection,
    snapshot: &Snapshot,
) -> Finding {
    if is_tcp(connection) {
        return Finding::problem(
            stays,
            "run the peer on ringmq: `ringmq run -- COMMAND`, without RINGMQ_SHM=off or ipc; if a forwarder is in \
             between, such as the userland proxy of docker, the connection stays on tcp",
        );
    }
    let Some(peer) = connection.peer_pid else {
        return match connection.peer_uid {
            Some(_) => Finding::problem(
                format_args!("{stays}; the peer is in another pid namespace, as in a container"),
                "run the peer on ringmq: `ringmq run -- COMMAND` in its container, which needs the library there",
            ),
            None => Finding::problem(stays, "run the peer on ringmq: `ringmq run -- COMMAND`"),
        };
    };
    // The number of the peer is that of the process' own namespace.
    if Namespace::Pid.is_foreign(process.pid) {
        return Finding::problem(
            format_args!("{stays}; the peer is process {peer} of the container"),
            "run it on ringmq: `ringmq run -- COMMAND`; `ringmq doctor` in the container says more about it",
        );
    }
    let name = program::name(peer).unwrap_or_default();
    if snapshot.processes.iter().any(|one| one.pid == peer) {
        return Finding::problem(
            stays,
            format_args!(
                "{name}[{peer}] is on ringmq: `ringmq doctor {peer}` says what keeps it from offering"
            ),
        );
    }
    let library = maps::libzmqs(peer).and_then(|all| all.into_iter().next());
    let has = library.map_or(String::new(), |library| format!(" has {library} mapped;"));
    Finding::problem(
        stays,
        format_args!("{name}[{peer}]{has} start it with `ringmq run -- COMMAND`"),
    )
}

/// `side` has refused the memory of `owner`.
fn refused(stays: &str, why: RefusalReason, side: &str, owner: &str) -> Finding {
    let remedy = match why {
        RefusalReason::OtherUser => {
            "memory is shared by processes of one user only: run both as the same user, in the same user namespace"
                .to_owned()
        }
        RefusalReason::Version => "use the same version of ringmq on both sides".to_owned(),
        RefusalReason::Resources => format!("raise the limits {side}: `ringmq doctor PID` says which are near"),
        RefusalReason::Descriptor => {
            return Finding::problem(
                format_args!(
                    "{stays}: the memory of {owner} is no memfd, lacks seals, or did not arrive"
                ),
                "connect directly: a proxy between the two (such as socat) passes no descriptors on. All memory of ringmq is sealed; a peer whose memory is not is another program, which does not follow docs/handoff.md, section 2",
            );
        }
        _ => "use the same version of ringmq on both sides; if it is the same, this is an error of ringmq".to_owned(),
    };
    Finding::problem(stays, remedy)
}
