//! `zmq_setsockopt`.

use std::ffi::{c_int, c_void};
use std::time::Duration;

use ringmq::{
    Heartbeat, Keepalive, Kind, OptionError, ReconnectStop, SetOption, Socket, SocketOptions,
    SocksProxy, Subnet,
};

use crate::arguments::bytes;
use crate::boundary::catch;
use crate::errors::Errno;
use crate::socket::Open;
use crate::stored::*;

/// Sets an option.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_setsockopt(
    handle: *mut c_void,
    option: c_int,
    value: *const c_void,
    len: usize,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::change(handle) }?;
        // SAFETY: the caller's contract.
        let bytes = unsafe { bytes(value, len) }.map_err(|_| Errno::INVALID)?;
        set(&mut open, option, bytes, value.is_null())?;
        Ok(0)
    })
}

fn set(open: &mut Open, option: c_int, value: &[u8], null: bool) -> Result<(), Errno> {
    let Open { socket, stored, .. } = open;
    if let Some(set) = stored.secured.set(option, value, null) {
        set?;
        let secured = &stored.secured;
        socket.change_options(|options| secured.apply(options))?;
        return Ok(());
    }
    match option {
        SUBSCRIBE => socket.set(SetOption::Subscribe(value))?,
        UNSUBSCRIBE => socket.set(SetOption::Unsubscribe(value))?,
        XPUB_WELCOME_MSG => socket.set(SetOption::XpubWelcome(value))?,
        CONNECT_ROUTING_ID => socket.set_connect_routing_id(value)?,
        ROUTING_ID => {
            socket.change_options(|options| options.routing_id(value))?;
        }
        AFFINITY => {
            stored.affinity = u64::from_ne_bytes(exactly(value)?);
            let threads = stored.affinity;
            socket.change_options(|options| options.affinity(threads))?;
        }
        MAXMSGSIZE => {
            stored.greatest_message = i64::from_ne_bytes(exactly(value)?);
            let bytes = u64::try_from(stored.greatest_message).ok();
            socket.change_options(|options| options.max_message(bytes))?;
        }
        METADATA => {
            // As in libzmq, what has the size of a number is none.
            let at = value
                .iter()
                .position(|byte| *byte == b':' && value.len() != 4);
            let (name, value) = value.split_at(at.ok_or(Errno::INVALID)?);
            let name = std::str::from_utf8(name).map_err(|_| Errno::INVALID)?;
            socket.change_options(|options| options.property(name, &value[1..]))?;
        }
        HELLO_MSG => socket.change_options(|options| options.hello_message(value))?,
        DISCONNECT_MSG => socket.change_options(|options| options.disconnect_message(value))?,
        HICCUP_MSG => socket.change_options(|options| options.hiccup_message(value))?,
        // As in libzmq, a REP may be told it, too.
        ROUTER_NOTIFY if !matches!(socket.kind(), Kind::Router | Kind::Rep) => {
            return Err(Errno::INVALID);
        }
        BINDTODEVICE => {
            let device = text_or_none(value, null, 16)?;
            stored.texts.insert(option, device.to_vec());
            socket.change_options(|options| options.device(device))?;
        }
        TCP_ACCEPT_FILTER | IPC_FILTER_PID | IPC_FILTER_UID | IPC_FILTER_GID => {
            filter(open, option, value, null)?;
        }
        SOCKS_PROXY | SOCKS_USERNAME | SOCKS_PASSWORD => {
            let text = match option {
                SOCKS_PROXY => text_or_none(value, null, usize::MAX)?,
                _ if value.len() <= 255 => value,
                _ => return Err(Errno::INVALID),
            };
            stored.texts.insert(option, text.to_vec());
            let proxy = proxy(stored);
            socket.change_options(|options| options.socks_proxy(proxy))?;
        }
        // A REP cannot be raw. As in libzmq, it may be told that it is not.
        ROUTER_RAW if socket.kind() == Kind::Rep && exactly(value)? == 0_i32.to_ne_bytes() => {}
        STREAM_NOTIFY if socket.kind() == Kind::Stream => {
            match c_int::from_ne_bytes(exactly(value)?) {
                notify @ 0..=1 => {
                    socket.change_options(|options| options.stream_notify(notify != 0))?;
                }
                _ => return Err(Errno::INVALID),
            }
        }
        SHARED_MEMORY => {
            let share = shared_memory(c_int::from_ne_bytes(exactly(value)?))?;
            socket.change_options(|options| options.shared_memory(share))?;
        }
        IPV4ONLY => match c_int::from_ne_bytes(exactly(value)?) {
            only @ 0..=1 => set_number(open, IPV6, 1 - only)?,
            _ => return Err(Errno::INVALID),
        },
        _ => {
            let number = c_int::from_ne_bytes(exactly(value)?);
            match of_type(option, number) {
                Some(of_type) => socket.set(of_type?)?,
                None => set_number(open, option, number)?,
            }
        }
    }
    Ok(())
}

