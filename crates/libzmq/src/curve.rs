//! Keys for CURVE, as texts in Z85.

use std::ffi::{c_char, c_int};

use ringmq::{SecretKey, generate_key_pair};

use crate::arguments::text;
use crate::boundary::catch;
use crate::errors::Errno;
use crate::z85::put;

/// Makes a pair of keys: 40 characters and a NUL each.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_curve_keypair(public: *mut c_char, secret: *mut c_char) -> c_int {
    catch(|| {
        if public.is_null() || secret.is_null() {
            return Err(Errno::FAULT);
        }
        let keys = generate_key_pair().map_err(|_| Errno::NO_RANDOM)?;
        // SAFETY: not null, and the caller's contract says that there is room.
        unsafe { put(&keys.public().to_string(), public) };
        // SAFETY: as above.
        unsafe { put(&keys.secret().to_z85(), secret) };
        Ok(0)
    })
}

/// Makes the public key that belongs to a secret one.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_curve_public(public: *mut c_char, secret: *const c_char) -> c_int {
    catch(|| {
        if public.is_null() {
            return Err(Errno::FAULT);
        }
        // SAFETY: the caller's contract.
        let secret = unsafe { text(secret) }?;
        let secret: SecretKey = secret.parse().map_err(|_| Errno::INVALID)?;
        // SAFETY: not null, and the caller's contract says that there is room.
        unsafe { put(&secret.public_key().to_string(), public) };
        Ok(0)
    })
}
