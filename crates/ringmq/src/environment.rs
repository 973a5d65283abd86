//! What whoever starts a program can say, without a change to it.

use ringmq_pipe::Wait;

/// `RINGMQ_WAIT`: `spin`, `park` or `adaptive`, which is what anything else stands for, too.
pub(crate) fn wait() -> Wait {
    match std::env::var_os("RINGMQ_WAIT") {
        Some(value) if value == "spin" => Wait::Spin,
        Some(value) if value == "park" => Wait::Park,
        _ => Wait::Adaptive,
    }
}

/// `RINGMQ_SHM`: `off` keeps ipc connections on ZMTP.
pub(crate) fn share() -> bool {
    std::env::var_os("RINGMQ_SHM").is_none_or(|value| value != "off")
}