/// A value of a fixed size.
fn exactly<const N: usize>(value: &[u8]) -> Result<[u8; N], Errno> {
    value.try_into().map_err(|_| Errno::INVALID)
}

/// A text of 1 to `most` bytes, or none. As in libzmq, only a null pointer stands for none.
fn text_or_none(value: &[u8], null: bool, most: usize) -> Result<&[u8], Errno> {
    if value.len() > most || (value.is_empty() && !null) {
        return Err(Errno::INVALID);
    }
    Ok(value)
}

/// Options that some socket types have.
fn of_type(option: c_int, value: c_int) -> Option<Result<SetOption<'static>, Errno>> {
    let make: fn(bool) -> SetOption<'static> = match option {
        ROUTER_MANDATORY => SetOption::RouterMandatory,
        ROUTER_RAW => SetOption::RouterRaw,
        ROUTER_HANDOVER => SetOption::RouterHandover,
        PROBE_ROUTER => SetOption::ProbeRouter,
        REQ_CORRELATE => SetOption::ReqCorrelate,
        REQ_RELAXED => SetOption::ReqRelaxed,
        XPUB_VERBOSE => SetOption::XpubVerbose,
        XPUB_VERBOSER => SetOption::XpubVerboser,
        XPUB_NODROP => SetOption::XpubNodrop,
        XPUB_MANUAL => SetOption::XpubManual,
        XPUB_MANUAL_LAST_VALUE => SetOption::XpubManualLastValue,
        ONLY_FIRST_SUBSCRIBE => SetOption::OnlyFirstSubscribe,
        XSUB_VERBOSE_UNSUBSCRIBE => SetOption::XsubVerboseUnsubscribe,
        _ => return None,
    };
    Some(if value < 0 {
        Err(Errno::INVALID)
    } else {
        Ok(make(value != 0))
    })
}

/// Adds to the peers that may connect. Only a null pointer without bytes removes all of a list: an empty text, which a
/// program may have by mistake, opens nothing.
fn filter(open: &mut Open, option: c_int, value: &[u8], null: bool) -> Result<(), Errno> {
    let Open { socket, stored, .. } = open;
    let clears = value.is_empty() && null;
    if option == TCP_ACCEPT_FILTER {
        if clears {
            stored.accept_from.clear();
        } else {
            let text = text_or_none(value, null, 255)?;
            // It ends at its first NUL.
            let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
            let text = std::str::from_utf8(text).map_err(|_| Errno::INVALID)?;
            let subnet: Subnet = text.parse().map_err(|_| Errno::INVALID)?;
            let usable = match stored.number(IPV6) {
                0 => subnet.to_ipv4(),
                _ => Some(subnet),
            };
            stored.accept_from.push(usable.ok_or(Errno::INVALID)?);
        }
        let subnets = stored.accept_from.clone();
        socket.change_options(|options| options.accept_tcp_from(subnets))?;
        return Ok(());
    }
    let whom = &mut stored.accept_whom;
    match option {
        IPC_FILTER_PID if clears => whom.pids.clear(),
        IPC_FILTER_PID => whom.pids.push(i32::from_ne_bytes(exactly(value)?)),
        IPC_FILTER_UID if clears => whom.uids.clear(),
        IPC_FILTER_UID => whom.uids.push(u32::from_ne_bytes(exactly(value)?)),
        _ if clears => whom.gids.clear(),
        _ => whom.gids.push(u32::from_ne_bytes(exactly(value)?)),
    }
    let filter = whom.clone();
    socket.change_options(|options| options.accept_ipc_from(filter))?;
    Ok(())
}

fn set_number(open: &mut Open, option: c_int, value: c_int) -> Result<(), Errno> {
    open.stored.set(option, value)?;
    pass_on(&mut open.socket, &open.stored, option)?;
    Ok(())
}

/// Tells the socket of a number that was stored.
fn pass_on(socket: &mut Socket, stored: &Stored, option: c_int) -> Result<(), OptionError> {
    let number = stored.number(option);
    let unsigned = number.unsigned_abs();
    match option {
        SNDHWM => socket.set_send_hwm(mark(unsigned)),
        RCVHWM => socket.set_recv_hwm(mark(unsigned)),
        SNDTIMEO => socket.set_send_timeout(within(number)),
        RCVTIMEO => socket.set_recv_timeout(within(number)),
        LINGER => socket.set_linger(within(number)),
        // Types that do not filter have nothing to invert.
        INVERT_MATCHING => match socket.set(SetOption::InvertMatching(number != 0)) {
            Err(OptionError::NotSupported) => {}
            set => return set,
        },
        _ => return socket.change_options(|options| changed(options, stored, option)),
    }
    Ok(())
}

