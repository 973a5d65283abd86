//! Numbers of options of sockets, as `zmq.h` has them.

use std::ffi::c_int;

use ringmq::SharedMemory;

use crate::errors::Errno;

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
    CURVE_SERVER = 47; CURVE_PUBLICKEY = 48; CURVE_SECRETKEY = 49; CURVE_SERVERKEY = 50; GSSAPI_SERVER = 62;
    GSSAPI_PRINCIPAL = 63; GSSAPI_SERVICE_PRINCIPAL = 64; GSSAPI_PLAINTEXT = 65; GSSAPI_PRINCIPAL_NAMETYPE = 90;
    GSSAPI_SERVICE_PRINCIPAL_NAMETYPE = 91; LOOPBACK_FASTPATH = 94; METADATA = 95;
    PROBE_ROUTER = 51; REQ_CORRELATE = 52; REQ_RELAXED = 53; CONFLATE = 54; ZAP_DOMAIN = 55; ROUTER_HANDOVER = 56;
    TOS = 57; IPC_FILTER_PID = 58; IPC_FILTER_UID = 59; IPC_FILTER_GID = 60; CONNECT_ROUTING_ID = 61;
    HANDSHAKE_IVL = 66; SOCKS_PROXY = 68; XPUB_NODROP = 69; XPUB_MANUAL = 71; XPUB_WELCOME_MSG = 72; STREAM_NOTIFY = 73;
    INVERT_MATCHING = 74; HEARTBEAT_IVL = 75; HEARTBEAT_TTL = 76; HEARTBEAT_TIMEOUT = 77; XPUB_VERBOSER = 78;
    CONNECT_TIMEOUT = 79; TCP_MAXRT = 80; THREAD_SAFE = 81; MULTICAST_MAXTPDU = 84; USE_FD = 89; BINDTODEVICE = 92;
    ZAP_ENFORCE_DOMAIN = 93; MULTICAST_LOOP = 96; ROUTER_NOTIFY = 97; XPUB_MANUAL_LAST_VALUE = 98; SOCKS_USERNAME = 99;
    SOCKS_PASSWORD = 100; ONLY_FIRST_SUBSCRIBE = 108; RECONNECT_STOP = 109; PRIORITY = 112; BUSY_POLL = 113;
    HELLO_MSG = 110; DISCONNECT_MSG = 111; HICCUP_MSG = 114; XSUB_VERBOSE_UNSUBSCRIBE = 115; TOPICS_COUNT = 116;
    IN_BATCH_SIZE = 101; OUT_BATCH_SIZE = 102;
    // Of sockets and contexts, and not of libzmq: `include/ringmq.h`.
    SHARED_MEMORY = 0x524d_0005;
}

/// The connections that a value of `SHARED_MEMORY` stands for.
pub(crate) fn shared_memory(value: c_int) -> Result<SharedMemory, Errno> {
    match value {
        0 => Ok(SharedMemory::Off),
        1 => Ok(SharedMemory::On),
        2 => Ok(SharedMemory::Ipc),
        _ => Err(Errno::INVALID),
    }
}

/// The value that stands for these connections.
pub(crate) fn of_shared_memory(share: SharedMemory) -> c_int {
    match share {
        SharedMemory::Off => 0,
        SharedMemory::On => 1,
        SharedMemory::Ipc => 2,
    }
}
