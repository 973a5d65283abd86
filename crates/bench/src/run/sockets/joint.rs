//! ZeroMQ sockets, ringmq's and stock libzmq's, through the same code.
//!
//! ```text
//!   near process                                          far process
//!   ------------                                          -----------
//!   connects out, back   <-- where it is bound (wire) --  binds, and says where
//!   the run              <========= sockets ==========>   the run
//!   closes the wire      ------- end of the wire ------>  closes its sockets
//! ```
//!
//! Over inproc both are threads of the near process, and the far one ends at once. The far side keeps its sockets until
//! the near one is done, for stock libzmq may lose what it has not yet written when an ipc socket closes
//! (libzmq issue 4660).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::error::{Error, SHORT_OF};
use crate::plan::cpu::{self, Pin};
use crate::plan::sockets::{Face, Pattern};
use crate::plan::spec::{Spec, Transport, Wait};
use crate::run::job::Side;
use crate::run::mechanism::{End, Ends, Mechanism, Wires};
use crate::run::memory::Progress;
use crate::run::peer;

pub(crate) use crate::run::sockets::loaded::{OwnC, Stock};
pub(crate) use crate::run::sockets::ours::{Ours, Plain};

/// A socket type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Pair,
    Req,
    Rep,
    Push,
    Pull,
}

/// A context of one library.
pub(crate) trait Sockets: Clone + Send + Sized + 'static {
    /// Its sockets.
    type Socket: Talk + Send + 'static;

    /// Which library this is of.
    const FACE: Face;

    /// Makes one.
    fn new() -> Result<Self, Error>;

    /// Makes a socket that waits so.
    fn socket(&self, kind: Kind, wait: Wait) -> io::Result<Self::Socket>;
}

/// A socket.
pub(crate) trait Talk {
    /// Sets how many connections may wait to be accepted.
    fn set_backlog(&mut self, connections: i32) -> io::Result<()>;

    /// Binds, and says where others can connect.
    fn bind(&mut self, endpoint: &str) -> io::Result<String>;

    /// Connects.
    fn connect(&mut self, endpoint: &str) -> io::Result<()>;

    /// Sends a message of one part.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;

    /// Receives a message of one part, of `size` bytes at most.
    fn recv(&mut self, message: &mut Vec<u8>, size: usize) -> io::Result<()>;
}

/// What may help where sockets are refused.
pub(crate) const SOCKETS: &str =
    "raise the limit of open files (ulimit -n), and see that the loopback device is up";

/// The sockets of one library as a [`Mechanism`].
pub(crate) struct Joint<C>(PhantomData<C>);

/// A side's sockets.
#[derive(Debug)]
pub(crate) struct Joined<S> {
    /// Over which the sides tell each other what they cannot by sockets; none within a process.
    wire: Option<UnixStream>,
    side: Side,
    out: S,
    /// Where messages come back, if not to `out`.
    back: Option<S>,
    size: usize,
}

/// What a side makes: its socket to send with, and another to receive with.
fn kinds(pattern: Pattern, side: Side) -> (Kind, Option<Kind>) {
    match (pattern, side) {
        (Pattern::Pair, _) => (Kind::Pair, None),
        (Pattern::ReqRep, Side::Near) => (Kind::Req, None),
        (Pattern::ReqRep, Side::Far) => (Kind::Rep, None),
        (Pattern::PushPull, _) => (Kind::Push, Some(Kind::Pull)),
    }
}

impl<S: Talk> Joined<S> {
    fn make<C: Sockets<Socket = S>>(context: &C, spec: &Spec, side: Side) -> io::Result<Joined<S>> {
        let (out, back) = kinds(spec.sockets.pattern, side);
        Ok(Joined {
            wire: None,
            side,
            out: context.socket(out, spec.wait)?,
            back: back
                .map(|kind| context.socket(kind, spec.wait))
                .transpose()?,
            size: spec.size.0,
        })
    }

