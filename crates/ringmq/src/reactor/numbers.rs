//! The numbers of sessions, listeners, processes, udp sockets and guests among events and timers, by their slots.

/// Numbers of one slot.
pub(crate) const NUMBERS: usize = 6;

/// Of a session, among events and timers.
pub(crate) fn session_number(slot: usize) -> usize {
    slot * NUMBERS
}

/// Of a listener, among events and timers.
pub(crate) fn listener_number(slot: usize) -> usize {
    slot * NUMBERS + 1
}

/// Of a process at the other end of sessions, among events.
pub(crate) fn process_number(slot: usize) -> usize {
    slot * NUMBERS + 2
}

/// Of a udp socket, among events and timers.
pub(crate) fn udp_number(slot: usize) -> usize {
    slot * NUMBERS + 3
}

/// Of the tcp socket of a session that has gone over to a Unix socket, among events.
pub(crate) fn tcp_number(slot: usize) -> usize {
    slot * NUMBERS + 4
}

/// Of a guest at the rendezvous, among events and timers.
pub(crate) fn guest_number(slot: usize) -> usize {
    slot * NUMBERS + 5
}
