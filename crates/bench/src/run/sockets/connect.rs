//! Short-lived peers, each for one question: the time from the creation of a context to the first reply, and the CPU
//! time of both sides.

use std::io;
use std::time::{Duration, Instant};

use ringmq::Kind;
use rustix::time::{ClockId, clock_gettime};

use crate::error::Error;
use crate::report::histogram::Samples;
use crate::run::carrier::{check_stamp, stamp};
use crate::run::job::Side;
use crate::run::side::Run;
use crate::run::sockets::security::{authenticator, security};
use crate::run::sockets::talk::{Choice, SOCKETS, Sockets, Talk};
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
    let choice = Choice {
        wait: spec.wait,
        security: security(spec, Side::Near),
        large: None,
    };
    let mut samples = Samples::new();
    let mut before = cpu_time();
    for n in 0..spec.warmup + spec.count {
        if n == spec.warmup {
            before = cpu_time();
        }
        stamp(&mut message, n);
        let start = Instant::now();
        let context = C::new()?;
        let mut once = || -> io::Result<_> {
            let mut socket = context.socket(Kind::Req, &choice)?;
            socket.connect(&endpoint)?;
            socket.send(&message)?;
            socket.recv(&mut echo, spec.size.0)?;
            Ok((start.elapsed(), socket))
        };
        let (took, socket) = once().map_err(Error::os(STEP, SOCKETS))?;
        check_stamp(&echo, n)?;
        // The context ends after its last socket.
        drop((socket, context));
        if n >= spec.warmup {
            samples.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
        run.progress.set(n + 1);
    }
    let cpu = cpu_time().saturating_sub(before).as_nanos();
    wire.end();
    Ok(format!("{cpu} {}", samples.encode()))
}

fn far<C: Sockets>(run: Run<'_>) -> Result<String, Error> {
    let spec = run.spec;
    let (mut wire, address) = Wire::of(run.ends)?;
    let mut echo = Vec::new();
    let context = C::new()?;
    let choice = Choice {
        wait: spec.wait,
        security: security(spec, Side::Far),
        large: None,
    };
    let authenticator = authenticator(&context, spec, Side::Far);
    let authenticator = authenticator.map_err(Error::os("start an authenticator", SOCKETS))?;
    let socket = context.socket(Kind::Rep, &choice);
    let mut socket = socket.map_err(Error::os("make a ZeroMQ socket", SOCKETS))?;
    let mut before = cpu_time();
    let [endpoint, _] = endpoints(spec, &address);
    let mut serve = || -> io::Result<()> {
        wire.send_endpoints(&[socket.bind(&endpoint)?])?;
        for n in 0..spec.warmup + spec.count {
            if n == spec.warmup {
                before = cpu_time();
            }
            socket.recv(&mut echo, spec.size.0)?;
            socket.send(&echo)?;
        }
        Ok(())
    };
    serve().map_err(Error::os("answer for a first time", SOCKETS))?;
    wire.wait_for_end();
    let cpu = cpu_time().saturating_sub(before).as_nanos();
    // Servers ask the authenticator as long as they are open.
    drop(socket);
    drop(authenticator);
    Ok(cpu.to_string())
}

/// The CPU time of all threads of this process, including those that have ended. Source: clock_gettime(2).
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(now).unwrap_or_default()
}
