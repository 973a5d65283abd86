//! The numbers of sessions, listeners, processes and udp sockets among events and timers, by their slots.

/// Numbers of one slot.
pub(crate) const NUMBERS: usize = 4;

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
