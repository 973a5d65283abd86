//! Listening on a Unix socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ringmq_sys::{Address, ListenOptions, UnixListener};

use super::{AcceptError, ListenError};
use crate::endpoint::Endpoint;
use crate::folder::Folder;
use crate::options::Options;
use crate::stream::Stream;

#[derive(Debug)]
pub(super) struct IpcListener {
    // Dropped in this order: a directory goes when it is empty.
    unix: UnixListener,
    _folder: Option<Folder>,
}

impl IpcListener {
    pub(super) fn bind(address: &Address, options: &Options) -> Result<IpcListener, ListenError> {
        let options = ListenOptions {
            mode: options.mode,
            backlog: options.backlog,
            steal: options.steal,
        };
        Ok(IpcListener {
            unix: UnixListener::bind(address, &options)?,
            _folder: None,
        })
    }

    pub(super) fn bind_anywhere(options: &Options) -> Result<(IpcListener, Endpoint), ListenError> {
        let folder = Folder::new().map_err(ListenError::Folder)?;
        let address = Address::Path(folder.path().join("socket"));
        let mut listener = IpcListener::bind(&address, options)?;
        listener._folder = Some(folder);
        Ok((listener, Endpoint::Ipc(address)))
    }

    pub(super) fn adopt(fd: OwnedFd) -> io::Result<(IpcListener, Endpoint)> {
        let unix = UnixListener::adopt(fd)?;
        let endpoint = Endpoint::Ipc(unix.address().clone());
        let listener = IpcListener {
            unix,
            _folder: None,
        };
        Ok((listener, endpoint))
    }

    pub(super) fn accept(&self, options: &Options) -> Result<Stream, AcceptError> {
        let unix = self.unix.try_accept().map_err(AcceptError::Os)?;
        let peer = unix.peer_cred().map_err(AcceptError::Os)?;
        let groups = || unix.peer_groups().unwrap_or_default();
        let admitted = options.accept_whom.admits(peer, groups);
        let stream = Stream::ipc(unix);
        if !admitted {
            let peer = stream.peer_address();
            return Err(AcceptError::Filtered { peer });
        }
        Ok(stream)
    }
}

impl AsFd for IpcListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.unix.as_fd()
    }
}
