//! CURVE, which is not there.

use std::ffi::{c_char, c_int};

use crate::boundary::catch;
use crate::errors::Errno;

/// Would make a pair of keys.
#[unsafe(no_mangle)]
extern "C" fn zmq_curve_keypair(_public: *mut c_char, _secret: *mut c_char) -> c_int {
    catch(|| Err(Errno::NOT_SUPPORTED))
}

/// Would make the public key that belongs to a secret one.
#[unsafe(no_mangle)]
extern "C" fn zmq_curve_public(_public: *mut c_char, _secret: *const c_char) -> c_int {
    catch(|| Err(Errno::NOT_SUPPORTED))
}
