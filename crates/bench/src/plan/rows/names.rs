//! The names of rows.

use crate::plan::size::Size;
use crate::plan::sockets::{Face, Pattern};
use crate::plan::spec::Spec;
use crate::plan::words::{Transport, Work};

/// The name of a row: the pause if there is one, the transport and the size.
pub(super) fn name(spec: &Spec) -> String {
    match spec.pause {
        Some(pause) => format!("{pause}: {}", what(spec)),
        None => what(spec),
    }
}

fn what(spec: &Spec) -> String {
    let what = match (spec.transport, spec.work, spec.size) {
        (Transport::Cacheline, Work::Latency, Size(0)) => {
            return "cache line, flag only".to_owned();
        }
        (Transport::Cacheline, Work::Latency, _) => "cache lines, flag and",
        (Transport::Cacheline, ..) => "copy in and copy out,",
        (Transport::Eventfd, ..) => "eventfd,",
        (Transport::OsPipe, ..) => "pipe of the kernel,",
        (Transport::Unix, ..) => "Unix stream socket,",
        (Transport::Tcp, ..) => "TCP loopback,",
        (Transport::ZmqInproc | Transport::ZmqIpc | Transport::ZmqTcp, ..) => {
            return sockets(spec);
        }
        (Transport::Pipe, ..) => return format!("ringmq pipe, {}, {}", spec.wait, spec.size),
    };
    format!("{what} {}", spec.size)
}

/// The name of a row of sockets: types, transport, size and library.
fn sockets(spec: &Spec) -> String {
    let pattern = match spec.sockets.pattern {
        Pattern::Pair => "PAIR",
        Pattern::ReqRep => "REQ/REP",
        Pattern::PushPull => "PUSH/PULL",
    };
    let over = spec.transport.name().trim_start_matches("zmq-");
    let whose = match spec.sockets.face {
        Face::Rust => format!("ringmq {}", spec.wait),
        Face::Plain => "ringmq without shared memory".to_owned(),
        Face::C => "ringmq C".to_owned(),
        Face::Stock => "libzmq".to_owned(),
    };
    format!("{pattern} {over} {}, {whose}", spec.size)
}
