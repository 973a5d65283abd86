//! Short-lived peers, each for one question: the time from the creation of a context to the first reply.

use std::io;
use std::time::Instant;

use ringmq::Kind;

use crate::error::Error;
use crate::report::histogram::Samples;
use crate::run::job::Side;
use crate::run::mechanism::{check_stamp, stamp};
use crate::run::side::Run;
use crate::run::sockets::talk::{SOCKETS, Sockets, Talk};
use crate::run::sockets::wire::{Wire, endpoints};

/// The near side is one short-lived peer after another, each with a context of its own. The far side answers all of
/// them. The time that a peer takes to close is not measured.
pub(crate) fn side<C: Sockets>(run: Run<'_>) -> Result<String, Error> {
    match run.side {
        Side::Near => near::<C>(run),
        Side::Far => far::<C>(run),
    }
}

fn near<C: Sockets>(run: Run<'_>) -> Result<String, Error> {
    const STEP: &str = "connect for a first reply";
    let spec = run.spec;
    let (wire, _) = Wire::of(run.ends)?;
    let endpoint = wire.receive_endpoint().map_err(Error::os(STEP, SOCKETS))?;
    let mut message = vec![0; spec.size.0];
    let mut echo = Vec::new();
    let mut samples = Samples::new();
    for n in 0..spec.warmup + spec.count {
        stamp(&mut message, n);
        let start = Instant::now();
        let context = C::new()?;
        let mut once = || -> io::Result<_> {
            let mut socket = context.socket(Kind::Req, spec.wait)?;
            socket.connect(&endpoint)?;
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
        run.progress.set(n + 1);
    }
    wire.end();
    Ok(samples.encode())
}

fn far<C: Sockets>(run: Run<'_>) -> Result<String, Error> {
    let spec = run.spec;
    let (mut wire, address) = Wire::of(run.ends)?;
    let mut echo = Vec::new();
    let socket = C::new()?.socket(Kind::Rep, spec.wait);
    let mut socket = socket.map_err(Error::os("make a ZeroMQ socket", SOCKETS))?;
    let [endpoint, _] = endpoints(spec, &address);
    let mut serve = || -> io::Result<()> {
        wire.send_endpoints(&[socket.bind(&endpoint)?])?;
        for _ in 0..spec.warmup + spec.count {
            socket.recv(&mut echo, spec.size.0)?;
            socket.send(&echo)?;
        }
        Ok(())
    };
    serve().map_err(Error::os("answer for a first time", SOCKETS))?;
    wire.wait_for_end();
    Ok(String::new())
}
