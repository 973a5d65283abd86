//! One process: what it may take, and its connections.

use std::fs;

use ringmq::status::Snapshot;

use crate::command::doctor::connections;
use crate::command::doctor::finding::Finding;
use crate::command::doctor::limits::limits;
use crate::command::doctor::maps;
use crate::command::doctor::namespaces;
use crate::command::doctor::variables::variables;
use crate::command::outcome::Failure;
use crate::command::status::program;

/// Checks a process, and all of its connections.
pub(crate) fn check(pid: i32, snapshot: &Snapshot) -> Result<Vec<Finding>, Failure> {
    if fs::metadata(format!("/proc/{pid}")).is_err() {
        return Err(Failure::work(format_args!("there is no process {pid}"))
            .remedy("`ringmq ls` and `ringmq top --once` list those on ringmq"));
    }
    let name = program::name(pid).unwrap_or_default();
    let mut findings = Vec::new();
    let mine: Vec<_> = snapshot
        .processes
        .iter()
        .filter(|one| one.pid == pid)
        .collect();
    let environment = environment(pid);
    if mine.is_empty() {
        findings.push(why_unseen(pid, &name, environment.is_none()));
    }
    for process in &mine {
        let version = &process.version;
        findings.push(Finding::good(format_args!(
            "{name}[{pid}] is on ringmq {version}"
        )));
        if version != env!("CARGO_PKG_VERSION") {
            findings.push(Finding::note(
                format_args!("this command is of version {}", env!("CARGO_PKG_VERSION")),
                "both sides of a connection need versions that understand each other to share memory",
            ));
        }
    }
    let variable = |name: &str| {
        let all = environment.as_ref()?;
        let found = all.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    findings.extend(variables(variable));
    findings.extend(limits(pid));
    findings.extend(namespaces::check(&name, pid));
    for process in mine {
        for socket in &process.sockets {
            for connection in &socket.connections {
                findings.push(connections::check(process, socket, connection, snapshot));
            }
        }
    }
    Ok(findings)
}

/// Why a process shows no page.
fn why_unseen(pid: i32, name: &str, denied: bool) -> Finding {
    if denied {
        return Finding::problem(
            format_args!(
                "{name}[{pid}] may not be looked into: it belongs to another user, or has privileges"
            ),
            "run `ringmq doctor` as that user, or as root",
        );
    }
    let libraries = maps::libzmqs(pid).unwrap_or_default();
    match libraries.first() {
        Some(library) => Finding::problem(
            format_args!("{name}[{pid}] has {library} mapped, and no page of ringmq"),
            "if that is another libzmq, start the program with `ringmq run -- COMMAND`; ringmq's own shows a page once a context is made, unless RINGMQ_STATUS=off",
        ),
        None => Finding::problem(
            format_args!("{name}[{pid}] shows no sign of ringmq, nor of a libzmq"),
            "it has made no context yet, or does not use ZeroMQ, or has libzmq linked into it",
        ),
    }
}

/// The variables of a process; `None` if this user may not see them.
fn environment(pid: i32) -> Option<Vec<(String, String)>> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    Some(
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    )
}
