//! Messages of a loaded library: `zmq_msg_t`.

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::slice;

use super::{Library, Socket};

/// The functions of messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Functions {
    pub(super) init: OfMessage,
    pub(super) init_size: InitSize,
    pub(super) data: Data,
    pub(super) size: Size,
    pub(super) send: Move,
    pub(super) recv: Move,
    pub(super) close: OfMessage,
}

pub(super) type OfMessage = unsafe extern "C" fn(*mut Raw) -> c_int;
pub(super) type InitSize = unsafe extern "C" fn(*mut Raw, usize) -> c_int;
pub(super) type Data = unsafe extern "C" fn(*mut Raw) -> *mut c_void;
pub(super) type Size = unsafe extern "C" fn(*const Raw) -> usize;
pub(super) type Move = unsafe extern "C" fn(*mut Raw, *mut c_void, c_int) -> c_int;

/// The memory of a `zmq_msg_t`, with the size and alignment of libzmq's header.
#[repr(C, align(8))]
#[derive(Debug)]
pub(super) struct Raw([u8; 64]);

/// A message that is closed when this is dropped. It stays at one place, as the library demands.
struct Open<'a> {
    library: Library,
    /// Initialised.
    raw: &'a mut Raw,
}

impl<'a> Open<'a> {
    /// Makes a message of `size` bytes in `raw`.
    fn of_size(library: Library, raw: &'a mut Raw, size: usize) -> io::Result<Open<'a>> {
        // SAFETY: memory of a message that is not initialised.
        library.done(unsafe { (library.message.init_size)(raw, size) })?;
        Ok(Open { library, raw })
    }

    /// Makes an empty message in `raw`.
    fn empty(library: Library, raw: &'a mut Raw) -> io::Result<Open<'a>> {
        // SAFETY: memory of a message that is not initialised.
        library.done(unsafe { (library.message.init)(raw) })?;
        Ok(Open { library, raw })
    }

    /// Where the bytes are, and how many.
    fn place(&mut self) -> (*mut c_void, usize) {
        // SAFETY: an initialised message.
        let len = unsafe { (self.library.message.size)(self.raw) };
        // SAFETY: as above. The result is not null.
        (unsafe { (self.library.message.data)(self.raw) }, len)
    }

    /// The bytes of a new message, which may be uninitialised.
    fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        let (data, len) = self.place();
        // SAFETY: the message has `len` bytes there until it is sent or closed, for which this borrow has to end.
        unsafe { slice::from_raw_parts_mut(data.cast(), len) }
    }

    /// The bytes of a message that was received, which may be read-only.
    fn bytes(&mut self) -> &[u8] {
        let (data, len) = self.place();
        // SAFETY: as in `room`, and all bytes of a received message are initialised.
        unsafe { slice::from_raw_parts(data.cast_const().cast(), len) }
    }

    /// Sends or receives the message by `function`. A call that a signal has interrupted is repeated.
    fn pass(&mut self, function: Move, socket: &Socket) -> io::Result<()> {
        // SAFETY: an initialised message, and an open socket, which no other thread uses.
        while unsafe { function(self.raw, socket.socket.as_ptr(), 0) } < 0 {
            let error = self.library.error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        // SAFETY: initialised, and not used afterwards. The call fails only for an invalid message.
        let _ = unsafe { (self.library.message.close)(self.raw) };
    }
}

impl Socket {
    /// Makes a message of `size` bytes, lets `fill` write to it, and sends it.
    #[inline]
    pub(crate) fn send_message(
        &mut self,
        size: usize,
        fill: impl FnOnce(&mut [MaybeUninit<u8>]),
    ) -> io::Result<()> {
        let mut raw = Raw([0; 64]);
        let mut message = Open::of_size(self.library, &mut raw, size)?;
        fill(message.room());
        message.pass(self.library.message.send, self)
    }

    /// Receives a message, and shows it to `read`.
    #[inline]
    pub(crate) fn recv_message<T>(&mut self, read: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let mut raw = Raw([0; 64]);
        let mut message = Open::empty(self.library, &mut raw)?;
        message.pass(self.library.message.recv, self)?;
        Ok(read(message.bytes()))
    }
}
