//! Large bodies over ZeroMQ sockets, from one near side to one far side or several.
//!
//! The near side binds, and tells each far side its endpoint by a wire. Far sides confirm by their wires, too, so that a
//! socket in one direction is enough.

use std::io;

use ringmq::{Kind, Security};

use crate::error::Error;
use crate::plan::large::{Bodies, Large, Touch, mark};
use crate::plan::sockets::Pattern;
use crate::plan::spec::Spec;
use crate::run::job::Side;
use crate::run::large::{self, LargeEnd};
use crate::run::side::Run;
use crate::run::sockets::talk::{Body, Choice, InFlight, SOCKETS, Sockets, Talk};
use crate::run::sockets::wire::{Wire, endpoints};

/// The bytes of the bodies before those that are measured.
const SMALL: usize = Touch::LEAST.0;

/// A side's part in a run, and its answer.
pub(crate) fn side<C: Sockets>(run: Run<'_>, large: Large) -> Result<String, Error> {
    let Run { spec, side, .. } = run;
    let mut end = join::<C>(spec, large, side, Wire::all(run.ends))?;
    let answer = large::side(&mut end, side, spec, run.progress)?;
    // A far side keeps its socket until the near side is done.
    for wire in &mut end.wires {
        match side {
            Side::Near => wire.end(),
            Side::Far => wire.wait_for_end(),
        }
    }
    Ok(answer)
}

/// The sockets and wires of a side.
struct Joined<C: Sockets> {
    /// Closed before the context ends.
    socket: C::Socket,
    context: C,
    wires: Vec<Wire>,
    body: Body,
    size: usize,
    /// The memory of bodies that are copied.
    buffer: Vec<u8>,
}

/// Makes the socket of a side, and joins it with those of the others.
fn join<C: Sockets>(
    spec: &Spec,
    large: Large,
    side: Side,
    (mut wires, address): (Vec<Wire>, String),
) -> Result<Joined<C>, Error> {
    let context = C::new()?;
    let size = spec.size.0;
    let choice = Choice {
        wait: spec.wait,
        security: Security::Null,
        large: Some(InFlight {
            mark: mark(spec.size),
            in_place: large.bodies == Bodies::InPlace,
        }),
    };
    let kind = kind(spec.sockets.pattern, side);
    let mut joined = || -> io::Result<C::Socket> {
        let mut socket = context.socket(kind, &choice)?;
        if side == Side::Far {
            let wire = wires.first();
            let wire = wire.ok_or_else(|| io::Error::other("there is no wire"))?;
            socket.connect(&wire.receive_endpoint()?)?;
            return Ok(socket);
        }
        let [endpoint, _] = endpoints(spec, &address);
        let bound = socket.bind(&endpoint)?;
        for wire in &mut wires {
            wire.send_endpoints(std::slice::from_ref(&bound))?;
        }
        if kind == Kind::Xpub {
            // A message for each subscription.
            let mut subscription = Vec::new();
            for _ in &wires {
                socket.recv(&mut subscription, 1)?;
            }
        }
        Ok(socket)
    };
    let socket = joined().map_err(Error::os("join all sides by ZeroMQ sockets", SOCKETS))?;
    Ok(Joined {
        socket,
        context,
        wires,
        body: Body {
            bodies: large.bodies,
            touch: large.touch,
            size,
        },
        size,
        buffer: Vec::new(),
    })
}

fn kind(pattern: Pattern, side: Side) -> Kind {
    match (pattern, side) {
        (Pattern::Pair, _) => Kind::Pair,
        (Pattern::ReqRep, Side::Near) => Kind::Req,
        (Pattern::ReqRep, Side::Far) => Kind::Rep,
        (Pattern::PushPull, Side::Near) => Kind::Push,
        (Pattern::PushPull, Side::Far) => Kind::Pull,
        (Pattern::PubSub, Side::Near) => Kind::Xpub,
        (Pattern::PubSub, Side::Far) => Kind::Sub,
    }
}

impl<C: Sockets> LargeEnd for Joined<C> {
    #[inline]
    fn send(&mut self, stamp: u64) -> io::Result<()> {
        let (socket, buffer) = (&mut self.socket, &mut self.buffer);
        self.context.send_body(socket, self.body, buffer, stamp)
    }

    #[inline]
    fn recv(&mut self, stamp: u64) -> io::Result<u64> {
        let (socket, buffer) = (&mut self.socket, &mut self.buffer);
        self.context.recv_body(socket, self.body, buffer, stamp)
    }

    fn set_small(&mut self, small: bool) {
        self.body.size = if small { SMALL } else { self.size };
    }

    fn confirm(&mut self) -> io::Result<()> {
        self.wires.iter_mut().try_for_each(Wire::send_step)
    }

    fn wait_until_confirmed(&mut self) -> io::Result<()> {
        self.wires.iter_mut().try_for_each(Wire::receive_step)
    }
}
