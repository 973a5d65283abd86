//! Which connections use shared memory.

/// Which connections use shared memory, where the peer can, too.
///
/// `true` and `false` stand for [`On`](SharedMemory::On) and [`Off`](SharedMemory::Off).
///
/// ```
/// use ringmq::{Context, Kind, SharedMemory, SocketOptions};
///
/// let context = Context::new()?;
/// let options = SocketOptions::new().shared_memory(SharedMemory::Ipc);
/// let socket = context.socket_with(Kind::Pull, &options)?;
/// assert_eq!(socket.options().get_shared_memory(), Some(SharedMemory::Ipc));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SharedMemory {
    /// None.
    #[default]
    Off,
    /// Those over ipc.
    Ipc,
    /// Those over ipc, and those over tcp whose peer is on this machine.
    On,
}

impl From<bool> for SharedMemory {
    fn from(on: bool) -> SharedMemory {
        if on {
            SharedMemory::On
        } else {
            SharedMemory::Off
        }
    }
}
