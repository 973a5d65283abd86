//! The machine, and what this user may take of it.

use std::fs;
use std::time::{Duration, Instant};

use ringmq::{Carrier, Context, Kind};

use crate::command::doctor::finding::Finding;
use crate::command::doctor::limits::limits;
use crate::command::doctor::maps;
use crate::command::doctor::variables::variables;
use crate::command::status::{self, program};

/// Processes with another libzmq that are named.
const NAMED: usize = 10;

/// Checks it.
pub(crate) fn check() -> Vec<Finding> {
    let mut findings = vec![kernel(), own_connection()];
    findings.extend(limits(std::process::id().cast_signed()));
    findings.extend(variables(|name| std::env::var(name).ok()));
    findings.extend(others());
    findings
}

/// The version of the kernel: memfds can be sealed against later writers since 5.1.
fn kernel() -> Finding {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let mut numbers = release
        .split(['.', '-'])
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= (5, 1) {
        Finding::good(format_args!("kernel {release}"))
    } else {
        Finding::problem(
            format_args!("kernel {release} has no sealed shared memory (F_SEAL_FUTURE_WRITE)"),
            "use Linux 5.1 or later; until then all connections speak ZMTP",
        )
    }
}

/// Makes a connection over ipc within this process, and sees whether it goes over to shared memory.
fn own_connection() -> Finding {
    let remedy = "what follows may say why";
    match try_own() {
        Ok(Carrier::SharedMemory) => {
            Finding::good("a connection of this process over ipc went over to shared memory")
        }
        Ok(carrier) => Finding::problem(
            format_args!("a connection of this process over ipc stays {carrier}"),
            remedy,
        ),
        Err(error) => Finding::problem(
            format_args!("a connection of this process over ipc was not made: {error}"),
            remedy,
        ),
    }
}

fn try_own() -> Result<Carrier, Box<dyn std::error::Error>> {
    let context = Context::new()?;
    let mut pull = context.socket(Kind::Pull)?;
    let mut push = context.socket(Kind::Push)?;
    pull.bind("ipc://*")?;
    let endpoint = pull.last_endpoint().to_owned();
    push.connect(&endpoint)?;
    let until = Instant::now() + Duration::from_secs(3);
    loop {
        push.send("is it shared?")?;
        pull.recv_deadline(until)?;
        let connections = push.connections();
        let carrier = connections.first().map(|connection| connection.carrier);
        match carrier {
            Some(Carrier::SharedMemory) => return Ok(Carrier::SharedMemory),
            Some(carrier) if Instant::now() >= until => return Ok(carrier),
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// The processes of this user with a libzmq and without a status page.
fn others() -> Vec<Finding> {
    let Ok(mut watcher) = status::watcher() else {
        return Vec::new();
    };
    let snapshot = watcher.look();
    let on_ringmq: Vec<i32> = snapshot.processes.iter().map(|one| one.pid).collect();
    let mut findings = vec![Finding::good(format_args!(
        "{} processes on ringmq can be seen",
        on_ringmq.len()
    ))];
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mut count = 0;
    for pid in pids.filter(|pid| !on_ringmq.contains(pid)) {
        let Some(library) = maps::libzmqs(pid).and_then(|all| all.into_iter().next()) else {
            continue;
        };
        count += 1;
        if count <= NAMED {
            let name = program::name(pid).unwrap_or_default();
            findings.push(Finding::note(
                format_args!("{name}[{pid}] has {library} mapped, and no page of ringmq"),
                format_args!(
                    "start it with `ringmq run -- COMMAND`; `ringmq doctor {pid}` says more"
                ),
            ));
        }
    }
    if count > NAMED {
        let more = count - NAMED;
        findings.push(Finding::note(
            format_args!("{more} more processes have a libzmq mapped, and no page of ringmq"),
            "start them with `ringmq run -- COMMAND`",
        ));
    }
    findings
}
