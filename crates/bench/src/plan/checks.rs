//! Which choices of a [`Spec`] can be combined.

use crate::error::Error;
use crate::plan::large::{Bodies, FarSides, Large, Touch};
use crate::plan::mechanism::Mechanism;
use crate::plan::pause::Pause;
use crate::plan::size::Size;
use crate::plan::sockets::{Face, Pattern};
use crate::plan::spec::{Spec, default_wait};
use crate::plan::words::{Transport, Work};

/// Refuses a combination: `what` says why, `remedy` what to choose instead.
fn choice(what: String, remedy: &str) -> Result<(), Error> {
    let remedy = remedy.to_owned();
    Err(Error::Choice { what, remedy })
}

impl Spec {
    /// Checks that this can be measured on this machine.
    ///
    /// # Errors
    ///
    /// [`Error::Choice`] if two choices exclude each other, [`Error::Cpu`] if this process may not use a CPU of
    /// [`pin`](Spec::pin).
    pub fn check(&self) -> Result<(), Error> {
        let (transport, work) = (self.transport, self.work);
        let takes_wait =
            transport == Transport::Pipe || transport.is_zmq() && self.sockets.face == Face::Rust;
        if !takes_wait && self.wait != default_wait(transport, self.sockets.face) {
            return choice(
                match transport.is_zmq() {
                    true => format!("{} knows no --wait {}", self.sockets.face, self.wait),
                    false => format!("{transport} knows no --wait {}", self.wait),
                },
                "leave --wait away, or choose --transport pipe",
            );
        }
        self.check_sockets()?;
        if transport == Transport::Eventfd && work == Work::Throughput {
            return choice(
                "an eventfd adds up what is written: it has no messages to count".to_owned(),
                "measure its latency, or choose --transport os-pipe",
            );
        }
        if transport == Transport::Eventfd && self.size != Size(8) {
            return choice(
                format!("an eventfd carries 8 bytes, not {}", self.size),
                "use --size 8",
            );
        }
        let flag_only = transport == Transport::Cacheline && work == Work::Latency;
        if self.size == Size(0) && !flag_only {
            return choice(
                "a message of 0 bytes carries nothing that could be checked".to_owned(),
                "use --size 1 or more, or `latency --transport cacheline`",
            );
        }
        if self.count == 0 {
            return choice(
                "0 messages take no time".to_owned(),
                "use --count 1 or more",
            );
        }
        if self.pause.is_some() && work != Work::Latency {
            return choice(
                format!("{work} has no pauses"),
                "measure latency, or leave --pause away",
            );
        }
        if self.pause.is_some() && self.size < Size(Pause::STAMP) {
            return choice(
                format!("{} are too short to say when they were sent", self.size),
                "use --size 8 or more",
            );
        }
        if let Some(large) = self.large {
            self.check_large(large)?;
        }
        self.pin.check()
    }

    /// Checks that large bodies can be carried.
    fn check_large(&self, large: Large) -> Result<(), Error> {
        let Large {
            bodies, far_sides, ..
        } = large;
        let (work, transport, pattern) = (self.work, self.transport, self.sockets.pattern);
        let is_zmq = matches!(transport, Transport::ZmqIpc | Transport::ZmqTcp);
        if !is_zmq && (transport != Transport::Pipe || bodies != Bodies::InPlace) {
            return choice(
                format!("bodies that are {bodies} are not measured of {transport}"),
                "use --transport zmq-ipc or zmq-tcp, or --bodies in-place of the pipe",
            );
        }
        if is_zmq && self.sockets.face == Face::Stock && bodies == Bodies::InPlace {
            return choice(
                "libzmq receives nothing in place".to_owned(),
                "use --bodies copied or sent-in-place",
            );
        }
        let fits = match work {
            Work::Latency => matches!(pattern, Pattern::Pair | Pattern::ReqRep),
            Work::Throughput => matches!(pattern, Pattern::PushPull | Pattern::PubSub),
            Work::Connect | Work::Memory => false,
        };
        if !fits {
            return choice(
                format!("{work} of {pattern} is not measured with large bodies"),
                "measure latency of req-rep or pair, or throughput of push-pull or pub-sub",
            );
        }
        if far_sides != FarSides::default() && (!is_zmq || pattern != Pattern::PubSub) {
            return choice(
                format!("{far_sides} processes do not receive each message"),
                "use --pattern pub-sub of zmq-ipc or zmq-tcp, or leave --subscribers away",
            );
        }
        if self.mechanism != Mechanism::Null || self.pause.is_some() {
            return choice(
                "large bodies have no mechanism and no pauses".to_owned(),
                "leave --mechanism and --pause away",
            );
        }
        if self.size < Touch::LEAST {
            return choice(
                format!("{} have no room for two words", self.size),
                "use --size 16 or more",
            );
        }
        Ok(())
    }

