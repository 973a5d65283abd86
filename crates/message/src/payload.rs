//! Where the bytes of a frame are.

use std::mem;

use bytes::Bytes;

use crate::frame::INLINE;

/// The bytes of a frame, and whether more frames follow: beside the tag there is room for that, elsewhere it would cost
/// a word.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    /// Invariant: `len <= INLINE`.
    Inline {
        more: bool,
        len: u8,
        bytes: [u8; INLINE],
    },
    /// One owner, who may still write. Becomes `Shared` before it is handed on.
    Owned { more: bool, bytes: Vec<u8> },
    /// Many owners.
    Shared { more: bool, bytes: Bytes },
}

impl Payload {
    pub(crate) const EMPTY: Payload = Payload::Inline {
        more: false,
        len: 0,
        bytes: [0; INLINE],
    };

    /// A copy of at most [`INLINE`] bytes.
    #[inline]
    pub(crate) fn inline(from: &[u8]) -> Payload {
        let mut bytes = [0; INLINE];
        bytes[..from.len()].copy_from_slice(from);
        Payload::Inline {
            more: false,
            len: from.len() as u8,
            bytes,
        }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Payload::Inline { len, bytes, .. } => &bytes[..usize::from(*len)],
            Payload::Owned { bytes, .. } => bytes,
            Payload::Shared { bytes, .. } => bytes,
        }
    }

    #[inline]
    pub(crate) fn more(&self) -> bool {
        match self {
            Payload::Inline { more, .. }
            | Payload::Owned { more, .. }
            | Payload::Shared { more, .. } => *more,
        }
    }

    #[inline]
    pub(crate) fn more_mut(&mut self) -> &mut bool {
        match self {
            Payload::Inline { more, .. }
            | Payload::Owned { more, .. }
            | Payload::Shared { more, .. } => more,
        }
    }

    /// The bytes, to write to. Those that others share are copied.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        if let Payload::Shared { more, bytes } = self {
            let (more, bytes) = (*more, mem::take(bytes));
            // The only owner gets its memory back; that of somebody else is copied.
            let bytes = match bytes.try_into_mut() {
                Ok(unique) => Vec::from(unique),
                Err(shared) => shared.to_vec(),
            };
            *self = Payload::Owned { more, bytes };
        }
        match self {
            Payload::Inline { len, bytes, .. } => &mut bytes[..usize::from(*len)],
            Payload::Owned { bytes, .. } => bytes,
            Payload::Shared { .. } => &mut [],
        }
    }

    /// Turns what one owner holds into what many can hold. Copies nothing.
    pub(crate) fn share(&mut self) {
        if let Payload::Owned { more, bytes } = self {
            *self = Payload::Shared {
                more: *more,
                bytes: Bytes::from(mem::take(bytes)),
            };
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Payload::Inline { len, bytes, .. } => {
                Bytes::copy_from_slice(&bytes[..usize::from(len)])
            }
            Payload::Owned { bytes, .. } => Bytes::from(bytes),
            Payload::Shared { bytes, .. } => bytes,
        }
    }
}
