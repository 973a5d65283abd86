//! The memory that a connection costs each side, after it has carried one message and become idle.

use std::fs;
use std::io;

use ringmq::Kind;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::Error;
use crate::plan::spec::Spec;
use crate::run::job::Side;
use crate::run::progress::Progress;
use crate::run::side::Run;
use crate::run::sockets::security::{authenticator, security};
use crate::run::sockets::talk::{Choice, SOCKETS, Sockets, Talk};
use crate::run::sockets::wire::{Wire, endpoints};

/// The descriptors that a side needs beside one for each connection.
const OTHERS: u64 = 64;

/// All connections come at once. The kernel repeats a connect that finds the backlog full only after a second or more.
const BACKLOG: i32 = 4096;

/// A PUSH connects `spec.count` times to a PULL, and sends each connection one message, which shows that it is there.
/// Each side answers by how many bytes it has grown meanwhile. The cost of the first connection does not count.
pub(crate) fn side<C: Sockets>(run: Run<'_>) -> Result<String, Error> {
    raise_limit(run.spec.count + OTHERS).map_err(Error::os(
        "open a descriptor for each connection",
        "raise the hard limit of open files (ulimit -Hn), or use a smaller --count",
    ))?;
    let context = C::new()?;
    let (wire, address) = Wire::of(run.ends)?;
    let side = run.side;
    let choice = Choice {
        wait: run.spec.wait,
        security: security(run.spec, side),
        large: None,
    };
    let authenticator = authenticator(&context, run.spec, side);
    let authenticator = authenticator.map_err(Error::os("start an authenticator", SOCKETS))?;
    let grown = match run.side {
        Side::Near => near(&context, &choice, run.spec, run.progress, wire),
        Side::Far => far(&context, &choice, run.spec, wire, &address),
    };
    drop(authenticator);
    let grown = grown.map_err(Error::os("connect many times", SOCKETS))?;
    Ok(grown.to_string())
}

/// The side with the PUSH socket.
fn near<C: Sockets>(
    context: &C,
    choice: &Choice,
    spec: &Spec,
    progress: &Progress,
    mut wire: Wire,
) -> io::Result<u64> {
    let message = vec![0; spec.size.0];
    let endpoint = wire.receive_endpoint()?;
    let mut push = context.socket(Kind::Push, choice)?;
    push.connect(&endpoint)?;
    push.send(&message)?;
    wire.receive_step()?;
    let before = resident()?;
    for n in 0..spec.count {
        push.connect(&endpoint)?;
        progress.set(n + 1);
    }
    // The connections take turns, the first one included.
    for _ in 0..=spec.count {
        push.send(&message)?;
    }
    wire.receive_step()?;
    let after = resident()?;
    wire.end();
    Ok(after.saturating_sub(before))
}

/// The side with the PULL socket.
fn far<C: Sockets>(
    context: &C,
    choice: &Choice,
    spec: &Spec,
    mut wire: Wire,
    address: &str,
) -> io::Result<u64> {
    let mut message = Vec::new();
    let mut pull = context.socket(Kind::Pull, choice)?;
    pull.set_backlog(BACKLOG)?;
    let [endpoint, _] = endpoints(spec, address);
    wire.send_endpoints(&[pull.bind(&endpoint)?])?;
    pull.recv(&mut message, spec.size.0)?;
    let before = resident()?;
    wire.send_step()?;
    for _ in 0..=spec.count {
        pull.recv(&mut message, spec.size.0)?;
    }
    let after = resident()?;
    wire.send_step()?;
    wire.wait_for_end();
    Ok(after.saturating_sub(before))
}

/// The resident bytes of this process. Source: proc_pid_statm(5).
fn resident() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/statm")?;
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| io::Error::other("/proc/self/statm makes no sense"))?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// Raises the limit of open files of this process to `most`.
fn raise_limit(most: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= most) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}
