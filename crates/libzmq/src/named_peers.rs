//! Peers of SERVER, PEER and ROUTER by their routing ids.

use std::ffi::{c_char, c_int, c_void};
use std::num::NonZeroU32;

use crate::arguments;
use crate::boundary::catch;
use crate::errors::Errno;
use crate::poll::POLLOUT;
use crate::socket::Open;

/// Connects a PEER to an endpoint, and returns the routing id of the peer there; 0 is a failure.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_connect_peer(handle: *mut c_void, endpoint: *const c_char) -> u32 {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::change(handle) }?;
        // SAFETY: the caller's contract.
        let endpoint = unsafe { arguments::endpoint(endpoint) }?;
        Ok(open.socket.connect_peer(&endpoint)?.get())
    })
}

/// Ends the connection to a peer of a SERVER or PEER.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_disconnect_peer(handle: *mut c_void, id: u32) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::change(handle) }?;
        if !open.socket.kind().uses_routing_ids() {
            return Err(Errno::NOT_SUPPORTED);
        }
        let id = NonZeroU32::new(id).ok_or(Errno(libc::EHOSTUNREACH))?;
        open.socket.disconnect_peer(id)?;
        Ok(0)
    })
}

/// Whether the peer of a ROUTER that has this routing id can take a message: `ZMQ_POLLOUT`, or 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_socket_get_peer_state(
    handle: *mut c_void,
    id: *const c_void,
    len: usize,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::enter(handle) }?;
        // SAFETY: the caller's contract.
        let id = unsafe { arguments::bytes(id, len) }?;
        let can_send = open.socket.can_send_to(id)?;
        Ok(if can_send { POLLOUT.into() } else { 0 })
    })
}