    /// Binds both; answers where the other side's `out` and `back` are to connect.
    fn bind(&mut self, endpoints: [&str; 2]) -> io::Result<Vec<String>> {
        match &mut self.back {
            None => Ok(vec![self.out.bind(endpoints[0])?]),
            Some(back) => Ok(vec![back.bind(endpoints[0])?, self.out.bind(endpoints[1])?]),
        }
    }

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

impl<S: Talk> End for Joined<S> {
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

impl<S> Drop for Joined<S> {
    fn drop(&mut self) {
        match (self.side, &mut self.wire) {
            (_, None) => {}
            (Side::Near, Some(wire)) => end(wire),
            (Side::Far, Some(wire)) => wait_for_end(wire),
        }
    }
}

/// Tells the far side that this one is done. Closing would not do: the supervisor has the wire, too.
pub(crate) fn end(wire: &UnixStream) {
    // An error means that the other side is gone, and waits no more.
    let _ = wire.shutdown(Shutdown::Both);
}

/// Waits until the near side is done. If it dies, the supervisor ends this one.
pub(crate) fn wait_for_end(wire: &mut UnixStream) {
    // Nothing is said any more; an error is an end, too.
    let _ = wire.read(&mut [0]);
}

/// Tells the other side where this one is bound.
pub(crate) fn say(wire: &mut UnixStream, endpoints: &[String]) -> io::Result<()> {
    wire.write_all(format!("{}\n", endpoints.join(" ")).as_bytes())
}

/// Hears where the other side is bound.
pub(crate) fn hear(wire: &UnixStream) -> io::Result<Vec<String>> {
    let mut line = String::new();
    BufReader::new(wire).read_line(&mut line)?;
    Ok(line.split_whitespace().map(str::to_owned).collect())
}

/// Where the far side binds, given what was made up for this run.
pub(crate) fn endpoints(spec: &Spec, address: &str) -> [String; 2] {
    ["a", "b"].map(|one| match spec.transport {
        Transport::ZmqTcp => "tcp://127.0.0.1:*".to_owned(),
        // Abstract: nothing can be left behind.
        Transport::ZmqIpc => format!("ipc://@{address}{one}"),
        _ => format!("inproc://{one}"),
    })
}

/// The wire of a side.
pub(crate) fn wire(ends: Ends) -> Result<(UnixStream, String), Error> {
    let address = ends.address.clone();
    let [wire] = ends.take()?;
    Ok((UnixStream::from(wire), address))
}

impl<C: Sockets> Mechanism for Joint<C> {
    type End = Joined<C::Socket>;

    /// A wire between both sides, and a name that no other run has.
    fn prepare(_: &Spec) -> Result<Wires, Error> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        if matches!(C::FACE, Face::C | Face::Stock) {
            crate::run::sockets::library::Library::open(C::FACE)?;
        }
        // ORDERING: relaxed; only that no two are the same.
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let (near, far) =
            UnixStream::pair().map_err(Error::os("create a pair of Unix sockets", SHORT_OF))?;
        Ok(Wires {
            near: vec![near.into()],
            far: vec![far.into()],
            address: format!("ringmq-perf-{}-{run}", process::id()),
        })
    }

    fn attach(spec: &Spec, side: Side, ends: Ends) -> Result<Self::End, Error> {
        let (mut wire, address) = wire(ends)?;
        let context = C::new()?;
        let mut joined = Joined::make(&context, spec, side)
            .map_err(Error::os("make ZeroMQ sockets", SOCKETS))?;
        let mut joining = || -> io::Result<()> {
            if side == Side::Far {
                let [one, other] = endpoints(spec, &address);
                say(&mut wire, &joined.bind([&one, &other])?)
            } else {
                joined.connect(&hear(&wire)?)
            }
        };
        joining().map_err(Error::os("join both sides by ZeroMQ sockets", SOCKETS))?;
        joined.wire = Some(wire);
        Ok(joined)
    }
}

/// Both sides as threads of the near process, over inproc; the far process has nothing to do.
pub(crate) fn within<C: Sockets>(
    spec: &Spec,
    side: Side,
    progress: &Progress,
) -> Result<String, Error> {
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
            let done = peer::far(&mut far, &far_spec);
            if let Err(error) = &done {
                // The near side may wait for it for ever.
                peer::fail(error);
            }
            done
        })
        .map_err(Error::os(
            "start a thread",
            "raise the limit of processes (ulimit -u)",
        ))?;
    // If this fails, the thread ends with the process.
    let answer = peer::near(&mut near, spec, progress)?;
    match far.join() {
        Ok(done) => done.map(|far| answer + &far),
        Err(_) => Err(Error::Os {
            step: "run the far side",
            source: io::Error::other("its thread panicked"),
            remedy: "this is a bug",
        }),
    }
}
