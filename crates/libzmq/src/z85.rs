//! Z85: four bytes as five printable characters (ZeroMQ RFC 32).

use std::ffi::{CStr, c_char};

use crate::arguments::bytes;
use crate::boundary::catch;
use crate::errors::Errno;

const DIGITS: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

fn encode(word: u32) -> [u8; 5] {
    let mut rest = word;
    let mut digits = [0; 5];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 85) as usize];
        rest /= 85;
    }
    digits
}

fn decode(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |word, digit| {
        let value = DIGITS.iter().position(|known| known == digit)?;
        word.checked_mul(85)?
            .checked_add(u32::try_from(value).ok()?)
    })
}

/// Writes `len` bytes as a text; `to` has room for 5 characters for each 4 of them, and a NUL.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_z85_encode(to: *mut c_char, from: *const u8, len: usize) -> *mut c_char {
    catch(|| {
        if !len.is_multiple_of(4) || to.is_null() {
            return Err(Errno::INVALID);
        }
        // SAFETY: the caller's contract.
        let from = unsafe { bytes(from.cast(), len) }?;
        let words = from.as_chunks().0.iter();
        let mut text: Vec<u8> = words
            .flat_map(|word| encode(u32::from_be_bytes(*word)))
            .collect();
        text.push(0);
        // SAFETY: the caller's contract says that there is room.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), to.cast(), text.len()) };
        Ok(to)
    })
}

/// Reads the bytes back; `to` has room for 4 of them for each 5 characters.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_z85_decode(to: *mut u8, from: *const c_char) -> *mut u8 {
    catch(|| {
        if to.is_null() || from.is_null() {
            return Err(Errno::INVALID);
        }
        // SAFETY: not null, and the caller's contract.
        let text = unsafe { CStr::from_ptr(from) }.to_bytes();
        if text.is_empty() || !text.len().is_multiple_of(5) {
            return Err(Errno::INVALID);
        }
        let words: Option<Vec<u32>> = text.chunks(5).map(decode).collect();
        let words = words.ok_or(Errno::INVALID)?;
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        // SAFETY: the caller's contract says that there is room.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        Ok(to)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(encode(0x864f_d26f), *b"Hello");
        assert_eq!(encode(0xb559_f75b), *b"World");
        assert_eq!(decode(b"Hello"), Some(0x864f_d26f));
    }

    #[test]
    fn what_is_too_great_or_no_digit_is_refused() {
        assert_eq!(decode(b"%nSc0"), Some(u32::MAX));
        assert_eq!(decode(b"%nSc1"), None);
        assert_eq!(decode(b"#####"), None);
        assert_eq!(decode(b"0000\x80"), None);
    }
}
