//! A peer that lives for one question: from the making of its context until it has the first reply.

use std::io;
use std::time::Instant;

use crate::error::Error;
use crate::plan::spec::Spec;
use crate::report::histogram::Samples;
use crate::run::job::Side;
use crate::run::mechanism::{Ends, check_stamp, stamp};
use crate::run::memory::Progress;
use crate::run::sockets::joint::{
    Kind, SOCKETS, Sockets, Talk, end, endpoints, hear, say, wait_for_end, wire,
};

/// The near side is one short-lived peer after another, each with a context of its own, and the far side answers all of
/// them. That a peer closes is not part of its time.
pub(crate) fn side<C: Sockets>(
    spec: &Spec,
    side: Side,
    ends: Ends,
    progress: &Progress,
) -> Result<String, Error> {
    const STEP: &str = "connect for a first reply";
    let (mut wire, address) = wire(ends)?;
    let mut message = vec![0; spec.size.0];
    let mut echo = Vec::new();
    if side == Side::Far {
        let socket = C::new()?.socket(Kind::Rep, spec.wait);
        let mut socket = socket.map_err(Error::os("make a ZeroMQ socket", SOCKETS))?;
        let [endpoint, _] = endpoints(spec, &address);
        let mut serve = || -> io::Result<()> {
            say(&mut wire, &[socket.bind(&endpoint)?])?;
            for _ in 0..spec.warmup + spec.count {
                socket.recv(&mut echo, spec.size.0)?;
                socket.send(&echo)?;
            }
            Ok(())
        };
        serve().map_err(Error::os("answer for a first time", SOCKETS))?;
        wait_for_end(&mut wire);
        return Ok(String::new());
    }
    let heard = hear(&wire).map_err(Error::os(STEP, SOCKETS))?;
    let endpoint = heard.first().map(String::as_str).unwrap_or_default();
    let mut samples = Samples::new();
    for n in 0..spec.warmup + spec.count {
        stamp(&mut message, n);
        let start = Instant::now();
        let context = C::new()?;
        let mut once = || -> io::Result<_> {
            let mut socket = context.socket(Kind::Req, spec.wait)?;
            socket.connect(endpoint)?;
            socket.send(&message)?;
            socket.recv(&mut echo, spec.size.0)?;
            Ok((start.elapsed(), socket))
        };
        let (took, socket) = once().map_err(Error::os(STEP, SOCKETS))?;
        check_stamp(&echo, n)?;
        drop(socket);
        if n >= spec.warmup {
            samples.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
        progress.set(n + 1);
    }
    end(&wire);
    Ok(samples.encode())
}
