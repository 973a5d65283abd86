//! The sockets of a side as a carrier: ringmq's and stock libzmq's through the same code.
//!
//! ```text
//!   near process                                          far process
//!   ------------                                          -----------
//!   connects out, back   <----- endpoints (wire) -------  binds
//!   the run              <========= sockets ==========>   the run
//!   ends the wire        ------- end of the wire ------>  closes its sockets
//! ```
//!
//! Over inproc both sides are threads of the near process, and the far process ends at once. The far side keeps its
//! sockets until the near side is done, because stock libzmq may lose unwritten messages when an ipc socket closes
//! (libzmq issue 4660).

use std::io;
use std::marker::PhantomData;
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use ringmq::Kind;

use crate::error::{Error, SHORT_OF};
use crate::plan::cpu::{self, Pin};
use crate::plan::sockets::{Face, Pattern};
use crate::plan::spec::Spec;
use crate::run::carrier::{Carrier, End, Ends, Wires};
use crate::run::job::Side;
use crate::run::protocol;
use crate::run::side::{self, Run};
use crate::run::sockets::library::Library;
use crate::run::sockets::security::{authenticator, security};
use crate::run::sockets::talk::{Choice, SOCKETS, Sockets, Talk};
use crate::run::sockets::wire::{Wire, endpoints};

/// The sockets of one library as a [`Carrier`].
pub(crate) struct Joint<C>(PhantomData<C>);

/// A side's sockets.
#[derive(Debug)]
pub(crate) struct Joined<S, A> {
    /// The wire to the other side; `None` within a process.
    wire: Option<Wire>,
    side: Side,
    out: S,
    /// The socket that receives, if it is not `out`.
    back: Option<S>,
    size: usize,
    /// Ends after the sockets, which ask it about peers.
    _authenticator: Option<A>,
}

/// The type of the socket that a side sends with, and of another that it receives with.
fn kinds(pattern: Pattern, side: Side) -> (Kind, Option<Kind>) {
    match (pattern, side) {
        (Pattern::Pair, _) => (Kind::Pair, None),
        (Pattern::ReqRep, Side::Near) => (Kind::Req, None),
        (Pattern::ReqRep, Side::Far) => (Kind::Rep, None),
        (Pattern::PushPull, _) => (Kind::Push, Some(Kind::Pull)),
        (Pattern::PubSub, Side::Near) => (Kind::Xpub, None),
        (Pattern::PubSub, Side::Far) => (Kind::Sub, None),
    }
}

impl<S: Talk, A> Joined<S, A> {
    fn make<C>(context: &C, spec: &Spec, side: Side) -> io::Result<Joined<S, A>>
    where
        C: Sockets<Socket = S, Authenticator = A>,
    {
        let choice = Choice {
            wait: spec.wait,
            security: security(spec, side),
            large: None,
        };
        let authenticator = authenticator(context, spec, side)?;
        let (out, back) = kinds(spec.sockets.pattern, side);
        Ok(Joined {
            wire: None,
            side,
            out: context.socket(out, &choice)?,
            back: back.map(|kind| context.socket(kind, &choice)).transpose()?,
            size: spec.size.0,
            _authenticator: authenticator,
        })
    }

    /// Binds both sockets. Returns the endpoints for the other side's `out` and `back`.
    fn bind(&mut self, endpoints: [&str; 2]) -> io::Result<Vec<String>> {
        match &mut self.back {
            None => Ok(vec![self.out.bind(endpoints[0])?]),
            Some(back) => Ok(vec![back.bind(endpoints[0])?, self.out.bind(endpoints[1])?]),
        }
    }

    /// Connects both sockets to the endpoints that `bind` returned on the other side.
    fn connect(&mut self, endpoints: &[String]) -> io::Result<()> {
        let [out, others @ ..] = endpoints else {
            return Err(io::Error::other("the other side says no endpoint"));
        };
        self.out.connect(out)?;
        match (&mut self.back, others) {
            (Some(back), [endpoint]) => back.connect(endpoint),
            (None, []) => Ok(()),
            _ => Err(io::Error::other("as many endpoints as sockets are needed")),
        }
    }
}