    /// Checks that the sockets can do the work.
    fn check_sockets(&self) -> Result<(), Error> {
        let (work, transport, mechanism) = (self.work, self.transport, self.mechanism);
        let has_mechanisms = matches!(transport, Transport::ZmqIpc | Transport::ZmqTcp);
        if mechanism != Mechanism::Null && !has_mechanisms {
            return choice(
                format!("{transport} knows no --mechanism {mechanism}"),
                "leave --mechanism away, or choose --transport zmq-ipc or zmq-tcp",
            );
        }
        if !transport.is_zmq() {
            return match work {
                Work::Latency | Work::Throughput => Ok(()),
                Work::Connect | Work::Memory => choice(
                    format!("{work} is measured of ZeroMQ sockets, not of {transport}"),
                    "use --transport zmq-ipc or zmq-tcp",
                ),
            };
        }
        match (work, self.sockets.pattern) {
            (Work::Connect | Work::Memory, _) if transport == Transport::ZmqInproc => choice(
                format!("{work} is measured between processes"),
                "use --transport zmq-ipc or zmq-tcp",
            ),
            (_, Pattern::PubSub) if self.large.is_none() => choice(
                "PUB drops what a subscriber has no room for".to_owned(),
                "choose --bodies, with which it waits, or use another --pattern",
            ),
            (Work::Latency, Pattern::PubSub) => choice(
                "a SUB does not answer".to_owned(),
                "measure throughput, or use --pattern req-rep",
            ),
            (Work::Throughput, Pattern::ReqRep) => choice(
                "REQ sends nothing before it has the answer".to_owned(),
                "use --pattern push-pull or pair",
            ),
            (Work::Connect, Pattern::Pair | Pattern::PushPull | Pattern::PubSub) => choice(
                "a first reply takes a request".to_owned(),
                "use --pattern req-rep",
            ),
            (Work::Memory, Pattern::Pair | Pattern::ReqRep | Pattern::PubSub) => choice(
                "many connections of one socket, each with a message, take a PUSH".to_owned(),
                "use --pattern push-pull",
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sockets::Sockets;
    use crate::plan::words::Wait;
    use std::time::Duration;

    #[test]
    fn large_bodies_need_sockets_that_can_carry_them() {
        let large = |bodies, far_sides| Large {
            bodies,
            far_sides: FarSides::new(far_sides).unwrap(),
            ..Large::default()
        };
        let sockets = |pattern, face| Sockets { pattern, face };
        let pipe = Spec::new(Work::Latency, Transport::Pipe);
        let ipc = Spec::new(Work::Throughput, Transport::ZmqIpc);
        let in_place = large(Bodies::InPlace, 1);
        let published = ipc
            .clone()
            .with_sockets(sockets(Pattern::PubSub, Face::Rust));
        for fits in [
            pipe.clone().with_large(in_place),
            ipc.clone().with_large(in_place),
            published.clone().with_large(large(Bodies::Copied, 16)),
        ] {
            fits.check().unwrap();
        }
        let stock = ipc
            .clone()
            .with_sockets(sockets(Pattern::PushPull, Face::Stock));
        let paused = Spec::new(Work::Latency, Transport::ZmqIpc);
        let paused = paused.with_pause(Pause(Duration::from_millis(1)));
        let refused = [
            (pipe.with_large(Large::default()), "--bodies in-place"),
            (
                Spec::new(Work::Latency, Transport::ZmqInproc).with_large(in_place),
                "zmq-ipc or zmq-tcp",
            ),
            (
                stock.with_large(in_place),
                "--bodies copied or sent-in-place",
            ),
            (
                ipc.clone().with_large(large(Bodies::Copied, 2)),
                "--pattern pub-sub",
            ),
            (published.clone(), "choose --bodies"),
            (
                Spec {
                    work: Work::Latency,
                    ..published.with_large(in_place)
                },
                "measure throughput",
            ),
            (
                ipc.clone()
                    .with_large(in_place)
                    .with_mechanism(Mechanism::Curve),
                "leave --mechanism and --pause away",
            ),
            (
                paused.with_large(in_place),
                "leave --mechanism and --pause away",
            ),
            (ipc.with_large(in_place).with_size(Size(15)), "--size 16"),
        ];
        for (spec, remedy) in refused {
            let error = spec.check().unwrap_err().to_string();
            assert!(error.contains(remedy), "{spec}: {error}");
        }
    }

    #[test]
    fn choices_that_do_not_go_together_name_a_remedy() {
        let eventfd = Spec::new(Work::Latency, Transport::Eventfd);
        let pause = Pause(Duration::from_millis(1));
        assert!(eventfd.clone().with_pause(pause).check().is_ok());
        assert!(eventfd.check().is_ok());
        let refused = [
            (eventfd.clone().with_size(Size(64)), "--size 8"),
            (eventfd.clone().with_wait(Wait::Spin), "leave --wait away"),
            (eventfd.with_count(0), "--count 1"),
            (Spec::new(Work::Throughput, Transport::Eventfd), "os-pipe"),
            (
                Spec::new(Work::Latency, Transport::Unix).with_size(Size(0)),
                "--size 1",
            ),
            (
                Spec::new(Work::Throughput, Transport::Unix).with_pause(pause),
                "--pause away",
            ),
            (
                Spec::new(Work::Latency, Transport::Unix)
                    .with_size(Size(7))
                    .with_pause(pause),
                "--size 8",
            ),
        ];
        let secured = Transport::ALL
            .map(|transport| Spec::new(Work::Latency, transport).with_mechanism(Mechanism::Curve));
        for spec in secured {
            match spec.transport {
                Transport::ZmqIpc | Transport::ZmqTcp => spec.check().unwrap(),
                _ => {
                    let error = spec.check().unwrap_err().to_string();
                    assert!(error.contains("knows no --mechanism curve"), "{error}");
                    assert!(error.contains("zmq-tcp"), "{error}");
                }
            }
        }
        for (spec, remedy) in refused {
            let error = spec.check().unwrap_err().to_string();
            assert!(error.contains(remedy), "{error}");
        }
        let flag_only = Spec::new(Work::Latency, Transport::Cacheline);
        assert_eq!(flag_only.size, Size(0));
        assert!(flag_only.check().is_ok());
    }
}
