//! The names of rows.

use crate::plan::large::{Bodies, Large};
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
        (Transport::Pipe, ..) if spec.large.is_some() => {
            return format!("ringmq pipe {}, in place", spec.size);
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
        Pattern::PubSub => "PUB",
    };
    let over = spec.transport.name().trim_start_matches("zmq-");
    if let Some(large) = &spec.large {
        let to = match spec.sockets.pattern {
            Pattern::PubSub => format!(" to {}", large.far_sides),
            _ => String::new(),
        };
        let whose = large_bodies(spec.sockets.face, large);
        return format!("{pattern} {over} {}{to}, {whose}", spec.size);
    }
    let whose = match spec.sockets.face {
        Face::Rust => format!("ringmq {}", spec.wait),
        Face::Plain => "ringmq without shared memory".to_owned(),
        Face::C => "ringmq C".to_owned(),
        Face::Stock => "libzmq".to_owned(),
    };
    format!("{pattern} {over} {}, {whose}", spec.size)
}

/// Whose sockets they are, and which ends copy.
fn large_bodies(face: Face, large: &Large) -> String {
    let whose = match face {
        Face::Rust => "ringmq",
        Face::Plain => "ringmq without shared memory",
        Face::C => "ringmq C",
        Face::Stock => return "libzmq".to_owned(),
    };
    let how = match large.bodies {
        Bodies::Copied => "copied",
        Bodies::SentInPlace => "sent in place",
        Bodies::InPlace => "in place",
    };
    format!("{whose} {how}")
}