impl<S: Talk, A> End for Joined<S, A> {
    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.out.send(message)
    }

    #[inline]
    fn recv(&mut self, message: &mut Vec<u8>) -> io::Result<()> {
        let from = self.back.as_mut().unwrap_or(&mut self.out);
        from.recv(message, self.size)
    }
}

impl<S, A> Drop for Joined<S, A> {
    fn drop(&mut self) {
        match (self.side, &mut self.wire) {
            (_, None) => {}
            (Side::Near, Some(wire)) => wire.end(),
            (Side::Far, Some(wire)) => wire.wait_for_end(),
        }
    }
}

impl<C: Sockets> Carrier for Joint<C> {
    type End = Joined<C::Socket, C::Authenticator>;

    /// Creates the wires between the near side and each far one, and a name that no other run has.
    fn prepare(spec: &Spec) -> Result<Wires, Error> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        if matches!(C::FACE, Face::C | Face::Stock) {
            Library::open(C::FACE)?;
        }
        // ORDERING: relaxed; the numbers only have to differ.
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let mut wires = Wires {
            address: format!("ringmq-perf-{}-{run}", process::id()),
            ..Wires::default()
        };
        let mut fars = Vec::new();
        for _ in 0..spec.far_sides() {
            let (near, far) =
                UnixStream::pair().map_err(Error::os("create a pair of Unix sockets", SHORT_OF))?;
            wires.near.push(near.into());
            fars.push(vec![far.into()]);
        }
        wires.others = fars.split_off(1);
        wires.far = fars.remove(0);
        Ok(wires)
    }

    fn attach(spec: &Spec, side: Side, ends: Ends) -> Result<Self::End, Error> {
        let (mut wire, address) = Wire::of(ends)?;
        let context = C::new()?;
        let mut joined = Joined::make(&context, spec, side)
            .map_err(Error::os("make ZeroMQ sockets", SOCKETS))?;
        let mut joining = || -> io::Result<()> {
            if side == Side::Far {
                let [one, other] = endpoints(spec, &address);
                wire.send_endpoints(&joined.bind([&one, &other])?)
            } else {
                joined.connect(&wire.receive_endpoints()?)
            }
        };
        joining().map_err(Error::os("join both sides by ZeroMQ sockets", SOCKETS))?;
        joined.wire = Some(wire);
        Ok(joined)
    }
}

/// Runs both sides as threads of the near process, over inproc. The far process does nothing.
pub(crate) fn within<C: Sockets>(run: Run<'_>) -> Result<String, Error> {
    let Run {
        spec,
        side,
        progress,
        ..
    } = run;
    if side == Side::Far {
        return Ok(String::new());
    }
    let context = C::new()?;
    let make = || -> io::Result<_> {
        let mut far = Joined::make(&context, spec, Side::Far)?;
        let mut near = Joined::make(&context, spec, Side::Near)?;
        let [one, other] = endpoints(spec, "");
        near.connect(&far.bind([&one, &other])?)?;
        Ok((near, far))
    };
    let (mut near, mut far) =
        make().map_err(Error::os("join two threads by ZeroMQ sockets", SOCKETS))?;
    let far_spec = spec.clone();
    let far = thread::Builder::new()
        .name("far".to_owned())
        .spawn(move || -> Result<String, Error> {
            if let Pin::Cpus(_, cpu) = far_spec.pin {
                cpu::pin(cpu)?;
            }
            let done = side::far(&mut far, &far_spec);
            if let Err(error) = &done {
                // The near side may still wait for messages of this thread.
                protocol::fail(error);
            }
            done
        })
        .map_err(Error::os(
            "start a thread",
            "raise the limit of processes (ulimit -u)",
        ))?;
    // If the near side fails, the process ends, and the thread with it.
    let answer = side::near(&mut near, spec, progress)?;
    match far.join() {
        Ok(done) => done.map(|far| answer + &far),
        Err(_) => Err(Error::Os {
            step: "run the far side",
            source: io::Error::other("its thread panicked"),
            remedy: "this is a bug",
        }),
    }
}
