//! Options of a socket, as they were set.

use std::collections::BTreeMap;
use std::ffi::c_int;

use ringmq::{IpcFilter, Kind, Subnet};

use crate::context::Settings;
use crate::errors::Errno;
pub(crate) use crate::numbers::*;
use crate::security::Secured;

/// Which numbers an option takes.
#[derive(Debug, Clone, Copy)]
enum Range {
    From(c_int),
    Within(c_int, c_int),
    /// Everything but 0 is 1.
    Truth,
    /// Every number.
    Any,
    /// One that asks for what is not there: this value only.
    Only(c_int),
}

use Range::{Any, From, Only, Truth, Within};

/// Options that are an `int`, which every socket type has: number, default, range.
const NUMBERS: [(c_int, c_int, Range); 42] = [
    (RATE, 100, From(1)),
    (RECOVERY_IVL, 10_000, From(0)),
    (SNDBUF, -1, From(-1)),
    (RCVBUF, -1, From(-1)),
    (LINGER, -1, From(-1)),
    (RECONNECT_IVL, 100, From(-1)),
    (BACKLOG, 100, From(0)),
    (RECONNECT_IVL_MAX, 0, From(0)),
    (SNDHWM, 1000, From(0)),
    (RCVHWM, 1000, From(0)),
    (MULTICAST_HOPS, 1, From(1)),
    (RCVTIMEO, -1, From(-1)),
    (SNDTIMEO, -1, From(-1)),
    (TCP_KEEPALIVE, -1, Within(-1, 1)),
    (TCP_KEEPALIVE_CNT, -1, From(-1)),
    (TCP_KEEPALIVE_IDLE, -1, From(-1)),
    (TCP_KEEPALIVE_INTVL, -1, From(-1)),
    (IMMEDIATE, 0, Within(0, 1)),
    (IPV6, 0, Within(0, 1)),
    (CONFLATE, 0, Within(0, 1)),
    (TOS, 0, From(0)),
    (HANDSHAKE_IVL, 30_000, From(0)),
    (INVERT_MATCHING, 0, Truth),
    (HEARTBEAT_IVL, 0, From(0)),
    // libzmq looks at tenths of a second, and rounds towards 0.
    (HEARTBEAT_TTL, 0, Within(-99, 6_553_599)),
    (HEARTBEAT_TIMEOUT, -1, From(0)),
    (CONNECT_TIMEOUT, 0, From(0)),
    (TCP_MAXRT, 0, From(0)),
    (MULTICAST_MAXTPDU, 1500, From(1)),
    (USE_FD, -1, From(-1)),
    (MULTICAST_LOOP, 1, Truth),
    (RECONNECT_STOP, 0, Any),
    (GSSAPI_SERVER, 0, Only(0)),
    (GSSAPI_PLAINTEXT, 0, Only(0)),
    (GSSAPI_PRINCIPAL_NAMETYPE, 0, Within(0, 2)),
    (GSSAPI_SERVICE_PRINCIPAL_NAMETYPE, 0, Within(0, 2)),
    (LOOPBACK_FASTPATH, 0, Truth),
    (PRIORITY, 0, From(0)),
    (BUSY_POLL, 0, From(0)),
    (ROUTER_NOTIFY, 0, Within(0, 3)),
    (IN_BATCH_SIZE, 8192, From(1)),
    (OUT_BATCH_SIZE, 8192, From(1)),
];

/// What was set, and can be asked for.
#[derive(Clone)]
pub(crate) struct Stored {
    /// Those that differ from their defaults.
    numbers: BTreeMap<c_int, c_int>,
    pub(crate) affinity: u64,
    pub(crate) greatest_message: i64,
    /// Texts that are not empty.
    pub(crate) texts: BTreeMap<c_int, Vec<u8>>,
    pub(crate) secured: Secured,
    pub(crate) accept_from: Vec<Subnet>,
    pub(crate) accept_whom: IpcFilter,
}

impl Stored {
    pub(crate) fn new(kind: Kind, context: &Settings) -> Stored {
        let mut stored = Stored {
            numbers: BTreeMap::new(),
            affinity: 0,
            greatest_message: -1,
            texts: BTreeMap::new(),
            secured: Secured::default(),
            accept_from: Vec::new(),
            accept_whom: IpcFilter::default(),
        };
        stored.numbers.insert(IPV6, context.ipv6.into());
        if matches!(kind, Kind::Sub | Kind::Xsub | Kind::Dish) {
            stored.lingers_not();
        }
        stored
    }

    /// The default of some sockets.
    pub(crate) fn lingers_not(&mut self) {
        self.numbers.insert(LINGER, 0);
    }

    /// Stores a number. Whether it is one that the option takes is said first.
    pub(crate) fn set(&mut self, option: c_int, value: c_int) -> Result<(), Errno> {
        let known = NUMBERS.iter().find(|(number, ..)| *number == option);
        let (.., range) = known.ok_or(Errno::INVALID)?;
        let value = match *range {
            From(least) if value >= least => value,
            Within(least, most) if (least..=most).contains(&value) => value,
            Truth => (value != 0).into(),
            Any => value,
            Only(one) if value == one => value,
            _ => return Err(Errno::INVALID),
        };
        // It travels in tenths of a second.
        let value = if option == HEARTBEAT_TTL {
            value / 100 * 100
        } else {
            value
        };
        self.numbers.insert(option, value);
        Ok(())
    }

    /// The number that an option has, if it is one of a number.
    pub(crate) fn get(&self, option: c_int) -> Option<c_int> {
        let (_, default, _) = NUMBERS.iter().find(|(number, ..)| *number == option)?;
        Some(self.numbers.get(&option).copied().unwrap_or(*default))
    }

    /// As [`get`](Stored::get), of an option that is known to be there.
    pub(crate) fn number(&self, option: c_int) -> c_int {
        self.get(option).unwrap_or_default()
    }
}
