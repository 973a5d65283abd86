//! `zmq_msg_t`.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::{self, MaybeUninit};
use std::num::NonZeroU32;

use ringmq_message::{Frame, LONGEST_GROUP};

use crate::arguments::{bytes, out, text, text_bytes};
use crate::boundary::catch;
use crate::errors::Errno;

/// What lies in the 64 bytes: a frame, and a word that says so.
#[repr(C, align(8))]
pub(crate) struct Msg {
    frame: MaybeUninit<Frame>,
    tag: u64,
}

const _: () = assert!(size_of::<Msg>() == 64 && align_of::<Msg>() == 8);

/// Invariant: a message with one of these has a frame.
const HELD: u64 = 0x6d65_7373_6167_6521;
const CLOSED: u64 = 0x636c_6f73_6564_2121;

pub(crate) type FreeFn = unsafe extern "C" fn(*mut c_void, *mut c_void);

impl Msg {
    /// A message that was initialised.
    ///
    /// # Safety
    ///
    /// Null, or 64 bytes that no other code uses for as long as `'a`, with a message in them or none.
    #[inline]
    pub(crate) unsafe fn get<'a>(msg: *mut Msg) -> Result<&'a mut Frame, Errno> {
        // SAFETY: the caller's.
        let msg = unsafe { out(msg) }?;
        if msg.tag != HELD {
            return Err(Errno::FAULT);
        }
        // SAFETY: the tag says that there is one.
        Ok(unsafe { msg.frame.assume_init_mut() })
    }

    /// As [`get`](Msg::get), to look at.
    unsafe fn look<'a>(msg: *const Msg) -> Result<&'a Frame, Errno> {
        if msg.is_null() || !msg.is_aligned() {
            return Err(Errno::FAULT);
        }
        // SAFETY: not null, aligned, and the caller vouches for the rest.
        let msg = unsafe { &*msg };
        if msg.tag != HELD {
            return Err(Errno::FAULT);
        }
        // SAFETY: the tag says that there is one.
        Ok(unsafe { msg.frame.assume_init_ref() })
    }

    /// Initialises a message, whatever was there.
    ///
    /// # Safety
    ///
    /// Null, or 64 bytes that can be written to.
    unsafe fn put(msg: *mut Msg, frame: Frame) -> Result<c_int, Errno> {
        if msg.is_null() || !msg.is_aligned() {
            return Err(Errno::FAULT);
        }
        let made = Msg {
            frame: MaybeUninit::new(frame),
            tag: HELD,
        };
        // SAFETY: not null, aligned, and the caller vouches for the rest.
        unsafe { msg.write(made) };
        Ok(0)
    }
}

/// A copy of bytes, if there is memory for it.
#[inline]
pub(crate) fn copied(from: &[u8]) -> Result<Frame, Errno> {
    Frame::try_copy(from).map_err(|_| Errno::NO_MEMORY)
}

/// A size, as functions return it.
#[inline]
pub(crate) fn size(len: usize) -> c_int {
    c_int::try_from(len).unwrap_or(c_int::MAX)
}

/// The caller's memory, and the function that the caller wants to be called once the memory is no longer needed.
struct Lent {
    data: *mut c_void,
    len: usize,
    free: FreeFn,
    hint: *mut c_void,
}

// SAFETY: the caller of `zmq_msg_init_data` lets any thread read the memory, and call the function.
unsafe impl Send for Lent {}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the caller of `zmq_msg_init_data` leaves the memory alone until `free` is called.
        unsafe { bytes(self.data, self.len) }.unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: it is called once, with what it was given for.
        unsafe { (self.free)(self.data, self.hint) };
    }
}

/// Makes an empty message.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_init(msg: *mut Msg) -> c_int {
    // SAFETY: the caller's contract.
    catch(|| unsafe { Msg::put(msg, Frame::new()) })
}

/// Makes a message of a size, to be written to.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_init_size(msg: *mut Msg, len: usize) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract says that it writes the bytes before it has anything read them. Clearing them first
        // would cost as much as writing.
        let frame = unsafe { Frame::unwritten(len) }.map_err(|_| Errno::NO_MEMORY)?;
        // SAFETY: the caller's contract.
        unsafe { Msg::put(msg, frame) }
    })
}

/// Makes a message that is a copy of bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_init_buffer(msg: *mut Msg, from: *const c_void, len: usize) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let frame = copied(unsafe { bytes(from, len) }?)?;
        // SAFETY: the caller's contract.
        unsafe { Msg::put(msg, frame) }
    })
}

/// Makes a message over memory of the caller's.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_init_data(
    msg: *mut Msg,
    data: *mut c_void,
    len: usize,
    free: Option<FreeFn>,
    hint: *mut c_void,
) -> c_int {
    catch(|| {
        if msg.is_null() {
            return Err(Errno::FAULT);
        }
        let frame = match free {
            Some(free) => Frame::from_owner(Lent {
                data,
                len,
                free,
                hint,
            }),
            // SAFETY: without a function the memory is constant, the caller's contract says.
            None => Frame::from_static(unsafe { bytes(data, len) }?),
        };
        // SAFETY: the caller's contract.
        unsafe { Msg::put(msg, frame) }
    })
}

