//! Which connections use shared memory.

/// Which connections use shared memory, where the peer can, too.
///
/// A context has [`On`](SharedMemory::On) unless `RINGMQ_SHM` or
/// [`Context::set_shared_memory`](crate::Context::set_shared_memory) says otherwise;
/// [`SocketOptions::shared_memory`](crate::SocketOptions::shared_memory) is for one socket. `true` and `false` stand for
/// `On` and [`Off`](SharedMemory::Off).
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
    /// Those over ipc. Those over tcp stay there, also within this machine: for packet filters and captures that are to
    /// see them.
    Ipc,
    /// Those over ipc, and those over tcp whose peer has an address of this machine.
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
