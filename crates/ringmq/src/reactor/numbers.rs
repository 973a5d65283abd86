//! The numbers of sessions, listeners and processes among events and timers, by their slots.

/// Numbers of one slot.
pub(crate) const NUMBERS: usize = 3;

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
