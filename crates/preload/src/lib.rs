//! `libringmq_preload.so`: a program that opens a libzmq by a path of its own gets the `libzmq.so.5` of ringmq.
//!
//! `ringmq run` preloads both. A program that is linked with a libzmq is bound to the preloaded one by the loader. A
//! program that calls `dlopen ("/opt/app/libzmq.so")` would get the functions of that file, whose own calls are bound to
//! the preloaded library: a mixture that fails. So this library has a `dlopen` that comes before the C library's:
//!
//! ```text
//!   program --> dlopen here --> is it a libzmq? --> "libzmq.so.5" ----+--> dlopen of the C library
//!                                        no: the path as it was ------+    (a jump: it returns to the program)
//! ```
//! It jumps, as the C library looks for a file by the library that it returns to.

use std::arch::naked_asm;
use std::ffi::{CStr, c_char, c_int, c_void};

/// The name that the preloaded library has for the loader, which gives what it has loaded by that name.
const LIBRARY: &CStr = c"libzmq.so.5";

/// What [`dlopen`] jumps to, and with what: two registers in the calling conventions of C.
#[repr(C)]
struct Call {
    name: *const c_char,
    next: *const c_void,
}

/// Opens a library, as dlopen(3).
///
/// # Safety
///
/// As for the C library's.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn dlopen(name: *const c_char, mode: c_int) -> *mut c_void {
    // The stack is as the caller left it when this jumps. The push aligns it for the call.
    naked_asm!(
        "push rsi",
        "call {choose}",
        "pop rsi",
        "mov rdi, rax",
        "jmp rdx",
        choose = sym choose,
    )
}

/// Opens a library, as dlopen(3).
///
/// # Safety
///
/// As for the C library's.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn dlopen(name: *const c_char, mode: c_int) -> *mut c_void {
    // Stack and link register are as the caller left them when this jumps.
    naked_asm!(
        "stp x1, x30, [sp, #-16]!",
        "bl {choose}",
        "mov x16, x1",
        "ldp x1, x30, [sp], #16",
        "br x16",
        choose = sym choose,
    )
}

/// Chooses the library that is opened.
///
/// # Safety
///
/// `name` is null, or a text that ends with a NUL.
unsafe extern "C" fn choose(name: *const c_char) -> Call {
    // SAFETY: the name is a text.
    let next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"dlopen".as_ptr()) };
    let mut call = Call { name, next };
    if name.is_null() {
        return call;
    }
    // SAFETY: the caller's.
    let asked = unsafe { CStr::from_ptr(name) };
    if is_libzmq(asked.to_bytes()) {
        call.name = LIBRARY.as_ptr();
    }
    call
}

/// Whether a path is that of a libzmq: `libzmq.so`, `libzmq.so.5.2.4`, and as wheels of Python name it,
/// `libzmq-2f02442c.so.5.2.5`.
fn is_libzmq(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let Some(rest) = name.strip_prefix(b"libzmq") else {
        return false;
    };
    rest.starts_with(b".so") || rest.starts_with(b"-") && rest.windows(3).any(|part| part == b".so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_libzmq_are_known_by_their_names() {
        for path in [
            "libzmq.so",
            "libzmq.so.5",
            "/usr/lib/x86_64-linux-gnu/libzmq.so.5.2.4",
            "/venv/pyzmq.libs/libzmq-2f02442c.so.5.2.5",
            "../libzmq.so.5",
        ] {
            assert!(is_libzmq(path.as_bytes()), "{path}");
        }
        for path in [
            "",
            "libzmq",
            "/opt/libzmq.so/libother.so",
            "libzmqpp.so.4",
            "libczmq.so.4",
            "libzmq-notes.txt",
            "/libzmq.so.5/",
        ] {
            assert!(!is_libzmq(path.as_bytes()), "{path}");
        }
    }
}
