//! `zmq_socket_monitor`.

use std::ffi::{c_char, c_int, c_void};

use ringmq::{EventFormat, Kind};

use crate::arguments::text;
use crate::boundary::catch;
use crate::errors::Errno;
use crate::socket::Open;

/// Tells on a PAIR at `endpoint` what happens to the connections of a socket; no longer, if that is null.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_socket_monitor(
    handle: *mut c_void,
    endpoint: *const c_char,
    events: c_int,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::enter(handle) }?;
        // As many as the 16 bits of an event can say.
        let events = u16::try_from(events).map_err(|_| Errno::INVALID)?;
        if endpoint.is_null() {
            open.socket.stop_monitor();
            return Ok(0);
        }
        // SAFETY: the caller's contract.
        let endpoint = inproc(unsafe { text(endpoint) }?)?;
        let socket = &mut open.socket;
        socket.monitor_on(endpoint, Kind::Pair, events.into(), EventFormat::One)?;
        Ok(0)
    })
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
