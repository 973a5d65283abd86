//! What this library is, and can do.

use std::ffi::{c_char, c_int};

use crate::arguments::{store, text};

/// The version of libzmq whose interface this is.
const VERSION: [c_int; 3] = [4, 3, 5];

/// A note of the ELF file, as `readelf --notes` prints them: the version of ringmq, for tools that look at a file or at
/// the memory of a process and do not call the library. It also tells this library from another libzmq.
#[repr(C, align(4))]
struct Note {
    owner_size: u32,
    text_size: u32,
    kind: u32,
    owner: [u8; 8],
    text: [u8; TEXT],
}

/// Room for the text of the note.
const TEXT: usize = 32;

/// Tools find it by its section. Nothing else refers to it.
// SAFETY: the loader maps the section and never writes or runs it; sections of this name hold notes, as this one is.
#[unsafe(link_section = ".note.ringmq")]
#[used]
static NOTE: Note = Note {
    owner_size: 7,
    text_size: TEXT as u32,
    kind: 1,
    owner: *b"ringmq\0\0",
    text: padded(env!("CARGO_PKG_VERSION").as_bytes()),
};

/// A short text with zeros behind it.
const fn padded(text: &[u8]) -> [u8; TEXT] {
    let mut room = [0; TEXT];
    let mut at = 0;
    while at < text.len() {
        room[at] = text[at];
        at += 1;
    }
    room
}

/// Says which version it is.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int) {
    for (to, number) in [major, minor, patch].into_iter().zip(VERSION) {
        // SAFETY: the caller's contract. A part that is not wanted is null.
        let _unwanted = unsafe { store(to, number) };
    }
}

/// Whether something that not every build has is there. Only this library has `ringmq`.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_has(capability: *const c_char) -> c_int {
    // SAFETY: the caller's contract.
    let capability = unsafe { text(capability) };
    matches!(capability, Ok("ipc" | "curve" | "ringmq")).into()
}
