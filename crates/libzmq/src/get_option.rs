//! `zmq_getsockopt`.

use std::ffi::{c_int, c_void};
use std::os::fd::AsRawFd;

use ringmq::{endpoint_bytes, z85};

use crate::arguments::out;
use crate::boundary::catch;
use crate::errors::Errno;
use crate::poll::{POLLIN, POLLOUT};
use crate::security::Answer;
use crate::socket::{Open, is_thread_safe, number};
use crate::stored::*;

/// Asks for an option.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_getsockopt(
    handle: *mut c_void,
    option: c_int,
    value: *mut c_void,
    len: *mut usize,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::ask(handle) }?;
        // SAFETY: the caller's contract.
        let len = unsafe { out(len) }?;
        let found = get(&mut open, option, *len)?;
        let bytes = found.bytes();
        let fits = match found {
            Value::Exact(_) | Value::Long(_) | Value::Key(_) => *len == bytes.len(),
            _ => *len >= bytes.len(),
        };
        if !fits || (value.is_null() && *len > 0) {
            return Err(Errno::INVALID);
        }
        // SAFETY: there is room for `len`, the caller's contract says.
        unsafe { std::ptr::write_bytes(value.cast::<u8>(), 0, *len) };
        // SAFETY: as above, and it is no less than this.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), value.cast(), bytes.len()) };
        *len = bytes.len();
        Ok(0)
    })
}

/// What an option has. The size of the first two and of a key has to be given exactly, of the others there may be more
/// room.
enum Value {
    Exact([u8; 4]),
    Long([u8; 8]),
    Loose([u8; 4]),
    /// Binary or as a text, which the size says.
    Key(Vec<u8>),
    Bytes(Vec<u8>),
}

impl Value {
    fn bytes(&self) -> &[u8] {
        match self {
            Value::Exact(bytes) | Value::Loose(bytes) => bytes,
            Value::Long(bytes) => bytes,
            Value::Key(bytes) | Value::Bytes(bytes) => bytes,
        }
    }

    fn text(text: &[u8]) -> Value {
        let mut bytes = text.to_vec();
        bytes.push(0);
        Value::Bytes(bytes)
    }

    fn exact(number: c_int) -> Value {
        Value::Exact(number.to_ne_bytes())
    }

    fn loose(number: c_int) -> Value {
        Value::Loose(number.to_ne_bytes())
    }
}

/// `len` is the room for it.
fn get(open: &mut Open, option: c_int, len: usize) -> Result<Value, Errno> {
    let Open { socket, stored, .. } = open;
    match stored.secured.get(option) {
        Some(Answer::Number(number)) => return Ok(Value::exact(number)),
        Some(Answer::Text(text)) => return Ok(Value::text(text)),
        Some(Answer::Key(key)) => return key_of(key, len),
        None => {}
    }
    Ok(match option {
        RCVMORE => Value::loose(socket.has_more().into()),
        // As in libzmq, which has no descriptor for them.
        FD if is_thread_safe(socket.kind()) => return Err(Errno::INVALID),
        FD => Value::loose(socket.watch().as_raw_fd()),
        EVENTS => Value::loose(events(open)?.into()),
        TYPE => Value::exact(number(socket.kind())),
        THREAD_SAFE => Value::loose(is_thread_safe(socket.kind()).into()),
        LAST_ENDPOINT => Value::text(&endpoint_bytes(socket.last_endpoint())),
        TOPICS_COUNT => {
            let topics = socket.topics().ok_or(Errno::INVALID)?;
            Value::loose(topics.try_into().unwrap_or(c_int::MAX))
        }
        SHARED_MEMORY => {
            let share = socket.options().get_shared_memory().unwrap_or_default();
            Value::exact(of_shared_memory(share))
        }
        IPV4ONLY => Value::exact(1 - stored.number(IPV6)),
        AFFINITY => Value::Long(stored.affinity.to_ne_bytes()),
        MAXMSGSIZE => Value::Long(stored.greatest_message.to_ne_bytes()),
        ROUTING_ID => Value::Bytes(socket.options().get_routing_id().to_vec()),
        BINDTODEVICE | SOCKS_PROXY | SOCKS_USERNAME | SOCKS_PASSWORD => {
            let set = stored.texts.get(&option);
            Value::text(set.map(Vec::as_slice).unwrap_or_default())
        }
        // They cannot be set, and are empty as in a libzmq with GSSAPI.
        GSSAPI_PRINCIPAL | GSSAPI_SERVICE_PRINCIPAL => Value::text(b""),
        _ => Value::exact(stored.get(option).ok_or(Errno::INVALID)?),
    })
}

/// A key as its bytes if there is room for no more, else as a text.
fn key_of(key: &[u8; 32], len: usize) -> Result<Value, Errno> {
    if len == key.len() {
        return Ok(Value::Key(key.to_vec()));
    }
    let text = z85::encode(key).map_err(|_| Errno::INVALID)?;
    Ok(Value::Key([text.as_bytes(), &[0]].concat()))
}

/// What a socket is ready for, as bits.
pub(crate) fn events(open: &mut Open) -> Result<i16, Errno> {
    let events = open.socket.events()?;
    let mut bits = 0;
    if events.readable {
        bits |= POLLIN;
    }
    if events.writable {
        bits |= POLLOUT;
    }
    Ok(bits)
}
