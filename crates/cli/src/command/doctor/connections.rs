//! Connections, and why they are not in shared memory.

use std::time::Duration;

use ringmq::status::{Connection, Phase, Process, Protection, Snapshot, Socket};
use ringmq::{Carrier, RefusalReason, ZmtpReason};

use crate::command::doctor::finding::Finding;
use crate::command::doctor::maps;
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
    if endpoint.starts_with("tcp://") {
        findings.push(Finding::note(
            "tcp connections speak ZMTP",
            "within one machine, bind to an ipc:// endpoint as well, and connect to that",
        ));
        return findings;
    }
    if hello.property("Socket-Type").is_none() {
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
            "within one machine, bind to an ipc:// endpoint as well, and connect to that",
        ),
        ZmtpReason::Undecided => Finding::note(stays, "look again in a moment"),
        ZmtpReason::TurnedOff if connection.protection == Protection::Curve => Finding::note(
            format_args!("{what} speaks ZMTP: CURVE encrypts"),
            "over ipc the permissions of the path may do instead of CURVE",
        ),
        ZmtpReason::TurnedOff => Finding::problem(
            stays,
            "remove RINGMQ_SHM=off, or the option of the socket; a socket with ZMQ_CONFLATE never shares memory",
        ),
        ZmtpReason::NotOffered => not_offered(&stays, connection, snapshot),
        ZmtpReason::Resources => Finding::problem(
            stays,
            format_args!(
                "raise the limits: `ringmq doctor {pid}` says which are near; connect again then"
            ),
        ),
        ZmtpReason::Refused(why) => refused(&stays, why, "here"),
        ZmtpReason::RefusedByPeer(why) => refused(&stays, why, "at the peer"),
        ZmtpReason::PeerGone => Finding::note(stays, "it goes over again with the next peer"),
        _ => Finding::note(stays, "this version of the command knows no more about it"),
    }
}

fn not_offered(stays: &str, connection: &Connection, snapshot: &Snapshot) -> Finding {
    let Some(peer) = connection.peer_pid else {
        return Finding::problem(stays, "run the peer on ringmq: `ringmq run -- COMMAND`");
    };
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

fn refused(stays: &str, why: RefusalReason, side: &str) -> Finding {
    let remedy = match why {
        RefusalReason::OtherUser => {
            "memory is shared by processes of one user only: run both as the same user, in the same user namespace"
                .to_owned()
        }
        RefusalReason::Version => "use the same version of ringmq on both sides".to_owned(),
        RefusalReason::Resources => format!("raise the limits {side}: `ringmq doctor PID` says which are near"),
        RefusalReason::Descriptor => {
            "a proxy between the two (such as socat) does not pass descriptors on: connect directly".to_owned()
        }
        _ => "use the same version of ringmq on both sides; if it is the same, this is an error of ringmq".to_owned(),
    };
    Finding::problem(stays, remedy)
}
