//! `zmq_socket_monitor` and its kin.

use std::ffi::{c_char, c_int, c_void};

use ringmq::{EventFormat, Kind};

use crate::arguments;
use crate::boundary::catch;
use crate::errors::Errno;
use crate::socket::{Open, kind};

/// Tells on a PAIR at `endpoint` what happens to the connections of a socket; no longer, if that is null.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_socket_monitor(
    handle: *mut c_void,
    endpoint: *const c_char,
    events: c_int,
) -> c_int {
    let pair = crate::socket::number(Kind::Pair);
    // A negative mask has bits that no event has.
    let events = i64::from(events).cast_unsigned();
    // SAFETY: the caller's contract is the same.
    unsafe { zmq_socket_monitor_versioned(handle, endpoint, events, 1, pair) }
}

/// As [`zmq_socket_monitor`], in a format and on a type of socket of the caller's choice.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_socket_monitor_versioned(
    handle: *mut c_void,
    endpoint: *const c_char,
    events: u64,
    version: c_int,
    on: c_int,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::change(handle) }?;
        let format = format(version, events)?;
        if endpoint.is_null() {
            open.socket.stop_monitor();
            return Ok(0);
        }
        // SAFETY: the caller's contract.
        let endpoint = unsafe { arguments::endpoint(endpoint) }?;
        let endpoint = inproc(&endpoint)?;
        let on = kind(on).filter(|kind| matches!(kind, Kind::Pair | Kind::Pub | Kind::Push));
        let on = on.ok_or(Errno::INVALID)?;
        open.socket.monitor_on(endpoint, on, events, format)?;
        Ok(0)
    })
}

/// Has the monitor told how many messages wait in each pipe.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_socket_monitor_pipes_stats(handle: *mut c_void) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::change(handle) }?;
        match open.socket.ask_for_stats() {
            None => Err(Errno::INVALID),
            Some(0) => Err(Errno::AGAIN),
            Some(_) => Ok(0),
        }
    })
}

/// The format of this version, if it has room for these events.
fn format(version: c_int, events: u64) -> Result<EventFormat, Errno> {
    match version {
        1 if events <= u16::MAX.into() => Ok(EventFormat::One),
        2 => Ok(EventFormat::Two),
        _ => Err(Errno::INVALID),
    }
}

/// The only transport for events.
fn inproc(endpoint: &str) -> Result<&str, Errno> {
    match endpoint.split_once("://") {
        Some(("inproc", name)) if !name.is_empty() => Ok(endpoint),
        Some((scheme, address)) if !scheme.is_empty() && !address.is_empty() => {
            Err(Errno(libc::EPROTONOSUPPORT))
        }
        _ => Err(Errno::INVALID),
    }
}