/// Ends a message.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_close(msg: *mut Msg) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        drop(mem::take(unsafe { Msg::get(msg) }?));
        // SAFETY: as above; an empty frame needs no drop.
        unsafe { (*msg).tag = CLOSED };
        Ok(0)
    })
}

/// Moves a message; the source is empty then.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_move(to: *mut Msg, from: *mut Msg) -> c_int {
    catch(|| {
        if to == from {
            // SAFETY: the caller's contract.
            return unsafe { Msg::look(from) }.map(|_| 0);
        }
        // SAFETY: the caller's contract, and they are two.
        let to = unsafe { Msg::get(to) }?;
        // SAFETY: as above.
        let from = unsafe { Msg::get(from) }?;
        *to = mem::take(from);
        Ok(0)
    })
}

/// Copies a message; the two share what is long.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_copy(to: *mut Msg, from: *mut Msg) -> c_int {
    catch(|| {
        if to == from {
            // SAFETY: the caller's contract.
            return unsafe { Msg::look(from) }.map(|_| 0);
        }
        // SAFETY: the caller's contract, and they are two.
        let to = unsafe { Msg::get(to) }?;
        // SAFETY: as above.
        let from = unsafe { Msg::get(from) }?;
        from.share();
        *to = from.clone();
        Ok(0)
    })
}

/// Where the bytes of a message are. Those that are shared, lent or constant stay where they are.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_data(msg: *mut Msg) -> *mut c_void {
    catch(|| {
        // SAFETY: the caller's contract.
        let frame = unsafe { Msg::get(msg) }?;
        Ok(frame.as_mut_ptr().cast())
    })
}

/// Bytes of a message.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_size(msg: *const Msg) -> usize {
    // SAFETY: the caller's contract.
    catch(|| Ok(unsafe { Msg::look(msg) }?.len()))
}

/// Whether other parts follow.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_more(msg: *const Msg) -> c_int {
    // SAFETY: the caller's contract.
    catch(|| Ok(unsafe { Msg::look(msg) }?.more().into()))
}

/// A property that is a number.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_get(msg: *const Msg, property: c_int) -> c_int {
    const MORE: c_int = 1;
    const SRCFD: c_int = 2;
    const SHARED: c_int = 3;
    catch(|| {
        // SAFETY: the caller's contract.
        let frame = unsafe { Msg::look(msg) }?;
        match property {
            MORE => Ok(frame.more().into()),
            SHARED => Ok(frame.is_shared().into()),
            SRCFD => {
                let source = frame.properties().and_then(|known| known.source());
                source.ok_or(Errno::INVALID)
            }
            _ => Err(Errno::INVALID),
        }
    })
}

/// There is no property that can be set.
#[unsafe(no_mangle)]
extern "C" fn zmq_msg_set(_msg: *mut Msg, _property: c_int, _value: c_int) -> c_int {
    catch(|| Err(Errno::INVALID))
}

/// A property that is a text, which lives as long as the message.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_gets(msg: *const Msg, property: *const c_char) -> *const c_char {
    catch(|| {
        // SAFETY: the caller's contract.
        let frame = unsafe { Msg::look(msg) }?;
        // SAFETY: the caller's contract.
        let name = unsafe { text(property) }?;
        let found = frame.properties().and_then(|known| known.get(name));
        found.map(CStr::as_ptr).ok_or(Errno::INVALID)
    })
}

/// Says to which peer of a SERVER or PEER the message is to go. 0 is none, and invalid.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_set_routing_id(msg: *mut Msg, id: u32) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let frame = unsafe { Msg::get(msg) }?;
        let id = NonZeroU32::new(id).ok_or(Errno::INVALID)?;
        frame.set_routing_id(Some(id));
        Ok(0)
    })
}

/// The peer of a SERVER or PEER that the message came from, or is to go to; 0 if it names none.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_routing_id(msg: *mut Msg) -> u32 {
    catch(|| {
        // SAFETY: the caller's contract.
        let id = unsafe { Msg::look(msg) }?.routing_id();
        Ok(id.map_or(0, NonZeroU32::get))
    })
}

/// Says which group of a RADIO the message belongs to. As in libzmq, a longer name is cut after 255 bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_set_group(msg: *mut Msg, group: *const c_char) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let frame = unsafe { Msg::get(msg) }?;
        // SAFETY: the caller's contract.
        let group = unsafe { text_bytes(group) }?;
        let group = &group[..group.len().min(LONGEST_GROUP)];
        frame.set_group(group).map_err(|_| Errno::INVALID)?;
        Ok(0)
    })
}

/// The group of a RADIO that the message belongs to: a text that lives until the message is changed, and is never null.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_msg_group(msg: *mut Msg) -> *const c_char {
    catch(|| {
        // SAFETY: the caller's contract.
        let frame = unsafe { Msg::look(msg) }?;
        let properties = frame.properties();
        Ok(properties.map_or(c"", |known| known.group()).as_ptr())
    })
}
