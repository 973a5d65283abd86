//! Options of a socket, as they were set.

use std::collections::BTreeMap;
use std::ffi::c_int;

use ringmq::{IpcFilter, Kind, Subnet};

use crate::context::Settings;
use crate::errors::Errno;

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
const NUMBERS: [(c_int, c_int, Range); 43] = [
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
    (MECHANISM, 0, Only(0)),
    (PLAIN_SERVER, 0, Only(0)),
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
    (ZAP_ENFORCE_DOMAIN, 0, Only(0)),
    (MULTICAST_LOOP, 1, Truth),
    (RECONNECT_STOP, 0, Any),
    (CURVE_SERVER, 0, Only(0)),
    (GSSAPI_SERVER, 0, Only(0)),
    (GSSAPI_PLAINTEXT, 0, Only(0)),
    (GSSAPI_PRINCIPAL_NAMETYPE, 0, Within(0, 2)),
    (GSSAPI_SERVICE_PRINCIPAL_NAMETYPE, 0, Within(0, 2)),
    (LOOPBACK_FASTPATH, 0, Truth),
    (PRIORITY, 0, From(0)),
    (BUSY_POLL, 0, From(0)),
];

macro_rules! numbers {
    ($($name:ident = $number:literal;)*) => {
        $(pub(crate) const $name: c_int = $number;)*
    };
}

numbers! {
    AFFINITY = 4; ROUTING_ID = 5; SUBSCRIBE = 6; UNSUBSCRIBE = 7; RATE = 8; RECOVERY_IVL = 9; SNDBUF = 11;
    RCVBUF = 12; RCVMORE = 13; FD = 14; EVENTS = 15; TYPE = 16; LINGER = 17; RECONNECT_IVL = 18; BACKLOG = 19;
    RECONNECT_IVL_MAX = 21; MAXMSGSIZE = 22; SNDHWM = 23; RCVHWM = 24; MULTICAST_HOPS = 25; RCVTIMEO = 27;
    SNDTIMEO = 28; IPV4ONLY = 31; LAST_ENDPOINT = 32; ROUTER_MANDATORY = 33; TCP_KEEPALIVE = 34;
    TCP_KEEPALIVE_CNT = 35; TCP_KEEPALIVE_IDLE = 36; TCP_KEEPALIVE_INTVL = 37; TCP_ACCEPT_FILTER = 38; IMMEDIATE = 39;
    XPUB_VERBOSE = 40; ROUTER_RAW = 41; IPV6 = 42; MECHANISM = 43; PLAIN_SERVER = 44; PLAIN_USERNAME = 45; PLAIN_PASSWORD = 46;
    CURVE_SERVER = 47; GSSAPI_SERVER = 62; GSSAPI_PLAINTEXT = 65; GSSAPI_PRINCIPAL_NAMETYPE = 90;
    GSSAPI_SERVICE_PRINCIPAL_NAMETYPE = 91; LOOPBACK_FASTPATH = 94; METADATA = 95;
    PROBE_ROUTER = 51; REQ_CORRELATE = 52; REQ_RELAXED = 53; CONFLATE = 54; ZAP_DOMAIN = 55; ROUTER_HANDOVER = 56;
    TOS = 57; IPC_FILTER_PID = 58; IPC_FILTER_UID = 59; IPC_FILTER_GID = 60; CONNECT_ROUTING_ID = 61;
    HANDSHAKE_IVL = 66; SOCKS_PROXY = 68; XPUB_NODROP = 69; XPUB_MANUAL = 71; XPUB_WELCOME_MSG = 72; STREAM_NOTIFY = 73;
    INVERT_MATCHING = 74; HEARTBEAT_IVL = 75; HEARTBEAT_TTL = 76; HEARTBEAT_TIMEOUT = 77; XPUB_VERBOSER = 78;
    CONNECT_TIMEOUT = 79; TCP_MAXRT = 80; THREAD_SAFE = 81; MULTICAST_MAXTPDU = 84; USE_FD = 89; BINDTODEVICE = 92;
    ZAP_ENFORCE_DOMAIN = 93; MULTICAST_LOOP = 96; XPUB_MANUAL_LAST_VALUE = 98; SOCKS_USERNAME = 99;
    SOCKS_PASSWORD = 100; ONLY_FIRST_SUBSCRIBE = 108; RECONNECT_STOP = 109; PRIORITY = 112; BUSY_POLL = 113;
    XSUB_VERBOSE_UNSUBSCRIBE = 115;
}

/// What was set, and can be asked for.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Those that differ from their defaults.
    numbers: BTreeMap<c_int, c_int>,
    pub(crate) affinity: u64,
    pub(crate) greatest_message: i64,
    /// Texts that are not empty.
    pub(crate) texts: BTreeMap<c_int, Vec<u8>>,
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