/// The options of later connections, with a number that was stored.
fn changed(options: SocketOptions, stored: &Stored, option: c_int) -> SocketOptions {
    let number = stored.number(option);
    let unsigned = number.unsigned_abs();
    match option {
        RECONNECT_IVL => options.reconnect_interval(within(number)),
        RECONNECT_IVL_MAX => options.reconnect_interval_max(millis(number)),
        RECONNECT_STOP => options.reconnect_stop(ReconnectStop {
            refused: number & 1 != 0,
            handshake_failed: number & 2 != 0,
            after_disconnect: number & 4 != 0,
        }),
        SNDBUF => options.send_buffer(usize::try_from(number).ok()),
        RCVBUF => options.recv_buffer(usize::try_from(number).ok()),
        BACKLOG => options.backlog(number),
        IPV6 => options.ipv6(number != 0),
        IMMEDIATE => options.immediate(number != 0),
        CONFLATE => options.conflate(number != 0),
        TOS => options.type_of_service(unsigned),
        PRIORITY => options.priority(unsigned),
        BUSY_POLL => options.busy_poll(unsigned),
        MULTICAST_HOPS => options.multicast_hops(unsigned),
        MULTICAST_LOOP => options.multicast_loop(number != 0),
        TCP_MAXRT => options.max_retransmit(millis(number)),
        IN_BATCH_SIZE => options.recv_batch(size(number)),
        OUT_BATCH_SIZE => options.send_batch(size(number)),
        ROUTER_NOTIFY => options
            .notify_connect(number & 1 != 0)
            .notify_disconnect(number & 2 != 0),
        CONNECT_TIMEOUT => options.connect_timeout(millis(number)),
        TCP_KEEPALIVE | TCP_KEEPALIVE_CNT | TCP_KEEPALIVE_IDLE | TCP_KEEPALIVE_INTVL => {
            options.keepalive(keepalive(stored))
        }
        HANDSHAKE_IVL => options.handshake_timeout((number > 0).then(|| millis(number))),
        HEARTBEAT_IVL | HEARTBEAT_TTL | HEARTBEAT_TIMEOUT => options.heartbeat(heartbeat(stored)),
        _ => options,
    }
}

/// The proxy that was set. One at no address is one, too: nothing may connect without it.
fn proxy(stored: &Stored) -> Option<SocksProxy> {
    let text = |option| stored.texts.get(&option).map_or(&[][..], Vec::as_slice);
    let address = text(SOCKS_PROXY);
    let proxy = SocksProxy::of_any(&String::from_utf8_lossy(address));
    let proxy = proxy.user(text(SOCKS_USERNAME), text(SOCKS_PASSWORD));
    (!address.is_empty()).then_some(proxy)
}

fn keepalive(stored: &Stored) -> Keepalive {
    let seconds = |option| {
        let number = u64::try_from(stored.number(option)).ok()?;
        Some(Duration::from_secs(number))
    };
    Keepalive {
        on: match stored.number(TCP_KEEPALIVE) {
            -1 => None,
            on => Some(on != 0),
        },
        count: u32::try_from(stored.number(TCP_KEEPALIVE_CNT)).ok(),
        idle: seconds(TCP_KEEPALIVE_IDLE),
        interval: seconds(TCP_KEEPALIVE_INTVL),
    }
}

fn heartbeat(stored: &Stored) -> Option<Heartbeat> {
    let interval = stored.number(HEARTBEAT_IVL);
    let timeout = match stored.number(HEARTBEAT_TIMEOUT) {
        -1 => interval,
        timeout => timeout,
    };
    (interval > 0).then(|| Heartbeat {
        interval: millis(interval),
        timeout: millis(timeout),
        ttl: millis(stored.number(HEARTBEAT_TTL)),
    })
}

fn size(bytes: c_int) -> usize {
    usize::try_from(bytes).unwrap_or_default()
}

/// Converts milliseconds. Returns `None` for a negative number: no limit.
fn within(millis: c_int) -> Option<Duration> {
    let millis = u64::try_from(millis).ok()?;
    Some(Duration::from_millis(millis))
}

fn millis(millis: c_int) -> Duration {
    within(millis).unwrap_or_default()
}

/// A high-water mark; 0 is no limit.
fn mark(messages: u32) -> Option<u32> {
    (messages > 0).then_some(messages)
}
