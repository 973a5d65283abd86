//! What both ends of CURVE agree on (RFC 26).

use crate::sealing::TAG;

/// The version in HELLO.
pub(super) const VERSION: [u8; 2] = [1, 0];

/// Bytes of HELLO behind the name: version, padding, C', nonce, box of 64 zeros.
pub(super) const HELLO: usize = 2 + 72 + 32 + 8 + TAG + 64;
/// Bytes of a cookie: nonce, box of C' and s'.
pub(super) const COOKIE: usize = 16 + TAG + 64;
/// Bytes of a vouch without its nonce: box of C' and S.
pub(super) const VOUCH: usize = TAG + 64;

pub(super) const OF_HELLO: &[u8; 16] = b"CurveZMQHELLO---";
pub(super) const OF_WELCOME: &[u8; 8] = b"WELCOME-";
pub(super) const OF_COOKIE: &[u8; 8] = b"COOKIE--";
pub(super) const OF_INITIATE: &[u8; 16] = b"CurveZMQINITIATE";
pub(super) const OF_VOUCH: &[u8; 8] = b"VOUCH---";
pub(super) const OF_READY: &[u8; 16] = b"CurveZMQREADY---";

/// A copy of bytes whose number is known.
///
/// # Panics
///
/// If there are more or fewer: the caller has cut them to measure.
pub(super) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}
