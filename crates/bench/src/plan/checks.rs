//! Which choices of a [`Spec`] can be combined.

use crate::error::Error;
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
        self.pin.check()
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
            (Work::Throughput, Pattern::ReqRep) => choice(
                "REQ sends nothing before it has the answer".to_owned(),
                "use --pattern push-pull or pair",
            ),
            (Work::Connect, Pattern::Pair | Pattern::PushPull) => choice(
                "a first reply takes a request".to_owned(),
                "use --pattern req-rep",
            ),
            (Work::Memory, Pattern::Pair | Pattern::ReqRep) => choice(
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
    use crate::plan::words::Wait;
    use std::time::Duration;

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
