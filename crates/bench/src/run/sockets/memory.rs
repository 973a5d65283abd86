//! What a connection costs each side in memory, when it has carried one message and then nothing.

use std::fs;
use std::io::{self, Read, Write};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::Error;
use crate::plan::spec::Spec;
use crate::run::job::Side;
use crate::run::mechanism::Ends;
use crate::run::memory::Progress;
use crate::run::sockets::joint::{
    Kind, SOCKETS, Sockets, Talk, end, endpoints, hear, say, wait_for_end, wire,
};

/// Descriptors that a side needs beside one for each connection.
const OTHERS: u64 = 64;

/// All connections come at once, and for one that finds no room the kernel waits a second or more before it asks again.
const BACKLOG: i32 = 4096;

/// A PUSH connects `spec.count` times to a PULL, and sends each connection one message, which shows that it is there.
/// Each side answers by how many bytes it has grown meanwhile; what the first connection costs does not count.
pub(crate) fn side<C: Sockets>(
    spec: &Spec,
    side: Side,
    ends: Ends,
    progress: &Progress,
) -> Result<String, Error> {
    let (mut wire, address) = wire(ends)?;
    raise_limit(spec.count + OTHERS).map_err(Error::os(
        "open a descriptor for each connection",
        "raise the hard limit of open files (ulimit -Hn), or use a smaller --count",
    ))?;
    let context = C::new()?;
    let mut message = vec![0; spec.size.0];
    let mut grow = || -> io::Result<u64> {
        if side == Side::Far {
            let mut pull = context.socket(Kind::Pull, spec.wait)?;
            pull.set_backlog(BACKLOG)?;
            let [endpoint, _] = endpoints(spec, &address);
            say(&mut wire, &[pull.bind(&endpoint)?])?;
            pull.recv(&mut message, spec.size.0)?;
            let before = resident()?;
            wire.write_all(&[1])?;
            for _ in 0..=spec.count {
                pull.recv(&mut message, spec.size.0)?;
            }
            let after = resident()?;
            wire.write_all(&[2])?;
            wait_for_end(&mut wire);
            return Ok(after.saturating_sub(before));
        }
        let heard = hear(&wire)?;
        let endpoint = heard.first().map(String::as_str).unwrap_or_default();
        let mut push = context.socket(Kind::Push, spec.wait)?;
        push.connect(endpoint)?;
        push.send(&message)?;
        wire.read_exact(&mut [0])?;
        let before = resident()?;
        for n in 0..spec.count {
            push.connect(endpoint)?;
            progress.set(n + 1);
        }
        // They take turns, the first one included.
        for _ in 0..=spec.count {
            push.send(&message)?;
        }
        wire.read_exact(&mut [0])?;
        let after = resident()?;
        end(&wire);
        Ok(after.saturating_sub(before))
    };
    let grown = grow().map_err(Error::os("connect many times", SOCKETS))?;
    Ok(grown.to_string())
}

/// Bytes of this process that are in memory. Source: proc_pid_statm(5).
fn resident() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/statm")?;
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| io::Error::other("/proc/self/statm makes no sense"))?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// Lets this process have `most` descriptors.
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
